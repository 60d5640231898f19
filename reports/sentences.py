"""What the page says in words: the question, the answer in short, warnings, the facts under the title."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from reports import numbers, origin
from reports.detectors import counted
from reports.differences import best_of, undecided
from reports.points import points_of
from reports.records import Key, by_key, spoken, value_at
from reports.series import WITHOUT_RECOGNIZER, FailedCell, Group, Run, Series

_EER: Key = ("equal_error_rate", None)


def markup(text: str) -> Markup:
    """A text of ours that holds HTML; never one with a name in it."""
    return Markup(text)


def question(run: Run) -> str:
    """What was asked, in one sentence, and by which protocol."""
    if not run.all_groups:
        return "Nothing has been measured yet."
    recognized = [group for group in run.all_groups if group.assessment not in WITHOUT_RECOGNIZER]
    asked = [_of_recognizers(run, recognized)] if recognized else []
    asked += [_of_detectors(run)] if run.of("detection") else []
    asked += [_of_aligners(run)] if run.of("alignment") else []
    return " ".join(asked)


def _of_recognizers(run: Run, groups: Sequence[Group]) -> str:
    who, does = _who(run, groups, "recognizers")
    where = numbers.listed(list(dict.fromkeys(group.dataset for group in groups)))
    protocols = list(dict.fromkeys(group.protocol for group in groups if group.assessment != "generated"))
    protocol = f"Protocol{'' if len(protocols) == 1 else 's'} {numbers.listed(protocols)}."
    made = run.of("generated")
    if run.groups:
        asked = f"How well {does} {who} tell the people of {where} apart?"
        return f"{asked} And whom do they see in the faces that {_makers(run)} made of them? {protocol}" if made else (
            f"{asked} {protocol}")  # fmt: skip
    if made:
        return f"Whom {does} {who} see in the faces that {_makers(run)} made of the people of {where}?"
    return f"How well {does} {who} find the people of {where} in a gallery? {protocol}"


def _of_detectors(run: Run) -> str:
    groups = run.of("detection")
    who, does = _who(run, groups, "detectors")
    species = list(run.species)
    attacks = numbers.listed(species) if 0 < len(species) <= 4 else f"{len(species)} species" if species else "attacks"
    where = numbers.listed(list(dict.fromkeys(group.dataset for group in groups)))
    return f"How well {does} {who} tell attacks ({attacks}) from bona fide photos of {where}?"


def _of_aligners(run: Run) -> str:
    groups = run.of("alignment")
    who, does = _who(run, groups, "aligners")
    where = numbers.listed(list(dict.fromkeys(group.dataset for group in groups)))
    return f"How well {does} {who} find the faces in the photos of {where}?"


def _who(run: Run, groups: Sequence[Group], kind: str) -> tuple[str, str]:
    """Who is asked about, and the verb that goes with it."""
    labels = [label if len(label) < 60 else f"{label[:57]}…" for label in run.labels_in(groups)]
    who = numbers.listed(labels) if len(labels) <= 5 else f"{len(labels)} {kind}"
    return who, "does" if len(labels) == 1 else "do"


def _makers(run: Run) -> str:
    """Who made faces, without their settings, in words."""
    cells: list[Series | FailedCell] = [*run.every_series, *run.failed]
    names = list(dict.fromkeys(one.maker.partition(", ")[0] for one in cells if one.maker))
    return numbers.listed(names) if len(names) <= 5 else f"{len(names)} makers"


def in_short(group: Group) -> list[Markup]:
    """The answer for a group, every figure with its interval, and no winner that the data cannot name."""
    best = best_of(group, _EER)
    if best is None:
        return []
    return [_who_errs_least(group, best), *_at_the_strictest(group, best), *_held(best)]


def _who_errs_least(group: Group, best: Series) -> Markup:
    said = spoken(best, by_key(best)[_EER])
    rated = [one for one in group.series if by_key(one).get(_EER, {}).get("value") is not None]
    if len(rated) == 1:
        return Markup("<b>{}</b> has an equal error rate of {}.").format(best.label, said)
    if best.why_no_interval:
        lowest = Markup(
            "<b>{}</b> has the lowest equal error rate that was observed, {}: {}, so the lead may be chance."
        )
        return lowest.format(best.label, said.partition(" (")[0], best.why_no_interval)
    others = undecided(group, best, _EER)
    if others is None:
        unpaired = Markup("<b>{}</b> has the lowest equal error rate that was observed, {}.")
        return unpaired.format(best.label, said)
    if not others:
        clear = Markup(
            "<b>{}</b> has the lowest equal error rate, {}: on the same people its difference to {} leaves out 0."
        )
        rest = "the other" if len(rated) == 2 else "each of the others"
        return clear.format(best.label, said, rest)
    near = numbers.listed([f"{one.label}, {spoken(one, by_key(one)[_EER])}" for one in others[:3]])
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""
    open_ = Markup(
        "<b>{}</b> has the lowest equal error rate that was observed, {}, but the data cannot tell it from {}{}: the "
        "interval of the difference on the same people holds 0."
    )
    return open_.format(best.label, said, near, more)


def _at_the_strictest(group: Group, best: Series) -> list[Markup]:
    records = by_key(best)
    for point in reversed([point for point in points_of(group.series) if point.own]):
        rate = records.get(("true_match_rate", point.name), {})
        if rate.get("value") is not None:
            weak = " (a weak operating point)" if records["threshold", point.name]["support"] != "ok" else ""
            strictest = Markup("At {}{}, the strictest that these trials support, it accepts {} of mated pairs.")
            return [strictest.format(point.goal, weak, spoken(best, rate))]
    return []


def _held(best: Series) -> list[Markup]:
    """What the strictest threshold that was set elsewhere does, for the best recognizer."""
    records = by_key(best)
    for point in reversed(points_of([best])):
        fmr, fnmr = (records.get((f"{name}_rate", point.name), {}) for name in ("false_match", "false_non_match"))
        if point.own or fmr.get("value") is None or fnmr.get("value") is None:
            continue
        set_on = f"set on {point.origin} for {point.goal}" if point.asked else f"of {point.origin}"
        text = Markup("With the threshold {} and held, its FMR is {} and its FNMR {}.")
        return [text.format(set_on, spoken(best, fmr), spoken(best, fnmr))]
    return []


def alert(run: Run) -> str:
    """What keeps the run from being whole; empty if nothing does."""
    parts = []
    if run.failed:
        parts.append(f"{numbers.plural(len(run.failed), 'cell')} of {len(run.manifest['cells'])} failed.")
    if run.unfinished:
        parts.append(f"{numbers.plural(run.unfinished, 'cell')} of {len(run.manifest['cells'])} not run yet.")
    return " ".join(parts)


def facts(run: Run) -> list[tuple[str, str, str]]:
    """Term, value and note of the facts under the title."""
    firsts = [group.series[0] for group in run.groups if group.series]
    found = []
    if firsts:
        trials = sum(len(one.scores) for one in firsts)
        mated = sum(int(one.is_mated.sum()) for one in firsts)
        split = f"{numbers.count(mated)} mated, {numbers.count(trials - mated)} nonmated"
        found.append(("Comparisons", numbers.count(trials), split))
        frames = [one.frames for one in firsts if one.frames is not None]
        if frames:
            people = sum(frame["subject"].nunique() for frame in frames)
            photos = sum(len(frame) for frame in frames)
            found.append(("Photos", numbers.count(photos), f"of {numbers.plural(people, 'person', 'people')}"))
    found += _made_faces(run)
    found += _presentations(run)
    found += _placed(run)
    cells = len(run.manifest["cells"])
    well = len(run.every_series)
    found.append(("Cells", f"{well} of {cells}" if well != cells else str(cells), "succeeded"))
    devices = list(dict.fromkeys(filter(None, (origin.device(one) for one in run.every_series))))
    if devices:
        short = dict.fromkeys(device.removesuffix("ExecutionProvider").upper() for device in devices)
        exact = ", ".join(devices)
        found.append(("Ran on", ", ".join(short), exact if exact.upper() != ", ".join(short) else ""))
    found.append(("Seed", str(run.manifest.get("seed", "unknown")), "everything drawn follows from it"))
    return found


def _made_faces(run: Run) -> list[tuple[str, str, str]]:
    """How many faces were made, each setting of a maker counted once, whoever judged them."""
    faces: dict[tuple[str, str], tuple[int, int]] = {}
    for group in run.of("generated"):
        for one in group.series:
            count, lost = (value_at(by_key(one), name) or 0 for name in ("generated_faces", "faces_not_made"))
            faces[group.title, one.maker] = int(count), int(lost)
    if not faces:
        return []
    lost = sum(missed for _, missed in faces.values())
    by = f"by {numbers.plural(len(faces), 'setting')} of makers" if len(faces) > 1 else "by one maker"
    note = f"{by}, {numbers.count(lost)} not made" if lost else by
    return [("Generated faces", numbers.count(sum(count for count, _ in faces.values())), note)]


def _presentations(run: Run) -> list[tuple[str, str, str]]:
    """How many samples detectors were shown, each group counted once, whoever judged them."""
    counts = [counted(group) for group in run.of("detection") if group.series]
    if not counts:
        return []
    bona_fide, attacks = (sum(parts) for parts in zip(*counts, strict=True))
    note = f"{numbers.count(bona_fide)} bona fide, {numbers.count(attacks)} attacks"
    return [("Samples", numbers.count(bona_fide + attacks), note)]


def _placed(run: Run) -> list[tuple[str, str, str]]:
    """On how many photos aligners were measured, each group counted once."""
    firsts = [by_key(group.series[0]) for group in run.of("alignment") if group.series]
    photos = sum(int(value_at(records, "frames") or 0) for records in firsts)
    people = sum(int(value_at(records, "subjects") or 0) for records in firsts)
    note = f"of {numbers.plural(people, 'person', 'people')}" if people else ""
    return [("Photos for aligners", numbers.count(photos), note)] if photos else []


def commit(git: Mapping[str, object] | None) -> str:
    """The commit in short, for the line above the title; empty where there is none."""
    return f"commit {str(git.get('commit', ''))[:10]}" if git and git.get("commit") else ""
