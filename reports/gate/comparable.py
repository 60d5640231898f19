"""Whether two cells may be compared: the same data, pairs, draws and recipe for thresholds, one change at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.errors import ConfigError
from bench.provenance import RECORDED_DISTRIBUTIONS, canonical_json
from reports.gate.matching import Pair
from reports.gate.standing import Standing

Identity = Mapping[str, Any]

JUDGED = ("recognizer", "detector", "aligner")
"""Parts of a spec that may change: they are what a gate judges."""

MADE = ("maker", "maker_aligner", "maker_parser", "maker_identity", "maker_identity_aligner")
"""Who makes the faces, which may change too; detectors name several in ``makers``."""

FREE = (
    *JUDGED,
    *MADE,
    "comparison",
    "differential",
    "assessment",
    "cell",
    "images_read_by",
    "fmr",
    "groups",
    "discard",
    "attention",
    "contributions",
    "layout",
    "attributes",
)
"""Parts of which a difference refuses nothing: what is judged, and what else was asked for."""

LIBRARIES = frozenset({*RECORDED_DISTRIBUTIONS, "opencv", "dlib", "onnx", "safetensors", "python"})
"""Fields of fingerprints that are versions of libraries."""

_MISSING = "nothing"


def refuse_incomparable(pairs: Sequence[Pair], base: Standing, new: Standing) -> None:
    """Makes sure that a difference between two runs can only come from what is judged.

    Args:
        pairs: the cells that both have.
        base: the run that is compared with.
        new: the run that is judged.

    Raises:
        ConfigError: data, pairs, draws or thresholds differ, or a detector was changed together with the faces that it
            is shown; names each difference.
    """
    found: dict[str, int] = {}
    for pair in pairs:
        if pair.base is not None and pair.new is not None:
            for line in differences(pair):
                found[line] = found.get(line, 0) + 1
    if not found:
        return
    lines = [
        f"  - {line}" + (f" (in {count} of {len(pairs)} cells)" if count < len(pairs) else "")
        for line, count in found.items()
    ]
    raise ConfigError(
        "\n".join(
            [
                f"{base.path} (BASE) and {new.path} (NEW) cannot be compared, since more differs than what is judged:",
                *lines,
                "run NEW's sweep again with what BASE was run with, or, if the change is wanted, take NEW as the "
                "baseline from now on: impersona baseline save NEW --out FILE --replace",
            ]
        )
    )


def differences(pair: Pair) -> list[str]:
    """What must be the same in two cells and is not, a line each."""
    assert pair.base is not None
    assert pair.new is not None
    same_judged = all(pair.base.identity.get(name) == pair.new.identity.get(name) for name in JUDGED)
    old, now = (_without_libraries(one.identity) for one in (pair.base, pair.new))
    causes = [*_data(old, now), *_plain(old, now), *_detection(old, now), *_pairs(old, now)]
    if not causes:  # otherwise they follow from what was named already
        causes = [*_digests(old, now, pair.assessment), *_people(pair)]
    return [*causes, *_columns(old, now), *_thresholds(old, now, same_judged), *_two_changes(old, now)]


def _without_libraries(value: Any) -> Any:
    """A spec whose fingerprints name no versions of libraries: those are shown, and refuse nothing."""
    if isinstance(value, Mapping):
        return {
            name: {key: one for key, one in part.items() if key not in LIBRARIES}
            if name == "fingerprint"
            else _without_libraries(part)
            for name, part in value.items()
        }
    return [_without_libraries(part) for part in value] if isinstance(value, list) else value


def _plugin(part: Any) -> Identity:
    """A plugin's name and fingerprint in one mapping."""
    return {"name": part.get("name"), **(part.get("fingerprint") or {})} if isinstance(part, Mapping) else {}


def _data(old: Identity, now: Identity) -> Iterator[str]:
    was, is_now = _plugin(old.get("dataset")), _plugin(now.get("dataset"))
    if was != is_now:
        yield f"the data set: {_fields(was, is_now)}"


def _plain(old: Identity, now: Identity) -> Iterator[str]:
    words = {
        "protocol": "the protocol",
        "seed": "the seed, from which photos, pairs and bootstrap draws are drawn",
        "draws": "the number of bootstrap draws",
    }
    if "novelty" in old and "novelty" in now and old["novelty"] != now["novelty"]:
        yield f"the people whose nearest face is looked for: {_both(old['novelty'], now['novelty'])}"
    known = {
        *FREE,
        *words,
        "novelty",
        "dataset",
        "trials",
        "images",
        "landmarks",
        "pairs",
        "makers",
        "columns",
        "calibration",
    }
    for name in [*words, *sorted({*old, *now} - known - {"detection"})]:
        if old.get(name) != now.get(name):
            yield f"{words.get(name, name)}: {_both(old.get(name), now.get(name))}"


def _detection(old: Identity, now: Identity) -> Iterator[str]:
    was, is_now = (dict(one.get("detection") or {}) for one in (old, now))
    for one in (was, is_now):
        one.pop("rates", None)
    if was != is_now:
        yield f"what detectors are shown: {_fields(was, is_now)}"
    species = [[one["species"] for one in each.get("makers") or ()] for each in (old, now)]
    if len(species[0]) != len(species[1]):
        yield f"the species of attack: {_both(species[0], species[1])}"


