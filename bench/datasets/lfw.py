"""Labeled Faces in the Wild, with its own view-2 protocol: 6,000 pairs in 10 folds.

Source: Huang, Ramesh, Berg and Learned-Miller, UMass Amherst TR 07-49, 2007. Three layouts are found by themselves:

    ROOT/images/NAME/NAME_0001.jpg                                    ROOT/pairs.txt
    ROOT/lfw/NAME/..., ROOT/lfw_funneled/..., ROOT/lfw-deepfunneled/  ROOT/pairs.txt      the official archives
    SCIKIT_LEARN_DATA/lfw_home/lfw_funneled/NAME/...                  lfw_home/pairs.txt  scikit-learn's cache

A file ROOT/attributes.csv, where there is one, gives columns about the photos: see `Lfw.attributes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.api import Fingerprint, Trials
from bench.datasets.columns import ColumnValues, read_column_file
from bench.datasets.files import PersonFolders
from bench.datasets.people import Part
from bench.datasets.protocols import MAX_FRAMES_PER_SUBJECT, all_pairs, indexed_trials, read_lfw_pairs
from bench.errors import ConfigError, MissingFile
from bench.places import DATA_VARIABLE, folder_of, lfw_roots, scikit_learn_home
from bench.provenance import file_digest

IMAGE_FOLDERS = ("images", "lfw-deepfunneled", "lfw_funneled", "lfw")
ATTRIBUTES = "attributes.csv"


@dataclass(frozen=True, kw_only=True)
class LfwSettings:
    """Settings of `lfw`.

    Attributes:
        root: the folder with ``pairs.txt`` and the photos; by default ``IMPERSONA_DATA/lfw``, then scikit-learn's
            cache.
        split: which people `all_pairs` compares; view 2 keeps its own folds and takes ``"all"`` only.
        download: fetch LFW (funneled) through scikit-learn if it is nowhere to be found.
    """

    root: Path | None = None
    split: Part = "all"
    download: bool = False


class Lfw(PersonFolders):
    """LFW view 2, and every pair of at most 20 photos a person."""

    protocols = ("view2", "all_pairs")

    def __init__(self, settings: LfwSettings) -> None:
        self.settings = settings
        root = settings.root.expanduser() if settings.root else find_root()
        if root is None and settings.download:
            root = download()
        if root is None:
            raise MissingFile(f"LFW is not here: {what_is_missing()}")
        self._pairs = root / "pairs.txt"
        super().__init__(_image_folder(root), settings.split)

    def fingerprint(self) -> Fingerprint:
        """See `Plugin.fingerprint`."""
        return {"revision": 1, "split": self.settings.split, "pairs": file_digest(self._pairs)}

    def attributes(self) -> dict[str, ColumnValues]:
        """The columns of ROOT/attributes.csv by photo; empty where there is no such file.

        LFW itself has no attributes. The file that this was written for holds the 40 CelebA attributes as scores from
        0 to 1 and ``df_race``, ``df_gender``, ``df_age`` and ``df_emotion``, all **predicted by networks, not given by
        people**: groups made of them inherit those networks' errors, which need not fall on everybody alike. No
        fingerprint covers the file: whoever uses a column digests its values.
        """
        path = self._pairs.parent / ATTRIBUTES
        return read_column_file(path).values_of([frame.key for frame in self.frames()]) if path.is_file() else {}

    def trials(self, protocol: str, rng: np.random.Generator) -> Trials:
        """See `Dataset.trials`."""
        if protocol == "all_pairs":
            return all_pairs(self.frames(), rng, MAX_FRAMES_PER_SUBJECT)
        if protocol != "view2":
            raise ConfigError(f"lfw has no protocol {protocol!r}; it has {', '.join(self.protocols)}")
        if self.settings.split != "all":
            raise ConfigError(f"view2 keeps its own folds; got split: {self.settings.split}; leave split out")
        return self._view2()

    def _view2(self) -> Trials:
        present = {frame.key: frame for frame in self.every_frame}
        pairs, folds, missing = [], [], []
        for name, number, other, other_number, fold in read_lfw_pairs(self._pairs):
            keys = [f"{who}/{who}_{count:04d}.jpg" for who, count in ((name, number), (other, other_number))]
            missing += [key for key in keys if key not in present]
            if not missing:
                pairs.append((present[keys[0]], present[keys[1]]))
                folds.append(fold)
        if missing:
            raise MissingFile(
                f"{self._pairs} names {len(set(missing))} photos that are not in {self.root}, "
                f"such as {missing[0]}; take the photos and pairs.txt from one copy of LFW"
            )
        return indexed_trials("view2", pairs, folds)


def find_root() -> Path | None:
    """The folder of an LFW that this machine has, or None."""
    return next((root for root in lfw_roots() if (root / "pairs.txt").is_file()), None)


def what_is_missing() -> str:
    """What to do to get LFW, one line; empty if it is here."""
    if find_root() is not None:
        return ""
    where = folder_of(DATA_VARIABLE)
    got = f"no lfw/pairs.txt in {where}" if where else f"{DATA_VARIABLE} is not set"
    return f"{got}; give root: /path/to/lfw, or download: true (200 MB, through scikit-learn)"


def download() -> Path:
    """Fetches LFW (funneled) and its pair lists through scikit-learn, which checks their digests.

    Raises:
        MissingFile: the download failed; says what to do by hand.
    """
    from sklearn.datasets import fetch_lfw_pairs

    home = scikit_learn_home()
    try:
        fetch_lfw_pairs(subset="train", resize=0.1, download_if_missing=True, data_home=str(home))
    except OSError as error:
        raise MissingFile(
            f"downloading LFW through scikit-learn to {home} failed ({error}); fetch lfw-deepfunneled.tgz and "
            "pairs.txt by other means, put them in one folder and give it as root:"
        ) from error
    return home / "lfw_home"


def _image_folder(root: Path) -> Path:
    if not (root / "pairs.txt").is_file():
        raise MissingFile(f"no pairs.txt in {root}; root: is the folder that holds pairs.txt and the photos' folder")
    for name in IMAGE_FOLDERS:
        if (root / name).is_dir():
            return root / name
    raise MissingFile(f"no photos in {root}; expected one of {', '.join(f'{name}/' for name in IMAGE_FOLDERS)} there")
