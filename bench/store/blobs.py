"""The one seam of everything stored: bytes under a key, written once.

On disk it is a temporary file and an atomic link; an object store would do it with a conditional put.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from bench.errors import MissingFile


class BlobStore(Protocol):
    """Bytes under keys; a key is a relative path with forward slashes."""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Stores the bytes unless the key is taken; returns whether it stored them. A key never holds half of them."""
        ...

    def get(self, key: str) -> bytes:
        """The bytes under a key. Raises `MissingFile`."""
        ...

    def keys(self, prefix: str = "") -> Iterator[str]:
        """The keys that begin with a prefix, sorted."""
        ...

    def delete(self, key: str) -> None:
        """Forgets a key; not an error where there is none."""
        ...


class DiskStore:
    """A blob store in a folder.

    Args:
        root: the folder; made on the first write.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Stores the bytes unless the key is taken; see `BlobStore`."""
        path = self.root / key
        if path.exists():
            return False
        temporary = write_beside(path, data)
        try:
            os.link(temporary, path)  # unlike a rename, a link refuses to replace what another process just wrote
            return True
        except FileExistsError:
            return False
        except OSError:
            if path.exists():
                return False
            os.replace(temporary, path)  # a file system without hard links
            return True
        finally:
            temporary.unlink(missing_ok=True)

    def get(self, key: str) -> bytes:
        """The bytes under a key; see `BlobStore`."""
        try:
            return (self.root / key).read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise MissingFile(f"nothing stored under {key!r} in {self.root}") from error

    def keys(self, prefix: str = "") -> Iterator[str]:
        """The keys that begin with a prefix; see `BlobStore`."""
        folder = self.root / prefix.rpartition("/")[0]
        found = (path.relative_to(self.root).as_posix() for path in folder.rglob("*") if path.is_file())
        yield from sorted(key for key in found if key.startswith(prefix) and not key.endswith(".part"))

    def delete(self, key: str) -> None:
        """Forgets a key; see `BlobStore`."""
        (self.root / key).unlink(missing_ok=True)


def write_beside(path: Path, data: bytes) -> Path:
    """A finished temporary file next to where the bytes shall stand, flushed to the disk.

    Raises:
        OSError: the disk is full or not to be written to; `filename` names the path in every case.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o666 & ~_umask())
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def replace(path: Path, data: bytes) -> None:
    """Puts bytes at a path in one step, over whatever stood there: for files that are derived and may be made anew."""
    temporary = write_beside(path, data)
    try:
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
