"""How a detector's ONNX file is to be used: the settings of `onnx`, the settings file, and what both say together.

A settings file is YAML and stands beside the network, so that whoever has trained it says once how it is fed and read.
A sweep names the file and may say otherwise of any part.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from bench.aligners.templates import ARCFACE112, DLIB150, FFHQ256
from bench.api import Template
from bench.config import parse_entry, validate_settings
from bench.errors import ConfigError, MissingFile
from bench.onnx_runtime import check_sha256, provider_name
from bench.places import MODELS_VARIABLE, folder_of
from bench.provenance import THREADS, thread_count
from bench.weights import user_model
from bench.yaml_files import refuse_unknown

Species = Literal["forgery", "morph", "presentation"]

TEMPLATES: Mapping[str, Template] = {
    "arcface112": ARCFACE112,
    "dlib150": DLIB150,
    "ffhq256": FFHQ256,
    "whole": Template("whole", 256, {}),
}
"""What `template` may name; ``whole`` is the frame as it is, for faces that are cropped already."""


@dataclass(frozen=True, kw_only=True)
class OnnxDetectorSettings:
    """What a sweep file may say about `onnx`. The file that `file` names may say the same; what is said here wins.

    Attributes:
        file: the settings file: a path, or a bare name in the folder that `IMPERSONA_MODELS` names.
        model: the ONNX file: a path, in a settings file from that file's folder, or a bare name in the folder that
            `IMPERSONA_MODELS` names.
        sha256: the digest that the ONNX file must have; by default any.
        side: pixels of the square crop; by default what the network itself says.
        scale: the brightest level, 1 or 255, before mean and std are applied; by default 1.
        mean: what is subtracted after that: one number, or one for each channel in the network's own order; by
            default 0.
        std: what is divided by after that, likewise; by default 1.
        colour: the order of the network's channels, rgb or bgr; by default rgb.
        layout: the order of its axes, nchw or nhwc; by default nchw.
        inputs: names of its inputs, the suspect's first and the reference's second; by default as the network has them.
        output: name or position of the output that is read; by default the only one.
        attack: the column of the output that means attack, counted from 0; by default the only one.
        bona_fide: the column that means bona fide, in place of attack: the score is 1 minus it.
        activation: none, softmax or sigmoid, applied to the output before the column is read; by default none.
        template: where the landmarks lie in the crop: arcface112, ffhq256, dlib150, or whole for the frame as it is;
            by default arcface112.
        margin: how much wider and higher than the template the crop is, as a share: 0.3 of arcface112 is the crop of
            DeepfakeBench; by default 0.
        species: what the detector knows: forgery, morph, presentation; reports speak the words of the first; by
            default forgery.
        differential: whether it sees a trusted reference beside each suspect; by default false.
        aligner: the aligner to use where a sweep names none; by default one that fits the template.
        provider: cpu, cuda, auto or another name of `bench.onnx_runtime.PROVIDERS`; by default cpu.
        threads: threads of the CPU provider, 0 for every core; by default 2.
        batch_size: crops a batch; by default 16.
    """

    file: str | None = None
    model: str | None = None
    sha256: str | None = None
    side: int | None = None
    scale: float | None = None
    mean: float | tuple[float, ...] | None = None
    std: float | tuple[float, ...] | None = None
    colour: Literal["rgb", "bgr"] | None = None
    layout: Literal["nchw", "nhwc"] | None = None
    inputs: tuple[str, ...] | None = None
    output: int | str | None = None
    attack: int | None = None
    bona_fide: int | None = None
    activation: Literal["none", "softmax", "sigmoid"] | None = None
    template: Literal["arcface112", "ffhq256", "dlib150", "whole"] | None = None
    margin: float | None = None
    species: tuple[Species, ...] | None = None
    differential: bool | None = None
    aligner: str | dict[str, Any] | None = None
    provider: str | None = None
    threads: int | None = None
    batch_size: int | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        check_sha256(self.sha256 or "")
        provider_name(self.provider or "cpu")
        thread_count(self.threads or 0)
        for name, lowest, highest in (("side", 8, 4096), ("batch_size", 1, 4096), ("attack", 0, 1e6),
                                      ("bona_fide", 0, 1e6), ("margin", -0.9, 9)):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not lowest <= value <= highest:
                raise ValueError(f"{name}: got {value}, expected {lowest} to {highest:g}")
        if self.scale not in (None, 1, 255):
            raise ValueError(f"scale: got {self.scale:g}, expected 1 or 255")
        if self.attack is not None and self.bona_fide is not None:
            raise ValueError("got both attack and bona_fide, expected the column of one of them")
        if isinstance(self.output, int) and self.output < 0:
            raise ValueError(f"output: got {self.output}, expected a position from 0, or a name")
        if self.species is not None and (not self.species or len(set(self.species)) < len(self.species)):
            raise ValueError(f"species: got {list(self.species)}, expected one or more, each once")
        for name in ("mean", "std"):
            _check_channels(name, getattr(self, name))


def _check_channels(name: str, given: float | tuple[float, ...] | None) -> None:
    numbers = given if isinstance(given, tuple) else () if given is None else (given,)
    if isinstance(given, tuple) and len(given) != 3:
        raise ValueError(f"{name}: got {len(given)} numbers, expected one, or one for each of three channels")
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError(f"{name}: got {given}, expected finite numbers")
    if name == "std" and 0 in numbers:
        raise ValueError(f"std: got {given}, expected numbers other than 0, because they are divided by")


@dataclass(frozen=True, kw_only=True)
class Description:
    """What settings and settings file say together; fields as in `OnnxDetectorSettings`.

    Attributes:
        path: the ONNX file.
    """

    path: Path
    sha256: str = ""
    side: int | None = None
    scale: float = 1.0
    mean: float | tuple[float, ...] = 0.0
    std: float | tuple[float, ...] = 1.0
    colour: str = "rgb"
    layout: str = "nchw"
    inputs: tuple[str, ...] = ()
    output: int | str | None = None
    attack: int | None = None
    bona_fide: int | None = None
    activation: str = "none"
    template: str = "arcface112"
    margin: float = 0.0
    species: tuple[Species, ...] = ("forgery",)
    differential: bool = False
    aligner: str | Mapping[str, Any] | None = None
    provider: str = "cpu"
    threads: int = THREADS
    batch_size: int = 16

    def aligner_entry(self) -> dict[str, Any]:
        """The sweep-file entry of the aligner to use where a sweep names none."""
        if self.aligner is not None:
            return parse_entry(self.aligner, "aligner of the detector onnx").as_entry()
        fitting = {"whole": {"name": "none"}, "dlib150": {"name": "dlib_hog"}}
        return fitting.get(self.template, {"name": "dlib_hog", "points": 68})

    def crop(self, side: int) -> Template:
        """The template at a side, with its margin.

        Args:
            side: pixels.
        """
        base = TEMPLATES[self.template]
        if (side, self.margin) == (base.side, 0):
            return base
        # The margin lies on all sides, so what is in the middle stays there.
        targets = {
            scheme: ((points / base.side + self.margin / 2) / (1 + self.margin) * side).astype("float32")
            for scheme, points in base.targets.items()
        }
        stem = base.name.rstrip("0123456789")
        return Template(f"{stem}{side}" + (f"+{self.margin:g}" if self.margin else ""), side, targets)


def describe(settings: OnnxDetectorSettings) -> Description:
    """What a detector's settings and the file that they name say together.

    Raises:
        MissingFile: there is no such settings file, or no such ONNX file.
        ConfigError: the settings file is not one, or nothing names an ONNX file.
    """
    given = _given(settings)
    file = given.pop("file", None)
    path = user_model(given.pop("model")) if "model" in given else None
    if file is not None:
        where = _found(Path(file).expanduser(), Path(), "settings file of the detector onnx", "file")
        said = _given(_read(where))
        if {"attack", "bona_fide"} & set(given):
            said = {name: value for name, value in said.items() if name not in ("attack", "bona_fide")}
        named = said.pop("model", None)
        if path is None and named is not None:
            path = _found(Path(named).expanduser(), where.parent, f"model file of {where}", "model")
        elif path is not None:
            said.pop("sha256", None)  # it is that of the network which the file names
        given = said | given
    if path is None:
        raise ConfigError(
            "detector onnx: got no network; expected model: FILE.onnx, or file: SETTINGS.yaml, which names one"
        )
    return Description(path=path, **given)


def _given(settings: OnnxDetectorSettings) -> dict[str, Any]:
    values = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    return {name: value for name, value in values.items() if value is not None}


def _found(path: Path, folder: Path, what: str, setting: str) -> Path:
    """A file in a folder, or one of a bare name in the folder of models."""
    direct, models = folder / path, folder_of(MODELS_VARIABLE)
    if direct.is_file():
        return direct
    if models and len(path.parts) == 1 and (models / path).is_file():
        return models / path
    elsewhere = f" and {models / path.name}" if models else f"; {MODELS_VARIABLE} is not set"
    raise MissingFile(
        f"no {what} {path.name!r}: looked at {direct}{elsewhere}; give its path as {setting}: /path/to/it"
    )


def _read(path: Path) -> OnnxDetectorSettings:
    try:
        text = path.read_text(encoding="utf-8")
        tree, document = yaml.compose(text, yaml.SafeLoader), yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a YAML file: {error}") from error
    if not isinstance(document, dict):
        got = "an empty file" if document is None else type(document).__name__
        raise ConfigError(f"{path}: got {got}, expected a mapping with model and how it is fed and read")
    keys = [str(key.value) for key, _ in tree.value] if isinstance(tree, yaml.MappingNode) else []
    if twice := {key for key in keys if keys.count(key) > 1}:
        raise ConfigError(f"{path}: the key {sorted(twice)[0]!r} stands twice")
    known = {field.name for field in dataclasses.fields(OnnxDetectorSettings)} - {"file"}
    refuse_unknown({str(key): value for key, value in document.items()}, known, str(path))
    settings: OnnxDetectorSettings = validate_settings(OnnxDetectorSettings, document, str(path))
    return settings
