"""The grammar of the gate's rules: what is understood, what it means, and what is refused with which words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import ConfigError, ImpersonaError, UnknownName
from bench.metrics import FIGURES, operating_point_name
from bench.store.run_folder import DrawKey
from reports.gate.aliases import ALIASES, AT_A_POINT, point_named
from reports.gate.rules import parse_pattern, parse_rule, parse_rules


@pytest.mark.parametrize(
    ("text", "figure", "point", "where", "worse_is", "amount", "unit"),
    [
        ("bscer@macer5:+2pp", "bona_fide_error_rate", "attack_error=0.05", {}, "up", 2, "pp"),
        ("BPCER@apcer=5%:+2pp", "bona_fide_error_rate", "attack_error=0.05", {}, "up", 2, "pp"),
        ("bpcer20:+2pp", "bona_fide_error_rate", "attack_error=0.05", {}, "up", 2, "pp"),
        ("bscer100:+2pp", "bona_fide_error_rate", "attack_error=0.01", {}, "up", 2, "pp"),
        ("fnmr@fmr=0.001:+1pp", "false_non_match_rate", "fmr=0.001", {}, "up", 1, "pp"),
        ("fnmr@fmr1e-3:+1pp", "false_non_match_rate", "fmr=0.001", {}, "up", 1, "pp"),
        ("fnmr@fmr0.1%:+1pp", "false_non_match_rate", "fmr=0.001", {}, "up", 1, "pp"),
        ("eer:+10%", "equal_error_rate", None, {}, "up", 10, "%"),
        ("equal-error-rate: +0.01", "equal_error_rate", None, {}, "up", 0.01, ""),
        ("tmr@dev:fmr=0.01[recognizer=lbp]:-1pp", "true_match_rate", "dev:fmr=0.01", {"recognizer": "lbp"}, "down", 1,
         "pp"),
        ("tmr@lfw/dev:fmr1%:-1pp", "true_match_rate", "lfw/dev:fmr=0.01", {}, "down", 1, "pp"),
        ("macer@bscer1[species=a]:+0pp", "attack_error_rate", "bona_fide_error=0.01", {"species": "a"}, "up", 0, "pp"),
        ("macer@dev:macer5:+0pp", "attack_error_rate", "dev:attack_error=0.05", {}, "up", 0, "pp"),
        ("bscer@dev:eer:+1pp", "bona_fide_error_rate", "dev:eer", {}, "up", 1, "pp"),
        ("cmc@rank1:\u22120.5pp", "cumulative_match_rate", "rank=1", {}, "down", 0.5, "pp"),
        ("found_rate:-1pp", "found_rate", None, {}, "down", 1, "pp"),
        ("decidability:-.5", "decidability", None, {}, "down", 0.5, ""),
        ("preserved_match_rate@fmr=0.01:-1pp", "preserved_match_rate", "fmr=0.01", {}, "down", 1, "pp"),
        ("preserved_match_rate@fmr=0.01:+1pp", "preserved_match_rate", "fmr=0.01", {}, "up", 1, "pp"),
        ('eer[group="Male=1", species="a, b]:c" ]:+1e1%', "equal_error_rate", None,
         {"group": "Male=1", "species": "a, b]:c"}, "up", 10, "%"),
    ],
)  # fmt: skip
def test_a_rule_means(
    text: str, figure: str, point: str | None, where: dict[str, str], worse_is: str, amount: float, unit: str
) -> None:
    rule = parse_rule(text)
    assert (rule.figure, rule.point, dict(rule.where)) == (figure, point, where)
    assert (rule.tolerance.worse_is, rule.tolerance.amount, rule.tolerance.unit) == (worse_is, amount, unit)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("eer", "expected FIGURE"),
        ("eer:", "got tolerance ''"),
        ("eer:2pp", r"write \+2pp"),
        ("eer:-2pp", r"higher is worse: write \+2pp"),
        ("tmr@fmr=0.01:+1pp", "lower is worse: write -1pp"),
        ("eer:+2 percent", "got tolerance '\\+2 percent'"),
        ("eer:+infpp", "got tolerance"),
        ("eer:+1e999", "expected a finite number"),
        ("eer:+1", r"could never fail; write less, such as \+2pp"),
        ("tmr@fmr=0.01:-2", "could never fail"),
        ("eer:+100pp", "could never fail"),
        ("decidability:-1pp", "no points"),
        ("eer@fmr1:+1pp", "got a rate of 1"),
        ("eer@fmr=1e-:+1pp", "expected a number"),
        ("cmc@rank1.5:-1pp", "expected 1 or more"),
        ("bpcer20@macer5:+1pp", "names its operating point"),
        ("eer[recognizer]:+1pp", "expected \\[key=value"),
        ("eer[recognizer=]:+1pp", "expected a value"),
        ("eer[recognizer=a,recognizer=b]:+1pp", "expected it once"),
        ("eer[recognizer=a:+1pp", "expected FIGURE"),
        ("*:+1pp", "name of one figure"),
        (":+1pp", "expected FIGURE"),
        ("e e r:+1pp", "expected FIGURE"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        parse_rule(text)
    assert repr(text) in str(caught.value)


def test_an_unknown_figure_names_the_near_ones() -> None:
    with pytest.raises(UnknownName, match=r"did you mean .*'bscer'.* \(in rule 'bsccer:\+1pp'"):
        parse_rule("bsccer:+1pp")


def test_a_rule_that_stands_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="twice"):
        parse_rules(["eer:+1pp", "auc:-0.01", "eer:+1pp"])


def test_what_is_no_text_is_no_rule() -> None:
    with pytest.raises(ConfigError, match=r"got rule None; expected text, such as bscer@macer5:\+2pp"):
        parse_rules(["eer:+1pp", None])  # type: ignore[list-item]


def test_every_abbreviation_is_of_a_figure() -> None:
    assert set(ALIASES.values()) <= set(FIGURES)
    assert {figure for figure, _ in AT_A_POINT.values()} <= set(FIGURES)
    assert not set(ALIASES) & set(FIGURES)


@pytest.mark.parametrize(
    ("unit", "base", "allowed"), [("pp", 0.3, 0.002), ("%", 0.3, 0.0006), ("%", -0.3, 0.0006), ("", 0.3, 0.2)]
)
def test_a_tolerance_is_in_points_of_a_share_percent_of_the_base_or_the_figures_unit(
    unit: str, base: float, allowed: float
) -> None:
    assert parse_rule(f"eer:+0.2{unit}").tolerance.allowed(base) == pytest.approx(allowed)


# ----------------------------------------------------------------------------------------------- which figures it means

SPECIES = [
    DrawKey("bona_fide_error_rate", "attack_error=0.05", None, None),
    DrawKey("bona_fide_error_rate", "attack_error=0.05", None, "collage"),
    DrawKey("bona_fide_error_rate", "attack_error=0.05", None, "landmark_morph weight=0.3"),
    DrawKey("bona_fide_error_rate", "dev:attack_error=0.05", None, None),
    DrawKey("attack_error_rate", "bona_fide_error=0.01", None, "collage"),
    DrawKey("attack_error_rate", "bona_fide_error=0.01", None, "landmark_morph weight=0.3"),
    DrawKey("true_match_rate", "fmr=0.01", None, None),
    DrawKey("true_match_rate", "fmr=0.001", None, None),
    DrawKey("equal_error_rate", None, None, None),
    DrawKey("equal_error_rate", None, "Male=1", None),
]


@pytest.mark.parametrize(
    ("pattern", "places"),
    [
        ("bscer@macer5", [0]),  # the threshold that holds for every species, not each species
        ("bscer@macer5[species=*]", [1, 2]),
        ("bscer@macer5[species=collage]", [1]),
        ("bscer@macer5[species=landmark_morph*]", [2]),
        ("bscer@*macer5", []),  # a star makes a point literal text
        ("bscer@*attack_error=0.05", [0, 3]),
        ("macer@bscer1", [4, 5]),  # of this one there is no figure of all
        ("tmr", [6, 7]),
        ("tmr@fmr1%", [6]),
        ("eer", [8]),
        ("eer[group=Male=1]", [9]),
        ("eer[group=*]", [9]),
        ("eer@fmr1%", []),
        ("*", list(range(10))),
    ],
)
def test_a_pattern_picks(pattern: str, places: list[int]) -> None:
    assert parse_pattern(pattern).picks(SPECIES) == [SPECIES[place] for place in places]


@pytest.mark.parametrize(
    ("where", "fits"),
    [
        ("recognizer=lbp", True),
        ("recognizer=l*", True),
        ("recognizer=dlib*", False),
        ("aligner=dlib_hog", True),
        ("weight=0.5", True),
        ("attack.weight=0.5", True),
        ("weight=0.7", False),
        ("regions=eyes+mouth", True),
        ("detector=*", False),  # a star fits anything but nothing
        ("recognizer=lbp,weight=0.7", False),
    ],
)
def test_selectors_look_at_labels_and_axes(where: str, fits: bool) -> None:
    settings = {"aligner": "dlib_hog", "attack.weight": 0.5, "regions": ["eyes", "mouth"]}
    labels = {"recognizer": "lbp", "detector": None, "settings": settings}
    pattern = parse_pattern(f"eer[{where}]")
    assert pattern.fits(labels) is fits
    assert pattern.fits({"recognizer": "other", "settings": {}}, labels) is fits
    assert not pattern.selectors_unknown_to([labels])
    assert parse_pattern("eer[weigth=1]").selectors_unknown_to([labels]) == ["weigth"]


# ----------------------------------------------------------------------------------------------------------- properties

rates = st.floats(1e-9, 0.999, allow_nan=False)


kinds = st.sampled_from(["fmr", "attack_error", "bona_fide_error", "fpir"])


@given(rate=rates, kind=kinds, origin=st.sampled_from(["", "dev:", "a/b:"]))
def test_every_spelling_of_a_rate_is_one_point(rate: float, kind: str, origin: str) -> None:
    name = f"{origin}{operating_point_name(rate).replace('fmr', kind)}"
    assert point_named(name) == name
    assert point_named(f"{origin}{kind}={rate!r}") == name
    assert point_named(point_named(name)) == name


words = st.text(st.characters(codec="utf-8", exclude_characters='",'), min_size=1).filter(
    lambda text: text.strip() == text
)


@given(
    figure=st.sampled_from([*FIGURES, *ALIASES]),
    where=st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), words, max_size=3),
    amount=st.floats(0, 1e6, allow_nan=False),
)
def test_what_is_written_is_read(figure: str, where: dict[str, str], amount: float) -> None:
    name = ALIASES.get(figure, figure)
    sign = {"up": "-", "down": "+", "none": "+"}[FIGURES[name].direction]
    selectors = ",".join(f'{key}="{value}"' for key, value in where.items())
    rule = parse_rule(f"{figure}{f'[{selectors}]' if where else ''}:{sign}{amount!r}%")
    assert (rule.figure, dict(rule.where), rule.tolerance.amount) == (name, where, amount)


rule_like = re.compile(r"(eer|tmr|bscer|d_eer)(@[macerf0-9=.:%]*)?(\[[a-z=,*\"]*\])?:[+-]?[0-9.]*(pp|%)?")


@given(st.one_of(st.text(max_size=40), st.from_regex(rule_like, fullmatch=True)))
def test_any_text_is_a_rule_or_an_error_of_ours(text: str) -> None:
    try:
        rule = parse_rule(text)
    except ImpersonaError:
        return
    assert rule.figure in FIGURES
    assert rule.tolerance.amount >= 0
