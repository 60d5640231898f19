"""Factors of learning rates by the step's number, for `generators.training.recipe.Scheduled`."""

from __future__ import annotations


def linear_decay(number: int, decay_from: int, decay_to: int) -> float:
    """1 up to step `decay_from`, then along a straight line to 0 at step `decay_to`, and 0 from there on.

    The last step that learns is the one before `decay_to`: a run of so many steps (`Ending.last_step`) ends there. With
    ``decay_from`` half of ``decay_to`` it is the schedule of pix2pixHD, SPADE and CA2-SIS: 50 epochs constant and 50
    falling, by steps in place of epochs.

    Args:
        number: of the step, from 0.
        decay_from: the last step with the whole rate.
        decay_to: the first one with none; equal to `decay_from` for a rate that stops at once.

    Raises:
        ValueError: they are not in this order.
    """
    if not 0 <= decay_from <= decay_to:
        raise ValueError(f"decay_from, decay_to: got {decay_from} and {decay_to}, expected 0 <= decay_from <= decay_to")
    if number <= decay_from and number < decay_to:
        return 1.0
    return max(0, decay_to - number) / max(1, decay_to - decay_from)
