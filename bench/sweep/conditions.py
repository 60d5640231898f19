"""What the bench can give to a maker of faces besides pictures."""

from bench.api import IDENTITIES

MASKS = frozenset({"masks", "reference_masks"})
"""The conditions for which a data set must know what each pixel shows, or a parser say so."""

AVAILABLE = frozenset({"references", "landmarks", "reference_landmarks"}) | MASKS | IDENTITIES
"""The fields of `bench.api.FaceBatch` that `bench.sweep.contributors` fills."""

HELPERS = ("maker_parser", "maker_identity", "maker_identity_aligner")
"""Parts of a cell's spec that are there where its maker needs them: who labels photos, and who embeds them."""
