"""What every worker process of a sweep does, whether it finds faces or runs cells.

It leaves Ctrl-C to its parent, takes no more threads than it needs, and never outlives its parent.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker

from bench.errors import ConfigError
from bench.provenance import available_cores

MAX_WORKERS = 8


def default_workers() -> int:
    """How many worker processes this machine gets where nobody says: one a core, up to `MAX_WORKERS`."""
    return min(available_cores(), MAX_WORKERS)


def refuse_unguarded_script() -> None:
    """Stops a script that a worker process imports from starting everything anew.

    Raises:
        ConfigError: this process is a worker that is just importing its parent's script.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise ConfigError('a worker process imported this script: put the call under if __name__ == "__main__":')


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Processes that are started inside are born deaf to Ctrl-C; for this one it comes when they are all started.

    A terminal sends Ctrl-C to every process: one that is still importing would answer with a traceback, and so would
    one whose parent left it half started.
    """
    resource_tracker.ensure_running()  # multiprocessing starts it beside the first process, and unblocks as it does
    with _deaf_children(), _patient_parent():
        yield


@contextlib.contextmanager
def _deaf_children() -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # children inherit what a thread has blocked
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _patient_parent() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is None:
        yield  # Ctrl-C never interrupts another thread, and a handler that is not Python's cannot be put back
        return
    came: list[int] = []
    # Blocking it in this thread alone is not enough: the threads of BLAS take it, and Python brings it here.
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        signal.raise_signal(signal.SIGINT)


def become_worker() -> None:
    """Makes this process a worker: its first act."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    # OpenCV would otherwise start a thread for every core in every worker.
    os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    # A parent that is killed closes no pipe that its other workers hold open too: they would wait for ever.
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
