"""The one seam of everything stored: bytes under a key, whole or not at all.

On disk a key is a file that appears in one step: a finished temporary file, then an atomic link. An object store would
do the same with a conditional put.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from bench.errors import ConfigError, MissingFile

ABANDONED_SECONDS = 3600.0
"""After so long nobody is still writing a temporary file: its writer was killed."""

_PART = re.compile(r"\..+-[a-z0-9_]{8}\.part")
_ATTEMPTS = 5
_LOCK_TRIES, _LOCK_SECONDS = 200, 0.01


class Stat(NamedTuple):
    """What is known of a key without reading it: its bytes, and when it was last written or touched (epoch seconds)."""

    size: int
    used: float


class BlobStore(Protocol):
    """Bytes under keys; a key is a relative path with forward slashes, and never holds half of them."""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Stores the bytes unless the key is taken; returns whether it stored them. This is how results are kept."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Stores the bytes over whatever the key held: for what is derived from results and may be made anew."""
        ...

    def get(self, key: str) -> bytes:
        """The bytes under a key. Raises `MissingFile`."""
        ...

    def stat(self, key: str) -> Stat | None:
        """Size and last use of a key, or None where it holds nothing."""
        ...

    def touch(self, key: str) -> None:
        """Notes that a key is used now; a store that cannot do so lets it be."""
        ...

    def keys(self, prefix: str = "") -> Iterator[str]:
        """The keys that begin with a prefix, sorted."""
        ...

    def delete(self, key: str) -> None:
        """Forgets a key; not an error where there is none."""
        ...

    def tidy(self, prefix: str = "", seconds: float = ABANDONED_SECONDS) -> int:
        """Removes what writers that were killed left under a prefix so many seconds ago; returns how many things."""
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
        return not path.exists() and _place(path, data, _link_once)

    def put(self, key: str, data: bytes) -> None:
        """Stores the bytes over whatever the key held; see `BlobStore`."""
        replace(self.root / key, data)

    def get(self, key: str) -> bytes:
        """The bytes under a key; see `BlobStore`."""
        path = self.root / key
        try:
            try:
                return path.read_bytes()
            except OSError as error:
                if error.errno != errno.ESTALE:
                    raise
                return path.read_bytes()  # a network share replaced the file: looking its name up anew mends it
        except (FileNotFoundError, NotADirectoryError) as error:
            raise MissingFile(f"nothing stored under {key!r} in {self.root}") from error

    def stat(self, key: str) -> Stat | None:
        """Size and last use of a key; see `BlobStore`."""
        try:
            found = os.stat(self.root / key)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return Stat(found.st_size, found.st_mtime)

    def touch(self, key: str) -> None:
        """Notes that a key is used now; see `BlobStore`."""
        with contextlib.suppress(OSError):
            os.utime(self.root / key)

    def keys(self, prefix: str = "") -> Iterator[str]:
        """The keys that begin with a prefix; see `BlobStore`."""
        yield from sorted(key for key in self._files(prefix) if not _PART.fullmatch(key.rpartition("/")[2]))

    def delete(self, key: str) -> None:
        """Forgets a key, and the folders that it leaves empty; see `BlobStore`."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            (self.root / key).unlink()
        with contextlib.suppress(OSError):
            for folder in (self.root / key).parents:
                if folder == self.root:
                    break
                folder.rmdir()

    def tidy(self, prefix: str = "", seconds: float = ABANDONED_SECONDS) -> int:
        """Removes temporary files of writers that were killed; see `BlobStore`."""
        removed = 0
        for key in list(self._files(prefix)):
            if _PART.fullmatch(key.rpartition("/")[2]):
                found = self.stat(key)
                if found is not None and time.time() - found.used >= seconds:
                    self.delete(key)
                    removed += 1
        return removed

    def _files(self, prefix: str) -> Iterator[str]:
        top = self.root / prefix.rpartition("/")[0]
        for folder, _, names in os.walk(top, onerror=_unless_gone):
            base = Path(folder).relative_to(self.root)
            for name in names:
                key = (base / name).as_posix()
                if key.startswith(prefix):
                    yield key


def replace(path: Path, data: bytes) -> None:
    """Puts bytes at a path in one step, over whatever stood there: for files that are derived and may be made anew."""
    _place(path, data, _move)


def write_beside(path: Path, data: bytes) -> Path:
    """A finished temporary file next to where the bytes shall stand, flushed to the disk.

    Raises:
        ConfigError: a file stands where a folder is needed.
        OSError: the disk is full or not to be written to; `filename` names the path in every case.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        blocker = next((one for one in (path.parent, *path.parent.parents) if one.is_file()), path.parent)
        raise ConfigError(f"{blocker} is a file; expected a folder: move it away or choose another folder") from error
    temporary = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".part")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o666 & ~_umask())
    except BaseException as error:
        if temporary:
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, os.fspath(path)) from error
        raise
    return temporary


def _place(path: Path, data: bytes, move: Callable[[Path, Path], bool]) -> bool:
    """Writes beside a path and moves into place, again where another process took the folder away in between."""
    attempt = 0
    while True:
        attempt += 1
        temporary = None
        try:
            temporary = write_beside(path, data)
            return move(temporary, path)
        except FileNotFoundError:
            if attempt == _ATTEMPTS:
                raise
        finally:
            if temporary:
                temporary.unlink(missing_ok=True)


def _move(temporary: Path, path: Path) -> bool:
    os.replace(temporary, path)
    return True


def _link_once(temporary: Path, path: Path) -> bool:
    try:
        os.link(temporary, path)  # unlike a rename, a link refuses to replace what another process just wrote
        return True
    except FileExistsError:
        return False
    except FileNotFoundError:
        raise
    except OSError:  # a file system without hard links
        with _alone_in(path.parent):
            return not path.exists() and _move(temporary, path)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        for _ in range(_LOCK_TRIES):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(_LOCK_SECONDS)
            except OSError:  # neither links nor locks: the last of two writers at one instant wins
                break
        yield
    finally:
        os.close(descriptor)


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
