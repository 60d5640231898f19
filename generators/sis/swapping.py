"""Whom the faces of a training step shall show: the people in the photos, and, for some, somebody else: ours."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bench.errors import ConfigError
from generators.sis.settings import SisPreset
from generators.training.batches import TrainingBatch


class Wanted(NamedTuple):
    """Whom the faces of a batch shall show.

    Attributes:
        identity: float (N, D), what the generator is given and the identity loss asks for; None for neither.
        swapped: how many faces, the first of the batch, get another person's.
    """

    identity: Tensor | None
    swapped: int


def whom_to_show(batch: TrainingBatch, draw: torch.Generator, preset: SisPreset, share: float) -> Wanted:
    """The identity of each face; the first of the batch, which is in a random order anyway, get another person's.

    Args:
        batch: with `identity`, and with `subjects` where somebody is swapped.
        draw: on the batch's device.
        preset: whose `mixed` of the swapped faces come to lie between both people, anywhere on the line.
        share: of the batch that is swapped; so much on average where that is no whole number.

    Raises:
        ConfigError: the embeddings have another length than the preset's.
    """
    own = batch.identity
    if own is None:
        return Wanted(None, 0)
    if preset.identity and own.shape[1] != preset.identity:
        raise ConfigError(
            f"identity: got embeddings of {own.shape[1]} numbers, expected {preset.identity}; take another recognizer,"
            f" or --set identity={own.shape[1]}"
        )
    whole, rest = divmod(share * len(batch), 1)
    more = bool(rest) and float(torch.rand((), generator=draw, device=draw.device)) < rest
    swapped = int(whole) + more
    if not swapped:
        return Wanted(own, 0)
    assert batch.subjects is not None
    theirs = own[someone_else(batch.subjects, draw)[:swapped]]
    if preset.mixed:
        # Of those that are mixed, a strength between 0 and 1; of the others, 1.
        drawn = torch.rand(swapped, 2, generator=draw, device=own.device)
        strength = torch.where(drawn[:, :1] < preset.mixed, drawn[:, 1:], 1.0)
        theirs = torch.lerp(own[:swapped], theirs, strength)
    return Wanted(torch.cat([theirs, own[swapped:]]), swapped)


def someone_else(subjects: Tensor, draw: torch.Generator) -> Tensor:
    """For each face of a batch a face of another person, drawn uniformly.

    Args:
        subjects: int64 (N,), equal numbers are one person.
        draw: on their device.

    Returns:
        int64 (N,); where all are one person, the face itself.
    """
    same = subjects[:, None] == subjects[None, :]
    drawn = torch.rand(same.shape, generator=draw, device=subjects.device)
    found = drawn.masked_fill(same, -1.0).argmax(dim=1)
    itself = torch.arange(len(subjects), device=subjects.device)
    return torch.where(same.all(dim=1), itself, found)
