"""Which data set holds other people than those who are reported on: named in a sweep, or another split of its own."""

from __future__ import annotations

import dataclasses

from bench import registry
from bench.config import PluginEntry, axes_of
from bench.errors import ConfigError
from bench.sweep.inputs import Entry, settings_of
from bench.sweep.instances import plain


def entry_of_others(
    key: str, named: PluginEntry | None, split: str | None, dataset_entry: Entry, default: str, purpose: str
) -> Entry:
    """The data set that is named, or the sweep's own, with the split that is wanted.

    Args:
        key: of the sweep file, for errors.
        named: a data set; None for the sweep's own.
        split: which of its people; None for those of the data set that is named, and for `default` of the sweep's own.
        dataset_entry: the sweep's own, ``{"name": ..., **settings}``.
        default: a split.
        purpose: what these people are for, for errors.

    Returns:
        ``{"name": ..., **settings}``.

    Raises:
        ConfigError: a list where one value is expected, or a data set without splits.
    """
    entry: Entry = plain(named.as_entry()) if named else dict(dataset_entry)
    cls = registry.settings_class(registry.registry().find("dataset", entry["name"]))
    if named and (axes := axes_of(cls, settings_of(entry))):
        raise ConfigError(f"{key}.dataset: got a list for {', '.join(axes)}; expected one data set {purpose}")
    wanted = split or (None if named else default)
    if wanted is None:
        return entry
    if "split" not in {field.name for field in dataclasses.fields(cls)}:
        raise ConfigError(
            f"the data set {entry['name']} has no setting split; name another one {purpose}, "
            f"{key}: {{dataset: {{name: ..., split: {default}}}}}"
        )
    return entry | {"split": wanted}
