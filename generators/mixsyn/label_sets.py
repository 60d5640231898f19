"""Label sets other than a face's 19 classes, from a YAML file: what `mixsyn` learns from, and what it is told.

    name: cmp_facade
    classes: [background, facade, window, ...]       in the order of their numbers
    first: 1                                         the number that the first class has in label PNGs; default 0
    parts: {wall: [facade, molding], glass: [window, blind], ...}     those at the back first
    compose: false                                   the map of the result is given: styles alone are mixed
    mirrored: [[left_door, right_door]]              classes that a mirror exchanges; default none
    settings: {perceptual: 0, parsed: 0}             further settings of the preset

``parts`` says which classes change hands together; a class that it leaves out is a part of its own, behind them. A
folder of pictures holds such a file (`generators.mixsyn.labelled_pictures`), and ``impersona train mixsyn --settings``
takes the same one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import ConfigError, CorruptFile, MissingDependency, UnknownName

KEYS = ("name", "classes", "first", "parts", "compose", "mirrored", "settings")
MOST = 255
"""Classes that an 8-bit label map can tell apart, one number left over for none of them."""


@dataclass(frozen=True, kw_only=True)
class LabelSet:
    """The classes of label maps.

    Attributes:
        name: of the set.
        classes: their names by number, R of them.
        parts: name and classes of what changes hands together, those at the back first; every class is in one of them.
        compose: whether a composer makes the map of the result.
        first: the number that the first class has in label files.
        mirrored: pairs of classes that a mirror exchanges.
        settings: further settings of the preset.
    """

    name: str
    classes: tuple[str, ...]
    parts: tuple[tuple[str, tuple[int, ...]], ...]
    compose: bool = True
    first: int = 0
    mirrored: tuple[tuple[int, int], ...] = ()
    settings: tuple[tuple[str, Any], ...] = ()

    @property
    def preset_settings(self) -> dict[str, Any]:
        """The fields of `generators.mixsyn.settings.MixSynPreset` that follow from the file, name to value."""
        regions = {"regions": len(self.classes), "classes": self.classes, "parts": self.parts, "compose": self.compose}
        stages = {} if self.compose else {"compose_steps": 0}  # nobody learns in the first
        return {**stages, **dict(self.settings), **regions}

    @property
    def exchanged(self) -> NDArray[np.uint8]:
        """uint8 (R,): class to the class that it is in the mirrored picture."""
        table = np.arange(len(self.classes), dtype=np.uint8)
        for one, other in self.mirrored:
            table[[one, other]] = other, one
        return table

    def numbered(self, stored: NDArray[np.uint8], where: str) -> NDArray[np.uint8]:
        """Class numbers from 0 of a label map as it is stored.

        Args:
            stored: uint8 (H, W).
            where: what to call it in an error.

        Raises:
            CorruptFile: it has a number that is no class.
        """
        last = self.first + len(self.classes) - 1
        wrong = stored[(stored < self.first) | (stored > last)]
        if wrong.size:
            raise CorruptFile(
                f"{where}: got the number {int(wrong[0])} in {wrong.size} pixels, expected {self.first} to {last}, the"
                f" {len(self.classes)} classes of {self.name}; mend the map, or classes and first of the label set"
            )
        found: NDArray[np.uint8] = stored - np.uint8(self.first)
        return found


def read_label_set(path: str | os.PathLike[str]) -> LabelSet:
    """The label set in a YAML file.

    Raises:
        MissingFile: there is no such file.
        ConfigError: it is not YAML, or it says something that cannot be.
        UnknownName: it has a key that there is not, or names a class that it has not.
        MissingDependency: the libraries that read YAML are not installed.
    """
    try:
        from bench.yaml_files import read_mapping
    except ModuleNotFoundError as error:
        raise MissingDependency(f"{path} is read with PyYAML and pydantic ({error}); pip install both") from error
    hint = "docs/mixsyn.md says what stands there"
    return label_set_of(read_mapping(path, "label set", hint, "name, classes and parts"), str(path))


def label_set_of(document: Mapping[str, Any], where: str) -> LabelSet:
    """The label set that a mapping describes, as the module's docstring has it.

    Args:
        document: key to value.
        where: what to call it in errors.

    Raises:
        ConfigError: it says something that cannot be.
        UnknownName: it has a key that there is not, or names a class that it has not.
    """
    for key in document:
        if key not in KEYS:
            raise UnknownName("key of a label set", str(key), KEYS, f"({where})")
    classes = _names(document.get("classes"), "classes", where)
    if not 2 <= len(classes) <= MOST or len(set(classes)) != len(classes):
        raise ConfigError(f"{where}: classes: got {len(classes)} names, expected 2 to {MOST}, each once")
    first = _typed(document.get("first", 0), int, "first", where)
    if not 0 <= first <= MOST + 1 - len(classes):
        raise ConfigError(f"{where}: first: got {first}, expected 0 to {MOST + 1 - len(classes)}")
    settings = _typed(document.get("settings", {}), dict, "settings", where)
    return LabelSet(
        name=_typed(document.get("name", "labels"), str, "name", where),
        classes=classes,
        parts=_parts(_typed(document.get("parts", {}), dict, "parts", where), classes, where),
        compose=_typed(document.get("compose", True), bool, "compose", where),
        first=first,
        mirrored=_pairs(document.get("mirrored", []), classes, where),
        settings=tuple((str(name), _plain(value)) for name, value in settings.items()),
    )


def _parts(said: Mapping[str, Any], classes: Sequence[str], where: str) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """A part for each class that is left out, and then those that were named."""
    parts: list[tuple[str, tuple[int, ...]]] = []
    held: set[int] = set()
    for name, members in said.items():
        numbers = tuple(_number(one, classes, where) for one in _names(members, f"parts: {name}", where))
        if twice := held.intersection(numbers):
            raise ConfigError(f"{where}: parts: got {classes[min(twice)]} in two parts, expected each class in one")
        held.update(numbers)
        parts.append((str(name), numbers))
    alone = [(name, (number,)) for number, name in enumerate(classes) if number not in held]
    if clash := {name for name, _ in parts} & {name for name, _ in alone}:
        raise ConfigError(
            f"{where}: parts: got a part {min(clash)} without the class of that name, expected another name for it"
        )
    return (*alone, *parts)


def _pairs(said: Any, classes: Sequence[str], where: str) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for pair in _typed(said, list, "mirrored", where):
        names = _names(pair, "mirrored", where)
        if len(set(names)) != 2:
            raise ConfigError(f"{where}: mirrored: got {list(names)}, expected pairs of classes")
        one, other = (_number(name, classes, where) for name in names)
        found.append((one, other))
    numbers = [number for pair in found for number in pair]
    if len(set(numbers)) != len(numbers):
        raise ConfigError(f"{where}: mirrored: got a class in two pairs, expected each in one")
    return tuple(found)


def _number(name: str, classes: Sequence[str], where: str) -> int:
    if name not in classes:
        raise UnknownName("class", name, classes, f"({where})")
    return classes.index(name)


def _names(said: Any, key: str, where: str) -> tuple[str, ...]:
    if not isinstance(said, list) or not said or not all(isinstance(one, str) and one for one in said):
        raise ConfigError(f"{where}: {key}: got {said!r}, expected a list of names of classes")
    return tuple(said)


def _typed(value: Any, kind: type, key: str, where: str) -> Any:
    if type(value) is not kind:
        raise ConfigError(f"{where}: {key}: got {value!r}, expected {kind.__name__}")
    return value


def _plain(value: Any) -> Any:
    return tuple(_plain(one) for one in value) if isinstance(value, list) else value
