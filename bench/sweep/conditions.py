"""What the bench can give to a maker of faces besides pictures."""

AVAILABLE = frozenset({"references", "landmarks", "reference_landmarks", "masks", "reference_masks"})
"""The fields of `bench.api.FaceBatch` that `bench.sweep.contributors` fills."""
