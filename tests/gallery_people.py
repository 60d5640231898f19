"""Galleries, strangers and made faces as embeddings, drawn by chance: for simulations of leakage and impersonation.

A person is a random direction, a photo of them that direction and noise, a made face the sum of its contributors'
directions and noise; scores are cosines. *Hubs* are people near one common direction, in which every face lies a
little: some are like many others, so that galleries differ by who is in them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.metrics.galleries import HighMaxima, highest
from bench.metrics.impersonation import GalleryScores
from bench.metrics.leakage import LeakageScores
from bench.metrics.shares import Contributors

Rows = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """What is drawn.

    Attributes:
        faces: M made faces.
        contributors: people who contribute to them.
        each: K, how many to a face.
        people: P, in a gallery.
        photos: of each person in a gallery.
        strangers: people of the cohort, two photos each.
        dimension: of embeddings.
        hubs: share of people who are hubs.
    """

    faces: int = 300
    contributors: int = 60
    each: int = 1
    people: int = 100
    photos: int = 2
    strangers: int = 100
    dimension: int = 32
    hubs: float = 0.0

    def crowd(self, rng: np.random.Generator, count: int) -> Rows:
        """The directions of so many people."""
        drawn = rng.standard_normal((count, self.dimension))
        if self.hubs:
            drawn[:, 0] += np.sqrt(self.dimension) * np.where(rng.random(count) < self.hubs, 3.0, 0.6)
        return unit(drawn)

    def seen(self, rng: np.random.Generator, crowd: Rows, photos: int) -> Rows:
        """Photos of people, (people, photos, D)."""
        noise = rng.standard_normal((len(crowd), photos, self.dimension)) * (0.6 / np.sqrt(self.dimension))
        return unit(crowd[:, np.newaxis] + noise)

    def made(self, rng: np.random.Generator) -> tuple[Rows, Contributors]:
        """Made faces, (M, D), and whose they are."""
        codes = np.arange(self.faces)[:, np.newaxis] % self.contributors
        if self.each > 1:
            codes = rng.random((self.faces, self.contributors)).argsort(axis=1)[:, : self.each]
        crowd = self.crowd(rng, self.contributors)
        noise = rng.standard_normal((self.faces, self.dimension)) * (0.9 / np.sqrt(self.dimension))
        return unit(crowd[codes].sum(axis=1) / np.sqrt(self.each) + noise), Contributors(
            codes.astype(np.int32), self.contributors
        )

    def cohort(self, rng: np.random.Generator) -> tuple[Rows, Contributors]:
        """Photos of strangers, (C, D), and whose they are."""
        photos = self.seen(rng, self.crowd(rng, self.strangers), 2).reshape(-1, self.dimension)
        codes = np.repeat(np.arange(self.strangers, dtype=np.int32), 2)[:, np.newaxis]
        return photos, Contributors(codes, self.strangers)

    def gallery(self, rng: np.random.Generator) -> Rows:
        """Photos of P people, (P, photos, D)."""
        return self.seen(rng, self.crowd(rng, self.people), self.photos)

    def leakage(self, rng: np.random.Generator) -> LeakageScores:
        """Faces that have nothing to do with either gallery."""
        return self.leakage_of_part(rng)[0]

    def leakage_of_part(
        self, rng: np.random.Generator, people: int | None = None
    ) -> tuple[LeakageScores, LeakageScores]:
        """The same, and with only so many people in either gallery."""
        (faces, contributors), (strangers, cohort) = self.made(rng), self.cohort(rng)
        train, holdout = self.gallery(rng), self.gallery(rng)

        def scores(number: int | None) -> LeakageScores:
            few, others = train[:number], holdout[:number]
            return LeakageScores(
                maxima(faces, few), maxima(faces, others), contributors,
                highest(maxima(strangers, few)), highest(maxima(strangers, others)), cohort,
            )  # fmt: skip

        return scores(None), scores(people)

    def impersonation(self, rng: np.random.Generator) -> GalleryScores:
        """Faces that have nothing to do with the gallery."""
        (faces, contributors), (strangers, people) = self.made(rng), self.cohort(rng)
        enrolled = self.gallery(rng)
        sides = (HighMaxima.of(maxima(rows, enrolled)) for rows in (faces, strangers))
        return GalleryScores(next(sides), contributors, next(sides), people)


def maxima(probes: Rows, gallery: Rows) -> NDArray[np.float32]:
    """The highest cosine of each probe with any photo of each person."""
    people, photos, dimension = gallery.shape
    scores = probes.astype(np.float32) @ gallery.reshape(-1, dimension).T.astype(np.float32)
    best: NDArray[np.float32] = scores.reshape(len(probes), people, photos).max(axis=2)
    return best


def unit(rows: Rows) -> Rows:
    """Rows of length 1."""
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)
