"""Which figures of two runs are compared: those that rules ask for, or the headline figures where there is no rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.errors import ConfigError, UnknownName
from bench.metrics import FIGURES
from bench.metrics.paired import Worse
from bench.store.run_folder import DrawKey
from reports.gate.matching import Matching, Pair
from reports.gate.rules import LABELS, Pattern, Rule
from reports.gate.standing import CellStanding, Standing, is_headline
from reports.gate.wording import labels_in_words, title_of

_FEW = 4


@dataclass(frozen=True, eq=False)
class Candidate:
    """A figure that both runs have, and the rule that asks for it, if one does.

    Attributes:
        rule: the rule; None for a headline figure that nobody asked for.
        pair: the cells.
        key: the figure, as the new run calls it.
    """

    rule: Rule | None
    pair: Pair
    key: DrawKey

    @property
    def worse_is(self) -> Worse:
        """To which side the figure gets worse."""
        if self.rule is not None:
            return self.rule.tolerance.worse_is
        return "down" if FIGURES[self.key.figure].direction == "up" else "up"


def asked_for(rules: Sequence[Rule], matching: Matching, old: Standing, now: Standing) -> list[Candidate]:
    """What rules ask for, rule by rule.

    Args:
        rules: the rules.
        matching: the cells of both runs.
        old: the run that is compared with.
        now: the run that is judged.

    Raises:
        ConfigError: a rule that meets nothing, that asks for what the new run lacks, or for a figure without draws.
    """
    every = [*matching.pairs, *matching.base_only, *matching.new_only]
    found: list[Candidate] = []
    for rule in rules:
        _refuse_selectors(rule, every)
        meant = [pair for pair in every if rule.fits(*_labels(pair))]
        both = [Candidate(rule, pair, key) for pair in meant for key in _picked(rule, pair) if _is_in_both(pair, key)]
        _refuse_lacking(rule, meant, old, now)
        if not both:
            raise ConfigError(_meets_nothing(rule, meant, every, old, now))
        for one in both:
            _refuse_undrawn(rule, one)
        found += both
    return found


def headline(matching: Matching) -> list[Candidate]:
    """The headline figures that both runs have, and at least one has draws of."""
    found = []
    for pair in matching.pairs:
        base, new = both_of(pair)
        found += [
            Candidate(None, pair, key)
            for key in new.figures
            if is_headline(pair.assessment, key) and key in base.figures and (key in base.draws or key in new.draws)
        ]
    return found


def both_of(pair: Pair) -> tuple[CellStanding, CellStanding]:
    """The cells of a pair that both runs have, the base's under the names of the new run."""
    assert pair.renamed is not None
    assert pair.new is not None
    return pair.renamed, pair.new


def figures_of(pair: Pair) -> tuple[Mapping[DrawKey, Any], Mapping[DrawKey, Any]]:
    """What each run has of a cell; empty for one that has no such cell."""
    return pair.renamed.figures if pair.renamed else {}, pair.new.figures if pair.new else {}


def _picked(rule: Pattern, pair: Pair) -> list[DrawKey]:
    base, new = figures_of(pair)
    return rule.picks(dict.fromkeys([*base, *new]))


def _is_in_both(pair: Pair, key: DrawKey) -> bool:
    return all(key in figures for figures in figures_of(pair))


def _refuse_selectors(rule: Rule, every: Sequence[Pair]) -> None:
    labels = [one for pair in every for one in _labels(pair)]
    if unknown := rule.selectors_unknown_to(labels):
        axes = {key.rpartition(".")[2] for one in labels for key in one.get("settings") or {}}
        raise UnknownName("selector", unknown[0], {*LABELS, "group", "species", *axes}, f"(in rule {rule.text!r})")


def _refuse_lacking(rule: Rule, meant: Sequence[Pair], old: Standing, now: Standing) -> None:
    lacking = [
        title_of(pair, key, with_aligner=True)
        for pair in meant
        for key in _picked(rule, pair)
        if key not in figures_of(pair)[1]
    ]
    if lacking:
        more = f", and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise ConfigError(
            f"rule {rule.text!r}: {old.path} (BASE) has {lacking[0]} ({lacking[0].where}){more}, and {now.path} (NEW) "
            "has not; run NEW's sweep with what the rule asks for, or, if it has another name there, say so with "
            "--match OLD=NEW"
        )


def _refuse_undrawn(rule: Rule, one: Candidate) -> None:
    """A rule on a figure without draws could never fail."""
    for cell, side in zip(both_of(one.pair), ("BASE", "NEW"), strict=True):
        if cell.figures[one.key].value is None or one.key in cell.draws:
            continue
        if cell.identity.get("draws") == 0:
            raise ConfigError(f"rule {rule.text!r}: {side} was run with draws: 0; run it again with draws: 1000")
        known = sorted({key.figure for key in cell.draws})
        raise ConfigError(
            f"rule {rule.text!r}: {side} holds no bootstrap draws of {_named(one.key)}, without which no difference "
            f"can be judged; it holds those of {', '.join(known) or 'nothing'}"
        )


def _meets_nothing(rule: Rule, meant: Sequence[Pair], every: Sequence[Pair], old: Standing, now: Standing) -> str:
    start = f"rule {rule.text!r} meets no figure that {old.path} (BASE) and {now.path} (NEW) both have"
    if not meant:
        there = list(dict.fromkeys(labels_in_words(pair.labels, whole=True) for pair in every))
        asked = ", ".join(f"{key}={value}" for key, value in rule.where.items())
        return f"{start}: no cell fits [{asked}]; there are {'; '.join(there[:_FEW])}{'; ...' if there[_FEW:] else ''}"
    if any(_picked(rule, pair) for pair in meant):
        new = [figures_of(pair)[1].get(key) for pair in meant for key in _picked(rule, pair)]
        if old.kind == "baseline" and all(one is None or one.value is None for one in new):
            return (
                f"{start}: the baseline has not, and NEW has no value of it, since its data are too few or cannot give "
                "it; ask for an operating point that they support"
            )
        remedy = f"impersona baseline save RUN --out {old.path} --figure '{rule.text.rpartition(':')[0]}' --replace"
        return f"{start}: only NEW has it; " + (
            f"save the baseline again, with it: {remedy}" if old.kind == "baseline" else "run BASE's sweep with it"
        )
    keys = {key for pair in meant for figures in figures_of(pair) for key in figures}
    if near := sorted(_named(key) for key in keys if key.figure == rule.figure):
        return f"{start}; of {rule.figure} there is {', '.join(near)}"
    figures = sorted({key.figure for key in keys if key.figure in FIGURES and FIGURES[key.figure].unit != "count"})
    return f"{start}: there is no {rule.figure}; there is {', '.join(figures)}"


def _named(key: DrawKey) -> str:
    where = [f"{name}={getattr(key, name)}" for name in ("group", "species") if getattr(key, name)]
    point = f"@{key.operating_point}" if key.operating_point else ""
    return f"{key.figure}{point}" + (f"[{','.join(where)}]" if where else "")


def _labels(pair: Pair) -> list[Mapping[str, Any]]:
    return [cell.labels for cell in (pair.base, pair.new) if cell is not None]
