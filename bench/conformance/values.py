"""What several kinds promise about their values: arrays, templates, aligners that go with them, equal bits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from bench.api import Face, FrameImage, Kind, Template
from bench.config import validate_settings
from bench.conformance.finding import Broken, Inspection, NotAsked, expect, in_words
from bench.conformance.sample import cropped, people
from bench.errors import ImpersonaError, MissingDependency, MissingFile, PluginError, ProviderError
from bench.registry import load, registry, settings_class

POINTS_OF_SCHEME = {"field5": 5, "dlib5": 5, "dlib68": 68}
MASK_CLASSES = 19
_DIGEST = re.compile(r"[0-9a-f]{64}")


def expect_array(value: Any, dtype: str, shape: tuple[int | str, ...], change: str = "") -> None:
    """Goes on if the value is an array of a dtype and a shape.

    Args:
        value: anything.
        dtype: such as ``"float32"``.
        shape: a size, or a letter for any size of at least 1, for each dimension.
        change: what to change.

    Raises:
        Broken: it is not.
    """
    words = f"{dtype} ({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
    expect(isinstance(value, np.ndarray), in_words(value), f"a NumPy array, {words}", change)
    fits = value.ndim == len(shape) and all(
        size == wanted if isinstance(wanted, int) else size >= 1
        for size, wanted in zip(value.shape, shape, strict=True)
    )
    expect(fits and value.dtype == np.dtype(dtype), in_words(value), words, change)


def expect_finite(value: NDArray[np.float32]) -> None:
    """Goes on if every number is finite."""
    bad = int((~np.isfinite(value)).sum())
    expect(not bad, f"{bad} of {value.size} numbers that are NaN or infinite", "finite numbers only")


def expect_same(first: Any, second: Any, of_what: str, change: str) -> None:
    """Goes on if two arrays are the same, bit for bit.

    Raises:
        Broken: they are not.
    """
    alike = isinstance(first, np.ndarray) and isinstance(second, np.ndarray)
    alike = alike and first.shape == second.shape and first.dtype == second.dtype
    expect(alike, f"{in_words(first)}, then {in_words(second)}", "the same", change)
    differing = sum(one.tobytes() != other.tobytes() for one, other in zip(first, second, strict=True))
    expect(not differing, f"other bits in {differing} of {len(first)} {of_what}", "the same", change)


def expect_digest(value: Any) -> None:
    """Goes on if the value is 64 lower-case hexadecimal digits."""
    fits = isinstance(value, str) and _DIGEST.fullmatch(value)
    expect(fits, in_words(value), "64 lower-case hexadecimal digits", "return hashlib.sha256(...).hexdigest()")


def expect_labels(value: Any, shape: tuple[int | str, ...]) -> None:
    """Goes on if the value is a uint8 array of the labels 0 to 18."""
    expect_array(value, "uint8", shape)
    highest = int(value.max())
    expect(
        highest < MASK_CLASSES,
        f"the label {highest}",
        "labels 0 to 18",
        "map your classes to those of MaskedDataset.mask",
    )


def expect_option(value: Any, options: Any, change: str = "") -> None:
    """Goes on if the value is one of a `Literal`'s options."""
    names = get_args(options)
    expect(value in names, in_words(value), f"one of {', '.join(map(repr, names))}", change)


def expect_count(value: Any, lowest: int = 1) -> None:
    """Goes on if the value is a whole number of at least `lowest`."""
    fits = isinstance(value, int) and not isinstance(value, bool) and value >= lowest
    expect(fits, in_words(value), f"an int of at least {lowest}")


