"""What the figures of a search for novel faces say and prove, in sentences and in lines to be printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Recognizers = Sequence[Mapping[str, Any]]


def sayings(figures: Mapping[str, Any]) -> list[str]:
    """What the figures of a search say, and what they prove, in sentences.

    Args:
        figures: what search.json holds.
    """
    judges = [one for one in figures["recognizers"] if one["role"] == "judge"]
    found = figures["outcomes"]["found"]
    said = [*_of_the_search(figures), _whom_compared(figures)]
    if not judges:
        said.append(
            "No judge was named, so nothing here says whether any other recognizer would know the contributors: name "
            "one that the search does not ask (--judge)."
        )
    elif not found:
        said.append("Nothing was found, so judges had first tries to look at and nothing else.")
    else:
        said += [_of_a_judge(one) for one in judges]
        said.append(
            "Judges had no say in the choice, so that choosing among tries does not flatter their rates. What a search "
            "gains under the recognizers that it asks carries over to others in part at most; how much, these rates "
            "say, for these judges, people and thresholds."
        )
    return [*said, *_caveats(figures["recognizers"])]


def lines(figures: Mapping[str, Any]) -> list[str]:
    """The figures of a search as lines to be printed, what they say among them.

    Args:
        figures: what search.json holds.
    """
    outcomes = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in figures["outcomes"].items() if count)
    printed = [f"outcomes: {outcomes}"]
    printed += [
        f"found within {one['tries']:>3} {'try  ' if one['tries'] == 1 else 'tries'}  {_percent(one)}"
        for one in figures["found_within"]
    ]
    if mean := figures["mean_tries"]:
        printed.append(f"tries that a found face took: {mean['value']:.2f} [{mean['low']:.2f}, {mean['high']:.2f}]")
    width = max(len(one["label"]) for one in figures["recognizers"])
    for one in figures["recognizers"]:
        role = one["role"] + (", white box" if one["white_box"] else "")
        printed.append(f"{one['label']:<{width}} ({role}) matches {_matches(one['rates'])}{_unknown(one['rates'])}")
    return [*printed, *figures["says"]]


def _of_the_search(figures: Mapping[str, Any]) -> list[str]:
    faces, most = figures["faces"], figures["most_tries"]
    found = figures["outcomes"]["found"]
    asked = [one["label"] for one in figures["recognizers"] if one["role"] == "search"]
    matches, sees = ("matches", "sees") if len(asked) == 1 else ("match", "see")
    names, number = " and ".join(asked), f"{most} {'try' if most == 1 else 'tries'}"
    said = [
        f"Of {faces:,} faces {found:,} were found within {number} that {names} {matches} to no contributor; "
        f"{_percent(figures['found_within'][0])} were with their first try, without any search."
    ]
    if found:
        said.append(
            f"That {names} {sees} no match in accepted faces proves nothing: the search goes on until that is so "
            "(white box)."
        )
    return said


def _of_a_judge(judge: Mapping[str, Any]) -> str:
    rates, change = judge["rates"], judge["rates"]["difference"]
    said = f"{judge['label']}, which the search never asked, matches {_matches(rates)}"
    if change is None:
        return f"{said}."
    said += f". On the same faces the search changed that by {_points(change)}"
    if change["low"] <= 0 <= change["high"]:
        return f"{said}: not shown to help against it."
    return f"{said}: {'it helps against it too' if change['high'] < 0 else 'it makes things worse there'}."


def _matches(rates: Mapping[str, Any]) -> str:
    """How many tries a recognizer matches: of the faces that were found before and after, and of all before."""
    of_found, accepted, every = (
        _percent(rates[which]["match_rate"]) for which in ("first_tries_of_found", "accepted", "first_tries")
    )
    return f"{of_found} of found faces' first tries, {accepted} of their accepted ones; {every} of all first tries"


def _whom_compared(figures: Mapping[str, Any]) -> str:
    photos = figures["photos_of_a_contributor"]
    if photos["most"] == 1:
        return (
            "Faces were compared with the very photos that they are made of, the only ones that are known: another "
            "photo of the same person may match. Nobody else was compared."
        )
    many = f"{photos['fewest']} to {photos['most']}, {photos['mean']:.1f} on average"
    if photos["fewest"] == photos["most"]:
        many = f"{photos['most']} each"
    return (
        f"Faces were compared with every photo that the data set has of each contributor ({many}), the one that the "
        "face is made of among them; any match counts. Nobody else was compared."
    )


def _caveats(recognizers: Recognizers) -> list[str]:
    said = []
    if insiders := [one["label"] for one in recognizers if one["role"] == "judge" and one["white_box"]]:
        said.append(
            f"No outsider: {', '.join(insiders)}. The generator learned from it or takes its embeddings, or the search "
            "asks a recognizer of the same weights, or of the same name where weights are not known."
        )
    if weak := [one["label"] for one in recognizers if one["threshold"]["support"] == "weak"]:
        said.append(f"Weak thresholds: {', '.join(weak)}. Fewer than 30 false matches of other people set them.")
    return said


def _unknown(rates: Mapping[str, Any]) -> str:
    """Of how many faces a recognizer cannot say, where there are some."""
    shares = {"first tries": rates["first_tries"]["unknown_rate"], "accepted ones": rates["accepted"]["unknown_rate"]}
    some = [f"{100 * one['value']:.1f} % of {which}" for which, one in shares.items() if one and one["value"]]
    return f"; cannot say of {' and '.join(some)}, which are left out" if some else ""


def _percent(figure: Mapping[str, Any] | None) -> str:
    if figure is None:
        return "no rate"
    if figure["low"] is None:
        return f"{100 * figure['value']:g} % ({figure['interval']})"
    return f"{100 * figure['value']:.1f} % [{100 * figure['low']:.1f}, {100 * figure['high']:.1f}]"


def _points(figure: Mapping[str, Any]) -> str:
    return f"{100 * figure['value']:+.1f} points [{100 * figure['low']:+.1f}, {100 * figure['high']:+.1f}]"
