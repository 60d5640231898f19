"""The generator itself: an editor of faces, called once for each person after the first.

What MixSyn is measured against: the same random assignment of parts to people, and no composition of all of them. The
first person's face gets the parts of the second one; what comes out is edited with those of the third one, and so on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from bench.api import Crops, FaceBatch, Fingerprint, LearnedFrom, StyledGenerator
from bench.config import parse_entry
from bench.errors import ConfigError, ShapeError
from bench.regions import CLASSES
from bench.registry import load
from bench.torch_runtime import padded
from generators.face_batches import labels_of, masks_of, reference_masks_of, references_of
from generators.mixsyn.settings import PARTS
from generators.successive_edits.settings import SuccessiveEditsSettings

if TYPE_CHECKING:
    import torch

    from generators.mixsyn.assignment import Assignment

REVISION = 2
STYLED = ("encode", "generate_tensor", "masks")
"""What an editor has besides a `bench.api.Generator`."""
STYLE_ALONE = ("background", "skin", "neck", "cloth")
"""Parts on which others lie: another person's, laid on, would cover them, and so they give their style alone."""
SKIN = CLASSES.index("skin")


class Editor(StyledGenerator, Protocol):
    """A styled generator that brings labels to its own side itself."""

    def masks(self, labels: NDArray[np.uint8]) -> torch.Tensor:
        """Region maps, float32 (N, 19, S', S'), of labels, uint8 (N, S, S)."""
        ...


class _Plan(NamedTuple):
    """What some faces are edited from: N of them, at the editor's side, filled up to its batches.

    Attributes:
        rows: which faces of the batch.
        maps: float32 (N, K, 19, S', S'), of everybody.
        assignment: whose each region is.
        pictures: float32 (N, K, 3, S, S).
        identity: float32 (N, D), the first person's; None for an editor that takes none.
    """

    rows: slice
    maps: torch.Tensor
    assignment: Assignment
    pictures: torch.Tensor
    identity: torch.Tensor | None


