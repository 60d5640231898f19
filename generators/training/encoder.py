"""The identity encoder: the recognizer whose embeddings a network is conditioned on, and which teaches it who is shown.

It is named as in a sweep file. `dlib_resnet` needs nothing but torch, and its weights may come with the pack; any other
recognizer with gradients comes from the registry, which wants the libraries of the whole bench.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch

from bench.api import GradientRecognizer
from bench.errors import ConfigError, MissingDependency, MissingFile
from bench.packs.manifest import MANIFEST, read_file, read_manifest
from bench.recognizers.dlib_resnet import DlibResnetSettings
from generators.training.chips import scheme_of
from generators.training.shared_dlib import SharedDlibResnet

DLIB = "dlib_resnet"
DEFAULT: Mapping[str, Any] = {"name": DLIB}
IN_PACK = Path("networks") / "dlib_resnet.safetensors"
DLIB_DIGEST = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"
"""SHA-256 of dlib's own file of weights, which embeddings by `DEFAULT` come from."""
_NAME = re.compile(r"[a-z0-9_]+")


def entry_of(given: str | Mapping[str, Any]) -> dict[str, Any]:
    """The sweep-file entry of the recognizer that somebody asks for; `DEFAULT` where nobody does.

    Args:
        given: a name, a YAML mapping with ``name`` and settings as text, such a mapping itself, or an empty text.

    Raises:
        ConfigError: something else.
        MissingDependency: a mapping as text where PyYAML is not installed.
    """
    if isinstance(given, str):
        if not given:
            return dict(DEFAULT)
        found: Any = {"name": given} if _NAME.fullmatch(given) else _yaml(given)
    else:
        found = dict(given)
    if not isinstance(found, dict) or not isinstance(found.get("name"), str):
        raise ConfigError(
            f"--identity: got {given!r}, expected a recognizer's name or a mapping, such as dlib_resnet or"
            " '{name: mine, weights: mine.safetensors}'"
        )
    return found


def encoder_of(entry: Mapping[str, Any], data: Path, device: torch.device, threads: int) -> GradientRecognizer:
    """The recognizer of an entry, on the device of the training.

    Args:
        entry: as `entry_of` gives it; its own ``device`` and ``threads`` win.
        data: the pack, which may carry dlib's weights.
        device: where it computes.
        threads: CPU threads, those of the training.

    Raises:
        ConfigError: it has no gradients, or a setting is wrong.
        UnknownName: there is no such recognizer.
        MissingDependency: it comes from the registry, whose libraries are not installed.
        MissingFile: its weights are not there.
        PluginError: its template wants landmarks that training does not know.
    """
    here = {"device": "cuda" if device.type == "cuda" else "cpu", "threads": threads}
    settings = {name: value for name, value in entry.items() if name != "name"}
    if entry["name"] == DLIB:
        return _dlib(here | settings, data)
    try:
        from bench import registry
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"--identity {entry['name']} needs the libraries of the whole bench ({error}); pip install impersona, or"
            f" take {DLIB}, which needs torch alone"
        ) from error
    row = registry.registry().find("recognizer", entry["name"])
    taken = {one.name for one in dataclasses.fields(registry.settings_class(row))}
    given = {name: value for name, value in here.items() if name in taken} | settings
    found = registry.load("recognizer", entry["name"], **given)
    if not hasattr(found, "embed_tensor"):
        raise ConfigError(
            f"--identity: got {entry['name']}, which has no gradients in the pixels (embed_tensor); expected a"
            f" GradientRecognizer of bench/api.py, such as {DLIB}"
        )
    scheme_of(found.template)
    return cast(GradientRecognizer, found)


