"""impersona's bench: how robust and how private face recognition is, measured.

For notebooks; the command line uses the same functions:

    import bench

    bench.plugins()                                   # a frame of every plugin, usable here or not
    recognizer = bench.load("recognizer", "dlib_resnet")
    bench.check("recognizer", "dlib_resnet")          # one finding a promise: is it kept?
    bench.embed("drawn", "dlib_resnet")               # a frame, one row a photo
    run = bench.run("examples/lfw.yaml", out="runs/lfw")
    run.summary()                                     # a frame, one row a figure
    run.trials()                                      # a frame, one row a comparison
"""

from __future__ import annotations

import importlib
from typing import Any

__distribution__ = "impersona"

_PUBLIC = {
    "load": "bench.notebook",
    "plugins": "bench.notebook",
    "embed": "bench.notebook",
    "run": "bench.notebook",
    "calibrate": "bench.notebook",
    "check": "bench.notebook",
    "open_run": "bench.notebook",
}

__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    # Looked up on first use: importing a submodule of bench must not import pandas.
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'bench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
