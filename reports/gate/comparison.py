"""The gate: two runs, rules, and a verdict for each."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.errors import ConfigError, MissingFile
from bench.metrics.paired import Judgement, PairedDifference, judge, paired_difference
from bench.provenance import canonical_json
from reports.gate.baseline_reader import read_baseline
from reports.gate.changes import changes_between
from reports.gate.choosing import Candidate, asked_for, both_of, headline
from reports.gate.comparable import made_and_judged, refuse_incomparable
from reports.gate.matching import Matching, Pair, match_cells
from reports.gate.quantised import snapped
from reports.gate.rows import Comparison, Row
from reports.gate.rules import parse_rules
from reports.gate.runs import read_run
from reports.gate.standing import Draws, Standing
from reports.gate.wording import labels_in_words, title_of

_FEW = 4


def compare(
    base: str | os.PathLike[str],
    new: str | os.PathLike[str],
    fail_on: Sequence[str] = (),
    *,
    match: Mapping[str, str] | None = None,
    strict: bool = False,
) -> Comparison:
    """Whether a run got worse than another, by rules.

    Args:
        base: the run that is compared with: a run folder or a baseline file.
        new: the run that is judged; likewise.
        fail_on: rules, such as ``"bscer@macer5:+2pp"``; docs/gate.md has the grammar. Without one, every headline
            figure is compared and nothing can fail.
        match: label of a recognizer, detector, generator, attack or aligner in the base to its label in the new run.
        strict: whether a rule that the data cannot tell about fails, too.

    Returns:
        The verdicts; `Comparison.passed` is False where a rule failed.

    Raises:
        ConfigError: a rule that cannot be understood or that meets nothing, or runs that cannot be compared: their
            data, pairs or thresholds differ, or cells failed. The message names it.
        MissingFile: there is no run and no baseline.
        CorruptFile: one that is there is damaged.
    """
    rules = parse_rules([fail_on] if isinstance(fail_on, str) else list(fail_on))
    old, now = read_standing(base), read_standing(new)
    _refuse_failed(now)
    matching = match_cells(old, now, match or {})
    if not matching.pairs:
        raise ConfigError(_nothing_in_common(old, now))
    refuse_incomparable(matching.pairs, old, now)
    candidates = asked_for(rules, matching, old, now) if rules else headline(matching)
    if not candidates:
        raise ConfigError(
            f"{old.path} (BASE) and {now.path} (NEW) have no headline figure with bootstrap draws in common; make both "
            "runs with draws: 1000, which is the default"
        )
    return Comparison(
        base=_printable(old.path),
        new=_printable(now.path),
        rows=_rows(candidates, matching.pairs, strict),
        changed=changes_between(old, now, matching.pairs),
        notes=list(matching.notes),
        warnings=_warnings(matching, old),
        strict=strict,
    )


def _printable(path: str) -> str:
    """A path, though its bytes may be no UTF-8."""
    return os.fsencode(path).decode(errors="replace")


def read_standing(path: str | os.PathLike[str]) -> Standing:
    """What a run folder or a baseline file says.

    Args:
        path: of either.

    Raises:
        MissingFile: neither is there.
        CorruptFile: what is there is damaged.
    """
    if Path(path).is_dir():
        return read_run(path)
    if not Path(path).exists():
        raise MissingFile(
            f"{path} is neither a run folder nor a baseline; make a run with impersona run SWEEP --out {path}, or a "
            f"baseline of one with impersona baseline save RUN --out {path}"
        )
    return read_baseline(path)


# ------------------------------------------------------------------------------------------------------------ verdicts


def _rows(candidates: Sequence[Candidate], pairs: Sequence[Pair], strict: bool) -> list[Row]:
    found = [_difference(one) for one in candidates]
    tolerances = [
        one.rule.tolerance.allowed(difference.base) if one.rule and difference else 0.0
        for one, (difference, _) in zip(candidates, found, strict=True)
    ]
    judgements = judge(
        [difference for difference, _ in found],
        [one.worse_is for one in candidates],
        tolerances,
        [_people(one.pair) or 1 for one in candidates],
    )
    alike = Counter(_without_aligner(pair) for pair in pairs)
    of = sum(difference is not None for difference, _ in found)
    return [
        _row(one, *what, tolerance, judgement, strict, alike[_without_aligner(one.pair)] > 1, of)
        for one, what, tolerance, judgement in zip(candidates, found, tolerances, judgements, strict=True)
    ]


def _difference(one: Candidate) -> tuple[PairedDifference | None, str]:
    """The difference, or why there is none."""
    base, new = both_of(one.pair)
    for cell, side in ((base, "BASE"), (new, "NEW")):
        if cell.figures[one.key].value is None:
            return None, f"{side} has no value of it: its data are too few, or cannot give it"
        if one.key not in cell.draws:
            return None, f"{side} holds no bootstrap draws of it"
    if _people(one.pair) is None:
        return None, "nobody says on how many people it rests: run it again with this impersona"
    old, now = _on_one_grid(base.draws[one.key], new.draws[one.key], base.grids.get(one.key), new.grids.get(one.key))
    was, is_now = base.figures[one.key].value, new.figures[one.key].value
    assert was is not None
    assert is_now is not None
    found = paired_difference(was, is_now, old, now)
    return found, "" if found else "it is not defined on enough bootstrap draws: too few people have what it counts"


def _on_one_grid(old: Draws, now: Draws, grid: int | None, other: int | None) -> tuple[Draws, Draws]:
    """Draws that a baseline rounded, beside those of a run, rounded alike: what was equal stays equal."""
    if grid is not None and other is None:
        return old, snapped(now, grid)
    if grid is None and other is not None:
        return snapped(old, other), now
    return old, now


def _row(
    one: Candidate,
    difference: PairedDifference | None,
    reason: str,
    tolerance: float,
    judgement: Judgement,
    strict: bool,
    with_aligner: bool,
    of: int,
) -> Row:
    base, new = (cell.figures[one.key].value for cell in both_of(one.pair))
    unsure = judgement.verdict == "cannot tell"
    people = _people(one.pair)
    return Row(
        rule=one.rule.text if one.rule else "",
        title=title_of(one.pair, one.key, with_aligner),
        figure=one.key.figure,
        base=base,
        new=new,
        difference=difference.difference if difference else None,
        low=judgement.low,
        high=judgement.high,
        tolerance=(tolerance if one.worse_is == "up" else -tolerance) if one.rule and difference else None,
        verdict=judgement.verdict,
        failed=one.rule is not None and (judgement.failed or (strict and unsure)),
        reason=reason or (_why(judgement.more_people, people) if unsure else ""),
        people=people,
        more_people=judgement.more_people,
        of=of,
    )


def _why(more: int | None, people: int | None) -> str:
    if more is None:
        return f"{people:,} people leave it open, and no number would settle it while the difference stays as it is"
    return f"about {_rounded(more):,} more people, beside these {people:,}, would tell"


def _rounded(number: int) -> int:
    """To two digits: nobody knows it better."""
    step = int(10 ** max(len(str(number)) - 2, 0))
    return -(-number // step) * step


def _people(pair: Pair) -> int | None:
    base, new = both_of(pair)
    return None if base.people is None or new.people is None else min(base.people, new.people)


def _without_aligner(pair: Pair) -> str:
    settings = {key: value for key, value in (pair.labels.get("settings") or {}).items() if key != "aligner"}
    return canonical_json([pair.assessment, {**pair.labels, "settings": settings}])


# ------------------------------------------------------------------------------------------------ refusals, warnings


def _refuse_failed(now: Standing) -> None:
    if not now.failed:
        return
    lines = [f"  - {labels_in_words(one.labels, whole=True)}: {one.reason}" for one in now.failed[:_FEW]]
    more = [f"  - and {len(now.failed) - _FEW} more"] if len(now.failed) > _FEW else []
    raise ConfigError(
        "\n".join(
            [
                f"{now.path} (NEW) is not whole: {len(now.failed)} of {len(now.failed) + len(now.cells)} cells have no "
                "result:",
                *lines,
                *more,
                f"run its sweep again: impersona run SWEEP --out {now.path}",
            ]
        )
    )


def _nothing_in_common(old: Standing, now: Standing) -> str:
    names = []
    for one in (old, now):
        cells = list(dict.fromkeys(labels_in_words(cell.labels, whole=True) for cell in one.cells))
        names.append("; ".join(cells[:_FEW]) + ("; ..." if cells[_FEW:] else "") or "nothing that succeeded")
    return (
        f"{old.path} (BASE) and {now.path} (NEW) have no cell in common: BASE has {names[0]}, NEW has {names[1]}; if "
        "they are the same under other names, say so with --match OLD=NEW"
    )


def _warnings(matching: Matching, old: Standing) -> list[str]:
    found = [
        f"{labels_in_words(one.labels, whole=True)} failed in BASE and is not compared: {one.reason}"
        for one in old.failed
    ]
    names = {id(pair): labels_in_words(pair.labels, whole=True) for pair in [*matching.base_only, *matching.new_only]}
    found += [f"{names[id(pair)]} is in BASE only, and no rule asks for it" for pair in matching.base_only]
    found += [f"{names[id(pair)]} is in NEW only, and is not compared" for pair in matching.new_only]
    for pair in matching.pairs:
        if made_and_judged(pair):
            found.append(
                f"{labels_in_words(pair.labels)}: the recognizer and what makes the faces both changed; a difference "
                "may come from either"
            )
        base, new = both_of(pair)
        if base.identity.get("cell") != new.identity.get("cell"):
            found.append(
                f"{labels_in_words(pair.labels)}: another version of impersona computed its figures another way; save "
                "the baseline again with this one"
            )
    return list(dict.fromkeys(found))
