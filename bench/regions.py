"""The regions of a face by name: the 19 classes of CelebAMask-HQ, and the groups of them that sweeps speak of.

Source: the groups of CA2-SIS's released test script (arXiv 2308.16071); whole face, ears, lips and all are ours.
"""

from __future__ import annotations

from typing import Final

CLASSES: Final = (
    "background", "skin", "nose", "glasses", "left_eye", "right_eye", "left_brow", "right_brow", "left_ear",
    "right_ear", "inner_mouth", "upper_lip", "lower_lip", "hair", "hat", "earring", "necklace", "neck", "cloth",
)  # fmt: skip
"""The 19 classes of CelebAMask-HQ by number; left and right are those of the picture."""

FACE_CLASSES: Final = frozenset({1, 2, 4, 5, 6, 7, 10, 11, 12})

GROUPS: Final = {
    "eyes": frozenset({4, 5}),
    "brows": frozenset({6, 7}),
    "eyes_brows": frozenset({4, 5, 6, 7}),
    "nose": frozenset({2}),
    "mouth": frozenset({10, 11, 12}),
    "skin": frozenset({1, 2}),
    "face": FACE_CLASSES,
    "ears": frozenset({8, 9}),
}
"""Name to classes. ``skin`` has the nose with it, as in CA2-SIS."""

MASK_REGIONS: Final = {
    **GROUPS,
    **{name: frozenset({number}) for number, name in enumerate(CLASSES) if name not in GROUPS},
}
"""Name to classes, where masks say where it is: the groups, and every class by its name."""

STYLE_REGIONS: Final = {
    **MASK_REGIONS,
    "lips": frozenset({11, 12}),
    "makeup": frozenset({5, 12}),
    "all": frozenset(range(len(CLASSES))),
}
"""Name to classes whose style may be another face's; ``makeup`` is one eye and the lower lip, as CA2-SIS has it."""