class SuccessiveEdits:
    """A `bench.api.Generator`, `bench.api.MixingMaker` and `bench.api.LayoutMaker`."""

    draws = True

    def __init__(self, settings: SuccessiveEditsSettings) -> None:
        self.settings = settings
        entry = parse_entry(settings.generator, "generator of successive_edits")
        self.generator_name = entry.name
        self.editor = cast(Editor, load("generator", entry.name, **entry.settings))
        _refuse_unfit(self.editor, entry.name)
        self.template, self.batch_size = self.editor.template, self.editor.batch_size
        self.contributors = settings.sources
        self.conditions = self.editor.conditions | {"masks", "references", "reference_masks"}

    def default_aligner(self) -> Mapping[str, Any]:
        """The editor's."""
        return self.editor.default_aligner()

    def identity_encoder(self) -> Mapping[str, Any]:
        """The recognizer whose embeddings the editor takes."""
        return self.editor.identity_encoder()

    @property
    def taught_by(self) -> frozenset[str]:
        """The recognizers that taught the editor: they are its white box."""
        return frozenset(getattr(self.editor, "taught_by", ()))

    @property
    def learned_from(self) -> tuple[LearnedFrom, ...]:
        """The packs that the editor learned from, as it says."""
        return tuple(getattr(self.editor, "learned_from", ()))

    def fingerprint(self) -> Fingerprint:
        """What determines the faces, the editor's own part among it; ``weights`` are the editor's."""
        inner = self.editor.fingerprint()
        return {
            "revision": REVISION,
            "sources": self.settings.sources,
            **({"weights": inner["weights"]} if inner.get("weights") else {}),
            "generator": self.generator_name,
            **{f"generator_{name}": value for name, value in inner.items()},
        }

    def runtime(self) -> Mapping[str, str]:
        """What the editor really ran on; empty before the first face."""
        tell = getattr(self.editor, "runtime", None)
        return tell() if tell else {}

    def generate(self, batch: FaceBatch, rng: np.random.Generator) -> Crops:
        """The faces; each depends on its own row of the batch, and its own part of the stream, only.

        Args:
            batch: `images`, of the first person, and what `conditions` names, of the others.
            rng: draws who gives what, as many numbers for each face.

        Returns:
            float32 (N, 3, S, S) RGB in [0, 1]; NaN where nobody shows skin.

        Raises:
            ShapeError: a condition is missing, or has another shape, dtype or range.
        """
        import torch

        from generators.sis.mixing import mixed_styles

        made = np.empty_like(batch.images)
        with torch.inference_mode():
            for plan in self._plans(batch, rng):
                face, maps = plan.pictures[:, 0], plan.maps[:, 0]
                for source in range(1, self.contributors):
                    given, changed = self._given(plan, source), self._with_shapes(plan, maps, source)
                    others = self.editor.encode(plan.pictures[:, source], plan.maps[:, source])
                    styles = mixed_styles(self.editor.encode(face, maps), others, given)
                    conditions = {"images": face, "masks": changed, "styles": styles}
                    if plan.identity is not None:
                        conditions["identity"] = plan.identity
                    face, maps = self.editor.generate_tensor(conditions).to(face.device), changed
                possible = plan.assignment.shape[:, SKIN] >= 0
                face = torch.where(possible.to(face.device)[:, None, None, None], face, torch.nan)
                made[plan.rows] = face[: plan.rows.stop - plan.rows.start].cpu().numpy()
        return made

    def shares(self, batch: FaceBatch, rng: np.random.Generator) -> NDArray[np.float32]:
        """How much of each face is of whom, float32 (N, K, 19): of the layout the share in the style of each person.

        Args:
            batch: as `generate` takes it.
            rng: in the state in which `generate` had it.

        Raises:
            ShapeError: as `generate`.
        """
        import torch

        found = np.zeros((len(batch.images), self.contributors, len(CLASSES)), np.float32)
        with torch.inference_mode():
            for plan in self._plans(batch, rng):
                area = self._layout(plan).mean(dim=(2, 3))
                shares = torch.zeros(len(area), self.contributors, len(CLASSES), device=area.device)
                whose = torch.zeros_like(plan.assignment.style)
                for source in range(1, self.contributors):
                    whose = torch.where(self._given(plan, source), source, whose)
                shares.scatter_(1, whose[:, None], area[:, None])
                found[plan.rows] = shares[: plan.rows.stop - plan.rows.start].cpu().numpy()
        return found

    def layouts(self, batch: FaceBatch, rng: np.random.Generator) -> NDArray[np.uint8]:
        """What the faces are meant to show, uint8 (N, S, S): the first one's mask with the shapes that came.

        Args:
            batch: as `generate` takes it.
            rng: in the state in which `generate` had it.

        Raises:
            ShapeError: as `generate`.
        """
        import torch

        found = np.empty((len(batch.images), self.template.side, self.template.side), np.uint8)
        with torch.inference_mode():
            for plan in self._plans(batch, rng):
                labels = labels_of(self._layout(plan), self.template.side)
                found[plan.rows] = labels[: plan.rows.stop - plan.rows.start]
        return found

    # ------------------------------------------------------------------------------------------------------ inside

    def _plans(self, batch: FaceBatch, rng: np.random.Generator) -> Iterator[_Plan]:
        """The faces of a batch in batches of the editor's size, with who gives what to each."""
        import torch

        from generators.mixsyn.assignment import drawn_assignment, numbers_wanted
        from generators.nets.regions import SMALLEST_AREA

        side, others, name = self.template.side, self.contributors - 1, "successive_edits"
        own = masks_of(batch, side, name)
        pictures = np.concatenate([batch.images[:, None], references_of(batch, side, others, name)], axis=1)
        labels = np.concatenate([own[:, None], reference_masks_of(batch, side, others, name)], axis=1)
        arrays: list[NDArray[Any]] = [pictures, labels, rng.random((len(own), numbers_wanted(PARTS)))]
        if "identity" in self.conditions:
            if batch.identity is None:
                raise ShapeError(f"identity: got None; {name} takes embeddings of {self.identity_encoder()['name']}")
            arrays.append(batch.identity)
        for parts in zip(*(padded(rows, self.batch_size) for rows in arrays), strict=True):
            images, masks, numbers, *identity = (part for _, part in parts)
            maps = torch.stack([self.editor.masks(masks[:, source]) for source in range(self.contributors)], dim=1)
            there = maps.sum(dim=(3, 4)) > SMALLEST_AREA
            for part, classes in PARTS:
                if part in STYLE_ALONE:  # a style shows only where the first person has the region
                    there[:, 1:, list(classes)] &= there[:, :1, list(classes)]
            assignment = drawn_assignment(PARTS, there, torch.from_numpy(numbers))
            known = torch.from_numpy(identity[0]) if identity else None
            yield _Plan(parts[0][0], maps, assignment, torch.from_numpy(images), known)

    def _given(self, plan: _Plan, source: int) -> torch.Tensor:
        """Bool (N, 19): the classes whose style a person gives."""
        return (plan.assignment.style == source) & (plan.assignment.shape == source)

    def _with_shapes(self, plan: _Plan, maps: torch.Tensor, source: int) -> torch.Tensor:
        """The maps of a face with the shapes of the parts that a person gives."""
        import torch

        from generators.sis.mixing import exchanged_maps

        of_person = torch.zeros_like(plan.assignment.style, dtype=torch.bool)
        for name, classes in PARTS:
            if name not in STYLE_ALONE:
                # A part comes as a whole: of what its giver lacks, such as a hat, the face has none any more.
                numbers = list(classes)
                comes = self._given(plan, source)[:, numbers].any(dim=1)
                of_person[:, numbers] = comes[:, None]
        return exchanged_maps(maps, plan.maps[:, source], of_person, 1.0)

    def _layout(self, plan: _Plan) -> torch.Tensor:
        maps = plan.maps[:, 0]
        for source in range(1, self.contributors):
            maps = self._with_shapes(plan, maps, source)
        return maps


def _refuse_unfit(editor: StyledGenerator, name: str) -> None:
    if missing := [one for one in STYLED if not hasattr(type(editor), one)]:
        raise ConfigError(
            f"successive_edits: got the generator {name!r}, which has no {missing[0]}; expected one that makes faces of"
            " masks and styles that are given, such as sis"
        )
    if editor.contributors != 1 or getattr(editor, "draws", False):
        raise ConfigError(
            f"successive_edits: got settings by which {name!r} takes something of a second person, or draws; leave them"
            " out: what comes from whom is drawn here"
        )
    if further := sorted(editor.conditions - {"masks", "identity"}):
        raise ConfigError(
            f"successive_edits: {name!r} takes {', '.join(further)}, expected masks and an identity alone"
        )
