"""What a sweep's ``generators:`` and ``attacks:`` mean: who makes faces of whose photos, as parts of a cell's spec.

It imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from bench.api import IDENTITIES, Aligner, Attack, Dataset, EmbeddedDataset, Generator, MaskedDataset
from bench.config import MakerEntry, PluginEntry, RecognizerEntry, Sweep
from bench.errors import ConfigError
from bench.sweep.attention import attention_part, is_attentive
from bench.sweep.attributes import plan_attributes, tells_attributes
from bench.sweep.axes import Axes, expand
from bench.sweep.conditions import AVAILABLE, MASKS
from bench.sweep.contributions import contributions_part
from bench.sweep.identities import embedder_of, encoder_entry
from bench.sweep.inputs import Entry, identity_of, warn_of_inferred_people
from bench.sweep.instances import plain, plugin
from bench.sweep.layouts import plan_layout, tells_layout
from bench.sweep.novelty import NoveltyPlan, plan_novelty
from bench.sweep.pair_files import LISTED
from bench.sweep.pair_lists import contents, draw_pairing, genders_digest
from bench.sweep.pairing import Album
from bench.sweep.parsing import DEFAULT_PARSER, parser_identity
from bench.sweep.risk_plan import RiskPlan, plan_risk

DEFAULT_JUDGE = "dlib_resnet"
"""The recognizer that finds look-alikes where no other is named."""

MakerKind = Literal["generator", "attack"]
_Drawn = tuple[dict[str, Any], dict[str, Entry], frozenset[str]]
"""``pairs`` of a cell's identity, the entries of who finds look-alikes, and who may contribute."""


@dataclass(frozen=True)
class Commission:
    """One setting of one maker on one data set.

    Attributes:
        part: the part of a cell's identity that says who makes faces of whose photos.
        labels: what its figures are filed under besides the recognizer.
        entries: role to sweep-file entry, of the plugins that take part.
        faces: how many faces it makes.
        comparisons: how many comparisons a recognizer makes of them, at most.
        people: who contributes, or may contribute.
    """

    part: Mapping[str, Any]
    labels: Mapping[str, Any]
    entries: Mapping[str, Entry]
    faces: int
    comparisons: int
    people: frozenset[str]


def plan_making(sweep: Sweep, dataset: Dataset, dataset_entry: Entry) -> Iterator[Commission]:
    """Every setting of every generator and attack.

    Args:
        sweep: the sweep.
        dataset: whose people contribute.
        dataset_entry: ``{"name": ..., **settings}``.

    Raises:
        ConfigError: the data set cannot give what a maker asks for, attention is wanted and no maker tells it, or a
            maker learned from another pack than ``leakage.pack``.
        InsufficientData: too few people have two photos.
    """
    wanted_of: dict[MakerKind, tuple[MakerEntry, ...]] = {
        "generator": sweep.generators,
        "attack": sweep.attacks,
    }
    makers = [(kind, one) for kind, entries in wanted_of.items() for one in entries]
    if makers:
        warn_of_inferred_people(dataset, dataset_entry["name"])
    remembered: dict[tuple[int, bool], _Drawn] = {}

    def drawn(maker: Generator | Attack, masked: bool) -> _Drawn:
        asked = (maker.contributors, masked)
        if asked not in remembered:
            remembered[asked] = _pairs(sweep, dataset, dataset_entry, maker, masked)
        return remembered[asked]

    novelty = plan_novelty(sweep.novelty if makers else None, dataset_entry)
    risk = plan_risk(sweep, dataset_entry) if makers else RiskPlan()
    attentive = telling = attributed = False
    for kind, wanted in makers:
        if isinstance(dataset, EmbeddedDataset):
            raise ConfigError(f"{wanted.name} makes faces of photos, and the data set {dataset_entry['name']} has none")
        settings = [(axes, engage(kind, wanted, entry, dataset)) for entry, axes in expand(kind, wanted)]
        if wanted.parser is not None and not any("maker_parser" in one.part for _, one in settings):
            raise ConfigError(
                f"{kind} {wanted.name}: got parser {wanted.parser.name!r}, and it takes no masks; leave parser out"
            )
        for axes, engaged in settings:
            attentive |= is_attentive(engaged.maker)
            telling |= tells_layout(engaged.maker)
            attributed |= tells_attributes(engaged.maker)
            risk.refuse_maker(engaged.maker, wanted.label or wanted.name)
            yield _commission(sweep, wanted, axes, engaged, drawn, novelty, risk, dataset, dataset_entry)
    names = ", ".join(wanted.name for _, wanted in makers)
    if sweep.layout is not None and not telling:
        raise ConfigError(
            f"layout: none of the makers ({names}) says what its faces are meant to show; leave layout out, or add one "
            "that does"
        )
    if sweep.attributes is not None and not attributed:
        raise ConfigError(
            f"attributes: none of the makers ({names}) says which attributes it was asked for; leave attributes out, "
            "or add one that does, such as translation"
        )
    if sweep.attention is not None and not attentive:
        raise ConfigError(
            f"attention: none of the makers ({names}) takes an identity and tells where it looks at it (nor can "
            "one whose settings draw styles by chance, such as noise of sis); leave attention out, or add one that does"
        )


