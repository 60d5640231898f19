"""What goes into a pack: a small YAML file whose data sets, aligner, recognizer and parser are named as in a sweep."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from bench.config import PluginEntry
from bench.errors import ConfigError
from bench.seeding import Split
from bench.yaml_files import apply_override, expand_variables, explained, read_mapping, refuse_unknown

SPLITS: tuple[Split, ...] = ("train", "dev", "eval")
SIDES = (64, 128, 256)


class PackedDataset(PluginEntry):
    """A data set in a pack.

    Attributes:
        label: what the pack calls it; by default its name. Two data sets of one kind need two labels.
    """

    label: str | None = None

    @property
    def called(self) -> str:
        """What the pack calls it."""
        return self.label or self.name


class PackRequest(BaseModel):
    """A pack to be made; docs/packs.md explains each field.

    Attributes:
        datasets: whose faces.
        split: the people of which part; ``"train"`` unless asked.
        side: S, pixels of a side.
        max_mb: how large the whole pack may become, in millions of bytes; null for no limit.
        quality: the lowest and the highest WebP quality that may be chosen to fit.
        max_per_person: at most so many photos of one person, drawn by the seed; null for all.
        aligner: what finds the faces and their 68 landmarks.
        recognizer: whose embeddings are the identities.
        identity: how an embedding is stored.
        masks: whether there are label maps.
        parser: what labels the faces of data sets without masks of their own.
        attributes: whether what the data sets know of their photos goes in.
        networks: frozen networks that travel with the pack.
        shard_faces: faces in a file.
        seed: everything drawn is drawn from streams derived from it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    datasets: tuple[PackedDataset, ...] = Field(min_length=1)
    split: Literal["train", "dev", "eval", "all"] = "train"
    side: Literal[64, 128, 256] = 128
    max_mb: float | None = Field(default=None, gt=0)
    quality: tuple[int, int] = (50, 90)
    max_per_person: int | None = Field(default=None, ge=1)
    aligner: PluginEntry = PluginEntry(name="dlib_hog", settings={"points": 68})
    recognizer: PluginEntry = PluginEntry(name="dlib_resnet")
    identity: Literal["float16", "float32"] = "float16"
    masks: bool = True
    parser: PluginEntry = PluginEntry(name="face_parser")
    attributes: bool = True
    networks: tuple[Literal["dlib_resnet"], ...] = ()
    shard_faces: int = Field(default=1024, ge=1, le=65536)
    seed: int = 0

    @field_validator("datasets", "networks", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return value if isinstance(value, list | tuple) else [value]

    @field_validator("quality")
    @classmethod
    def _ascending(cls, value: tuple[int, int]) -> tuple[int, int]:
        if not 0 <= value[0] <= value[1] <= 100:
            raise ValueError(f"got {list(value)}, expected the lowest and the highest, from 0 to 100")
        return value

    @model_validator(mode="after")
    def _different_labels(self) -> PackRequest:
        labels = [one.called for one in self.datasets]
        if len(set(labels)) != len(labels):
            raise ValueError(
                f"datasets: got {', '.join(labels)}; expected a different label for each: {{name: folder, label: mine}}"
            )
        return self

    @property
    def splits(self) -> tuple[Split, ...]:
        """The parts of the people that take part."""
        return SPLITS if self.split == "all" else (self.split,)


def read_request(
    path: str | os.PathLike[str] | None, overrides: Sequence[str] = (), given: Mapping[str, Any] | None = None
) -> PackRequest:
    """The pack that a YAML file describes.

    Args:
        path: the file; ``${NAME}`` in it stands for an environment variable. None for none: then `given` says all.
        overrides: ``"key=value"`` with a dotted key and a YAML value, such as ``"datasets.0.root=/data/lfw"``.
        given: further fields, over those of the file.

    Raises:
        MissingFile: there is no such file.
        ConfigError: it is not YAML, a key is unknown, a value has the wrong type, or a variable is not set.
    """
    document: dict[str, Any] = {}
    if path is not None:
        document = read_mapping(path, "file", "docs/packs.md has one to copy", "datasets, side, max_mb")
    document |= given or {}
    for override in overrides:
        apply_override(document, override)
    where = "the command line" if path is None else str(path)
    expanded = expand_variables(document, where)
    refuse_unknown(expanded, PackRequest.model_fields, where)
    try:
        return PackRequest.model_validate(expanded)
    except ValidationError as error:
        raise ConfigError(explained(error, where)) from error
