"""What a recognizer promises: finite embeddings that depend on their own crop only, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.api import Comparison, Crops, Embeddings, Template
from bench.conformance.finding import Inspection, NotAsked, expect, in_words
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
from bench.errors import ConfigError

TOLERANCE = 1e-3
"""How far the differentiable embedding may be from the other, as a share of the embedding's length."""


def ask_recognizer(asks: Inspection, subject: Subject, recognizer: Any) -> None:
    """Asks what `bench.api.Recognizer` promises, and `GradientRecognizer` where it has `embed_tensor`."""
    with asks.promise("Recognizer.comparison", "'cosine' or 'neg_l2'"):
        expect_option(recognizer.comparison, Comparison)
    with asks.promise("Recognizer.batch_size", "an int of at least 1"):
        expect_count(recognizer.batch_size)
    sized = asks.last_kept
    template = ask_template(asks, "Recognizer", recognizer)
    if template is None or not sized:
        asks.stop("Recognizer.embed", "float32 (N, D), finite", "template or batch_size is broken")
        return
    ask_default_aligner(asks, "Recognizer", recognizer, template)
    crops: Crops | None = None
    embeddings: Any = None
    with asks.promise("Recognizer.embed", "float32 (N, D), finite"):
        crops = batch_of(template, recognizer.batch_size)
        embeddings = _first_embeddings(recognizer, crops)
        expect_array(embeddings, "float32", (recognizer.batch_size, "D"))
        expect_finite(embeddings)
    if crops is None or not asks.last_kept:
        return
    _ask_embeddings(asks, subject, recognizer, crops, embeddings)
    with asks.promise("Recognizer.runtime", "text to text, with provider or device, known after the first embed"):
        ran = recognizer.runtime()
        words = all(isinstance(part, str) for pair in dict(ran).items() for part in pair)
        expect(words and {"provider", "device"} & set(ran), in_words(ran), 'text to text, such as {"device": "cpu"}')
    if hasattr(recognizer, "embed_tensor"):
        _ask_gradients(asks, recognizer, template, crops, embeddings)


def _first_embeddings(recognizer: Any, crops: Crops) -> Any:
    try:
        return recognizer.embed(crops.copy())
    except ConfigError as error:
        if recognizer.template.targets:
            raise
        raise NotAsked(f"it looks at no pictures: {error}") from error  # it compares what an EmbeddedDataset brings


def _ask_embeddings(asks: Inspection, subject: Subject, recognizer: Any, crops: Crops, embeddings: Embeddings) -> None:
    with asks.promise("Recognizer.embed", "the same bits again, and from a second instance"):
        for other in (recognizer, subject.fresh()):
            again = other.embed(crops.copy())
            expect_same(embeddings, again, "embeddings", "set every seed, fix the number of threads")
    with asks.promise("Recognizer.embed", "an embedding does not depend on what shares its batch"):
        change = "compute each row by itself: no statistics of the batch, one shape and one number of threads always"
        order = np.random.default_rng(0).permutation(len(crops))
        expect_same(embeddings[order], recognizer.embed(crops[order].copy()), "embeddings", change)
        padded = np.zeros_like(crops)
        padded[0] = crops[0]
        expect_same(embeddings[:1], recognizer.embed(padded)[:1], "embeddings", f"{change} (beside black crops)")
    with asks.promise("Recognizer.embed", "the crops are left as they were"):
        given = crops.copy()
        recognizer.embed(given)
        expect_same(crops, given, "crops", "work on a copy")
    if recognizer.comparison == "cosine":
        with asks.promise("Recognizer.comparison", "no embedding of zeros only, which has no cosine"):
            zeros = int((~embeddings.any(axis=1)).sum())
            expect(not zeros, f"{zeros} embeddings of zeros", "none", "or compare by neg_l2")


def _ask_gradients(asks: Inspection, recognizer: Any, template: Template, crops: Crops, embeddings: Embeddings) -> None:
    import torch

    side = template.side
    given = torch.from_numpy(crops.copy()).requires_grad_(True)
    found: Any = None
    with asks.promise("GradientRecognizer.embed_tensor", "float32 (N, D) on the crops' device, close to embed"):
        found = recognizer.embed_tensor(given)
        fits = isinstance(found, torch.Tensor) and found.dtype == torch.float32 and found.device == given.device
        expect(fits, type(found).__name__, f"a float32 tensor on {given.device}")
        expect(tuple(found.shape) == embeddings.shape, f"{tuple(found.shape)}", f"{embeddings.shape}")
        away = float(np.abs(found.detach().numpy() - embeddings).max())
        scale = float(np.linalg.norm(embeddings, axis=1).max())
        expect(away <= TOLERANCE * scale, f"{away:.2g} away from embed", f"at most {TOLERANCE * scale:.2g}")
    if not asks.last_kept:
        return
    with asks.promise("GradientRecognizer.embed_tensor", f"gradients flow to the crops, (N, 3, {side}, {side})"):
        found.square().sum().backward()
        gradient = given.grad
        expect(gradient is not None, "no gradient", "one for each pixel", "detach nothing, use no NumPy on the way")
        sound = gradient is not None and bool(torch.isfinite(gradient).all()) and bool(gradient.any())
        expect(sound, "a gradient of zeros, or one that is not finite", "finite ones that are not all zero")