@dataclass(frozen=True, eq=False)
class Engagement:
    """One setting of a maker, with what finds and labels the contributors' faces.

    Attributes:
        maker: the plugin.
        part: ``maker``, ``maker_aligner`` and, where they take part, those of `bench.sweep.conditions.HELPERS`, as
            parts of a cell's identity.
        entries: role to sweep-file entry.
        masked: whether the data set's own masks are looked at.
    """

    maker: Generator | Attack
    part: Mapping[str, Any]
    entries: Mapping[str, Entry]
    masked: bool


def engage(kind: MakerKind, wanted: MakerEntry, entry: Entry, dataset: Dataset) -> Engagement:
    """A maker with its aligner and, where it takes masks or identities, who gives them.

    Args:
        kind: ``"generator"`` or ``"attack"``.
        wanted: what stands in the sweep file.
        entry: ``{"name": ..., **settings}`` of one of its settings.
        dataset: whose people contribute.

    Raises:
        ConfigError: the bench cannot give what the maker asks for.
        PluginError: the maker takes identities and does not say whose.
        UnknownName: no such plugin.
    """
    maker: Generator | Attack = plugin(kind, entry)
    _refuse_unmet(kind, maker, entry["name"])
    found = wanted.aligner or PluginEntry.model_validate(dict(maker.default_aligner()))
    finder: Entry = {"name": found.name, **plain(found.settings)}
    aligner: Aligner = plugin("aligner", finder)
    part: dict[str, Any] = {
        "maker": {
            "kind": kind,
            "label": wanted.label or wanted.name,
            **identity_of(entry, maker),
            "contributors": maker.contributors,
            "goal": _goal(kind, wanted, maker),
        },
        "maker_aligner": identity_of(finder, aligner),
    }
    entries = {"maker": entry, "maker_aligner": finder}
    masked = bool(maker.conditions & MASKS)
    if masked and (wanted.parser is not None or not isinstance(dataset, MaskedDataset)):
        labeller = wanted.parser or PluginEntry(name=DEFAULT_PARSER)
        entries["maker_parser"] = {"name": labeller.name, **plain(labeller.settings)}
        part["maker_parser"] = parser_identity(entries["maker_parser"], plugin("parser", entries["maker_parser"]))
        masked = False
    if maker.conditions & IDENTITIES:
        encoder = embedder_of(encoder_entry(maker, entry["name"]))
        part |= {"maker_identity": encoder.identity, "maker_identity_aligner": encoder.finder_identity}
        entries |= {"maker_identity": encoder.entry, "maker_identity_aligner": encoder.finder}
    return Engagement(maker, part, entries, masked)


