"""A run folder's report: report.html, figures/*.png and *.svg, tables/*.csv."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bench.api import Progress
from bench.store.blobs import replace
from reports import (
    acquisition,
    alignment,
    detection,
    differences,
    discard,
    error_curves,
    generated,
    glossary,
    groups,
    hardest,
    identification,
    identities,
    operating,
    origin,
    results,
    risk,
    sentences,
    similarity,
)
from reports.figures.style import looks, paper
from reports.html import render
from reports.load import load
from reports.outlet import Outlet
from reports.page import Page, Section
from reports.series import Run


def write_report(
    run: str | os.PathLike[str],
    show_faces: bool = False,
    progress: Progress | None = None,
    profile: str | None = None,
) -> Path:
    """Writes the report of a run beside its results.

    Args:
        run: the run folder.
        show_faces: whether pictures of faces may be shown, real people's included.
        progress: told how far it is.
        profile: whose words it speaks of detectors' errors: ``"morph"`` (MACER, BSCER), ``"presentation"`` (APCER,
            BPCER) or ``"forgery"``; by default those of what each detector knows to look for first.

    Returns:
        The path of report.html.

    Raises:
        MissingFile: there is no run.
        CorruptFile: a part of it is not readable.
        UnknownName: there is no such profile.
    """
    loaded = load(run, profile)
    page = page_of(loaded, show_faces, progress)
    path = loaded.folder / "report.html"
    replace(path, render(page).encode())
    return path


def page_of(run: Run, show_faces: bool = False, progress: Progress | None = None) -> Page:
    """The page of a run; its pictures and tables are written beside the results on the way.

    Args:
        run: the run.
        show_faces: whether pictures of faces may be shown, real people's included.
        progress: told how far it is.
    """
    outlet = Outlet(run.folder, looks(run.labels, run.species), progress, _steps(run))
    with paper():
        sections = _sections(run, outlet, show_faces)
    outlet.tell(finished=True)
    manifest = run.manifest
    day = str(manifest.get("started", ""))[:16].replace("T", " ")
    return Page(
        title=run.name,
        version=str(manifest.get("impersona", "")),
        kicker=" · ".join(filter(None, ("impersona report", day, sentences.commit(manifest.get("git"))))),
        question=sentences.question(run),
        alert=sentences.alert(run),
        facts=sentences.facts(run),
        sections=[section for section in sections if section.parts],
    )


def _steps(run: Run) -> int:
    """About how many pictures and tables a report has, for its progress."""
    others = [group for name in ("generated", "detection", "alignment") for group in run.of(name)]
    return 4 * len(run.groups) + 2 * len(run.series) + 2 * sum(len(group.series) for group in others) + 1


def _sections(run: Run, outlet: Outlet, show_faces: bool) -> Sequence[Section]:
    return (
        results.section(run, outlet),
        generated.section(run, outlet, show_faces),
        risk.section(run, outlet),
        detection.section(run, outlet),
        operating.section(run, outlet),
        differences.section(run, outlet),
        error_curves.section(run, outlet),
        groups.section(run, outlet),
        discard.section(run, outlet),
        identification.section(run, outlet),
        similarity.section(run, outlet),
        identities.section(run, outlet),
        acquisition.section(run, outlet),
        alignment.section(run, outlet),
        hardest.section(run, outlet, show_faces),
        origin.failed_section(run),
        origin.section(run, outlet),
        glossary.section(run),
    )
