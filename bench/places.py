"""Where things lie on this machine: the environment variables that name folders, and what stands in for them."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

DATA_VARIABLE = "IMPERSONA_DATA"
MODELS_VARIABLE = "IMPERSONA_MODELS"
CACHE_VARIABLE = "IMPERSONA_CACHE"


def folder_of(variable: str) -> Path | None:
    """The folder that an environment variable names, whether or not it is there; None if it is not set."""
    value = os.environ.get(variable)
    return Path(value).expanduser() if value else None


def cache_root() -> Path:
    """The folder of the cache: `IMPERSONA_CACHE`, or the user's cache folder."""
    return folder_of(CACHE_VARIABLE) or Path(platformdirs.user_cache_dir("impersona", appauthor=False))


def lfw_roots() -> list[Path]:
    """Where LFW is looked for, in order: below `IMPERSONA_DATA`, then in scikit-learn's cache."""
    data = folder_of(DATA_VARIABLE)
    return ([data / "lfw"] if data else []) + [scikit_learn_home() / "lfw_home"]


def scikit_learn_home() -> Path:
    """scikit-learn's data folder, by its own rule: `sklearn.datasets.get_data_home` would also create it."""
    return folder_of("SCIKIT_LEARN_DATA") or Path("~/scikit_learn_data").expanduser()
