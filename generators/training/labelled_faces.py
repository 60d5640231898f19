"""The faces of a pack whose every attribute is known: what recipes learn from that learn attributes.

Attributes that networks predicted are brought to another scale first (`generators.training.label_scaling`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.errors import InsufficientData
from bench.provenance import value_digest
from generators.training.label_scaling import LabelScaling, predicted_scaling, standardising
from generators.training.source import Faces, PackSource

UNLABELLED = "unlabelled"
Scale = Literal["people", "standard", "given"]


class SourcedFaces(Faces, Protocol):
    """A pack that says which data set each face comes from."""

    dataset: NDArray[np.str_]


class LabelledFaces:
    """A pack as `generators.training.source.Faces`, of which some attributes are asked for, in an order of their own.

    A face of which one of them is unknown is in no split, and nobody learns from it.

    Args:
        pack: the faces.
        names: of the attributes.
        only: data sets of the pack, the others' faces are in no split either; none named are all.
        scale: of attributes: ``"people"``, as people see them, where networks predicted them and numbers for it are
            known; ``"standard"``, all of one spread, as the faces of the train people have it; ``"given"``.

    Raises:
        InsufficientData: the pack has no such attribute.
    """

    def __init__(
        self, pack: SourcedFaces, names: tuple[str, ...], only: tuple[str, ...] = (), *, scale: Scale = "people"
    ) -> None:
        known = list(pack.manifest.get("attributes", ()))
        if missing := [name for name in names if name not in known]:
            raise InsufficientData(
                f"the pack has no attribute {missing[0]}, which this recipe learns; it has"
                f" {', '.join(known) or 'none'}; make it of data sets that have it, or leave it out:"
                " --set attributes=[...]"
            )
        self._pack = pack
        self.attributes: NDArray[np.float32] = np.asarray(pack.attributes)[:, [known.index(name) for name in names]]
        there = np.isfinite(self.attributes).all(axis=1)
        if only:
            there &= np.isin(pack.dataset, only)
        self.split: NDArray[np.str_] = np.where(there, np.asarray(pack.split), UNLABELLED)
        self._names = names
        self._used: list[Any] = [scale]
        train = self.split == "train"
        if scale == "standard" and train.any():
            self._scale(slice(None), standardising(self.attributes[train]))
        elif scale == "people":
            self._scale_predicted()

    @property
    def labels_digest(self) -> str:
        """Of the attributes, and of all that they were scaled by."""
        return value_digest({"attributes": list(self._names), "scaled": self._used})

    def _scale_predicted(self) -> None:
        datasets = np.asarray(self._pack.dataset)
        plugins = {one["name"]: one.get("plugin", one["name"]) for one in self._pack.manifest.get("datasets", ())}
        for dataset in np.unique(datasets).tolist():
            if scaling := predicted_scaling(plugins.get(dataset, dataset), self._names):
                self._scale(datasets == dataset, scaling)

    def _scale(self, rows: Any, scaling: LabelScaling) -> None:
        self.attributes[rows] = scaling.scaled(self.attributes[rows])
        self._used.append([one.tolist() for one in scaling])

    def __getattr__(self, name: str) -> Any:
        """Everything else is the pack's."""
        return getattr(self._pack, name)


def labelled_source(
    data: Path, recipe: Any, seed: int, only: tuple[str, ...] = (), *, scale: Scale = "people"
) -> PackSource:
    """The train people of a pack whose attributes are known, mirrored; their attributes are those of the recipe.

    Args:
        data: the pack's folder.
        recipe: a `generators.training.recipe.Recipe` with `attributes`, names.
        seed: of order and mirroring.
        only: as `LabelledFaces` has it.
        scale: likewise.

    Raises:
        InsufficientData: no such attribute, or nobody of whom all are known.
    """
    from bench.packs import Pack

    faces: Any = LabelledFaces(Pack.open(data), recipe.attributes, only, scale=scale)
    try:
        return PackSource(faces, recipe.side, recipe.batch_size, recipe.wanted, seed)
    except InsufficientData as error:
        raise InsufficientData(f"{error} (faces of which every attribute is known: {_counted(faces)})") from error


def _counted(faces: Any) -> Mapping[str, int]:
    names, counts = np.unique(faces.split, return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))
