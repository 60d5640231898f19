"""The attack itself: another person's identity, and the style of chosen regions, put into a generated face.

Source: Tarollo et al., "Adversarial Identity Injection for Semantic Face Image Synthesis", CVPRW 2024 (arXiv
2404.10408). docs/hidden_identity_attack.md says what is known of that paper and what is ours.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from attacks.hidden_identity.exchange import between, classes_of, left
from attacks.hidden_identity.settings import HiddenIdentitySettings
from bench.api import Budget, Crops, FaceBatch, Fingerprint, Goal, LearnedFrom, Oracle, StyledGenerator
from bench.config import parse_entry
from bench.errors import ConfigError, PluginError, ShapeError, UnknownName
from bench.provenance import version_of
from bench.regions import CLASSES, EVERYTHING, shown, taken
from bench.registry import STRANGERS_ERRORS, load, registry
from bench.torch_runtime import padded

if TYPE_CHECKING:
    import torch

REVISION = 1
STYLED = ("encode", "generate_tensor", "identity_encoder")
"""What a `StyledGenerator` has besides a `Generator`."""


class Attending(Protocol):
    """A generator that can say where it looks at the identity."""

    def attend(self, conditions: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The share of attention that goes to the identity, float32 (N, Y, A, A), as in `bench.api.AttentiveMaker`.

        Args:
            conditions: as `generate_tensor` takes them.
        """
        ...


class Labelled(Protocol):
    """A generator that brings labels to its own side itself, so that what is too small there is known for absent."""

    def masks(self, labels: NDArray[np.uint8]) -> torch.Tensor:
        """Region maps, float32 (N, 19, S', S'), of labels, uint8 (N, S, S)."""
        ...


