"""The networks that teach and are not taught, found by role: who is shown, features for perceptual losses, a parser.

Without a word the first two are dlib's ResNet, whose weights come from the package face_recognition_models where it is
installed, else from the file that `impersona pack` puts beside the faces (``networks/dlib_resnet.safetensors``), so
that a machine with a pack and torch needs nothing else. The parser is `face_parser`, whose weights ship with the code.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

import bench
from bench.errors import ConfigError, MissingFile, UnknownName
from bench.packs.manifest import NETWORKS
from bench.parsers.network import SIDE, ParserNetwork, read_network
from generators.training.encoder import DEFAULT, DLIB, IN_PACK, dlib_weights, encoder_of, entry_of
from generators.training.recipe import Frozen
from generators.training.shared_dlib import SharedDlibResnet

__all__ = ["IN_PACK", "ROLES", "FrozenParser", "SharedDlibResnet", "dlib_weights", "frozen_for", "parser_weights"]

ROLES = ("identity", "perceptual", "parser")
VGG19 = "vgg19"
PARSER = "face_parser"
PARSER_FILE = f"{PARSER}.safetensors"


def frozen_for(
    needs: frozenset[str],
    data: Path,
    device: torch.device,
    threads: int,
    identity: str | Mapping[str, Any] = "",
    perceptual: str = "",
) -> Frozen:
    """The networks that a trainable needs.

    Args:
        needs: roles.
        data: the pack, which may carry weights.
        device: where they compute.
        threads: CPU threads, those of the training.
        identity: the recognizer behind the identity, as `generators.training.encoder.entry_of` takes it.
        perceptual: ``"dlib_resnet"``, or ``"vgg19:PATH"`` with a file of weights; empty for the former.

    Raises:
        UnknownName: a role that nobody plays, or no such network.
        ConfigError: a network for which there is no role, or a setting that is wrong.
        MissingFile: the weights are not there.
        MissingDependency: the libraries of the whole bench are not there.
    """
    for role in needs:
        if role not in ROLES:
            raise UnknownName("role of a frozen network", role, ROLES)
    if "parser" in needs:
        found = frozen_for(needs - {"parser"}, data, device, threads, identity, perceptual)
        parser = FrozenParser(read_network(parser_weights(data))).to(device)
        return dataclasses.replace(found, parser=parser, names={**found.names, "parser": PARSER})
    entry = entry_of(identity)
    recognizer = encoder_of(entry, data, device, threads) if "identity" in needs else None
    names = {"identity": str(entry["name"])} if recognizer is not None else {}
    kind, _, path = perceptual.partition(":")
    if "perceptual" not in needs:
        if perceptual:
            raise ConfigError(f"--perceptual: got {perceptual}, and this recipe has no perceptual loss; leave it out")
        return Frozen(identity=recognizer, names=names, identity_encoder=entry)
    if kind == VGG19:
        from generators.losses.vgg import read_vgg19

        network = read_vgg19(path).to(device)
        names |= {"perceptual": network.name}
        return Frozen(recognizer, network, names, perceptual_view="crop", identity_encoder=entry)
    if perceptual not in ("", DLIB):
        raise UnknownName("perceptual network", perceptual, (DLIB, f"{VGG19}:PATH"))
    # One network for both roles where both are dlib's own: then they share a pass.
    own = isinstance(recognizer, SharedDlibResnet) and not entry.get("weights")
    shared = recognizer if own else encoder_of(DEFAULT, data, device, threads)
    assert isinstance(shared, SharedDlibResnet)
    return Frozen(recognizer, shared.features, names | {"perceptual": DLIB}, identity_encoder=entry)


class FrozenParser(nn.Module):
    """`face_parser` as it teaches: it sees the bench's crops at its own side, whatever side they have.

    Args:
        network: of released weights.
    """

    def __init__(self, network: ParserNetwork) -> None:
        super().__init__()
        self.network = network.requires_grad_(False).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The logits.

        Args:
            images: float32 (N, 3, S, S) RGB in [0, 1], the crop `ffhq256` at any side.

        Returns:
            float32 (N, 19, S, S), differentiable in `images`.
        """
        logits: torch.Tensor = self.network(_sized(images, SIDE))
        return _sized(logits, images.shape[-1])


def parser_weights(data: Path) -> Path:
    """The weights of `face_parser`: those that ship with the code, else those in a pack.

    Raises:
        MissingFile: neither is there.
    """
    # Not by bench.weights, which wants more than a machine that only trains has.
    places = Path(bench.__file__).parent / "weights" / PARSER_FILE, data / NETWORKS / PARSER_FILE
    for path in places:
        if path.is_file():
            return path
    raise MissingFile(
        f"no weights of {PARSER}: neither {places[0]} nor {places[1]} is there; reinstall impersona, or copy"
        f" bench/weights/{PARSER_FILE} of its repository there"
    )


def _sized(pictures: torch.Tensor, side: int) -> torch.Tensor:
    now = pictures.shape[-1]
    if now == side:
        return pictures
    return functional.interpolate(pictures, size=(side, side), mode="bilinear", antialias=side < now)
