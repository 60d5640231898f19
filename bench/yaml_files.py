"""YAML files: one mapping, no key twice, ``${NAME}`` for the environment, ``key=value`` set over it all."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bench.errors import ConfigError, MissingFile, UnknownName

if TYPE_CHECKING:
    from pydantic import ValidationError

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class _StrictLoader(yaml.SafeLoader):
    """YAML's safe loader, which refuses a key that stands twice: the second would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def read_mapping(path: str | os.PathLike[str], what: str, hint: str, keys: str) -> dict[str, Any]:
    """The mapping that a YAML file holds, as it stands there.

    Args:
        path: the file.
        what: what to call such a file, in errors.
        hint: what to do where there is none.
        keys: some of those that it should have.

    Raises:
        MissingFile: there is no such file.
        ConfigError: it is not YAML, or no mapping.
    """
    try:
        document = yaml.load(Path(path).read_text(encoding="utf-8"), _StrictLoader)
    except FileNotFoundError as error:
        raise MissingFile(f"no {what} at {path}; {hint}") from error
    except (yaml.YAMLError, UnicodeDecodeError, IsADirectoryError) as error:
        raise ConfigError(f"{path} is not a YAML file: {error}") from error
    if not isinstance(document, dict):
        got = "an empty file" if document is None else type(document).__name__
        raise ConfigError(f"{path}: got {got}, expected a mapping with {keys}")
    return document


def apply_override(document: dict[str, Any], override: str) -> None:
    """Sets one value of a document.

    Args:
        document: what `read_mapping` returned; it is changed.
        override: ``"key=value"`` with a dotted key and a YAML value, such as ``"dataset.people=10"``.

    Raises:
        ConfigError: it is no such text, or there is no such part.
    """
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set got {override!r}, expected key=value, such as --set dataset.people=10")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {key}: {text!r} is not a YAML value ({error})") from error
    *path, last = key.split(".")
    target: Any = document
    for part in path:
        target = _descend(target, part, key)
    if isinstance(target, list):
        target[_position(target, last, key)] = value
    elif isinstance(target, dict):
        target[last] = value
    else:
        raise ConfigError(f"--set {key}: {target!r} has no parts; write that part of the sweep as a mapping")


def _descend(target: Any, part: str, key: str) -> Any:
    if isinstance(target, list):
        position = _position(target, part, key)
        if isinstance(target[position], str):
            target[position] = {"name": target[position]}
        return target[position]
    if not isinstance(target, dict):
        raise ConfigError(f"--set {key}: {target!r} has no part {part!r}")
    if isinstance(target.get(part), str):
        target[part] = {"name": target[part]}
    return target.setdefault(part, {})


def _position(target: list[Any], part: str, key: str) -> int:
    if not part.isdigit() or int(part) >= len(target):
        raise ConfigError(f"--set {key}: {part!r} is not a position in a list of {len(target)}; they count from 0")
    return int(part)


def expand_variables(value: Any, where: str) -> Any:
    """A document with the environment's values in place of every ``${NAME}``.

    Args:
        value: the document, or a part of it.
        where: what to call it in an error.

    Raises:
        ConfigError: a variable is not set.
    """
    if isinstance(value, Mapping):
        return {str(key): expand_variables(entry, where) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [expand_variables(entry, where) for entry in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: _variable(match.group(1), where), value)
    return value


def _variable(name: str, where: str) -> str:
    if name not in os.environ:
        raise ConfigError(f"{where} needs the environment variable {name}, which is not set; export {name}=/path/to/it")
    return os.environ[name]


def refuse_unknown(given: Mapping[str, Any], known: Iterable[str], where: str, what: str = "key") -> None:
    """Makes sure that every key is a known one.

    Args:
        given: a part of a sweep.
        known: the keys that it may have.
        where: what to call the part in an error.
        what: what to call a key.

    Raises:
        UnknownName: a key is not; names the nearest that is.
    """
    known = list(known)
    for key in given:
        if key not in known:
            raise UnknownName(what, key, known, f"(in {where})")


_WANTED = {"tuple_type": "a list, such as [{got}]", "model_type": "a mapping of its keys, as docs/sweeps.md has them"}
"""What pydantic calls by Python's names, in YAML's."""


def explained(error: ValidationError, where: str) -> str:
    """What pydantic found, one line a problem, in the words of a YAML file.

    Args:
        error: what it raised.
        where: what to call the file.
    """
    lines = []
    for problem in error.errors(include_url=False):
        place = ".".join(str(part) for part in problem["loc"])
        got = "" if problem["type"] in ("missing", "value_error") else f" (got {problem['input']!r})"
        said = problem["msg"].removeprefix("Value error, ")
        if (wanted := _WANTED.get(problem["type"])) is not None:
            said = f"expected {wanted.format(got=problem['input'])}"
        lines.append(f"{where}: {place + ': ' if place else ''}{said}{got}")
    return "\n".join(lines)
