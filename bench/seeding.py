"""Random streams and the split by person, both derived from names, so that order and parallelism change nothing."""

from __future__ import annotations

import hashlib
from typing import Literal

import numpy as np

Split = Literal["train", "dev", "eval"]


def stream(seed: int, *names: str) -> np.random.Generator:
    """The random stream that belongs to a seed and a path of names.

    Args:
        seed: the sweep's seed, any integer.
        names: what the stream is for, from coarse to fine; ``("pairs", "lfw")``.

    Returns:
        A NumPy generator; the same arguments give the same stream on every machine.
    """
    digest = hashlib.sha256("\x1f".join((str(int(seed)), *names)).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype="<u4").astype(np.uint32).tolist())


def split_of(subject: str) -> Split:
    """The part of the data that a person belongs to: 60 % train, 20 % dev, 20 % eval.

    SHA-256 of the data set's own subject name, first 8 bytes big-endian, modulo 10: 0-5 train, 6-7 dev, 8-9 eval.

    Args:
        subject: the name by which the data set knows the person.
    """
    bucket = int.from_bytes(hashlib.sha256(subject.encode()).digest()[:8], "big") % 10
    return "train" if bucket < 6 else "dev" if bucket < 8 else "eval"
