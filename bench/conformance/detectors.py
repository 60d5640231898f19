"""What a detector promises: one finite score a crop, higher for an attack, whatever else is in the batch."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.api import Crops, Template
from bench.conformance.finding import Inspection, expect, expect_refusal, in_words
from bench.conformance.subject import Subject
from bench.conformance.values import (
    ask_default_aligner,
    ask_template,
    batch_of,
    expect_array,
    expect_count,
    expect_finite,
    expect_option,
    expect_same,
)

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
    with asks.promise("Detector.batch_size", "an int of at least 1"):
        expect_count(detector.batch_size)
    known = known and asks.last_kept
    template = ask_template(asks, "Detector", detector)
    if template is None or not known:
        asks.stop("Detector.attack_scores", "float32 (N,), finite", "template, batch_size or differential is broken")
        return
    ask_default_aligner(asks, "Detector", detector, template)
    if not _ask_scores(asks, subject, detector, template):
        return
    with asks.promise("Detector.runtime", "text to text, with provider or device, known after the first attack_scores"):
        ran = detector.runtime()
        words = all(isinstance(part, str) for pair in dict(ran).items() for part in pair)
        expect(words and {"provider", "device"} & set(ran), in_words(ran), 'text to text, such as {"device": "cpu"}')


def _ask_scores(asks: Inspection, subject: Subject, detector: Any, template: Template) -> bool:
    """Asks about `attack_scores`; whether it gives any."""
    count = detector.batch_size
    crops: Crops | None = None
    references: Crops | None = None
    scores: Any = None
    with asks.promise("Detector.attack_scores", "float32 (N,), finite"):
        crops = batch_of(template, count)
        references = np.roll(crops, 1, axis=0) if detector.differential else None
        scores = detector.attack_scores(crops.copy(), _copy(references))
        expect_array(scores, "float32", (count,))
        expect_finite(scores)
    if crops is None or not asks.last_kept:
        return False
    with asks.promise("Detector.attack_scores", "the same scores again, and from a second instance"):
        for other in (detector, subject.fresh()):
            again = other.attack_scores(crops.copy(), _copy(references))
            expect_same(scores, again, "scores", "set every seed, fix the number of threads")
    with asks.promise("Detector.attack_scores", "a score does not depend on what shares its batch"):
        change = "use no statistics of the batch, one shape and one number of threads always"
        order = np.random.default_rng(0).permutation(count)
        again = detector.attack_scores(crops[order], _copy(references, order))
        expect_same(scores[order], again, "scores", change)
        again = detector.attack_scores(_padded(crops), None if references is None else _padded(references))
        expect_same(scores[:1], again[:1], "scores", f"{change} (beside black crops)")
    with asks.promise("Detector.attack_scores", "the crops are left as they were"):
        given, trusted = crops.copy(), _copy(references)
        detector.attack_scores(given, trusted)
        expect_same(crops, given, "crops", "work on a copy")
        if references is not None:
            expect_same(references, trusted, "references", "work on a copy")
    if detector.differential:
        with asks.promise("Detector.attack_scores", "a differential detector refuses to score without references"):
            expect_refusal(lambda: detector.attack_scores(crops.copy()), "no reference", "references")
    return True


def _copy(references: Crops | None, order: NDArray[np.intp] | None = None) -> Crops | None:
    """References that may be spoilt, in another order if one is given."""
    if references is None:
        return None
    return references.copy() if order is None else references[order]


def _padded(crops: Crops) -> Crops:
    """The first crop, and black ones, as the bench fills up a batch."""
    alone = np.zeros_like(crops)
    alone[0] = crops[0]
    return alone