def refuse_other_embeddings(
    entry: Mapping[str, Any], recognizer: GradientRecognizer | None, described: Mapping[str, Any]
) -> None:
    """Nothing, if the embeddings of some data are those of the identity encoder.

    Args:
        entry: of the encoder.
        recognizer: that; None where it does not teach.
        described: what the source says: ``identity``, the name of the recognizer behind the embeddings, and
            ``identity_weights``, the digest of its weights; what is not there is not compared.

    Raises:
        ConfigError: they are not; says how to make a pack whose embeddings are.
    """
    name = entry["name"]
    theirs = described.get("identity", name)
    typed = name if len(entry) == 1 else "{" + ", ".join(f"{key}: {value}" for key, value in entry.items()) + "}"
    again = f"impersona pack PACK.yaml --set 'recognizer={typed}' --out ANOTHER_FOLDER"
    if theirs != name:
        raise ConfigError(
            f"--identity: got {name}, and the embeddings in the pack are {theirs}'s, which this recipe learns from;"
            f" make a pack with {name}'s: {again}; or type --identity {theirs}"
        )
    found = None if recognizer is None else recognizer.fingerprint().get("weights")
    weights = [str(found)] if found else []
    if name == DLIB and not entry.get("weights"):
        # They may have travelled with the pack, rounded to float16: another digest, and yet the same network.
        weights = [DLIB_DIGEST, *weights]
    there = described.get("identity_weights")
    if weights and there and there not in weights:
        raise ConfigError(
            f"--identity: got {name} with weights of SHA-256 {weights[0][:12]}…, and the embeddings in the pack come"
            f" from weights of {str(there)[:12]}…; give those weights (--identity '{{name: {name}, weights: FILE}}'),"
            f" or make the pack anew: {again}"
        )


def released_entry(entry: Mapping[str, Any], described: Mapping[str, Any]) -> dict[str, Any]:
    """What of an encoder's entry means something on another machine, for a released file.

    Args:
        entry: as `entry_of` gives it.
        described: what the source of the embeddings says; empty where the networks take none. ``aligner``, where it
            has one, is the entry of what found the faces.

    Returns:
        The entry without ``device``, ``threads`` and folders; of a file its name alone.
    """
    kept: dict[str, Any] = {}
    for name, value in entry.items():
        if name in ("device", "threads"):
            continue
        if isinstance(value, str) and re.search(r"[/\\]", value):
            file = re.split(r"[/\\]", value)[-1]
            if not file or Path(value).expanduser().is_dir():
                continue
            value = file
        kept[name] = value
    return kept | ({"aligner": dict(described["aligner"])} if "aligner" in described else {})


def dlib_weights(data: Path) -> str:
    """The path of dlib's weights for `DlibResnetSettings.weights`; empty for the package's own file.

    Raises:
        MissingFile: neither the package nor the pack has them.
        CorruptFile: the pack's are not those that its pack.json means.
    """
    if importlib.util.find_spec("face_recognition_models") is not None:
        return ""
    if (data / IN_PACK).is_file():
        _check_digest(data)
        return str(data / IN_PACK)
    raise MissingFile(
        f"no weights of dlib_resnet: face_recognition_models is not installed and {data / IN_PACK} is not there;"
        " pip install face_recognition_models, or make the pack with its networks"
    )


def _dlib(settings: Mapping[str, Any], data: Path) -> SharedDlibResnet:
    given = settings if "weights" in settings else {**settings, "weights": dlib_weights(data)}
    try:
        return SharedDlibResnet(DlibResnetSettings(**given))
    except (TypeError, ValueError) as error:
        known = ", ".join(one.name for one in dataclasses.fields(DlibResnetSettings))
        raise ConfigError(f"--identity {DLIB}: {error}; its settings are {known}") from error


def _yaml(text: str) -> Any:
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise MissingDependency(f"--identity {text!r} is read with PyYAML ({error}); pip install PyYAML") from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--identity: {text!r} is no YAML value ({error}); expected '{{name: mine}}'") from error


def _check_digest(data: Path) -> None:
    if not (data / MANIFEST).is_file():
        return
    manifest, _ = read_manifest(data)
    for file in manifest.get("networks", []):
        if file["file"] == IN_PACK.as_posix():
            read_file(data, file)