class HiddenIdentity:
    """A `bench.api.Attack` that asks nobody: `images` show the source person, the reference shows the hidden one.

    It has `identity_attention`, and so is a `bench.api.AttentiveMaker`, where its generator has `attend`.
    """

    goals: frozenset[Goal] = frozenset({"hide", "impersonate"})
    access: Literal["nothing", "decisions", "scores", "gradients"] = "nothing"
    conditions = frozenset({"masks", "references", "reference_masks", "identity", "reference_identity"})
    contributors = 2

    def __init__(self, settings: HiddenIdentitySettings) -> None:
        self.settings = settings
        entry = parse_entry(settings.generator, "generator of hidden_identity")
        self.generator_name = entry.name
        self.generator: StyledGenerator = load("generator", entry.name, **entry.settings)
        _refuse_unfit(self.generator, entry.name)
        self.template = self.generator.template
        self.batch_size = self.generator.batch_size
        if hasattr(type(self.generator), "attend"):
            self.identity_attention = self._identity_attention
            self.attention_tokens: int | None = getattr(self.generator, "attention_tokens", None)

    def default_aligner(self) -> Mapping[str, Any]:
        """The generator's."""
        return self.generator.default_aligner()

    def identity_encoder(self) -> Mapping[str, Any]:
        """The recognizer whose embeddings the generator takes."""
        return self.generator.identity_encoder()

    @property
    def taught_by(self) -> frozenset[str]:
        """The recognizers that taught the generator: they are the white box of this attack."""
        return frozenset(getattr(self.generator, "taught_by", ()))

    @property
    def learned_from(self) -> tuple[LearnedFrom, ...]:
        """The packs that the generator learned from, as it says."""
        return tuple(getattr(self.generator, "learned_from", ()))

    def fingerprint(self) -> Fingerprint:
        """What determines the faces, the generator's own part among it; ``weights`` are the generator's."""
        inner = self.generator.fingerprint()
        classes = (
            EVERYTHING
            if EVERYTHING in self.settings.regions
            else " ".join(map(str, sorted(classes_of(self.settings.regions))))
        )
        return {
            "revision": REVISION,
            "strength": float(self.settings.strength),
            "classes": classes,
            "numpy": version_of("numpy"),
            **({"weights": inner["weights"]} if inner.get("weights") else {}),
            "generator": self.generator_name,
            **{f"generator_{name}": value for name, value in inner.items()},
        }

    def runtime(self) -> Mapping[str, str]:
        """What the generator really ran on; empty before the first face."""
        tell = getattr(self.generator, "runtime", None)
        return tell() if tell else {}

    def run(self, batch: FaceBatch, oracle: Oracle, goal: Goal, budget: Budget, rng: np.random.Generator) -> Crops:
        """The faces; nothing is drawn and nobody is asked, so `oracle` and `rng` are not used.

        Args:
            batch: `images`, one reference, masks and identities of both; a face depends on its own row only.
            oracle: not used.
            goal: ``"hide"`` or ``"impersonate"``: the faces are the same, and the bench judges them.
            budget: without a norm, because a generated face keeps to no radius; steps and queries do not matter.
            rng: not used.

        Returns:
            float32 (N, 3, S, S) RGB in [0, 1]; a row of NaN where a class of the exchanged regions is in one of the two
            masks only, or in none.

        Raises:
            UnknownName: another goal.
            ConfigError: a budget with a norm.
            ShapeError: a condition is missing, or of another shape, dtype or range.
        """
        import torch

        if goal not in self.goals:
            raise UnknownName("goal of hidden_identity", goal, self.goals)
        if budget.norm != "none":
            raise ConfigError(f"budget: got norm {budget.norm!r}; hidden_identity keeps to no radius, give norm 'none'")
        side = self.template.side
        made = np.full((len(batch.images), 3, side, side), np.nan, dtype=np.float32)
        with torch.inference_mode():
            for rows, possible, conditions in self._asked(batch):
                faces = self.generator.generate_tensor(conditions)[: len(possible)].cpu().numpy()
                made[rows][possible] = faces[possible]
        return made

    def layouts(self, batch: FaceBatch, rng: np.random.Generator) -> NDArray[np.uint8]:
        """What the faces are meant to show, uint8 (N, S, S): the source's mask, at the networks' side, enlarged.

        Args:
            batch: as `run` takes it.
            rng: not used.
        """
        given: NDArray[np.uint8] = self._arrays(batch)["masks"]
        labels: NDArray[np.uint8] = self._maps(given).argmax(dim=1).cpu().numpy().astype(np.uint8)
        times = given.shape[1] // labels.shape[1]
        return labels.repeat(times, axis=1).repeat(times, axis=2)

    def _identity_attention(self, batch: FaceBatch) -> NDArray[np.float32]:
        """Where the generator looks at the identity that `run` would give it.

        Args:
            batch: as `run` takes it.

        Returns:
            float32 (N, Y, A, A), as in `bench.api.AttentiveMaker`; what it has of a face that cannot be made means
            nothing.
        """
        import torch

        generator, found = cast(Attending, self.generator), []
        with torch.inference_mode():
            for _, possible, conditions in self._asked(batch):
                found.append(generator.attend(conditions)[: len(possible)].cpu().numpy())
        return np.concatenate(found)

    def _asked(self, batch: FaceBatch) -> Iterator[tuple[slice, NDArray[np.bool_], Mapping[str, torch.Tensor]]]:
        """What the generator is given, in batches of its size: rows, which of them can be made, conditions.

        The source's images are for a generator that looks at the photo past its style codes, as well.
        """
        import torch

        given = self._arrays(batch)
        identity = between(given["identity"], given["reference_identity"], self.settings.strength)
        arrays = (given["images"], given["masks"], given["references"], given["reference_masks"], identity)
        for parts in zip(*(padded(rows, self.batch_size) for rows in arrays), strict=True):
            rows, (images, labels, references, others, identities) = parts[0][0], [part for _, part in parts]
            pictures, masks = torch.from_numpy(images), self._maps(labels)
            styles, possible = self.generator.encode(pictures, masks), np.ones(self.batch_size, dtype=np.bool_)
            if self.settings.regions:
                hidden = self._maps(others)
                both = shown(labels) & shown(others)
                exchange, possible = taken(self.settings.regions, both, left(masks) & left(hidden))
                styles = self._mixed(styles, self.generator.encode(torch.from_numpy(references), hidden), exchange)
            conditions = {"images": pictures, "masks": masks, "styles": styles}
            conditions["identity"] = torch.from_numpy(identities)
            yield rows, possible[: rows.stop - rows.start], conditions

    def _maps(self, labels: NDArray[np.uint8]) -> torch.Tensor:
        """Masks as the generator is given them: region maps of its own side, where it makes any."""
        import torch

        if hasattr(type(self.generator), "masks"):
            return cast(Labelled, self.generator).masks(labels)
        return torch.from_numpy(labels)

    def _mixed(self, source: torch.Tensor, hidden: torch.Tensor, exchange: NDArray[np.bool_]) -> torch.Tensor:
        """The source's style codes, and the hidden person's where they are exchanged; float32 (N, 19, L)."""
        import torch

        if source.shape[1] != len(CLASSES):
            raise PluginError(
                f"{self.generator_name} has {source.shape[1]} styles a face; expected one for each of {len(CLASSES)}"
                " classes"
            )
        return torch.where(torch.from_numpy(exchange).to(source.device)[:, :, None], hidden, source)

    def _arrays(self, batch: FaceBatch) -> dict[str, NDArray[Any]]:
        """The conditions by name, the one reference's without the axis of references.

        Raises:
            ShapeError: one is missing, or of another shape, dtype or range.
        """
        side = self.template.side
        length = batch.identity.shape[-1] if batch.identity is not None else "D"
        found = {
            "images": _field(batch, "images", "float32", 3, side, side),
            "masks": _field(batch, "masks", "uint8", side, side),
            "identity": _field(batch, "identity", "float32", length),
            "references": _field(batch, "references", "float32", 1, 3, side, side)[:, 0],
            "reference_masks": _field(batch, "reference_masks", "uint8", 1, side, side)[:, 0],
            "reference_identity": _field(batch, "reference_identity", "float32", 1, length)[:, 0],
        }
        for name in ("masks", "reference_masks"):
            if found[name].size and (highest := int(found[name].max())) >= len(CLASSES):
                raise ShapeError(f"{name}: got the label {highest}, expected 0 to {len(CLASSES) - 1}")
        return found


