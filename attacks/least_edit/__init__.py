"""The attack `least_edit`: the least visible edit of attributes by which a surrogate no longer knows somebody.

settings.py   what a sweep may say about it
choosing.py   which of many edits is taken
plugin.py     the plugin, which drives an injected generator and asks a recognizer of its own
"""

from attacks.least_edit.plugin import LeastEdit
from attacks.least_edit.settings import LeastEditSettings

__all__ = ["LeastEdit", "LeastEditSettings"]
