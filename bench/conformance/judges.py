"""What a judge of attributes promises: how likely each is, of a crop, which depends on that crop only."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.conformance.finding import Inspection, expect, in_words
from bench.conformance.subject import Subject
from bench.conformance.values import (
    ask_default_aligner,
    ask_template,
    batch_of,
    expect_array,
    expect_count,
    expect_finite,
    expect_same,
)


def ask_judge(asks: Inspection, subject: Subject, judge: Any) -> None:
    """Asks what `bench.api.AttributeJudge` promises."""
    promise = "float32 (N, A), in [0, 1]"
    with asks.promise("AttributeJudge.batch_size", "an int of at least 1"):
        expect_count(judge.batch_size)
    sized = asks.last_kept
    with asks.promise("AttributeJudge.attributes", "a tuple of different names"):
        names = judge.attributes
        named = isinstance(names, tuple) and all(isinstance(name, str) and name for name in names)
        expect(named and 0 < len(set(names)) == len(names), in_words(names), 'a tuple such as ("Smiling", "Young")')
    sized &= asks.last_kept
    template = ask_template(asks, "AttributeJudge", judge)
    if template is None or not sized:
        asks.stop("AttributeJudge.judge", promise, "template, batch_size or attributes is broken")
        return
    ask_default_aligner(asks, "AttributeJudge", judge, template)
    found: Any = None
    crops = batch_of(template, judge.batch_size)
    with asks.promise("AttributeJudge.judge", promise):
        found = judge.judge(crops.copy())
        expect_array(found, "float32", (judge.batch_size, len(judge.attributes)))
        expect_finite(found)
        low, high = float(found.min()), float(found.max())
        expect(low >= 0 and high <= 1, f"values from {low:.4g} to {high:.4g}", "0 to 1")
    if not asks.last_kept:
        return
    with asks.promise("AttributeJudge.judge", "the same judgement again, and from a second instance"):
        for other in (judge, subject.fresh()):
            expect_same(found, other.judge(crops.copy()), "judgements", "set every seed, fix the number of threads")
    with asks.promise("AttributeJudge.judge", "what is said of a crop depends on that crop only"):
        change = "use no statistics of the batch, one shape and one number of threads always"
        order = np.roll(np.arange(len(crops)), 1)
        expect_same(found[order], judge.judge(crops[order].copy()), "judgements", change)
    with asks.promise("AttributeJudge.judge", "the crops are left as they were"):
        given = crops.copy()
        judge.judge(given)
        expect_same(crops, given, "crops", "work on a copy")
    with asks.promise("AttributeJudge.runtime", "text to text, with provider or device, known after the first judge"):
        ran = judge.runtime()
        words = all(isinstance(part, str) for pair in dict(ran).items() for part in pair)
        expect(words and {"provider", "device"} & set(ran), in_words(ran), 'text to text, such as {"device": "cpu"}')