def ask_template(asks: Inspection, kind: str, plugin: Any) -> Template | None:
    """Asks about `template`; the template if it is one."""
    with asks.promise(f"{kind}.template", "a Template: a name, the side in pixels, float32 (P, 2) points a scheme"):
        template = plugin.template
        fits = all(hasattr(template, name) for name in ("name", "side", "targets"))
        expect(fits, in_words(template), "a bench.api.Template", "bench.aligners.templates has the usual ones")
        expect_count(template.side)
        expect(isinstance(template.name, str) and template.name, in_words(template.name), "a name")
        # Without points, a template is for faces that are aligned already.
        expect(isinstance(template.targets, Mapping), in_words(template.targets), "a mapping from scheme to points")
        for scheme, points in template.targets.items():
            expect_array(points, "float32", (POINTS_OF_SCHEME.get(scheme, "P"), 2), f"mend targets[{scheme!r}]")
            expect_finite(points)
    return template if asks.last_kept else None


def ask_default_aligner(asks: Inspection, kind: str, plugin: Any, template: Template, scheme: str = "") -> None:
    """Asks whether the aligner that the plugin names is there, takes these settings and can make its crops.

    Args:
        asks: where findings go.
        kind: the protocol, for `Finding.line`.
        plugin: what names the aligner.
        template: what the crops shall look like.
        scheme: landmarks that the aligner must give besides; empty for none.
    """
    name, settings = "", dict[str, Any]()
    with asks.promise(f"{kind}.default_aligner", "a mapping with the name of an aligner and valid settings of it"):
        name, settings = checked_entry("aligner", plugin.default_aligner(), '{"name": "dlib_hog", "points": 68}')
    promise = "that aligner's faces can be cropped to the template"
    if not asks.last_kept:
        asks.stop(f"{kind}.default_aligner", promise, "it names no aligner")
        return
    with asks.promise(f"{kind}.default_aligner", promise):
        try:
            face, crop = _first_crop(load("aligner", name, **settings), template)
        except (MissingDependency, MissingFile, ProviderError) as error:
            raise NotAsked(f"the aligner cannot be used on this machine: {error}") from error
        except PluginError as error:
            raise Broken(f"got {error}; expected an aligner that fits; change default_aligner or template") from error
        expect_array(crop, "uint8", (template.side, template.side, 3))
        expect(
            not scheme or scheme in face.landmarks, f"landmarks {' and '.join(face.landmarks) or 'none'}", scheme,
            'the conditions ask for them: return {"name": "dlib_hog", "points": 68}',
        )  # fmt: skip


def checked_entry(kind: Kind, entry: Any, such_as: str) -> tuple[str, dict[str, Any]]:
    """The name and the settings of another plugin that a plugin names.

    Args:
        kind: of the other one.
        entry: what the plugin returned.
        such_as: what it might have returned.

    Raises:
        Broken: it is no entry, or there is no such plugin or setting.
    """
    fits = isinstance(entry, Mapping) and isinstance(entry.get("name"), str)
    expect(fits, in_words(entry), f"a mapping such as {such_as}")
    settings = {key: value for key, value in entry.items() if key != "name"}
    try:
        row = registry().find(kind, entry["name"])
        validate_settings(settings_class(row), settings, f"{kind} {row.name}")
    except ImpersonaError as error:
        raise Broken(f"got {dict(entry)!r}: {error}; expected what a sweep file may say") from error
    return row.name, settings


def _first_crop(aligner: Any, template: Template) -> tuple[Face, FrameImage]:
    """A face that the aligner finds and its crop; of exact landmarks where it finds none in the sample."""
    for person in people():
        if faces := aligner.detect(person.frame.copy()):
            return faces[0], aligner.crop(person.frame.copy(), faces[0], template)
    first = people()[0]
    return first.face, aligner.crop(first.frame.copy(), first.face, template)


def batch_of(template: Template, size: int) -> NDArray[np.float32]:
    """Crops that all differ: the sample's people, over and over, each round moved by a pixel.

    Args:
        template: the plugin's.
        size: N.

    Returns:
        float32 (N, 3, S, S).

    Raises:
        NotAsked: the template has no scheme that drawn people have.
    """
    try:
        crops = np.stack([cropped(person, template) for person in people()])
    except PluginError as error:
        raise NotAsked(f"no sample crop can be made: {error}") from error
    rows = [np.roll(crops[index % len(crops)], index // len(crops), axis=2) for index in range(size)]
    return np.ascontiguousarray(np.stack(rows))
