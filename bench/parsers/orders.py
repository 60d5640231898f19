"""In which order other parsers have the 19 labels of CelebAMask-HQ, and what they call them.

The files of CelebAMask-HQ, after which networks name their classes, call ``l_eye``, ``l_brow`` and ``l_ear`` what is
the PERSON's left, the right side of the picture (`bench.datasets.celebamask_hq` counted it); impersona's sides are the
picture's. A network that was trained on those files therefore means our label 5 by ``l_eye``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.errors import UnknownName
from bench.parsers.labels import MIRRORED

Sides = Literal["person", "picture"]

NAMES: Mapping[str, int] = {
    "background": 0, "skin": 1, "nose": 2, "eye_g": 3, "l_eye": 4, "r_eye": 5, "l_brow": 6, "r_brow": 7, "l_ear": 8,
    "r_ear": 9, "mouth": 10, "u_lip": 11, "l_lip": 12, "hair": 13, "hat": 14, "ear_r": 15, "neck_l": 16, "neck": 17,
    "cloth": 18,
}  # fmt: skip
"""What the files of CelebAMask-HQ call a label, to the label with that name's side taken as the picture's."""

ORDERS: Mapping[str, tuple[str, ...]] = {
    "celebamask_hq": tuple(NAMES),
    "face_parsing_pytorch": (
        "background", "skin", "l_brow", "r_brow", "l_eye", "r_eye", "eye_g", "l_ear", "r_ear", "ear_r", "nose", "mouth",
        "u_lip", "l_lip", "neck", "neck_l", "cloth", "hair", "hat",
    ),
}  # fmt: skip
"""Two orders in wide use.

``celebamask_hq`` is that of the data set's own parser (switchablenorms/CelebAMask-HQ, face_parsing),
``face_parsing_pytorch`` that of the BiSeNet networks that go back to zllrunning/face-parsing.PyTorch
(prepropess_data.py; issue 12 there), such as facexlib's and those of yakhyo/face-parsing.
"""


def label_table(order: str | Sequence[str], sides: Sides) -> NDArray[np.uint8]:
    """Which of our labels each class of a network is.

    Args:
        order: the name of one of `ORDERS`, or the names of a network's classes, each from `NAMES`; two classes may have
            one name.
        sides: whose left ``l_`` means.

    Returns:
        uint8 (C,), class to label.

    Raises:
        UnknownName: no such order, or no such class.
    """
    if isinstance(order, str):
        if order not in ORDERS:
            raise UnknownName("order of classes", order, ORDERS, "or give a list of the classes' names")
        order = ORDERS[order]
    for name in order:
        if name not in NAMES:
            raise UnknownName("class of a parser", name, NAMES)
    labels = np.array([NAMES[name] for name in order], dtype=np.uint8)
    return MIRRORED[labels] if sides == "person" else labels
