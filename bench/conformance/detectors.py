"""What a detector promises: one finite score a crop, higher for an attack, whatever else is in the batch."""

from __future__ import annotations

from typing import Any, Literal

from bench.api import Crops
from bench.conformance.finding import Inspection, expect, expect_refusal, in_words
from bench.conformance.subject import Subject
from bench.conformance.values import ask_template, batch_of, expect_array, expect_finite, expect_option, expect_same

CROPS = 6
ORDER = [3, 5, 1, 0, 2, 4]
Species = Literal["forgery", "morph", "presentation"]


def ask_detector(asks: Inspection, subject: Subject, detector: Any) -> None:
    """Asks what `bench.api.Detector` promises."""
    with asks.promise("Detector.species", "a tuple of the attacks that it knows: forgery, morph, presentation"):
        species = detector.species
        expect(isinstance(species, tuple) and species, in_words(species), "a tuple with one species or more")
        for one in species:
            expect_option(one, Species)
        expect(len(set(species)) == len(species), in_words(species), "each species once")
    with asks.promise("Detector.differential", "a bool"):
        expect(isinstance(detector.differential, bool), in_words(detector.differential), "True or False")
    known = asks.last_kept
    template = ask_template(asks, "Detector", detector)
    if template is None or not known:
        asks.stop("Detector.attack_scores", "float32 (N,), finite", "template or differential is broken")
        return
    _ask_scores(asks, subject, detector, template)


def _ask_scores(asks: Inspection, subject: Subject, detector: Any, template: Any) -> None:
    scores: Any = None
    references: Crops | None = None
    with asks.promise("Detector.attack_scores", "float32 (N,), finite"):
        crops = batch_of(template, CROPS)
        references = crops[::-1].copy() if detector.differential else None
        scores = detector.attack_scores(crops.copy(), references)
        expect_array(scores, "float32", (CROPS,))
        expect_finite(scores)
    if not asks.last_kept:
        return
    with asks.promise("Detector.attack_scores", "the same scores again, and from a second instance"):
        for other in (detector, subject.fresh()):
            again = other.attack_scores(crops.copy(), references)
            expect_same(scores, again, "scores", "set every seed, fix the number of threads")
    with asks.promise("Detector.attack_scores", "a score depends on its own crop only"):
        moved = references[ORDER].copy() if references is not None else None
        again = detector.attack_scores(crops[ORDER].copy(), moved)
        expect_same(scores[ORDER], again, "scores", "use no statistics of the batch, and batches of one size")
    with asks.promise("Detector.attack_scores", "the crops are left as they were"):
        given, trusted = crops.copy(), None if references is None else references.copy()
        detector.attack_scores(given, trusted)
        expect_same(crops, given, "crops", "work on a copy")
        if references is not None:
            expect_same(references, trusted, "references", "work on a copy")
    if detector.differential:
        with asks.promise("Detector.attack_scores", "a differential detector refuses to score without references"):
            expect_refusal(lambda: detector.attack_scores(crops.copy()), "no reference", "references")
