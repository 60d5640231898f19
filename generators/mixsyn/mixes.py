"""What is asked of some sources: mixes by names, by single choices, by chance; and why some cannot be had."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.errors import ConfigError
from bench.seeding import stream
from generators.mixsyn.mixing import NO_COMPOSER, NO_NOISE
from generators.mixsyn.sources import Mix, Sources


def able(given: NDArray[np.bool_], classes: Sequence[int], shapes: ArrayLike | None = None) -> NDArray[np.bool_]:
    """Which sources can give a part that is asked for by name: the rule of the generator, of sessions and of albums.

    Whoever gives its shape has to show some of it, however little. Whoever gives its style alone has to show a class
    of it that whoever gives the shape shows, too: else there is nothing that could have that style.

    Args:
        given: bool (..., K, R), which classes each source shows in its labels as they were given.
        classes: of the part.
        shapes: to ask for the style alone: R sources counted from 0 that give the shapes, -1 for none.

    Returns:
        bool (..., K).
    """
    numbers = list(classes)
    there = given[..., numbers]
    if shapes is not None:
        owners = np.asarray(shapes)[numbers]
        there = there & (given[..., owners, numbers] & (owners >= 0))[..., None, :]
    found: NDArray[np.bool_] = np.asarray(there.any(axis=-1))
    return found


def alone(sources: Sources, source: int = 1) -> Mix:
    """All of it from one source, counted from 1: that source made again. Raises `ConfigError` for one out of range."""
    every = (sources.number(source),) * sources.preset.regions
    return Mix(every, every)


def named(
    sources: Sources,
    shapes: Mapping[str, int],
    styles: Mapping[str, int],
    *,
    noise: int | None = None,
    temperature: float = 1.0,
) -> Mix:
    """A mix by names; what is not named stays with source 1.

    Args:
        sources: K of them.
        shapes: part or class to the source, counted from 1, that gives its shape and, unless `styles` says otherwise,
            its style. Classes by name go before the parts that they are in.
        styles: part or class to the source that gives its style.
        noise: a seed of the composition's noise; None for none.
        temperature: of the composition, 0 to 1.

    Raises:
        UnknownName: there is no such part or class.
        ConfigError: there is no such source, it cannot give that part, or the weights take no noise.
    """
    from generators.mixsyn.assignment import named_assignment

    preset = sources.preset
    for name, source in (*shapes.items(), *styles.items()):
        sources.classes(name)
        sources.number(source)
    assigned = named_assignment(preset.parts, shapes, styles, len(sources), preset.classes)
    shape, style = (tuple(rows[0].tolist()) for rows in assigned)
    mix = composed(sources, Mix(shape, style), noise, temperature)
    for name, source in shapes.items():
        _check_able(sources, name, source)
    for name, source in styles.items():
        _check_able(sources, name, source, mix)
    return mix


def chosen(sources: Sources, mix: Mix, name: str, source: int, shaping: bool = True) -> Mix:
    """The mix with a part or class from another source.

    Args:
        sources: K of them.
        mix: what was asked for before.
        name: the part or class.
        source: whose, counted from 1.
        shaping: shape and style; False for the style alone.

    Raises:
        UnknownName: there is no such part or class.
        ConfigError: there is no such source, or it cannot give that part.
    """
    classes, number = sources.classes(name), sources.number(source)
    _check_able(sources, name, source, None if shaping else mix)
    style = _with(mix.style, classes, number)
    return mix._replace(shape=_with(mix.shape, classes, number) if shaping else mix.shape, style=style)


def without(sources: Sources, mix: Mix, name: str) -> Mix:
    """The mix without a part or class.

    Raises:
        UnknownName: there is no such part or class.
        ConfigError: nothing would be left.
    """
    left = mix._replace(shape=_with(mix.shape, sources.classes(name), -1))
    if not (sources.assignment(left).shape >= 0).any():
        raise ConfigError(f"{name}: without it nothing is left of the face; choose something else first")
    return left


def composed(sources: Sources, mix: Mix, noise: int | None, temperature: float) -> Mix:
    """The mix with another composition of the same parts.

    Args:
        sources: K of them.
        mix: what was asked for before.
        noise: a seed of the composition's noise; None for none.
        temperature: 0 to 1.

    Raises:
        ConfigError: the temperature is out of range, or the weights take no noise.
    """
    if not 0 <= temperature <= 1:
        raise ConfigError(f"temperature: got {temperature}, expected 0 to 1")
    preset = sources.preset
    if noise is not None and not (preset.compose and preset.composer_noise):
        why = NO_NOISE if preset.compose else NO_COMPOSER
        raise ConfigError(f"noise: got seed {noise}, but {_file(sources)} {why}")
    return mix._replace(noise=noise, temperature=temperature)


def drawn(sources: Sources, seed: int, *, noise: int | None = None, temperature: float = 1.0) -> Mix:
    """A random mix of whole parts, one at least of each source where that can be; the same seed gives the same.

    Args:
        sources: K of them.
        seed: who gives what is drawn from it.
        noise: a seed of the composition's noise; None for none.
        temperature: of the composition, 0 to 1.

    Raises:
        ConfigError: the temperature is out of range, or the weights take no noise.
    """
    import torch

    from generators.mixsyn.assignment import drawn_assignment, numbers_wanted

    parts = sources.preset.parts
    numbers = stream(seed, "mixsyn", "assignment").random((1, numbers_wanted(parts)))
    found = drawn_assignment(parts, torch.from_numpy(sources.shown)[None], torch.from_numpy(numbers))
    shape, style = (tuple(rows[0].tolist()) for rows in found)
    # Without a composer the map of the result is the first source's, and styles alone are mixed.
    mix = Mix(shape if sources.preset.compose else alone(sources).shape, style)
    return composed(sources, mix, noise, temperature)


def _check_able(sources: Sources, name: str, source: int, mix: Mix | None = None) -> None:
    """Makes sure that a source, counted from 1, can give a part: to a mix that has its shapes, the style alone."""
    classes, number = sources.classes(name), sources.number(source)
    if mix is None and number and not sources.preset.compose:
        raise ConfigError(f"{name}: got source {source} for its shape, but {_file(sources)} {NO_COMPOSER}")
    can = able(sources.given, classes, None if mix is None else mix.shape)
    if can[number]:
        return
    others = ", ".join(map(str, np.flatnonzero(can) + 1)) or "none does"
    if able(sources.given, classes)[number]:
        raise ConfigError(
            f"{name}: source {source} shows some, but whoever gives its shape shows none of the same; take the shape of"
            f" a source that does, too, or the style of one that goes with it: {others}"
        )
    raise ConfigError(f"{name}: source {source} shows none; expected a source that does: {others}")


def _with(given: tuple[int, ...], classes: Iterable[int], source: int) -> tuple[int, ...]:
    """Sources of the regions, some of them replaced."""
    found = list(given)
    for one in classes:
        found[one] = source
    return tuple(found)


def _file(sources: Sources) -> str:
    return sources.mixer.released.file.name
