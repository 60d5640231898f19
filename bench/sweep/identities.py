"""A recognizer at work beside a maker: the embeddings of contributors' photos that makers of ``identity`` take.

The maker names the recognizer (`bench.api.IdentityConditioned`), which sees each photo through an aligner of its own.
Its embeddings come from and go to the cache, as everybody's. In a photo of several people the two aligners may rank
another face first: an embedding counts only where it is of the face that the maker sees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.api import Aligner, Attack, Frame, Generator, Progress, Recognizer
from bench.config import PluginEntry, RecognizerEntry
from bench.errors import ConfigError, PluginError
from bench.store.cache import ArrayCache
from bench.sweep.acquisition import acquire
from bench.sweep.inputs import Entry, entry_of, identity_of
from bench.sweep.instances import plain, plugin
from bench.sweep.sighting import Cast, Sighting, aligned_by

REVISION = 2
"""Part of what determines a face that is made of identities; it moves when the bench takes others for a photo."""


@dataclass(frozen=True, eq=False)
class Embedder:
    """A recognizer with the aligner that finds faces for it.

    Attributes:
        recognizer: the plugin.
        entry: ``{"name": ..., **settings}``, plain data.
        finder: likewise, of its aligner.
        identity: the recognizer as a cell's key holds it.
        finder_identity: its aligner, likewise.
    """

    recognizer: Recognizer
    entry: Entry
    finder: Entry
    identity: Entry
    finder_identity: Entry


def embedder_of(wanted: RecognizerEntry) -> Embedder:
    """The recognizer that an entry names, with the aligner beside it, else the one that it asks for.

    Args:
        wanted: as a sweep file, or a maker, has it.

    Raises:
        ConfigError: there are several aligners beside it.
        UnknownName: no such plugin or setting.
        MissingFile: its model file is not there.
    """
    if len(wanted.aligner or ()) > 1:
        names = ", ".join(one.name for one in wanted.aligner or ())
        raise ConfigError(f"{wanted.name}: got the aligners {names}; several make no axis here, give one aligner")
    entry: Entry = {"name": wanted.name, **plain(wanted.settings)}
    recognizer: Recognizer = plugin("recognizer", entry)
    found = wanted.aligner[0] if wanted.aligner else PluginEntry.model_validate(dict(recognizer.default_aligner()))
    finder: Entry = {"name": found.name, **plain(found.settings)}
    return Embedder(
        recognizer, entry, finder, identity_of(entry, recognizer), identity_of(finder, plugin("aligner", finder))
    )


def encoder_entry(maker: Generator | Attack, name: str) -> RecognizerEntry:
    """The recognizer whose embeddings a maker takes.

    Args:
        maker: one with ``identity`` or ``reference_identity`` among its conditions.
        name: what a sweep calls it.

    Raises:
        PluginError: it does not say which.
    """
    ask = getattr(maker, "identity_encoder", None)
    if not callable(ask):
        raise PluginError(
            f"{name} asks for identity and has no identity_encoder(), which says whose embeddings it takes; "
            "bench.api.IdentityConditioned says what it returns"
        )
    found = ask()
    try:
        return RecognizerEntry.model_validate(dict(found))
    except (TypeError, ValueError) as error:
        raise PluginError(
            f"{name}.identity_encoder() returned {found!r}; expected a recognizer's entry, such as "
            '{"name": "dlib_resnet"}'
        ) from error


class Identities:
    """The embeddings of the photos that a maker sees.

    Args:
        spec: a cell's; its parts ``maker_identity`` and ``maker_identity_aligner`` say who embeds them.
        cache: embeddings are looked up and kept there.

    Attributes:
        name: the recognizer's.
        identity: everything besides a photo that determines its embedding.
    """

    def __init__(self, spec: Mapping[str, Any], cache: ArrayCache) -> None:
        self._cast = Cast(*(entry_of(spec[role]) for role in ("dataset", "maker_identity_aligner", "maker_identity")))
        self._cache = cache
        self.name: str = self._cast.recognizer["name"]
        aligner: Aligner = plugin("aligner", self._cast.aligner)
        self.identity = {
            "revision": REVISION,
            **identity_of(self._cast.recognizer, plugin("recognizer", self._cast.recognizer)),
            **aligned_by(self._cast.aligner["name"], aligner),
        }
        self._rows: dict[str, NDArray[np.float32]] = {}
        self._problems: dict[str, str] = {}

    def prepare(self, frames: Sequence[Frame], seen: Sequence[Sighting], progress: Progress | None = None) -> None:
        """Embeds photos, or finds their embeddings in the cache.

        Args:
            frames: N photos, each once.
            seen: what the maker's aligner saw in each: an embedding of another face than that is none.
            progress: told how many photos have been embedded.

        Raises:
            PluginError: the recognizer returned something else than embeddings.
        """
        if not frames:
            return
        found = acquire(self._cast, frames, self._cache, progress)
        for index, (frame, sighting) in enumerate(zip(frames, seen, strict=True)):
            if not found.acquired[index]:
                self._problems[frame.key] = f"{self.name} did not acquire it: {found.problems[index]}"
            elif sighting.face is not None and not same_face(sighting.face.box, found.box[index]):
                self._problems[frame.key] = f"{self.name} did not acquire it: its aligner chose another face"
            else:
                self._rows[frame.key] = found.embeddings[index]

    def of(self, key: str) -> NDArray[np.float32] | None:
        """The embedding of a photo that was prepared, float32 (D,); None where the recognizer did not acquire it."""
        return None if key in self._problems else self._rows[key]

    def problem(self, key: str) -> str | None:
        """Why a photo that was prepared has no embedding; None where it has one."""
        return self._problems.get(key)


def same_face(one: ArrayLike, other: ArrayLike) -> bool:
    """Whether two boxes in one photo are of one face: whether the centre of one at least lies within the other.

    Aligners draw boxes of one face around more or less of it, so that their overlap says little; boxes of two people
    hold each other's centres only where one stands before the other.

    Args:
        one: (4,), left, top, right, bottom in pixels.
        other: likewise, as another aligner draws it.
    """
    boxes = [np.asarray(box, dtype=np.float64).reshape(2, 2) for box in (one, other)]
    first, second = (box.mean(axis=0) for box in boxes)
    return _holds(boxes[0], second) or _holds(boxes[1], first)


def _holds(box: NDArray[np.float64], point: NDArray[np.float64]) -> bool:
    return bool((box[0] <= point).all() and (point <= box[1]).all())
