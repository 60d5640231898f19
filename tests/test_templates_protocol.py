"""Templates of several photos: what they compare, how they are averaged, and IJB's files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.aligners.templates import ARCFACE112
from bench.api import Comparison, Dataset, Frame, PluginRow, Templates, Trials
from bench.config import Sweep, parse_sweep
from bench.datasets.ijb_meta import read_points
from bench.errors import ConfigError, CorruptFile, MissingFile, ShapeError
from bench.registry import Registry, load
from bench.scoring import score
from bench.store.cache import ArrayCache
from bench.sweep import scores
from bench.sweep.acquisition import Acquisition
from bench.sweep.discarding import discard_figures
from bench.sweep.grouping import group_figures
from bench.sweep.plan import plan
from bench.sweep.runner import run_sweep
from bench.sweep.scores import people_of, score_trials, scored_trials, template_embeddings
from bench.sweep.tables import identities_table, trials_table
from tests.toys import ToyRecognizer, add_toys, write

RNG = np.random.default_rng(0)


def acquisition(embeddings: Any, acquired: list[bool] | None = None) -> Acquisition:
    rows = np.array(embeddings, np.float32)
    there = np.ones(len(rows), bool) if acquired is None else np.array(acquired)
    rows[~there] = 0
    return Acquisition(
        embeddings=rows,
        acquired=there,
        faces=there.astype(np.int16),
        box=np.zeros((len(rows), 4), np.float32),
        confidence=np.zeros(len(rows), np.float32),
        problems=tuple(None if each else "no face found" for each in there),
        computed=0,
        cached=0,
        runtime={},
    )


def templates(rows: list[tuple[int, int, int]], subjects: str) -> Templates:
    """Templates from (template, frame, medium) rows."""
    parts = (np.array(column, np.int32) for column in zip(*rows, strict=True))
    return Templates(tuple(f"t{place}" for place in range(len(subjects))), tuple(subjects), *parts)


def trials(made: Templates, frames: str, pairs: list[tuple[int, int]]) -> Trials:
    probe, reference = (np.array(side, np.int32) for side in zip(*pairs, strict=True))
    return Trials(
        "templates", tuple(Frame(f"{k}.jpg", who) for k, who in enumerate(frames)), probe, reference, None, made
    )


# ------------------------------------------------------------------------------------------------ the mean, by hand


def test_a_template_by_hand() -> None:
    # Template 0: two frames of one video, (1, 0) and (0, 1) after normalising, and a still (0, 1).
    # The video is (.5, .5), so the template points to (.5, 1.5); the plain mean of photos would point to (1, 2).
    made = templates([(0, 0, 7), (0, 1, 7), (0, 2, 9), (1, 3, 7)], "ab")
    found = trials(made, "aaab", [(0, 1)])
    here = acquisition([[2, 0], [0, 5], [0, 0.5], [3, 0]])
    assert score_trials(here, found, "cosine").tolist() == [np.float32(0.5 / np.hypot(0.5, 1.5))]
    # By distance nothing is normalised: the video is (1, 2.5), with the still (0, .5) the mean is (.5, 1.5).
    rows, there = template_embeddings(here, made, "neg_l2")
    assert rows.tolist() == [[0.5, 1.5], [3, 0]]
    assert there.tolist() == [True, True]
    assert score_trials(here, found, "neg_l2").tolist() == [-np.float32(np.hypot(2.5, 1.5))]


def test_what_was_not_acquired_is_left_out() -> None:
    made = templates([(0, 0, 1), (0, 1, 1), (0, 2, 2), (1, 3, 1), (2, 4, 1), (2, 5, 1)], "aab")
    found = trials(made, "aaaabb", [(0, 1), (0, 2), (1, 2)])
    here = acquisition([[1, 0], [0, 9], [0, 1], [1, 0], [1, 0], [1, 0]], [True, False, True, True, False, False])
    rows, there = template_embeddings(here, made, "cosine")
    assert there.tolist() == [True, True, False]
    assert rows[0].tolist() == [0.5, 0.5]  # the medium of which one photo failed counts as much as the other
    got = score_trials(here, found, "cosine")
    assert got[0] == np.float32(np.sqrt(0.5))
    assert np.isnan(got).tolist() == [False, True, True]
    assert np.isnan(score_trials(acquisition(np.ones((6, 2)), [False] * 6), found, "cosine")).all()


def test_a_template_that_cancels_out_has_no_direction() -> None:
    made = templates([(0, 0, 1), (0, 1, 2), (1, 2, 1)], "aa")
    here = acquisition([[1, 0], [-1, 0], [1, 0]])
    assert template_embeddings(here, made, "cosine")[1].tolist() == [False, True]
    assert template_embeddings(here, made, "neg_l2")[1].tolist() == [True, True]
    with pytest.raises(ShapeError, match="a cosine needs a direction"):
        template_embeddings(acquisition([[0, 0], [1, 0], [1, 0]]), made, "cosine")


def by_definition(here: Acquisition, made: Templates, comparison: Comparison) -> list[np.ndarray | None]:
    """InsightFace's image2template_feature, in plain loops over the acquired photos."""
    found: list[np.ndarray | None] = []
    for place in range(len(made.keys)):
        media: dict[int, list[np.ndarray]] = {}
        for template, frame, medium in zip(made.template, made.frame, made.medium, strict=True):
            if template == place and here.acquired[frame]:
                row = here.embeddings[frame].astype(np.float64)
                media.setdefault(int(medium), []).append(row / np.linalg.norm(row) if comparison == "cosine" else row)
        of_media = [np.mean(rows, axis=0) for rows in media.values()]
        found.append(np.mean(of_media, axis=0) if of_media else None)
    return found


