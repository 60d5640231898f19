"""What a parser promises: 19-class labels of every pixel of a crop, which depend on that crop only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import Crops
from bench.conformance.finding import Inspection, expect, in_words
from bench.conformance.subject import Subject
from bench.conformance.values import (
    ask_default_aligner,
    ask_template,
    batch_of,
    expect_count,
    expect_labels,
    expect_same,
)


def ask_parser(asks: Inspection, subject: Subject, parser: Any) -> None:
    """Asks what `bench.api.Parser` promises."""
    with asks.promise("Parser.batch_size", "an int of at least 1"):
        expect_count(parser.batch_size)
    sized = asks.last_kept
    template = ask_template(asks, "Parser", parser)
    if template is None or not sized:
        asks.stop("Parser.parse", "uint8 (N, S, S), labels 0 to 18", "template or batch_size is broken")
        return
    ask_default_aligner(asks, "Parser", parser, template)
    crops: Crops | None = None
    labels: Any = None
    with asks.promise("Parser.parse", "uint8 (N, S, S), labels 0 to 18"):
        crops = batch_of(template, parser.batch_size)
        labels = parser.parse(crops.copy())
        expect_labels(labels, (parser.batch_size, template.side, template.side))
    if crops is None or not asks.last_kept:
        return
    _ask_labels(asks, subject, parser, crops, labels)
    with asks.promise("Parser.runtime", "text to text, with provider or device, known after the first parse"):
        ran = parser.runtime()
        words = all(isinstance(part, str) for pair in dict(ran).items() for part in pair)
        expect(words and {"provider", "device"} & set(ran), in_words(ran), 'text to text, such as {"device": "cpu"}')


def _ask_labels(asks: Inspection, subject: Subject, parser: Any, crops: Crops, labels: NDArray[np.uint8]) -> None:
    with asks.promise("Parser.parse", "the same labels again, and from a second instance"):
        for other in (parser, subject.fresh()):
            expect_same(labels, other.parse(crops.copy()), "label maps", "set every seed, fix the number of threads")
    with asks.promise("Parser.parse", "a crop's labels depend on that crop only"):
        change = "use no statistics of the batch, one shape and one number of threads always"
        order = np.roll(np.arange(len(crops)), 1)
        expect_same(labels[order], parser.parse(crops[order].copy()), "label maps", change)
        padded = np.zeros_like(crops)
        padded[0] = crops[0]
        expect_same(labels[:1], parser.parse(padded)[:1], "label maps", f"{change} (beside black crops)")
    with asks.promise("Parser.parse", "the crops are left as they were"):
        given = crops.copy()
        parser.parse(given)
        expect_same(crops, given, "crops", "work on a copy")
