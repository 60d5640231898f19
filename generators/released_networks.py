"""Released weights at work: what stands between a weight file and the tensors of every generator that learned.

Constructing one finds the file. What the file says of itself is read from its first bytes, without torch; the networks
are built and loaded when they are first asked for.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from bench import weights
from bench.aligners.templates import template_digest
from bench.api import Fingerprint, LearnedFrom, Template
from bench.errors import CorruptFile
from bench.provenance import file_digest, thread_count, version_of
from bench.released import FORMAT, read_released
from bench.torch_runtime import Device, opened_device, planned_device, repeatable, runtime_of

if TYPE_CHECKING:
    import torch
    from torch import nn

Preset = TypeVar("Preset")


class ReleasedNetworks(Generic[Preset]):
    """The networks of one released file, on one device.

    Args:
        name: of the generator, as `impersona train` calls it, for errors.
        file: what the setting ``weights`` says: a path or a name in the user's folder of models; empty for `released`.
        released: the name of the file that ships.
        preset_of: the sizes that the file's settings, plain values, describe; ValueError or TypeError where they
            describe none.
        build: those sizes to fresh networks by the names that they have in the file; called on the device ``meta``.
        device: as set.
        threads: as set, 0 for every core.

    Raises:
        MissingFile: there is no such file.
    """

    def __init__(
        self,
        name: str,
        file: str,
        released: str,
        *,
        preset_of: Callable[[Mapping[str, Any]], Preset],
        build: Callable[[Preset], Mapping[str, nn.Module]],
        device: Device,
        threads: int,
    ) -> None:
        self.name = name
        self.file = Path(weights.user_model(file, "weights") if file else weights.released(released))
        self._preset_of, self._build = preset_of, build
        self._device, self._threads = device, threads

    @cached_property
    def about(self) -> Mapping[str, Any]:
        """What the file says of itself besides the sizes: steps, teachers and the like; empty where it says nothing."""
        about: Any = json.loads(weights.metadata(self.file).get("about", "{}"))
        return dict(about)

    @property
    def taught_by(self) -> frozenset[str]:
        """The recognizers that taught the networks, as the file has them: they are its white box."""
        return frozenset(self.about.get("taught_by", ()))

    @property
    def learned_from(self) -> tuple[LearnedFrom, ...]:
        """The packs that the networks learned from, the last one first, as the file has them.

        Those of the weights that they began with are among them: whom these have seen, they have seen, too.
        """
        found, about = [], self.about
        while about:
            if data := about.get("data"):
                found.append(LearnedFrom(str(data), about.get("people_digest"), about.get("people")))
            about = about.get("started_with") or {}
        return tuple(dict.fromkeys(found))

    @cached_property
    def preset(self) -> Preset:
        """The sizes of the networks, as the file states them.

        Raises:
            CorruptFile: it is no file of released weights, or of another generator's.
        """
        said = weights.metadata(self.file)
        if said.get("format") != FORMAT:
            raise CorruptFile(f"{self.file}: got format {said.get('format')!r}, expected {FORMAT!r}")
        try:
            return self._preset_of(json.loads(said["settings"]))
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptFile(
                f"{self.file}: not weights of {self.name} ({error}); give a file of `impersona train {self.name}`"
            ) from error

    @cached_property
    def networks(self) -> Mapping[str, nn.Module]:
        """Name to network, in eval mode, without gradients of their own, channels last.

        Raises:
            ProviderError: there is no such device here.
            CorruptFile: the weights do not fit the sizes that stand beside them.
        """
        import torch

        device, preset = opened_device(self._device), self.preset
        with torch.inference_mode(False):  # weights born in inference mode would refuse every later gradient
            _, states = read_released(self.file)
            with torch.device("meta"):
                networks = dict(self._build(preset))
            for name, network in networks.items():
                try:
                    network.load_state_dict(states.get(name, {}), assign=True)
                except RuntimeError as error:
                    raise CorruptFile(f"{self.file}: the weights do not fit their own settings ({error})") from error
                network.requires_grad_(False).eval().to(device)
                network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return networks

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(next(iter(self.networks.values())).parameters()).device

    @contextlib.contextmanager
    def at_work(self) -> Iterator[Mapping[str, nn.Module]]:
        """The networks, while bits repeat."""
        networks = self.networks
        with repeatable(self.device, self._threads):
            yield networks

    def runtime(self) -> Mapping[str, str]:
        """``device``, ``torch`` and ``threads`` as they really were; empty before the networks were asked for."""
        return runtime_of(self.device) if "networks" in self.__dict__ else {}

    def fingerprint(self, revision: int, template: Template, batch_size: int) -> Fingerprint:
        """What determines the faces, besides what a sweep may say about them.

        Args:
            revision: of the generator.
            template: of its crops.
            batch_size: faces that are made at once.
        """
        return {
            "revision": revision,
            "template": template_digest(template),
            "weights": file_digest(self.file),
            "device": planned_device(self._device),
            "threads": thread_count(self._threads),
            "batch_size": batch_size,
            "torch": version_of("torch"),
            "numpy": version_of("numpy"),
        }