def _commission(
    sweep: Sweep,
    wanted: MakerEntry,
    axes: Axes,
    engaged: Engagement,
    drawn: Callable[[Generator | Attack, bool], _Drawn],
    novelty: NoveltyPlan,
    risk: RiskPlan,
    dataset: Dataset,
    dataset_entry: Entry,
) -> Commission:
    pairs, entries, people = drawn(engaged.maker, engaged.masked)
    made_by = engaged.part["maker"]
    part = {
        "pairs": pairs,
        **engaged.part,
        "keep_faces": sweep.keep_faces,
        "run": sweep.name,
    }
    if sweep.diversity is not None:
        part["diversity"] = plain(sweep.diversity.model_dump())
    part |= attention_part(engaged.maker, sweep.attention) | contributions_part(engaged.maker)
    layout = plan_layout(engaged.maker, sweep.layout, made_by["label"])
    labels = {
        "protocol": pairs["kind"],
        "generator": made_by["label"] if made_by["kind"] == "generator" else None,
        "attack": made_by["label"] if made_by["kind"] == "attack" else None,
        "goal": made_by["goal"],
        "settings": axes,
    }
    attributes = plan_attributes(engaged.maker, sweep.attributes, made_by["label"])
    part |= {**layout.part, **attributes.part, **novelty.part, **risk.part}
    faces = pairs["count"]
    comparisons = faces * engaged.maker.contributors * sweep.pairs.references
    for held in (novelty, risk):
        held.refuse(people, dataset, dataset_entry)
    beside = (layout, attributes, novelty, risk)
    others = {**engaged.entries, **entries, **{role: one for part in beside for role, one in part.entries.items()}}
    return Commission(part, labels, others, faces, comparisons, people)


def making_identity(part: Mapping[str, Any]) -> dict[str, Any]:
    """What of a commission's part belongs into a cell's key: all but where things lie, and what the run is called."""
    kept = {name: value for name, value in part.items() if name != "run"}
    return {**kept, "pairs": {name: value for name, value in part["pairs"].items() if name != "file"}}


def _pairs(
    sweep: Sweep, dataset: Dataset, dataset_entry: Entry, maker: Generator | Attack, masked: bool
) -> tuple[dict[str, Any], dict[str, Entry], frozenset[str]]:
    wanted, name = sweep.pairs, dataset_entry["name"]
    part: dict[str, Any] = {
        "kind": LISTED if wanted.file else wanted.kind,
        "count": wanted.count,
        "references": wanted.references,
        "file": str(Path(wanted.file).absolute()) if wanted.file else None,
        "digest": None,
        "alike_by": None,
        "genders": None,
    }
    if part["kind"] == "look_alikes":
        # Who contributes is found out later: everybody may.
        album = Album(dataset.frames(), name, maker.contributors)
        part |= {**contents(dataset, dataset.frames(), masked), "genders": genders_digest(dataset)}
        part["alike_by"], entries = _judge(wanted.alike_by or RecognizerEntry(name=DEFAULT_JUDGE))
        return part, entries, frozenset(album.people)
    pairing = draw_pairing(part, dataset, name, maker.contributors, sweep.seed)
    part |= {"count": len(pairing), "digest": pairing.digest, **contents(dataset, pairing.frames, masked)}
    return part, {}, frozenset(frame.subject for frame in pairing.frames)


def _judge(wanted: RecognizerEntry) -> tuple[dict[str, Any], dict[str, Entry]]:
    """The recognizer that finds look-alikes, as part of the spec."""
    judge = embedder_of(wanted)
    part = {
        "recognizer": judge.identity,
        "aligner": judge.finder_identity,
        "comparison": judge.recognizer.comparison,
    }
    return part, {"pairs.alike_by.recognizer": judge.entry, "pairs.alike_by.aligner": judge.finder}


def _goal(kind: MakerKind, wanted: MakerEntry, maker: Generator | Attack) -> str | None:
    if kind == "generator":
        if wanted.goal:
            raise ConfigError(f"generator {wanted.name}: got goal {wanted.goal!r}; only attacks have one")
        return None
    goals = cast(Attack, maker).goals
    goal = wanted.goal or ("hide" if "hide" in goals else sorted(goals)[0])
    if goal not in goals:
        raise ConfigError(f"attack {wanted.name}: got goal {goal!r}; it knows {', '.join(sorted(goals))}")
    return goal


def _refuse_unmet(kind: MakerKind, maker: Generator | Attack, name: str) -> None:
    if kind == "attack" and (access := cast(Attack, maker).access) != "nothing":
        raise ConfigError(f"{name} asks for {access} of recognizers; the bench gives nothing to attacks so far")
    if unmet := sorted(maker.conditions - AVAILABLE):
        raise ConfigError(f"{name} asks for {', '.join(unmet)}; the bench gives {', '.join(sorted(AVAILABLE))}")
