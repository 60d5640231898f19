"""Section "Glossary": the words of the page, how its intervals were made, and every figure that the run has."""

from __future__ import annotations

from bench.metrics import FIGURES
from reports import attention
from reports.page import Part, Rows, Section
from reports.records import LABELS
from reports.series import WITHOUT_RECOGNIZER, Run
from reports.vocabulary import Vocabulary, shared_by

_OF_PAIRS = (
    ("mated, nonmated", "a comparison of two photos of one person; of two people"),
    ("score", "a similarity: higher is more alike; a pair is accepted when its score reaches the threshold"),
    ("operating point", "a threshold, set where the false match rate does not exceed what was asked for"),
    (
        "set on dev, held",
        "the threshold was set on other people (of the dev part, or of another data set) and used as it was: the rates "
        "it achieves here may miss what was asked for, and are both uncertain",
    ),
    ("insufficient", "so few nonmated scores that the requested rate allows not one false match: no threshold is set"),
)
_WORDS = (
    (
        "weak",
        "fewer than 30 errors: by the rule of 30, within 30 % of the truth with 90 % confidence only from there",
    ),
    ("no interval", "the figure lacks one, so its value is left to the CSV file; counts need none"),
)
_OF_MADE_FACES = (
    ("contributors", "the people of whose photos a face is made; the first is the one onto whom the others are put"),
    (
        "attempt",
        "a made face with one other photo of each contributor, never the photos that it was made of; a face's shares "
        "are means over its attempts, a figure is a mean over faces",
    ),
    (
        "matches both, second only, first only, neither",
        "the four ways in which an acquired attempt of two contributors can end; other names are dual match, swapped, "
        "preserved and none",
    ),
    ("clean photo", "the first contributor's unchanged photo in place of the made face: what happens without a maker"),
    ("excess", "the share of the made faces minus that of the clean photos, face by face"),
)
_OF_ATTENTION = (
    (
        "identity attention",
        "the share of a network's attention that goes to the identity it was given, the rest going to the styles of "
        "regions; over the pixels of a region of the first contributor's photo. It says where the network looks, not "
        "how much that changes",
    ),
    ("fair share", "one divided by the number of tokens: the identity's share if attention preferred none of them"),
)
_OF_DETECTORS = (
    ("bona fide sample", "a photo that is no attack, prepared as attacks are: same crop, size and file format"),
    ("species", "a kind of attack: the faces that one maker makes with one setting, or one word of the data set's own"),
    ("attack score", "higher is more likely an attack; a sample is classified as one if it reaches the threshold"),
    (
        "worst species",
        "the one that a detector misses most: attacks of many species hide the one that works, so no mean is given",
    ),
    (
        "insufficient (of detectors)",
        "so few samples that the requested rate allows not one error: no threshold is set, and nothing is extrapolated",
    ),
)
_INTERVALS = {
    "wilson": "of a rate at a given threshold: Wilson's, with the number of independent trials that would vary as "
    "much, since comparisons share people",
    "exact": "where not one error was seen: the largest rate that would show none with 5 % chance, counting "
    "trials that share nobody, 1 \u2212 0.05^(1/N)",
    "bootstrap": "the middle 95 % over draws that keep each person or not (double or nothing); thresholds are "
    "chosen anew in every draw, and two recognizers see the same draws",
    "folds": "over folds: Student's t for a mean, chi-square for a spread",
    "clustered": "of a mean over made faces: Student's t, with the variance that faces have which share a contributor",
    "jackknife": "of a distance between sets of faces: the spread that leaving out people, one after the other, gives",
}


def section(run: Run) -> Section:
    """The section.

    Args:
        run: the run.
    """
    records = [record for one in run.every_series for record in (*one.records, *one.differences)]
    used = {record["figure"] for record in records}
    rows: list[tuple[str, str]] = []
    if any(group.assessment not in WITHOUT_RECOGNIZER for group in run.all_groups) or not run.all_groups:
        rows += _OF_PAIRS
    if run.of("detection"):
        rows += _OF_DETECTORS
        rows += [(f"{words.attack_error}, {words.bona_fide_error}", _explained(words)) for words in vocabularies(run)]
    rows += _WORDS
    if run.of("generated"):
        rows += _OF_MADE_FACES
    if attention.FIGURE in used:
        rows += _OF_ATTENTION
    rows.append(("interval", "of 95 % confidence, about other people like these; docs/uncertainty.md says more"))
    made = {record.get("interval") for record in records}
    rows += [(f"interval: {name}", meaning) for name, meaning in _INTERVALS.items() if name in made]
    for name, figure in FIGURES.items():
        if name in used:
            better = {"up": "; higher is better", "down": "; lower is better", "none": ""}[figure.direction]
            short = f"{LABELS[name]}: " if name in LABELS and not figure.meaning.startswith(LABELS[name]) else ""
            rows.append((name, f"{short}{figure.meaning}{better}. Unit: {figure.unit}. Source: {figure.source}."))
    return Section("glossary", "Glossary", [Part("", [Rows(rows)])])


def vocabularies(run: Run) -> list[Vocabulary]:
    """The words in which the page speaks of detectors, each once.

    Args:
        run: the run.
    """
    found = [shared_by((one.spec for one in group.series), run.profile) for group in run.of("detection")]
    return list(dict.fromkeys(found))


def _explained(words: Vocabulary) -> str:
    names = f"{words.attack_error_title}; {words.bona_fide_error_title}"
    return f"{names}. {words.meaning}" + (f" Source: {words.source}." if words.source else "")
