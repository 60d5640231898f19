"""Sweep files: YAML in, one frozen `Sweep` out, every unknown key named together with the nearest known one."""

from __future__ import annotations

import dataclasses
import os
import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from bench.errors import ConfigError
from bench.yaml_files import apply_override, expand_variables, explained, read_mapping, refuse_unknown

_Model = TypeVar("_Model", bound=BaseModel)
Assessment = Literal["verification", "identification", "impersonation_risk"]


class PluginEntry(BaseModel):
    """A plugin as a sweep file names it: its name alone, or a mapping with ``name`` and its settings.

    Attributes:
        name: the plugin's name.
        settings: everything else that stood beside it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    settings: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _from_yaml(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, Mapping):
            own = {key: value[key] for key in cls.model_fields if key != "settings" and key in value}
            explicit = value.get("settings") or {}
            if not isinstance(explicit, Mapping):
                raise ValueError(f"settings: got {explicit!r}, expected a mapping")
            rest = {key: entry for key, entry in value.items() if key not in own and key != "settings"}
            return own | {"settings": {**explicit, **rest}}
        return value

    def as_entry(self) -> dict[str, Any]:
        """The mapping that a sweep file would hold."""
        return {"name": self.name, **self.settings}


class RecognizerEntry(PluginEntry):
    """A recognizer in a sweep file.

    Attributes:
        label: what figures call it; by default its name.
        aligner: what finds and aligns the faces; by default what the recognizer asks for. Several make an axis.
    """

    label: str | None = None
    aligner: tuple[PluginEntry, ...] | None = None

    @field_validator("aligner", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return value if value is None or isinstance(value, list | tuple) else [value]


class GroupEntry(BaseModel):
    """A column of attributes by which people or photos are parted into groups.

    Attributes:
        column: its name: an attribute of the data set, or a column of one of the sweep's tables.
        bins: ascending edges that make bands of a numeric column, such as ``[0, 30, 50, 120]`` of an age; null where
            each value is a group of its own.
        per: ``"person"``: everybody belongs to the group of most of their photos; ``"photo"``: each photo to its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    bins: tuple[float, ...] | None = None
    per: Literal["person", "photo"] = "person"

    @model_validator(mode="before")
    @classmethod
    def _from_yaml(cls, value: Any) -> Any:
        return {"column": value} if isinstance(value, str) else value

    @field_validator("bins")
    @classmethod
    def _ascending(cls, value: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if value is not None and (len(value) < 2 or list(value) != sorted(set(value))):
            raise ValueError(f"got {list(value)}, expected two or more ascending edges, such as [0, 30, 50, 120]")
        return value


class Calibrate(BaseModel):
    """Where thresholds come from, if not from the trials that are reported on: exactly one of three places.

    Attributes:
        split: the people of the sweep's own data set to calibrate on; ``"dev"`` by the 60/20/20 split by person.
        dataset: another data set to calibrate on.
        protocol: who is compared with whom there; by default the sweep's protocol, or the data set's first.
        fmr: false match rates to set thresholds at; by default the sweep's.
        thresholds: a threshold manifest, or a folder of them, that `impersona calibrate` wrote.
        profile: published constants: ``"legacy-far01"``.
        models: recognizer label to the model whose constants apply to it, such as ``{mine: ir152}``; by default the
            model of the same name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    split: Literal["train", "dev", "eval"] | None = None
    dataset: PluginEntry | None = None
    protocol: str | None = None
    fmr: tuple[float, ...] | None = None
    thresholds: Path | None = None
    profile: Literal["legacy-far01"] | None = None
    models: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_place(self) -> Calibrate:
        places = [self.split is not None or self.dataset is not None, self.thresholds is not None, bool(self.profile)]
        if sum(places) != 1:
            raise ValueError(
                "expected exactly one of: split (or dataset), to calibrate now, such as {split: dev}; thresholds, a "
                "file or folder that `impersona calibrate` wrote; profile, such as {profile: legacy-far01}"
            )
        if not places[0] and (self.protocol is not None or self.fmr is not None):
            raise ValueError("protocol and fmr go with split or dataset: stored thresholds carry their own")
        if self.models and not self.profile:
            raise ValueError("models goes with profile")
        return self

    @field_validator("fmr", mode="before")
    @classmethod
    def _one_is_a_list_of_one(cls, value: Any) -> Any:
        return value if value is None or isinstance(value, list | tuple) else [value]

    @field_validator("fmr")
    @classmethod
    def _rates(cls, value: tuple[float, ...] | None) -> tuple[float, ...] | None:
        return None if value is None else _descending_rates(value)


class MakerEntry(PluginEntry):
    """A generator or an attack in a sweep file.

    Attributes:
        label: what figures call it; by default its name.
        aligner: what finds the contributors' faces; by default what the plugin asks for.
        parser: what labels the pixels of their photos, where the plugin takes masks; by default the data set's own
            masks, where it has some, else ``face_parser``.
        goal: what an attack is after; by default to hide a second identity, if it can.
    """

    label: str | None = None
    aligner: PluginEntry | None = None
    parser: PluginEntry | None = None
    goal: Literal["impersonate", "dodge", "hide"] | None = None


class Pairs(BaseModel):
    """Who contributes to each face that generators and attacks make.

    Attributes:
        count: how many faces each of them makes.
        kind: ``"different_people"``, drawn at random; ``"look_alikes"``, people whom a recognizer finds alike, of the
            same gender where it is known.
        references: at most so many other photos of each contributor are compared with the face.
        alike_by: the recognizer that finds look-alikes; by default dlib_resnet.
        file: a CSV file that names the photos, such as that of an earlier run; instead of `count` and `kind`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(default=100, ge=1, le=1_000_000)
    kind: Literal["different_people", "look_alikes"] = "different_people"
    references: int = Field(default=5, ge=1, le=1000)
    alike_by: RecognizerEntry | None = None
    file: Path | None = None

    @model_validator(mode="after")
    def _nothing_in_vain(self) -> Pairs:
        given = {name for name in ("count", "kind") if getattr(self, name) != type(self).model_fields[name].default}
        if self.file and (given or self.alike_by):
            raise ValueError("file names every pair: expected no count, kind or alike_by beside it")
        if self.alike_by and self.kind != "look_alikes":
            raise ValueError("alike_by goes with kind: look_alikes")
        return self


class Diversity(BaseModel):
    """How varied made faces are.

    Attributes:
        faces: so many of the faces are made several times, to see how far noise alone moves them.
        makings: how often, with the first; 1 for no second time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    faces: int = Field(default=30, ge=1, le=10_000)
    makings: int = Field(default=4, ge=1, le=100)


class Attention(BaseModel):
    """Where makers look at the identity that they were given.

    Attributes:
        faces: of so many of the first faces those makers tell it that can.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    faces: int = Field(default=30, ge=1, le=10_000)


class Layout(BaseModel):
    """Whether made faces show what they were asked to show, pixel by pixel.

    Attributes:
        parser: labels the made faces.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    parser: PluginEntry = PluginEntry(name="face_parser")


class Attributes(BaseModel):
    """Whether made faces show the attributes that were asked for, and keep the others.

    Attributes:
        judge: says which attributes a face shows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    judge: PluginEntry = PluginEntry(name="attribute_judge")


class Novelty(BaseModel):
    """How near made faces come to other people, such as those that a generator learned from.

    Attributes:
        dataset: whose nearest face is looked for; by default the sweep's own data set.
        split: which of its people; ``"train"`` by default of the sweep's own.
        photos: at most so many photos of each person; null for all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: PluginEntry | None = None
    split: str | None = None
    photos: int | None = Field(default=None, ge=1)


class OtherPeople(BaseModel):
    """Other people than those who are reported on.

    Attributes:
        dataset: where their photos are; by default the sweep's own data set.
        split: which of its people; by default all of those that `dataset` names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: PluginEntry | None = None
    split: str | None = None


class Searched(BaseModel):
    """Photos among which faces are searched for (1:N).

    Attributes:
        fpir: false positive identification rates at which thresholds are set for as many people as there are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fpir: tuple[float, ...] = (0.1, 0.01)

    @field_validator("fpir", mode="before")
    @classmethod
    def _one_is_a_list_of_one(cls, value: Any) -> Any:
        return value if isinstance(value, list | tuple) else [value]

    @field_validator("fpir")
    @classmethod
    def _rates(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        return _descending_rates(value)


class Gallery(OtherPeople, Searched):
    """Who is enrolled, so that faces could be taken for them.

    Attributes:
        dataset: whose photos are enrolled; by default the sweep's own data set.
        split: which of its people; ``"dev"`` by default of the sweep's own.
        photos: at most so many photos of each person, the first ones; null for all.
        fpir: false positive identification rates at which thresholds are set for a gallery of this size.
        groups: columns by which exposure is also given for groups of the people enrolled.
        face_groups: columns of the sweep's own data set by which figures are also given for groups of faces; a face
            belongs to the group that everybody shares of whom it is made.
    """

    photos: int | None = Field(default=20, ge=1)
    fpir: tuple[float, ...] = (0.1, 0.01, 0.001)
    groups: tuple[GroupEntry, ...] = ()
    face_groups: tuple[GroupEntry, ...] = ()

    @field_validator("groups", "face_groups", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return value if isinstance(value, list | tuple) else [value]


class Leakage(Searched):
    """Whom a generator learned from, and as many people whom it did not, to be told apart by its faces if it can be.

    Attributes:
        train: whom it learned from; split ``"train"`` by default of the sweep's own data set.
        holdout: whom it did not; split ``"dev"`` by default of the sweep's own.
        photos: at most so many photos of each person.
        fpir: false positive identification rates at which thresholds are set for galleries of their size.
        pack: what the generator learned from, as `impersona pack` wrote it: only people whom it holds were learned
            from, and nobody held out or a stranger may be in it; makers whose weights name another pack are refused.
    """

    train: OtherPeople = OtherPeople()
    holdout: OtherPeople = OtherPeople()
    photos: int = Field(default=20, ge=1)
    pack: Path | None = None


class DetectorEntry(RecognizerEntry):
    """A detector of attacks in a sweep file; `label` and `aligner` as for a recognizer."""


class Detection(BaseModel):
    """What detectors are shown, and where their operating points lie.

    Attributes:
        rates: error rates at which thresholds are set: each for the attack error and for the bona fide error.
        references: for differential detectors, at most so many trusted photos of each person.
        bona_fide: the value of `column` that means a real photo, where the data set itself holds the attacks; null
            where they are made by ``generators`` and ``attacks``.
        column: the attribute of the data set that tells bona fide photos and species of attack apart.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rates: tuple[float, ...] = (0.1, 0.05, 0.01)
    references: int = Field(default=1, ge=1, le=100)
    bona_fide: str | None = None
    column: str = "label"

    @field_validator("rates", mode="before")
    @classmethod
    def _one_is_a_list_of_one(cls, value: Any) -> Any:
        return value if isinstance(value, list | tuple) else [value]

    @field_validator("rates")
    @classmethod
    def _rates(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        return _descending_rates(value)


class Sweep(BaseModel):
    """A whole sweep; docs/sweeps.md explains each field.

    Attributes:
        name: names the run folder and the report.
        seed: everything drawn is drawn from streams derived from it.
        dataset: whose faces.
        protocol: who is compared with whom; by default the data set's first protocol.
        recognizers: who is judged.
        detectors: what looks for attacks among photos and faces; docs/detectors.md.
        aligners: what is judged by itself at finding faces and landmarks.
        assessments: what is computed; ``verification`` is of the data set itself: ROC, DET, EER, TMR at FMR.
        fmr: false match rates of the operating points.
        calibrate: where thresholds come from besides the trials that are reported on; null for nowhere.
        columns: CSV files with more columns about the photos, such as qualities that OFIQ measured.
        groups: columns by which figures are also given group by group.
        discard: quality columns of which error-versus-discard curves are drawn.
        draws: how many times the bootstrap draws people anew; 0 for no bootstrap.
        generators: what makes faces of people's photos; every face is compared with everybody who contributed.
        attacks: likewise, with a goal.
        pairs: who contributes to each face.
        keep_faces: which of the made faces the run folder keeps: a few examples of each cell, all, or none.
        detection: what detectors are shown, and where their operating points lie.
        diversity: how often faces are made again to see how varied they are; null for no figures of diversity.
        attention: of how many faces makers tell where they look at the identity; null for none.
        layout: who labels made faces, to be held against the layout that their makers meant; null for nobody.
        attributes: who judges which attributes made faces show; null for nobody.
        novelty: among whose photos the nearest face to each made face is looked for; null for nobody's.
        gallery: who is enrolled, so that faces could be taken for them; null for nobody.
        leakage: whom a generator learned from, and whom it did not; null for no such figures.
        strangers: real people in neither: where a threshold for a gallery lies is set on them. By default, where faces
            are made, the people of the sweep's own data set.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    seed: int = 0
    dataset: PluginEntry
    protocol: str | None = None
    recognizers: tuple[RecognizerEntry, ...] = ()
    detectors: tuple[DetectorEntry, ...] = ()
    aligners: tuple[PluginEntry, ...] = ()
    assessments: tuple[Assessment, ...] = ("verification",)
    fmr: tuple[float, ...] = (1e-2, 1e-3, 1e-4)
    calibrate: Calibrate | None = None
    columns: tuple[Path, ...] = ()
    groups: tuple[GroupEntry, ...] = ()
    discard: tuple[str, ...] = ()
    draws: int = Field(default=1000, ge=0, le=100_000)
    generators: tuple[MakerEntry, ...] = ()
    attacks: tuple[MakerEntry, ...] = ()
    pairs: Pairs = Pairs()
    keep_faces: Literal["examples", "all", "none"] = "examples"
    detection: Detection = Detection()
    diversity: Diversity | None = None
    attention: Attention | None = None
    layout: Layout | None = None
    attributes: Attributes | None = None
    novelty: Novelty | None = None
    gallery: Gallery | None = None
    leakage: Leakage | None = None
    strangers: OtherPeople | None = None

    @field_validator(
        "columns", "groups", "discard", "generators", "attacks", "detectors", "aligners", "recognizers", mode="before"
    )
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return value if isinstance(value, list | tuple) else [value]

    @field_validator("assessments", mode="before")
    @classmethod
    def _none_one_or_many(cls, value: Any) -> Any:
        return value if isinstance(value, list | tuple) else [value]

    @field_validator("fmr", mode="before")
    @classmethod
    def _one_is_a_list_of_one(cls, value: Any) -> Any:
        value = value if isinstance(value, list | tuple) else [value]
        if not value:
            raise ValueError("got an empty list, expected at least one")
        return value

    @model_validator(mode="after")
    def _something_to_do(self) -> Sweep:
        if not (self.recognizers or self.detectors or self.aligners):
            raise ValueError("got nobody to judge, expected recognizers, detectors or aligners: one at least")
        makers = self.generators or self.attacks
        if self.recognizers and not (self.assessments or makers):
            raise ValueError("assessments: got an empty list, expected at least one, or generators, or attacks")
        if self.attention is not None and not (self.recognizers and makers):
            raise ValueError("attention goes with recognizers, and with generators or attacks that take an identity")
        if self.layout is not None and not (self.recognizers and makers):
            raise ValueError("layout goes with recognizers, and with generators or attacks that say what they mean")
        if self.attributes is not None and not (self.recognizers and makers):
            raise ValueError("attributes goes with recognizers, and with generators that say what they were asked for")
        if self.novelty is not None and not (self.recognizers and makers):
            raise ValueError("novelty goes with recognizers, and with generators or attacks")
        self._check_risk(bool(makers))
        if self.detectors and not (makers or self.detection.bona_fide is not None):
            raise ValueError(
                "detectors: got nothing to detect, expected generators or attacks that make it, or detection: "
                "{bona_fide: VALUE}, where the data set's own column tells attacks from bona fide photos"
            )
        return self

    def _check_risk(self, makers: bool) -> None:
        asked = [name for name in ("gallery", "leakage") if getattr(self, name) is not None]
        of_photos = "impersonation_risk" in self.assessments
        if of_photos and not asked:
            raise ValueError(
                "assessments: impersonation_risk asks whom the data set's faces could be taken for; expected gallery, "
                "leakage or both beside it, such as gallery: {dataset: {name: lfw, root: ..., split: eval}}"
            )
        if asked and not (self.recognizers and (makers or of_photos)):
            raise ValueError(
                f"{' and '.join(asked)}: expected recognizers, and generators or attacks, or assessments: "
                "[impersonation_risk] where the data set's own photos are the faces"
            )
        if self.strangers is not None and not asked:
            raise ValueError("strangers goes with gallery or leakage, whose thresholds are set on them")
        if of_photos and self.strangers is None:
            raise ValueError(
                "assessments: impersonation_risk takes the data set's own photos for faces somebody made; expected "
                "strangers, real people on whom thresholds are set, such as "
                "strangers: {dataset: {name: lfw, root: ..., split: dev}}"
            )

    @field_validator("name")
    @classmethod
    def _fit_for_a_folder(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", value):
            raise ValueError(f"got {value!r}, expected letters, digits, '.', '_' and '-', because it names a folder")
        return value

    @field_validator("fmr")
    @classmethod
    def _rates(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        return _descending_rates(value)


def _descending_rates(value: tuple[float, ...]) -> tuple[float, ...]:
    if not value or not all(0 < rate < 1 for rate in value) or len(set(value)) != len(value):
        raise ValueError(f"got {list(value)}, expected different rates between 0 and 1")
    return tuple(sorted(value, reverse=True))


_PARTS: dict[str, type[BaseModel]] = {
    "calibrate": Calibrate,
    "groups": GroupEntry,
    "pairs": Pairs,
    "detection": Detection,
    "diversity": Diversity,
    "attention": Attention,
    "layout": Layout,
    "attributes": Attributes,
    "novelty": Novelty,
    "gallery": Gallery,
    "leakage": Leakage,
    "strangers": OtherPeople,
}
"""Keys of a sweep whose mappings have keys of their own."""


def load_sweep(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Sweep:
    """The sweep that a YAML file describes.

    Args:
        path: the file; ``${NAME}`` in it stands for an environment variable.
        overrides: ``"key=value"`` with a dotted key and a YAML value, such as ``"dataset.people=10"``.

    Raises:
        MissingFile: there is no such file.
        ConfigError: it is not YAML, a key is unknown, a value has the wrong type, or a variable is not set.
    """
    document = read_mapping(path, "sweep file", "examples/ has some to copy", "name, dataset, recognizers")
    for override in overrides:
        apply_override(document, override)
    return parse_sweep(document, str(path))


def parse_sweep(document: Mapping[str, Any], where: str = "sweep") -> Sweep:
    """The sweep that a mapping describes; see `load_sweep`.

    Args:
        document: what a sweep file holds.
        where: what to call it in an error.
    """
    expanded = expand_variables(document, where)
    refuse_unknown(expanded, Sweep.model_fields, where)
    for name, part in _PARTS.items():
        inside = expanded.get(name)
        for one in inside if isinstance(inside, list) else [inside]:
            if isinstance(one, Mapping):
                refuse_unknown(one, part.model_fields, f"{name} of {where}")
    try:
        return Sweep.model_validate(expanded)
    except ValidationError as error:
        raise ConfigError(explained(error, where)) from error


def parse_entry(value: str | Mapping[str, Any], where: str = "plugin") -> PluginEntry:
    """The plugin that a name, or a mapping with ``name`` and settings, stands for.

    Raises:
        ConfigError: it is neither.
    """
    return _validated(PluginEntry, value, where)


def parse_group(value: str | Mapping[str, Any], where: str = "groups") -> GroupEntry:
    """The groups that a column's name, or a mapping with ``column``, ``bins`` and ``per``, stands for.

    Raises:
        ConfigError: it is neither.
    """
    return _validated(GroupEntry, value, where)


def parse_pairs(document: Mapping[str, Any], where: str = "pairs") -> Pairs:
    """Who contributes, as a mapping of a sweep's ``pairs`` says it.

    Raises:
        ConfigError: a key is unknown, or a value of the wrong type or range.
    """
    return _validated(Pairs, document, where)


def _validated(model: type[_Model], value: Any, where: str) -> _Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise ConfigError(explained(error, where)) from error


def validate_settings(cls: type, given: Mapping[str, Any], where: str) -> Any:
    """An instance of a plugin's settings dataclass.

    Args:
        cls: the frozen dataclass.
        given: field names to values, as YAML gives them.
        where: the plugin, for errors.

    Raises:
        UnknownName: a key is not a setting of the plugin.
        ConfigError: a value is missing or of the wrong type or range.
    """
    refuse_unknown(given, [field.name for field in dataclasses.fields(cls)], where, "setting")
    try:
        return TypeAdapter(cls).validate_python(dict(given))
    except ValidationError as error:
        raise ConfigError(explained(error, where)) from error


def axes_of(cls: type, given: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The settings to which a list was given where one value is expected: each makes an axis of the sweep.

    Args:
        cls: the plugin's settings dataclass.
        given: the settings of a sweep file.

    Returns:
        Setting to its values. Where the setting is itself a list, a list of lists is an axis.
    """
    hints = typing.get_type_hints(cls)
    return {key: value for key, value in given.items() if isinstance(value, list) and value and (
        not _takes_list(hints.get(key)) or all(isinstance(entry, list) for entry in value))}  # fmt: skip


def _takes_list(hint: Any) -> bool:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return any(_takes_list(option) for option in typing.get_args(hint))
    origin = typing.get_origin(hint) or hint
    return isinstance(origin, type) and issubclass(origin, Iterable) and not issubclass(origin, str | bytes | Mapping)