@pytest.mark.parametrize("comparison", ["cosine", "neg_l2"])
@pytest.mark.parametrize("at_once", [1, 3, 1024])
def test_means_equal_the_definition(comparison: Comparison, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    count, people = 25, 6
    sizes = rng.integers(1, 9, count)
    template = np.repeat(np.arange(count), sizes).astype(np.int32)
    frame = rng.permutation(template.size).astype(np.int32)
    who = [str(place % people) for place in range(count)]
    made = Templates(
        tuple(f"t{place}" for place in range(count)), tuple(who), template, frame,
        rng.integers(0, 4, template.size).astype(np.int32),
    )  # fmt: skip
    subject = dict(zip(frame.tolist(), (who[place] for place in template), strict=True))
    here = acquisition(rng.normal(size=(template.size, 16)), (rng.random(template.size) > 0.4).tolist())
    probe, reference = (side.astype(np.int32) for side in np.triu_indices(count, 1))
    frames = tuple(Frame(f"{place}", subject[place]) for place in range(template.size))
    found = Trials("templates", frames, probe, reference, None, made)
    whole = template_embeddings(here, made, comparison)
    monkeypatch.setattr(scores, "TEMPLATES_AT_ONCE", at_once)
    rows, there = template_embeddings(here, made, comparison)
    assert rows.tobytes() == whole[0].tobytes()
    expected = by_definition(here, made, comparison)
    assert there.tolist() == [row is not None for row in expected]
    assert 0 < there.sum() < count
    for row, right in zip(rows[there], (row for row in expected if row is not None), strict=True):
        assert row == pytest.approx(right, abs=1e-6)
    got = score_trials(here, found, comparison)
    for place in np.flatnonzero(~np.isnan(got))[:40]:
        first, second = rows[probe[place]], rows[reference[place]]
        assert got[place] == pytest.approx(score(first, second, comparison), abs=1e-6)


# ------------------------------------------------------------------------------------------------ trials of templates


def test_trials_of_templates_know_keys_people_and_mates() -> None:
    made = templates([(0, 2, 1), (1, 0, 1), (1, 1, 2), (2, 3, 1)], "baa")
    found = trials(made, "aaba", [(0, 1), (1, 2), (2, 0)])
    assert found.keys == ("t0", "t1", "t2")
    assert found.subjects == ("b", "a", "a")
    assert found.mated.tolist() == [False, True, False]
    people = people_of(found)
    assert (people.first.tolist(), people.second.tolist(), people.count) == ([1, 0, 0], [0, 0, 1], 2)


def test_the_digest_says_which_photos_a_template_holds() -> None:
    frames, pairs = "aaa", [(0, 1)]
    base = trials(templates([(0, 0, 1), (0, 1, 2), (1, 2, 1)], "aa"), frames, pairs)
    again = trials(templates([(0, 0, 1), (0, 1, 2), (1, 2, 1)], "aa"), frames, pairs)
    assert base.digest == again.digest
    other = [
        trials(templates([(0, 0, 1), (0, 1, 1), (1, 2, 1)], "aa"), frames, pairs),
        trials(templates([(0, 0, 1), (1, 1, 2), (1, 2, 1)], "aa"), frames, pairs),
        trials(templates([(0, 1, 1), (0, 0, 2), (1, 2, 1)], "aa"), frames, pairs),
        Trials("templates", base.frames, base.probe, base.reference),
    ]
    assert len({each.digest for each in [base, *other]}) == 5


def test_the_digest_of_single_photos_is_what_it_was() -> None:
    single = Trials("p", (Frame("a", "x"), Frame("b", "y")), np.array([0], np.int32), np.array([1], np.int32))
    assert single.keys == ("a", "b")
    assert single.digest == "5940a91a71ddba8bdc83715d9f982afb9be485864bef349bdc86765c7f0e02ab"
    folded = Trials(single.protocol, single.frames, single.probe, single.reference, np.array([3], np.int16))
    assert folded.digest == "1044a17a129035c77cc2faf8e1cae06dea1bf22deae514b5ae6cc03102be273f"


@pytest.mark.parametrize(
    ("rows", "subjects", "message"),
    [
        ([(0, 0, 1), (1, 1, 1)], "ab", r"template 't1' shows 'b', and its photo '1.jpg' 'a'; expected one person"),
        ([(1, 0, 1), (0, 1, 1)], "aa", r"one template after the other"),
        ([(0, 0, 1), (0, 1, 1)], "aa", r"each with a photo"),
        ([(0, 0, 1), (1, 0, 1)], "aa", r"got 1 different photos; expected each of 2 frames"),
        ([(0, 0, 1), (1, 2, 1), (1, 1, 1)], "aa", r"got 3 different photos; expected each of 2 frames"),
    ],
)
def test_templates_that_do_not_fit_are_refused(rows: list[tuple[int, int, int]], subjects: str, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        trials(templates(rows, subjects), "aa", [(0, 1)])


def test_templates_of_one_name_or_another_length_are_refused() -> None:
    one = np.zeros(1, np.int32)
    with pytest.raises(ShapeError, match="got 2 templates, 1 names"):
        Trials("p", (Frame("a", "a"),), one, one, None, Templates(("t", "t"), ("a", "a"), one, one, one))
    with pytest.raises(ShapeError, match=r"\(P,\) three times"):
        Trials("p", (Frame("a", "a"),), one, one, None, Templates(("t",), ("a",), one, one, np.zeros(2, np.int32)))


def test_tables_are_of_templates() -> None:
    made = templates([(0, 0, 1), (0, 1, 2), (1, 2, 1), (2, 3, 1), (3, 4, 1)], "aabb")
    found = trials(made, "aaabb", [(0, 1), (0, 2)])
    here = acquisition([[1, 0], [0, 1], [0, 1], [1, 0], [1, 1]])
    table = trials_table(found, score_trials(here, found, "cosine"))
    assert table[["probe", "reference", "probe_subject", "reference_subject", "mated"]].values.tolist() == [
        ["t0", "t1", "a", "a", True], ["t0", "t2", "a", "b", False],
    ]  # fmt: skip
    matrix = identities_table(found, here, "cosine", RNG).set_index(["subject", "other"])
    assert matrix["comparisons"].to_dict() == {("a", "a"): 1, ("a", "b"): 4, ("b", "b"): 1}
    half = np.sqrt(0.5)
    assert matrix.loc[("a", "a"), "similarity"] == pytest.approx(half)  # t0 is (.5, .5), t1 is (0, 1)
    assert matrix.loc[("a", "b"), "similarity"] == pytest.approx((half + 1 + 0 + half) / 4)


# ------------------------------------------------------------------------------------------------------- IJB's files

PHOTOS = {
    "1.jpg": (250, 10, 10), "2.jpg": (240, 20, 20), "3.jpg": (230, 30, 30), "4.jpg": (10, 250, 10),
    "5.jpg": (20, 240, 20), "6.jpg": (0, 0, 0), "7.jpg": (10, 10, 250), "8.jpg": (5, 5, 5),
}  # fmt: skip
LINES = [
    "1.jpg 10 100",
    "2.jpg 10 100",
    "3.jpg 10 101",
    "4.jpg 30 102",
    "5.jpg 20 7",
    "6.jpg 20 8",
    "7.jpg 40 1",
    "8.jpg 50 1",
]
PAIRS = ["10 20 0", "20 30 1", "40 10 0"]


def ijb(root: Path, lines: list[str] | None = None, pairs: list[str] | None = None, edition: str = "ijbc") -> Path:
    for name, colour in PHOTOS.items():
        write(root / "loose_crop" / name, np.full((160, 160, 3), colour, np.uint8))
    meta = root / "meta"
    meta.mkdir(exist_ok=True)
    (meta / f"{edition}_face_tid_mid.txt").write_text("\n".join(LINES if lines is None else lines) + "\n")
    (meta / f"{edition}_template_pair_label.txt").write_text("\n".join(PAIRS if pairs is None else pairs) + "\n")
    return root


@pytest.mark.parametrize("edition", ["ijbc", "ijbb"])
def test_ijb_reads_its_layout(tmp_path: Path, edition: str) -> None:
    data = load("dataset", "ijb", root=ijb(tmp_path, edition=edition), edition=edition)
    assert isinstance(data, Dataset)
    found: Trials = data.trials("templates", RNG)
    assert found.keys == ("template 10", "template 20", "template 30", "template 40")
    one, two, four = "person of template 10", "person of template 20", "person of template 40"
    assert found.subjects == (one, two, two, four)
    assert [frame.key for frame in found.frames] == [f"{place}.jpg" for place in range(1, 8)]  # nobody asks for 50
    assert found.probe.tolist() == [0, 1, 3]
    assert found.reference.tolist() == [1, 2, 0]
    assert found.mated.tolist() == [False, True, False]
    made = found.templates
    assert made is not None
    assert made.template.tolist() == [0, 0, 0, 1, 1, 2, 3]
    assert [found.frames[place].key for place in made.frame] == [f"{k}.jpg" for k in (1, 2, 3, 5, 6, 4, 7)]
    assert made.medium.tolist() == [100, 100, 101, 7, 8, 102, 1]
    everybody = {frame.key: frame.subject for frame in data.frames()}
    assert everybody["8.jpg"] == "person of template 50"
    assert len(everybody) == 8


def sweep_over(root: Path) -> Sweep:
    dataset = {"name": "ijb", "root": str(root)}
    return parse_sweep({"name": "t", "dataset": dataset, "recognizers": ["toy"], "fmr": [0.5]})


def test_a_sweep_over_ijb(own_registry: Registry, tmp_path: Path) -> None:
    add_toys(own_registry)
    document = {
        "name": "t",
        "dataset": {"name": "ijb", "root": str(ijb(tmp_path))},
        "recognizers": ["toy"],
        "fmr": [0.5],
    }
    run = run_sweep(parse_sweep(document), tmp_path / "run")
    table = run.trials()
    assert table[["probe", "reference"]].values.tolist() == [
        ["template 10", "template 20"], ["template 20", "template 30"], ["template 40", "template 10"],
    ]  # fmt: skip
    colours = {name: np.array(colour) / np.linalg.norm(colour) for name, colour in PHOTOS.items() if any(colour)}
    ten = (colours["1.jpg"] + colours["2.jpg"]) / 2 + colours["3.jpg"]
    twenty = colours["5.jpg"]  # 6.jpg is black: no face
    assert table["score"].iloc[0] == pytest.approx(ten @ twenty / np.linalg.norm(ten), abs=1e-6)
    assert table["score"].notna().all()
    frames = run.frames().set_index("key")
    assert frames["problem"].notna().sum() == 1
    assert frames.loc["6.jpg", "problem"] == "no face found"
    outcome = run.outcomes()[0]
    assert outcome["counts"]["trials_not_acquired"] == 0


@pytest.mark.parametrize("asked", [{"groups": [{"column": "sex"}]}, {"discard": ["quality"]}])
def test_columns_about_photos_are_refused(own_registry: Registry, tmp_path: Path, asked: dict[str, Any]) -> None:
    add_toys(own_registry)
    spec = plan(sweep_over(ijb(tmp_path))).cells[0].spec
    with pytest.raises(ConfigError, match=r"compares templates of several photos.*leave (groups|discard) out"):
        scored_trials({**spec, **asked}, ArrayCache())
    assert ToyRecognizer.embedded == 0
    found = scored_trials(spec, ArrayCache())
    with pytest.raises(ConfigError, match="groups: the protocol 'templates' compares templates"):
        group_figures([], {}, found.trials, found.scores, {}, people_of(found.trials), np.ones((0, 1), bool))
    with pytest.raises(ConfigError, match="discard: the protocol 'templates' compares templates"):
        discard_figures([], {}, found.trials, found.scores, {}, people_of(found.trials), np.ones((0, 1), bool))


@pytest.mark.parametrize(
    ("lines", "pairs", "message"),
    [
        (["1.jpg 10"], None, r"face_tid_mid\.txt, line 1: got '1\.jpg 10'; expected 'name template medium'"),
        (["1.jpg 10 1", "2.jpg 10 x"], None, r"line 2: got '2\.jpg 10 x'"),
        (["1.jpg 10 1", "", "2.jpg 10 1"], None, r"line 2: got ''"),
        (["1.jpg 10 1 4"], None, r"line 1: got '1\.jpg 10 1 4'"),
        (["../1.jpg 10 1"], None, r"line 1: '\.\./1\.jpg' is no name of a file"),
        (None, ["10 20 0", "10 20"], r"pair_label\.txt, line 2: got '10 20'; expected 'template template label'"),
        (None, ["10 20 0", "10 99 1"], r"line 2: got 99, expected a template of ijbc_face_tid_mid\.txt"),
        (None, ["10 20 2"], r"line 1: got 2, expected the label 0 or 1"),
        (
            None,
            ["10 20 1", "30 20 1", "10 30 0"],
            r"line 3: template 10 and template 30 .*\(line 1\).*\(line 2\)",
        ),
        (None, ["10 10 0"], r"line 1: template 10 and template 10 .*they are the same"),
        (
            [*LINES, "1.jpg 30 5"],
            ["10 20 0", "30 10 0"],
            r"template 30 and template 10 \(they share a photo\)",
        ),
    ],
)
def test_meta_data_that_make_no_sense(
    tmp_path: Path, lines: list[str] | None, pairs: list[str] | None, message: str
) -> None:
    with pytest.raises(CorruptFile, match=message):
        load("dataset", "ijb", root=ijb(tmp_path, lines, pairs)).trials("templates", RNG)


def test_a_photo_in_two_templates_is_one_person(tmp_path: Path) -> None:
    data = load("dataset", "ijb", root=ijb(tmp_path, [*LINES, "4.jpg 50 5"], ["10 50 0", "20 30 1"]))
    found = data.trials("templates", RNG)
    assert found.subjects[found.keys.index("template 50")] == found.subjects[found.keys.index("template 20")]
    assert [frame.key for frame in found.frames].count("4.jpg") == 1


def test_ijb_errors(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="no meta data at"):
        load("dataset", "ijb", root=tmp_path).frames()
    ijb(tmp_path)
    with pytest.raises(ConfigError, match="ijb has no protocol 'view2'"):
        load("dataset", "ijb", root=tmp_path).trials("view2", RNG)
    (tmp_path / "loose_crop" / "5.jpg").unlink()
    with pytest.raises(MissingFile, match=r"names 1 of 7 photos that are not in .*5\.jpg"):
        load("dataset", "ijb", root=tmp_path).trials("templates", RNG)
    with pytest.raises(ConfigError, match="edition"):
        load("dataset", "ijb", root=tmp_path, edition="ijba")
    (tmp_path / "meta" / "ijbc_template_pair_label.txt").write_text("")
    with pytest.raises(CorruptFile, match=r"pair_label\.txt: not lines of"):
        load("dataset", "ijb", root=tmp_path).trials("templates", RNG)


def test_aligned_photos_are_warped_by_the_given_points(tmp_path: Path) -> None:
    ijb(tmp_path)
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 255, (160, 160, 3)).astype(np.uint8)
    write(tmp_path / "loose_crop" / "1.jpg", picture)
    points = ARCFACE112.targets["field5"] + (10, 20)  # shifted only: the crop is a part of the picture
    line = " ".join(f"{value:.4f}" for value in points.ravel())
    path = tmp_path / "meta" / "ijbc_name_5pts_score.txt"
    path.write_text("".join(f"{name} {line} 0.99\n" for name in PHOTOS))
    data = load("dataset", "ijb", root=tmp_path, aligned=True)
    assert np.abs(data.image("1.jpg").astype(int) - picture[20:132, 10:122]).max() <= 2
    plain = load("dataset", "ijb", root=tmp_path)
    assert (plain.image("1.jpg") == picture).all()
    assert plain.content_digest("1.jpg") != data.content_digest("1.jpg")
    before = data.content_digest("1.jpg")
    path.write_text(path.read_text().replace("1.jpg 4", "1.jpg 5"))
    assert load("dataset", "ijb", root=tmp_path, aligned=True).content_digest("1.jpg") != before
    path.write_text("".join(f"{name} {line} 0.99\n" for name in list(PHOTOS)[1:]))
    with pytest.raises(CorruptFile, match=r"no points of 1 of 7 photos, such as 1\.jpg"):
        load("dataset", "ijb", root=tmp_path, aligned=True).trials("templates", RNG)
    path.write_text("1.jpg 1 2 3\n")
    with pytest.raises(CorruptFile, match=r"line 1: got '1\.jpg 1 2 3'; expected 'name', ten numbers"):
        read_points(path)


def test_any_data_set_may_compare_templates(own_registry: Registry, tmp_path: Path) -> None:
    """What `impersona check` and strangers' data sets rest on: nothing above knows IJB by name."""
    add_toys(own_registry)
    own_registry.add(
        PluginRow(
            kind="dataset", name="tiny", target=f"{__name__}:Tiny", summary="s", source="s", licence="l"
        ),
        "the tests",
    )  # fmt: skip
    run = run_sweep(parse_sweep({"name": "t", "dataset": "tiny", "recognizers": ["toy"]}), tmp_path / "run")
    assert run.trials()["probe"].tolist() == ["t0"]


class Tiny:
    """Three frames, two templates."""

    protocols = ("templates",)
    shows_faces = True

    def fingerprint(self) -> dict[str, Any]:
        return {"revision": 1}

    def frames(self) -> list[Frame]:
        return [Frame("0.jpg", "a"), Frame("1.jpg", "a"), Frame("2.jpg", "b")]

    def image(self, key: str) -> np.ndarray:
        return np.full((8, 8, 3), 40 + 60 * int(key[0]), np.uint8)

    content_digest: Callable[[Any, str], str] = lambda self, key: key[0] * 64

    def trials(self, protocol: str, rng: np.random.Generator) -> Trials:
        return trials(templates([(0, 0, 1), (0, 1, 2), (1, 2, 1)], "ab"), "aab", [(0, 1)])
