"""What the page says in words: the question, the answer in short, warnings, the facts under the title."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from reports import numbers, origin, tables
from reports.figures import identity_matrix
from reports.load import Group, Run


def of_matrix(matrix: identity_matrix.IdentityMatrix) -> str:
    """What a matrix shows, in numbers."""
    summary = {key: numbers.plain(value, 3) for key, value in matrix.summary.items()}
    words = f"On the diagonal {summary['mated_mean']} on average, {summary['mated_lowest']} at the lowest"
    if matrix.closest is None:
        return f"{words}."
    row, column = matrix.closest
    return (
        f"{words}; beside it {summary['nonmated_mean']} on average, {summary['nonmated_highest']} at the highest, "
        f"between {matrix.people[row]} and {matrix.people[column]}."
    )


def question(run: Run) -> str:
    """What was asked, in one sentence, and by which protocol."""
    if not run.groups:
        return "Nothing has been measured yet."
    labels = [label if len(label) < 60 else f"{label[:57]}…" for label in run.labels]
    who = numbers.listed(labels) if len(labels) <= 5 else f"{len(labels)} recognizers"
    where = list(dict.fromkeys(group.dataset for group in run.groups))
    protocols = list(dict.fromkeys(group.protocol for group in run.groups))
    does = "does" if len(labels) == 1 else "do"
    protocol = f"Protocol{'' if len(protocols) == 1 else 's'} {numbers.listed(protocols)}."
    return f"How well {does} {who} tell the people of {numbers.listed(where)} apart? {protocol}"


def in_short(group: Group) -> list[Markup]:
    """The answer for a group: who errs least, and what that means where it is strictest; empty without figures."""
    known = []
    for one in group.series:
        value = tables.by_key(one).get(("equal_error_rate", None), {}).get("value")
        if value is not None:
            known.append((value, one))
    if not known:
        return []
    value, first = min(known, key=lambda entry: entry[0])
    best = [one.label for other, one in known if other == value]
    if len(best) > 1:
        shared = Markup("{} share the lowest equal error rate, {}.")
        return [shared.format(numbers.listed(best), numbers.percent(value))]
    claim = Markup("<b>{}</b> has {} equal error rate{}{}").format(
        first.label,
        "the lowest" if len(known) > 1 else "an",
        ", " if len(known) > 1 else " of ",
        numbers.percent(value),
    )
    records = tables.by_key(first)
    for point in reversed(tables.points_of(group)):
        rate = records.get(("true_match_rate", point.name), {})
        if rate.get("value") is not None:
            weak = " (a weak operating point)" if records["threshold", point.name]["support"] != "ok" else ""
            strictest = Markup("; at {}{}, the strictest that these trials support, it accepts {} of mated pairs")
            return [claim + strictest.format(point.label, weak, numbers.percent(rate["value"])) + "."]
    return [claim + "."]


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
    cells = len(run.manifest["cells"])
    well = len(run.series)
    found.append(("Cells", f"{well} of {cells}" if well != cells else str(cells), "succeeded"))
    devices = list(dict.fromkeys(filter(None, (origin.device(one) for one in run.series))))
    if devices:
        short = dict.fromkeys(device.removesuffix("ExecutionProvider").upper() for device in devices)
        exact = ", ".join(devices)
        found.append(("Ran on", ", ".join(short), exact if exact.upper() != ", ".join(short) else ""))
    found.append(("Seed", str(run.manifest.get("seed", "unknown")), "everything drawn follows from it"))
    return found


def commit(git: Mapping[str, object] | None) -> str:
    """The commit in short, for the line above the title; empty where there is none."""
    return f"commit {str(git.get('commit', ''))[:10]}" if git and git.get("commit") else ""