def _pairs(old: Identity, now: Identity) -> Iterator[str]:
    several = [(one.get("makers") or ()) for one in (old, now)]
    both = [(old, now), *zip(*several, strict=False)]
    for one, other in both:
        was, is_now = one.get("pairs") or {}, other.get("pairs") or {}
        if was != is_now:
            yield f"the pairs of people whose faces are made into one: {_fields(was, is_now)}"
            return


def _digests(old: Identity, now: Identity, assessment: str) -> Iterator[str]:
    words = {
        "trials": {"detection": "who is shown to detectors", "alignment": "the photos"}.get(
            assessment, "who is compared with whom"
        ),
        "images": "what the photos show (other files or pixels under the same names)",
        "landmarks": "the true landmarks",
    }
    for name, what in words.items():
        if old.get(name) != now.get(name):
            yield f"{what}: {_both(old.get(name), now.get(name))}"


def _people(pair: Pair) -> Iterator[str]:
    assert pair.base is not None
    assert pair.new is not None
    if None not in (pair.base.people, pair.new.people) and pair.base.people != pair.new.people:
        yield f"how many people the figures rest on: {_both(pair.base.people, pair.new.people)}"


def _columns(old: Identity, now: Identity) -> Iterator[str]:
    was, is_now = ((one.get("columns") or {}).get("digests") or {} for one in (old, now))
    for name in sorted(set(was) & set(is_now)):
        if was[name] != is_now[name]:
            yield f"the values of the column {name}: {_both(was[name], is_now[name])}"


def _thresholds(old: Identity, now: Identity, same_judged: bool) -> Iterator[str]:
    """Thresholds may differ where what they are set for does; how they are set may not."""
    was, is_now = _recipe(old), _recipe(now)
    if was == is_now:
        return
    if was is None or is_now is None or was["kind"] != is_now["kind"]:
        yield f"where thresholds come from: {_both(_named(was), _named(is_now))}"
        return
    digests = was.pop("digest", None), is_now.pop("digest", None)
    if was != is_now:
        yield f"how thresholds were set: {_fields(was, is_now)}"
    elif digests[0] != digests[1] and same_judged:
        yield f"the threshold manifest, of the same recognizer: {_both(*digests)}"


def _recipe(identity: Identity) -> dict[str, Any] | None:
    found = identity.get("calibration")
    if found is None:
        return None
    kept = {key: value for key, value in found.items() if key != "makers"}
    if "dataset" in kept:
        kept["dataset"] = _plugin(kept["dataset"])
    if "makers" in found:
        kept["pairs"] = [one.get("pairs") for one in found["makers"]]
    return kept


def _named(recipe: Identity | None) -> str:
    kinds = {"data": "other people", "presentations": "other people", "manifest": "a manifest", "profile": "a profile"}
    if recipe is None:
        return "nowhere but these very comparisons"
    return f"{kinds.get(recipe['kind'], recipe['kind'])} ({recipe.get('origin')})"


def _two_changes(old: Identity, now: Identity) -> Iterator[str]:
    if "detector" not in old or "detector" not in now:
        return
    judged = [name for name in ("detector", "aligner") if _plugin(old.get(name)) != _plugin(now.get(name))]
    if judged and _makers(old) != _makers(now):
        yield (
            "two things at once, so that nobody could tell which of them did it: the detector "
            f"({', '.join(judged)}) and the faces that are made to be detected; run NEW with one of them changed"
        )


def made_and_judged(pair: Pair) -> bool:
    """Whether a recognizer was changed together with what makes the faces that it sees; libraries do not count."""
    assert pair.base is not None
    assert pair.new is not None
    old, now = (_without_libraries(one.identity) for one in (pair.base, pair.new))
    return all(
        any(_plugin(old.get(name)) != _plugin(now.get(name)) for name in roles)
        for roles in (("recognizer", "aligner"), MADE)
    )


def _makers(identity: Identity) -> list[list[Identity]]:
    return [[_plugin(one.get(role)) for role in MADE] for one in identity.get("makers") or ()]


def _fields(was: Identity, is_now: Identity) -> str:
    different = [key for key in dict.fromkeys([*was, *is_now]) if was.get(key) != is_now.get(key)]
    lines = []
    for key in different[:3]:
        one, other = was.get(key), is_now.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            lines.append(_fields(one, other))
        else:
            lines.append(f"{key.replace('_', ' ')} is {_both(one, other)}")
    return "; ".join(lines) + ("; and more" if len(different) > 3 else "")


def _both(was: Any, is_now: Any) -> str:
    return f"{shown(was)} in BASE, {shown(is_now)} in NEW"


def shown(value: Any) -> str:
    """A value of a fingerprint as a person reads it; of a digest the first digits."""
    if value is None:
        return _MISSING
    if isinstance(value, str):
        hexadecimal = len(value) >= 32 and all(character in "0123456789abcdef" for character in value.rstrip("+"))
        return f"{value[:10]}\u2026" if hexadecimal else value
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value)) or _MISSING
    return canonical_json(value) if isinstance(value, Mapping) else f"{value}"
