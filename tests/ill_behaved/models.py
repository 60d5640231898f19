"""What any plugin, recognizers and detectors can do wrong."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from bench.api import Template
from tests.ill_behaved.deeds import NONE_OF, Deed, count, darken, draw, in_turn, of_the_batch, returns, sets, spoils


def counts_instances(toy: Any) -> None:
    number = count()
    returns("fingerprint", lambda found: found | {"number": number})(toy)


def notes_its_device(toy: Any) -> None:
    returns("fingerprint", lambda found: found | {"worked": "device" in toy.__dict__})(toy)
    spoils("embed", lambda crops: setattr(toy, "device", "cpu"))(toy)


ANY_PLUGIN: dict[str, Deed] = {
    "fingerprint is a list": Deed("recognizer", returns("fingerprint", list), "Plugin.fingerprint", "a mapping"),
    "fingerprint holds a list": Deed(
        "recognizer", returns("fingerprint", lambda f: f | {"regions": ["eyes"]}), "Plugin.fingerprint", "join a list"
    ),
    "fingerprint holds a NumPy number": Deed(
        "recognizer", returns("fingerprint", lambda f: f | {"gain": np.float32(1)}), "Plugin.fingerprint", "gain"
    ),
    "fingerprint holds NaN": Deed(
        "recognizer", returns("fingerprint", lambda f: f | {"gain": float("nan")}), "Plugin.fingerprint", "gain"
    ),
    "fingerprint holds a path": Deed(
        "recognizer", returns("fingerprint", lambda f: f | {"m": "/home/me/net.onnx"}), "Plugin.fingerprint", "SHA-256"
    ),
    "fingerprint holds a drive": Deed(
        "recognizer", returns("fingerprint", lambda f: f | {"m": "C:\\net.onnx"}), "Plugin.fingerprint", "SHA-256"
    ),
    "fingerprint holds the time": Deed(
        "recognizer",
        returns("fingerprint", lambda f: f | {"now": time.monotonic_ns()}),
        "Plugin.fingerprint",
        "now: int",
    ),
    "fingerprint differs by instance": Deed(
        "recognizer", counts_instances, "Plugin.fingerprint", "leave out times, counters and ids"
    ),
    "fingerprint changes with work": Deed(
        "recognizer", notes_its_device, "Plugin.fingerprint", "worked: bool False, then bool True"
    ),
    "the constructor raises": Deed("recognizer", lambda toy: {}["absent"], "PluginRow.target", "KeyError: 'absent'"),
}

DEEDS: dict[str, Deed] = {
    # recognizers
    "an unknown comparison": Deed("recognizer", sets(comparison="l2"), "Recognizer.comparison", "'cosine', 'neg_l2'"),
    "no batch": Deed("recognizer", sets(batch_size=0), "Recognizer.batch_size", "at least 1"),
    "a batch of True": Deed("recognizer", sets(batch_size=True), "Recognizer.batch_size", "at least 1"),
    "a template by name": Deed("recognizer", sets(template="arcface112"), "Recognizer.template", "bench.api.Template"),
    "four points for five": Deed(
        "recognizer",
        sets(template=Template("t", 32, {"field5": np.zeros((4, 2), np.float32)})),
        "Recognizer.template",
        "(5, 2)",
    ),
    "an unknown aligner": Deed(
        "recognizer", sets(default_aligner=lambda: {"name": "yunett"}), "Recognizer.default_aligner", "yunet"
    ),
    "an unknown setting": Deed(
        "recognizer",
        sets(default_aligner=lambda: {"name": "dlib_hog", "point": 68}),
        "Recognizer.default_aligner",
        "expected what a sweep file may say",
    ),
    "an aligner that does not fit": Deed(
        "recognizer", sets(default_aligner=lambda: {"name": "dlib_hog"}), "Recognizer.default_aligner", "points: 68"
    ),
    "embeddings of float64": Deed(
        "recognizer", returns("embed", lambda e: e.astype(float)), "Recognizer.embed", "float32 (4, D)"
    ),
    "embeddings of half the batch": Deed(
        "recognizer", returns("embed", lambda e: e[:2]), "Recognizer.embed", "float32 (4, D)"
    ),
    "embeddings that are not finite": Deed(
        "recognizer", returns("embed", NONE_OF), "Recognizer.embed", "28 of 28 numbers"
    ),
    "embeddings at random": Deed(
        "recognizer", returns("embed", lambda e: e + draw()), "Recognizer.embed", "set every seed"
    ),
    "embeddings of the batch": Deed("recognizer", returns("embed", of_the_batch), "Recognizer.embed", "no statistics"),
    "embeddings by place": Deed(
        "recognizer",
        returns("embed", lambda e: e + np.arange(4, dtype=np.float32)[:, None]),
        "Recognizer.embed",
        "no statistics",
    ),
    "embed paints": Deed("recognizer", spoils("embed", darken), "Recognizer.embed", "work on a copy"),
    "embeddings of zeros": Deed(
        "recognizer", returns("embed", np.zeros_like), "Recognizer.comparison", "or compare by neg_l2"
    ),
    "nothing ran": Deed("recognizer", sets(runtime=dict), "Recognizer.runtime", "device"),
    "embed raises": Deed("recognizer", spoils("embed", lambda crops: {}["key"]), "Recognizer.embed", "KeyError: 'key'"),
    "a tensor far away": Deed(
        "gradients", returns("embed_tensor", lambda e: e + 1), "GradientRecognizer.embed_tensor", "away from embed"
    ),
    "a tensor without gradient": Deed(
        "gradients",
        returns("embed_tensor", lambda e: e.detach().requires_grad_(True)),
        "GradientRecognizer.embed_tensor",
        "detach nothing",
    ),
    # detectors
    "a species by name": Deed("detector", sets(species="morph"), "Detector.species", "a tuple"),
    "an unknown species": Deed("detector", sets(species=("deepfake",)), "Detector.species", "'forgery'"),
    "differential is 0": Deed("detector", sets(differential=0), "Detector.differential", "True or False"),
    "a detector without batch": Deed("detector", sets(batch_size=0), "Detector.batch_size", "at least 1"),
    "a detector of batch 2.0": Deed("detector", sets(batch_size=2.0), "Detector.batch_size", "at least 1"),
    "a detector's template by name": Deed(
        "detector", sets(template="arcface112"), "Detector.template", "bench.api.Template"
    ),
    "a detector's unknown aligner": Deed(
        "detector", sets(default_aligner=lambda: {"name": "yunett"}), "Detector.default_aligner", "yunet"
    ),
    "a detector's aligner that does not fit": Deed(
        "detector", sets(default_aligner=lambda: {"name": "dlib_hog"}), "Detector.default_aligner", "points: 68"
    ),
    "no detector ran": Deed("detector", sets(runtime=dict), "Detector.runtime", "device"),
    "a detector ran a number": Deed(
        "detector", sets(runtime=lambda: {"device": 0}), "Detector.runtime", "text to text"
    ),
    "scores in a column": Deed(
        "detector", returns("attack_scores", lambda s: s[:, None]), "Detector.attack_scores", "(6,)"
    ),
    "scores of float64": Deed(
        "detector", returns("attack_scores", lambda s: s.astype(float)), "Detector.attack_scores", "float32"
    ),
    "scores of NaN": Deed("detector", returns("attack_scores", NONE_OF), "Detector.attack_scores", "finite"),
    "scores that change": Deed(
        "detector", in_turn("attack_scores", np.float32(0), np.float32(1)), "Detector.attack_scores", "set every seed"
    ),
    "scores of the batch": Deed(
        "detector", returns("attack_scores", of_the_batch), "Detector.attack_scores", "no statistics"
    ),
    "scores by place": Deed(
        "detector",
        returns("attack_scores", lambda s: s + np.arange(6, dtype=np.float32)),
        "Detector.attack_scores",
        "no statistics",
    ),
    "a detector that paints": Deed(
        "detector", spoils("attack_scores", darken), "Detector.attack_scores", "work on a copy"
    ),
    "scores without reference": Deed(
        "detector",
        sets(differential=True, attack_scores=lambda crops, references=None: crops.mean((1, 2, 3))),
        "Detector.attack_scores",
        "no reference",
    ),
}
