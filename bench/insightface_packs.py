"""Where an InsightFace network comes from: a file of the user's, or a model pack that InsightFace's own code downloads.

A pack is a folder of ONNX files under ``ROOT/models``. InsightFace takes any such folder for whole, even one that a
broken download left behind; so packs are fetched into a scratch folder and moved into place in one step.

Every file is checked against a SHA-256 before it is opened: the one that the sweep file gives, the one in the pack's
own manifest, or the one pinned here. A file with none of the three is recorded by the digest that it has.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.errors import CorruptFile, MissingDependency, MissingFile
from bench.onnx_runtime import check_sha256, model_digests
from bench.places import MODELS_VARIABLE, folder_of
from bench.weights import user_model

Task = Literal["detection", "recognition"]

ROOT = "~/.insightface"
RELEASE = "https://github.com/deepinsight/insightface/releases/tag/model-zoo"

KNOWN_PACKS: Mapping[str, Mapping[Task, str]] = {
    "buffalo_l": {"detection": "det_10g.onnx", "recognition": "w600k_r50.onnx"},
    "buffalo_m": {"detection": "det_2.5g.onnx", "recognition": "w600k_r50.onnx"},
    "buffalo_s": {"detection": "det_500m.onnx", "recognition": "w600k_mbf.onnx"},
    "buffalo_sc": {"detection": "det_500m.onnx", "recognition": "w600k_mbf.onnx"},
    "antelopev2": {"detection": "scrfd_10g_bnkps.onnx", "recognition": "glintr100.onnx"},
}
"""The packs without a manifest: which of their files does what."""

# InsightFace publishes no digests. Each of these is printed by at least two projects that do not share their lists:
#   [U] yakhyo/uniface, uniface/constants.py               [V] visomaster/VisoMaster, app/processors/models_data.py
#   [X] Visionatrix/Visionatrix, visionatrix/basic_node_list.py
#   [N] nunchaku-tech/nunchaku, nunchaku/pipeline/pipeline_flux_pulid.py
#   [I] huggingface.co/immich-app/buffalo_s (revision 0ff17518) and buffalo_m, as several projects pin them
#   [Z] the release's own buffalo_m.zip, as several projects pin what they took out of it
PINNED: Mapping[str, str] = {
    "det_10g.onnx": "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91",  # U V X
    "det_2.5g.onnx": "041f73f47371333d1d17a6fee6c8ab4e6aecabefe398ff32cca4e2d5eaee0af9",  # I Z
    "det_500m.onnx": "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a",  # U I
    "w600k_r50.onnx": "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",  # U V X
    "w600k_mbf.onnx": "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f",  # U I
    "scrfd_10g_bnkps.onnx": "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91",  # N X; is det_10g
    "glintr100.onnx": "4ab1d6435d639628a6f3e5008dd4f929edf4c4124b1a7169e1048f9fef534cdf",  # N X
}

_MANIFEST = "manifest.json"
_EMBEDDED = (0.0, 1.0)  # mean and deviation of a network that normalises by itself
_DEFAULT_NORMALISATION: Mapping[Task, tuple[float, float]] = {
    "detection": (127.5, 128.0),
    "recognition": (127.5, 127.5),
}


@dataclass(frozen=True)
class ModelSource:
    """One network, named by a file or by a pack.

    Attributes:
        task: which network of a pack.
        model: a path, or a bare file name in the folder that `IMPERSONA_MODELS` names; empty for a pack.
        pack: the name of an InsightFace pack; empty for a file.
        root: InsightFace's folder; packs lie in its ``models``.
        sha256: the digest that the file must have; empty for the pinned one, or any.
    """

    task: Task
    model: str = ""
    pack: str = ""
    root: str = ROOT
    sha256: str = ""

    def __post_init__(self) -> None:
        if bool(self.model) == bool(self.pack):
            got = f"model: {self.model} and pack: {self.pack}" if self.model else "neither"
            raise ValueError(f"got {got}; expected one of model: FILE.onnx and pack: NAME, such as buffalo_l")
        if self.pack and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.pack):
            raise ValueError(f"pack: got {self.pack!r}, expected a name such as buffalo_l; a file goes into model:")
        check_sha256(self.sha256)

    @property
    def folder(self) -> Path:
        """Where the pack is, or will be."""
        return Path(self.root).expanduser() / "models" / self.pack

    def digests(self) -> dict[str, str]:
        """The digests that the file has, or must have once it is downloaded; a pack without pins is downloaded now.

        Raises:
            MissingFile: the file is nowhere, and cannot be downloaded.
            CorruptFile: the file has another digest than the expected one.
        """
        if self.pack and not self.folder.exists():
            pinned = self.sha256.lower() or PINNED.get(KNOWN_PACKS.get(self.pack, {}).get(self.task, ""), "")
            if pinned:
                return {"model_sha256": pinned}
        path, expected, _ = self._find()
        return model_digests(path, expected)

    def path(self) -> Path:
        """The file, downloaded if need be, its digest checked.

        Raises:
            MissingFile: the file is nowhere, and cannot be downloaded.
            CorruptFile: the file has another digest than the expected one, or the pack's manifest is broken.
            MissingDependency: the pack must be downloaded and insightface is not installed.
        """
        path, expected, _ = self._find()
        model_digests(path, expected)
        return path

    def normalisation(self) -> tuple[float, float] | None:
        """Mean and deviation of the levels 0..255 as the pack's manifest states them; None where none does."""
        return self._find()[2]

    def _find(self) -> tuple[Path, str, tuple[float, float] | None]:
        """The file, its expected digest ("" for any), and its normalisation."""
        if self.model:
            return user_model(self.model), self.sha256, None
        if not self.folder.exists():
            download(self.pack, self.root)
        # antelopev2.zip holds a folder of its own name.
        folder = next((f for f in (self.folder, self.folder / self.pack) if any(f.glob("*.onnx"))), self.folder)
        if (folder / _MANIFEST).is_file():
            return self._find_by_manifest(folder)
        name = KNOWN_PACKS.get(self.pack, {}).get(self.task)
        if name is None:
            files = ", ".join(sorted(f.name for f in folder.glob("*.onnx"))) or "no ONNX file"
            raise MissingFile(
                f"{folder} has {files} and no {_MANIFEST} that says which is for {self.task}; give the file itself:"
                f" model: {folder}/FILE.onnx"
            )
        if not (folder / name).is_file():
            raise MissingFile(
                f"{folder} is there, but has no {name}: a download must have broken off; delete the folder and run"
                " again"
            )
        return folder / name, self.sha256 or PINNED[name], None

    def _find_by_manifest(self, folder: Path) -> tuple[Path, str, tuple[float, float] | None]:
        manifest = folder / _MANIFEST
        try:
            entry = json.loads(manifest.read_text(encoding="utf-8"))["tasks"][self.task]
            path = (folder / entry["file"]).resolve()
            expected = self.sha256 or str(entry.get("sha256", ""))
            normalisation = _normalisation(entry.get("preprocessing"), self.task)
            path.relative_to(folder.resolve())  # ValueError: the manifest points out of its pack
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CorruptFile(
                f"{manifest}: names no usable {self.task} network ({type(error).__name__}: {error}); delete the folder"
                " and run again, or give the file itself as model:"
            ) from error
        if not path.is_file():
            raise MissingFile(f"{path}, which {manifest} names, is not there; delete {folder} and run again")
        return path, expected, normalisation


