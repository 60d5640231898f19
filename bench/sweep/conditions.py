"""What the bench can give to a maker of faces besides pictures."""

AVAILABLE = frozenset({"references", "landmarks", "reference_landmarks", "masks", "reference_masks"})
"""The fields of `bench.api.FaceBatch` that `bench.sweep.contributors` fills."""

MASKS = frozenset({"masks", "reference_masks"})
"""Those of them for which a data set must know what each pixel shows, or a parser say so."""