def _field(batch: FaceBatch, name: str, dtype: str, *shape: int | str) -> NDArray[Any]:
    given, expected = getattr(batch, name), (len(batch.images), *shape)
    if given is None or given.shape != expected or given.dtype != dtype:
        got = "none" if given is None else f"{given.dtype} {given.shape}"
        wanted = ", ".join(map(str, expected))
        raise ShapeError(f"{name}: got {got}; hidden_identity takes {dtype} ({wanted})")
    return np.asarray(given)


def _refuse_unfit(generator: StyledGenerator, name: str) -> None:
    if not _is_styled(type(generator)):
        raise ConfigError(
            f"hidden_identity: got the generator {name!r}, which cannot be given styles and an identity; "
            f"these can: {', '.join(_styled_generators()) or 'none'}"
        )
    if generator.contributors != 1:
        raise ConfigError(
            f"hidden_identity: got settings by which {name!r} makes a face of {generator.contributors} people by"
            " itself; leave them out: strength and regions of the attack say what comes from the hidden person"
        )
    if "identity" not in generator.conditions:
        raise ConfigError(
            f"hidden_identity: got weights of {name!r} that take no identity; give some that learned with its token"
        )
    if further := sorted(generator.conditions - {"masks", "identity"}):
        raise ConfigError(
            f"hidden_identity: got settings by which {name!r} takes {', '.join(further)} besides masks and an identity,"
            " which the attack has none of to give; leave them out"
        )
    if getattr(generator, "draws", False):
        raise ConfigError(
            f"hidden_identity: got settings by which {name!r} draws styles by chance (noise), and the attack gives it"
            " those of the two people; leave them out"
        )


def _is_styled(generator: type) -> bool:
    return all(hasattr(generator, name) for name in STYLED)


def _styled_generators() -> list[str]:
    """The generators that can be driven, by what their classes have; none is constructed."""
    found = []
    for row in registry().rows("generator"):
        module, _, name = row.target.partition(":")
        with contextlib.suppress(*STRANGERS_ERRORS):  # what cannot be imported cannot be driven either
            if _is_styled(getattr(importlib.import_module(module), name)):
                found.append(row.name)
    return sorted(found)