def download(pack: str, root: str = ROOT) -> Path:
    """The folder of a pack that InsightFace's own downloader has just fetched, whole or not at all.

    Raises:
        MissingFile: there is no network, no such pack, or no room.
        MissingDependency: insightface is not installed.
    """
    try:
        from insightface.utils import ensure_available
    except ImportError as error:
        raise MissingDependency(f"insightface cannot be imported ({error}); pip install insightface") from error
    models = Path(root).expanduser() / "models"
    try:
        models.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{pack}-", dir=models) as scratch:
            with contextlib.redirect_stdout(sys.stderr):  # it prints, and standard output may be someone's JSON
                fetched = ensure_available("models", pack, root=scratch)
            if not (models / pack).exists():  # another process may have been faster
                os.replace(fetched, models / pack)
    except (OSError, RuntimeError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise MissingFile(
            f"the InsightFace pack {pack} is not in {models} and could not be downloaded"
            f" ({type(error).__name__}: {error}); unpack {pack}.zip from {RELEASE} into {models / pack}, or give a file"
            " of your own as model: /path/to/file.onnx"
        ) from error
    return models / pack


def what_is_missing(task: Task) -> str:
    """One line if this machine has neither a pack nor a file of the user's for a task; empty otherwise."""
    if any((Path(ROOT).expanduser() / "models").glob("*/**/*.onnx")):
        return ""
    folder = folder_of(MODELS_VARIABLE)
    detects = re.compile(r"(scrfd|det_|yunet|retinaface)", re.IGNORECASE)
    for path in folder.glob("*.onnx") if folder else ():
        if bool(detects.match(path.name)) == (task == "detection") and not path.name.startswith("yunet"):
            return ""
    return "no model here yet: pack: buffalo_l downloads one, model: FILE.onnx takes yours"


def _normalisation(preprocessing: Any, task: Task) -> tuple[float, float]:
    if preprocessing is None:
        return _DEFAULT_NORMALISATION[task]
    return _EMBEDDED if preprocessing == "embedded" else (float(preprocessing["mean"]), float(preprocessing["std"]))
