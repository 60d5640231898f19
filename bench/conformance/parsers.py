"""What a parser promises: 19-class labels of every pixel of a crop."""

from __future__ import annotations

from typing import Any

from bench.conformance.finding import Inspection
from bench.conformance.subject import Subject
from bench.conformance.values import ask_template, batch_of, expect_labels, expect_same

CROPS = 4


def ask_parser(asks: Inspection, subject: Subject, parser: Any) -> None:
    """Asks what `bench.api.Parser` promises."""
    template = ask_template(asks, "Parser", parser)
    if template is None:
        asks.stop("Parser.parse", "uint8 (N, S, S), labels 0 to 18", "template is broken")
        return
    labels: Any = None
    with asks.promise("Parser.parse", "uint8 (N, S, S), labels 0 to 18"):
        crops = batch_of(template, CROPS)
        labels = parser.parse(crops.copy())
        expect_labels(labels, (CROPS, template.side, template.side))
    if not asks.last_kept:
        return
    with asks.promise("Parser.parse", "the same labels again, and from a second instance"):
        for other in (parser, subject.fresh()):
            expect_same(labels, other.parse(crops.copy()), "label maps", "set every seed, fix the number of threads")
    with asks.promise("Parser.parse", "a crop's labels depend on that crop only"):
        order = [2, 3, 1, 0]
        expect_same(labels[order], parser.parse(crops[order].copy()), "label maps", "use no statistics of the batch")
    with asks.promise("Parser.parse", "the crops are left as they were"):
        given = crops.copy()
        parser.parse(given)
        expect_same(crops, given, "crops", "work on a copy")
