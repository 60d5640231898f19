"""The plugin registry: lazy, strict about rows, helpful about names."""

from __future__ import annotations

import dataclasses
import importlib.metadata

import pytest

from bench import registry as module
from bench.api import KINDS, PluginRow
from bench.errors import ConfigError, MissingDependency, PluginError, UnknownName
from bench.notebook import settings_of
from bench.registry import PROTOCOLS, Registry, load, registry, settings_class, what_is_missing

ROW = PluginRow(kind="dataset", name="x", target="m:C", summary="s", source="s", licence="l")


def test_every_kind_has_a_protocol() -> None:
    assert set(PROTOCOLS) == set(KINDS)


def test_a_second_row_of_the_same_name_is_refused() -> None:
    table = Registry([ROW])
    with pytest.raises(PluginError, match="second dataset called 'x'"):
        table.add(ROW, "someone")
    table.add(dataclasses.replace(ROW, kind="aligner"), "someone")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "datset"}, "of kind 'datset'"),
        ({"name": "Upper"}, "lower-case"),
        ({"name": ""}, "lower-case"),
        ({"target": "no_colon"}, "expected 'module:name'"),
        ({"target": ""}, "expected 'module:name'"),
        ({"settings": "a.b"}, "expected 'module:name'"),
    ],
)
def test_a_malformed_row_fails_when_it_is_added(change: dict[str, str], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        Registry().add(dataclasses.asdict(ROW) | change, "someone")


def test_a_mapping_with_a_missing_field_is_named() -> None:
    with pytest.raises(PluginError, match="licence"):
        Registry().add({"kind": "dataset", "name": "x", "target": "m:C", "summary": "", "source": ""}, "someone")
    with pytest.raises(PluginError, match="a plugin table holds"):
        Registry().add("x", "someone")  # type: ignore[arg-type]


def test_near_names_are_suggested() -> None:
    with pytest.raises(UnknownName, match="did you mean 'dlib_resnet'") as caught:
        load("recognizer", "dlib_resnt")
    assert caught.value.near == ("dlib_resnet",)
    with pytest.raises(UnknownName, match=r"known: .*lfw"):
        load("dataset", "zzzzzz")


def test_settings_are_checked() -> None:
    with pytest.raises(UnknownName, match="unknown setting 'peple'; did you mean 'people'"):
        load("dataset", "drawn", peple=3)
    with pytest.raises(ConfigError, match=r"dataset drawn: people: .*integer.*\(got 'many'\)"):
        load("dataset", "drawn", people="many")
    with pytest.raises(ConfigError, match="root"):
        load("dataset", "folder")
    with pytest.raises(ConfigError, match="max_per_subject: got 0, expected at least 1"):
        load("dataset", "folder", root=".", max_per_subject=0)


@pytest.mark.parametrize("row", registry().rows(), ids=lambda row: f"{row.kind}-{row.name}")
def test_every_row_says_where_it_comes_from_and_has_frozen_settings(row: PluginRow) -> None:
    assert row.summary
    assert row.source
    assert row.licence
    cls = settings_class(row)
    assert cls.__dataclass_params__.frozen
    assert isinstance(what_is_missing(row), str)


def test_a_missing_package_is_named(own_registry: Registry) -> None:
    own_registry.add(dataclasses.replace(ROW, requires=("no_such_package",)), "the test")
    with pytest.raises(MissingDependency, match="no_such_package"):
        load("dataset", "x")
    assert "no_such_package" in what_is_missing(own_registry.find("dataset", "x"))


def test_a_class_that_breaks_its_protocol_is_refused(own_registry: Registry) -> None:
    own_registry.add(dataclasses.replace(ROW, target="tests.test_registry:Lazy"), "the test")
    with pytest.raises(PluginError, match="lacks content_digest, fingerprint, frames, image, protocols"):
        load("dataset", "x")


def test_a_target_that_is_not_there_is_an_error_of_that_plugin_only(own_registry: Registry) -> None:
    own_registry.add(dataclasses.replace(ROW, target="no_such_module:Class"), "the test")
    assert own_registry.find("dataset", "x")
    with pytest.raises(PluginError, match=r"dataset 'x': no_such_module:Class cannot be imported"):
        load("dataset", "x")


class Lazy:
    """Not a data set."""

    shows_faces = False
    trials = None


class Point:
    """An entry point that yields a table."""

    name, value, dist = "mine", "mine:TABLE", None

    def __init__(self, table: object) -> None:
        self.table = table

    def load(self) -> object:
        if isinstance(self.table, Exception):
            raise self.table
        return self.table


def test_entry_points_come_through_the_same_door(own_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    def yields(*tables: object) -> None:
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [Point(table) for table in tables])
        module.registry.cache_clear()

    yields([ROW], [dataclasses.asdict(dataclasses.replace(ROW, name="y"))])
    assert {"x", "y", "drawn"} <= {row.name for row in registry().rows("dataset")}
    yields([dataclasses.replace(ROW, name="drawn")])
    with pytest.raises(PluginError, match=r"entry point 'mine' .* brings a second dataset called 'drawn'"):
        registry()
    yields(ImportError("gone"))
    assert registry().problems == [
        "entry point 'mine' of an unknown distribution: mine:TABLE is not a table of plugin rows (gone)"
    ]
    assert registry().find("dataset", "drawn")
    with pytest.raises(UnknownName, match=r"mine:TABLE is not a table .*gone"):
        registry().find("dataset", "x")


@pytest.mark.parametrize("row", registry().rows(), ids=lambda row: f"{row.kind}-{row.name}")
def test_every_setting_says_what_it_means(row: PluginRow) -> None:
    for setting in settings_of(row.kind, row.name):
        assert setting["meaning"], setting


def test_settings_are_listed_with_types_and_defaults() -> None:
    listed = {setting["name"]: setting for setting in settings_of("dataset", "folder")}
    assert listed["root"] == {
        "name": "root",
        "type": "Path",
        "default": "",
        "meaning": "the folder that holds one folder a person.",
    }
    assert listed["max_per_subject"]["default"] == "20"
