"""What to type next where it is the machine that failed: a disk, its permissions, its memory. Imports nothing heavy."""

from __future__ import annotations

import errno
from collections.abc import Mapping

_CLOSED = "choose a folder that may be read and written (--out, IMPERSONA_CACHE)"
_FULL = "free some space and run the same command again: what was computed is stored"
_DISK: Mapping[int, str] = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EACCES: _CLOSED,
    errno.EPERM: _CLOSED,
    errno.EROFS: _CLOSED,
    errno.ENOENT: _CLOSED,
}


def machine_failure(error: OSError | MemoryError) -> str:
    """What happened and what to do about it, one line.

    Args:
        error: what the operating system or an allocation raised.
    """
    if isinstance(error, MemoryError):
        return (
            f"memory ran out ({str(error) or 'no more is known'}); run the same command again with fewer cells at once "
            "(--jobs 1) or fewer photos (max_per_subject of the data set)"
        )
    if error.filename is None:
        return str(error)
    remedy = _DISK.get(error.errno or 0, "")
    return f"{error.strerror}: {error.filename}" + (f"; {remedy}" if remedy else "")
