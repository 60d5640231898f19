"""Of whom a training step mixes faces: several of the batch, different people, and who of them gives what."""

from __future__ import annotations

import torch
from torch import Tensor

from generators.mixsyn.assignment import Assignment, drawn_assignment, numbers_wanted, only_shown
from generators.mixsyn.settings import MixSynPreset


def drawn_mixture(
    preset: MixSynPreset, masks: Tensor, subjects: Tensor | None, mixed: int, draw: torch.Generator
) -> Assignment:
    """Assignments for the first faces of a batch; each is the first source of its own mix.

    Args:
        preset: for `mixed_sources`, the fewest and the most of a mix, the parts, and whether shapes are mixed at all.
        masks: float (N, R, S, S), one-hot maps of the batch.
        subjects: int64 (N,), equal numbers are one person; None where all are different.
        mixed: M, how many faces.
        draw: on the device of the masks.

    Returns:
        (M, R), with faces of the batch in place of sources.
    """
    device, (fewest, most) = masks.device, preset.mixed_sources
    if subjects is None:
        subjects = torch.arange(len(masks), device=device)
    sources = strangers(subjects, mixed, most, draw)
    if masks.is_meta:  # whoever counts operations has no numbers to draw by
        return fixed_mixture(preset, masks, sources)
    counts = fewest + (torch.rand(mixed, 1, generator=draw, device=device) * (most + 1 - fewest)).long()
    there = torch.arange(most, device=device) < counts
    shown = (masks.amax(dim=(2, 3)) > 0)[sources] & there[:, :, None]
    numbers = torch.rand(mixed, numbers_wanted(preset.parts), generator=draw, device=device)
    assignment = drawn_assignment(preset.parts, shown, numbers)
    return _of_result(preset, assignment, shown).of_batch(sources)


def fixed_mixture(preset: MixSynPreset, masks: Tensor, sources: Tensor) -> Assignment:
    """An assignment in which the sources take turns, part by part, as samples show it.

    Args:
        preset: for its parts, and whether shapes are mixed at all.
        masks: float (N, R, S, S), one-hot maps of the batch.
        sources: int64 (M, K), faces of the batch.

    Returns:
        (M, R), with faces of the batch in place of sources.
    """
    turns = [0] * preset.regions
    for number, (_, classes) in enumerate(preset.parts):
        for one in classes:
            turns[one] = number % sources.shape[1]
    of_face = torch.tensor(turns, device=sources.device).expand(len(sources), -1)
    shown = (masks.amax(dim=(2, 3)) > 0)[sources]
    return _of_result(preset, only_shown(Assignment(of_face, of_face), shown), shown).of_batch(sources)


def strangers(subjects: Tensor, mixed: int, most: int, draw: torch.Generator) -> Tensor:
    """For each of the first faces of a batch itself and other people's faces, all of them different where that can be.

    Args:
        subjects: int64 (N,), equal numbers are one person.
        mixed: M.
        most: K.
        draw: on the device of the subjects.

    Returns:
        int64 (M, K), the first column 0 to M - 1. Where people run out, there are other faces of the same ones, and
        then the same faces again.
    """
    device = subjects.device
    found = [torch.arange(mixed, device=device)]
    # Of all faces the one with the largest number is next; who was taken falls behind all who were not.
    numbers = torch.rand(mixed, len(subjects), generator=draw, device=device)
    for _ in range(most - 1):
        taken = found[-1][:, None]
        numbers = numbers - (subjects[taken] == subjects).float()
        numbers = numbers.scatter_add(1, taken, numbers.new_full(taken.shape, -float(most)))
        found.append(numbers.argmax(dim=1))
    return torch.stack(found, dim=1)


def _of_result(preset: MixSynPreset, assignment: Assignment, shown: Tensor) -> Assignment:
    """The assignment itself, or, where the map of the result is given, styles alone on the first source's map."""
    if preset.compose:
        return assignment
    return only_shown(Assignment(torch.zeros_like(assignment.shape), assignment.style), shown)
