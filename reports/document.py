"""A run folder's report: report.html, figures/*.png and *.svg, tables/*.csv."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from markupsafe import Markup

from bench.api import Progress
from bench.metrics import ErrorCurve
from bench.store.blobs import replace
from reports import acquisition, faces, numbers, origin, sentences, tables
from reports.curves import Mark, curve_of, thin
from reports.figures import det, histogram, identity_matrix, roc
from reports.figures.style import Look, looks, paper, save, slug
from reports.html import Chart, Files, GroupView, Page, render
from reports.load import Group, Run, Series, load

MOST_VERTICES = 1900
ALL_VERTICES = 30_000
"""Over all curves of the page: some 50 bytes each, so that it stays below eight megabytes."""
CSV_VERTICES = 50_000
LISTED_PHOTOS = 200
HARDEST_ROWS = 50
_NO_FACES = Markup(
    "Faces are not shown, because they may be real people\u2019s. Where you may look at them, "
    "<code>impersona report RUN --show-faces</code> puts the pictures of the hardest pairs into this page."
)


def write_report(run: str | os.PathLike[str], show_faces: bool = False, progress: Progress | None = None) -> Path:
    """Writes the report of a run beside its results.

    Args:
        run: the run folder.
        show_faces: whether pictures of the hardest comparisons may be shown, real people's included.
        progress: told how far it is.

    Returns:
        The path of report.html.

    Raises:
        MissingFile: there is no run.
        CorruptFile: a part of it is not readable.
    """
    loaded = load(run)
    return _Writer(loaded, show_faces, progress).write()


class _Writer:
    """One report in the making."""

    def __init__(self, run: Run, show_faces: bool, progress: Progress | None) -> None:
        self.run, self.show_faces, self.progress = run, show_faces, progress
        self.figures, self.tables = run.folder / "figures", run.folder / "tables"
        _forget_earlier(self.figures, self.tables)
        self.looks: Mapping[str, Look] = looks(run.labels)
        curves = 3 * max(len(run.series), 1)
        self.vertices = int(np.clip(ALL_VERTICES // curves, 64, MOST_VERTICES))
        self.names: dict[str, tuple[str, ...]] = {}
        self.done, self.total = 0, 4 * len(run.groups) + 2 * len(run.series) + 1

    def write(self) -> Path:
        with paper():
            groups = [self._group(group, f"g{position}") for position, group in enumerate(self.run.groups)]
        path = self.run.folder / "report.html"
        replace(path, render(self._page(groups)).encode())
        self.done = self.total - 1
        self._tell()
        return path

    def _tell(self) -> None:
        self.done += 1
        if self.progress:
            self.progress("writing the report", self.done, self.total)

    # ------------------------------------------------------------------------------------------------ one group

    def _group(self, group: Group, anchor: str) -> GroupView:
        view = GroupView(group.title, len(group.series), short=sentences.in_short(group))
        if not group.series and not group.failed:
            return view
        place = (group.title,)
        view.results = tables.results(group, self.looks)
        if not group.series:
            return view
        view.results_files = (("CSV", self._csv(tables.results_frame(group), "results", *place)),)
        points = tables.points_of(group)
        marks = {one.label: tables.marks_of(one, points) for one in group.series}
        self._curves(group, anchor, marks, view)
        for position, one in enumerate(group.series):
            if one.mated.size or one.nonmated.size:
                view.histograms.append(self._histogram(one, group, f"{anchor}-scores-{position}", marks[one.label]))
            matrix = self._matrix(one, group, f"{anchor}-identities-{position}")
            view.matrices += [matrix] if matrix else []
        self._acquisition(group, view)
        self._hardest(group, view)
        return view

    def _curves(self, group: Group, anchor: str, marks: Mapping[str, tuple[Mark, ...]], view: GroupView) -> None:
        drawn, links = [], []
        for one in group.series:
            whole = curve_of(one)
            if whole is not None:
                drawn.append(roc.Drawn(one.label, self.looks[one.label], thin(whole, self.vertices), marks[one.label]))
                written = thin(whole, CSV_VERTICES)
                file = self._csv(_curve_frame(written), "curve", group.title, one.label)
                kind = "CSV" if written is whole else "CSV, thinned"
                links.append((f"{kind}: {one.label}" if len(group.series) > 1 else kind, file))
        if not drawn:
            return
        legend = [(one.label, one.look) for one in drawn]
        names = numbers.listed([one.label for one in drawn])
        name = save(roc.draw(drawn, f"ROC, {group.title}"), self.figures, self._name("roc", group.title))
        view.curves.append(
            Chart(
                id=f"{anchor}-roc",
                spec=roc.chart(drawn),
                alt=f"Receiver operating characteristic of {names} on {group.title}: true match rate over false match "
                "rate; the values stand in the table of results.",
                caption="ROC. How many mated pairs are accepted (up) while so many nonmated pairs are (right, "
                "logarithmic). Higher and further left is better. Markers are the operating points of the table, "
                "hollow where they are weak. Steps are not smoothed, and the shaded part rests on fewer than 30 false "
                "matches. Hover for thresholds; press a name to hide it.",
                files=(*_pictures(name), *links),
                legend=legend,
            )
        )
        self._tell()
        pictures: Files = ()
        for scale in det.SCALES:
            name = save(
                det.draw(drawn, f"DET, {group.title}", scale), self.figures, self._name("det", scale, group.title)
            )
            pictures = (*pictures, *((f"{kind}: {scale}", target) for kind, target in _pictures(name)))
        view.curves.append(
            Chart(
                id=f"{anchor}-det",
                spec=det.chart(drawn),
                alt=f"Detection error trade-off of {names} on {group.title}: false non-match rate over false match "
                "rate; the values stand in the table of results.",
                caption="DET. Both errors against each other: lower and further left is better, and a curve's equal "
                "error rate is where it crosses the dotted diagonal. On probit axes normally distributed scores give "
                "straight lines; logarithmic axes give the room to the rare errors.",
                files=pictures,
                legend=legend,
            )
        )
        self._tell()

    def _histogram(self, one: Series, group: Group, anchor: str, marks: Sequence[Mark]) -> Chart:
        look = self.looks[one.label]
        shown = histogram.histogram(one.mated, one.nonmated)
        lines = [histogram.Line(mark.label, mark.threshold, mark.weak) for mark in marks]
        figure = histogram.draw(shown, one.label, look, one.unit, lines)
        name = save(figure, self.figures, self._name("histogram", group.title, one.label))
        self._tell()
        return Chart(
            id=anchor,
            spec=histogram.chart(shown, look, one.unit, lines),
            alt=f"Histogram of the scores of {one.label} on {group.title}: {shown.mated_count:,} mated and "
            f"{shown.nonmated_count:,} nonmated comparisons, with its thresholds.",
            caption=f"In colour {numbers.plural(shown.mated_count, 'mated comparison')}, in grey "
            f"{numbers.plural(shown.nonmated_count, 'nonmated comparison')}, each adding up to 100\u202f%. The less "
            "they overlap the better. Vertical lines are thresholds: what is to the right is accepted"
            + (", dotted where the threshold is weak." if any(mark.weak for mark in marks) else "."),
            files=_pictures(name),
            heading=one.label,
            look=look,
        )

    def _matrix(self, one: Series, group: Group, anchor: str) -> Chart | None:
        found = None if one.identities is None else identity_matrix.identity_matrix(one.identities)
        self._tell()
        if found is None:
            return None
        name = save(
            identity_matrix.draw(found, one.label, one.unit),
            self.figures,
            self._name("identities", group.title, one.label),
        )
        square = pd.DataFrame(found.similarity, index=list(found.people), columns=list(found.people))
        file = self._csv(square, "identities", group.title, one.label, index=True)
        return Chart(
            id=anchor,
            spec=identity_matrix.chart(found, one.unit),
            alt=f"Identity similarity matrix of {one.label} on {group.title}. {sentences.of_matrix(found)}",
            caption=f"Mean score between {len(found.people)} people, similar people next to each other"
            + (
                f" ({numbers.count(found.left_out)} more are left out: nobody is as near to them)"
                if found.left_out
                else ""
            )
            + f"; the framed diagonal compares photos of one person. {sentences.of_matrix(found)} "
            "A bright cell beside the diagonal is a pair that the recognizer may confuse.",
            files=(*_pictures(name), ("CSV", file)),
            heading=one.label,
            look=self.looks[one.label],
            widest=identity_matrix.chart_height(found) + 130,
        )

    def _acquisition(self, group: Group, view: GroupView) -> None:
        view.acquisition = acquisition.table(group, self.looks)
        if view.acquisition is None:
            return
        missed = acquisition.missed_frame(group)
        counts = self._csv(acquisition.counts_frame(group), "acquisition", group.title)
        view.acquisition_files = (("CSV: counts", counts), ("CSV: photos", self._csv(missed, "missed", group.title)))
        for one in group.series:
            rows = missed[missed["series"] == one.label]
            if len(rows):
                problems = rows["problem"] if "problem" in rows else pd.Series([""] * len(rows))
                names = zip(rows["key"].astype(str), problems.fillna("").astype(str), strict=True)
                view.missed.append((one.label, len(rows), list(names)[:LISTED_PHOTOS]))
        self._tell()

    def _hardest(self, group: Group, view: GroupView) -> None:
        rows = pd.concat([faces.hardest_table(one, HARDEST_ROWS) for one in group.series], ignore_index=True)
        view.hardest_files = (("CSV", self._csv(rows, "hardest", group.title)),)
        dataset, why_not = faces.album(group, self.show_faces)
        if dataset is None:
            view.why_no_faces = Markup("No pictures: {}").format(why_not) if why_not else _NO_FACES
            return
        most = faces.pairs_per_kind(self.run.series)
        view.hardest = [faces.hardest(one, dataset, most) for one in group.series]

    def _csv(self, frame: pd.DataFrame, *name: str, index: bool = False) -> str:
        return tables.write_csv(frame, self.tables, self._name(*name), index=index)

    def _name(self, *parts: str) -> str:
        """A file name of these parts; numbered where other parts came to the same."""
        base = slug(*parts)
        name, number = base, 1
        while self.names.setdefault(name, parts) != parts:
            number += 1
            name = f"{base}-{number}"
        return name

    # ------------------------------------------------------------------------------------------------- the page

    def _page(self, groups: Sequence[GroupView]) -> Page:
        run = self.run
        files = [("CSV: every figure", self._csv(tables.figures_frame(run), "figures"))]
        if run.failed:
            files.append(("CSV: failed cells", self._csv(tables.failed_frame(run.failed), "failed_cells")))
        summary = run.folder / "summary.json"
        files += [(path.name, path.name) for path in (summary, run.folder / "manifest.json") if path.is_file()]
        manifest = run.manifest
        version = str(manifest.get("impersona", ""))
        many = len(run.groups) > 1
        cells = [
            (f"{one.label}{f' on {group.title}' if many else ''}: {origin.device(one) or 'runtime unknown'}",
             origin.of_series(one))
            for group in run.groups for one in group.series
        ]  # fmt: skip
        day = str(manifest.get("started", ""))[:16].replace("T", " ")
        kicker = ("impersona report", day, sentences.commit(manifest.get("git")))
        return Page(
            title=run.name,
            version=version,
            kicker=" · ".join(filter(None, kicker)),
            question=sentences.question(run),
            alert=sentences.alert(run),
            facts=sentences.facts(run),
            groups=groups,
            failed=run.failed,
            unfinished=run.unfinished,
            recipe=origin.recipe(run),
            origin=origin.of_run(run),
            cells=cells,
            run_files=files,
            glossary=tables.glossary(run),
        )


def _pictures(name: str) -> Files:
    return (("PNG", f"figures/{name}.png"), ("SVG", f"figures/{name}.svg"))


def _curve_frame(curve: ErrorCurve) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "threshold": curve.thresholds,
            "false_match_rate": curve.fmr,
            "false_non_match_rate": curve.fnmr,
            "false_matches": curve.false_matches,
            "false_non_matches": curve.false_non_matches,
        }
    )


def _forget_earlier(*folders: Path) -> None:
    """Removes the files of an earlier report: pictures of a recognizer that is gone must not stand beside others."""
    for folder in folders:
        for pattern in ("*.png", "*.svg", "*.csv"):
            for path in folder.glob(pattern):
                path.unlink()
