"""The networks that teach and are not taught, found by role: who is shown, and features for perceptual losses.

Without a word both are dlib's ResNet, whose weights come from the package face_recognition_models where it is
installed, else from the file that `impersona pack` puts beside the faces (``networks/dlib_resnet.safetensors``), so
that a machine with a pack and torch needs nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from bench.errors import ConfigError, UnknownName
from generators.training.encoder import DEFAULT, DLIB, IN_PACK, dlib_weights, encoder_of, entry_of
from generators.training.recipe import Frozen
from generators.training.shared_dlib import SharedDlibResnet

__all__ = ["IN_PACK", "ROLES", "SharedDlibResnet", "dlib_weights", "frozen_for"]

ROLES = ("identity", "perceptual")
VGG19 = "vgg19"


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
