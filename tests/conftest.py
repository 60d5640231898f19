"""What all tests share: a cache of their own, the folders of real data, and a registry that a test may add to."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.registry import Registry, registry
from bench.sweep import instances


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("IMPERSONA_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def real_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests of a run, in every process of it, that embed the same real photos; new in each run."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "real_cache"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def own_registry() -> Iterator[Registry]:
    """A registry that a test may add rows to; gone afterwards."""
    registry.cache_clear()
    instances.forget()
    yield registry()
    registry.cache_clear()
    instances.forget()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB; the test is skipped where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    done = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if not done or done.returncode:
        pytest.skip(f"no small disk can be mounted: {done.stderr.strip() if done else 'there is no mount'}")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real faces; the test is skipped where there is none."""
    return _folder("IMPERSONA_DATA")


@pytest.fixture(scope="session")
def real_models() -> Path:
    """The folder of real models; the test is skipped where there is none."""
    return _folder("IMPERSONA_MODELS")


@pytest.fixture(scope="session")
def chromium() -> str:
    """A Chromium to open pages with; the test is skipped where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("no Chromium is installed (Debian: apt-get install chromium chromium-driver)")


def _folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set")
    if not Path(value).is_dir():
        pytest.fail(f"{variable}={value} is not a folder")
    return Path(value).resolve()
