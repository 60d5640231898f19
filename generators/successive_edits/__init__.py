"""The generator `successive_edits`: parts of several people edited into one face, a person after the other.

    settings.py  settings
    plugin.py    the plugin

docs/mixsyn.md says what it is for.
"""

from generators.successive_edits.plugin import SuccessiveEdits
from generators.successive_edits.settings import SuccessiveEditsSettings

__all__ = ["SuccessiveEdits", "SuccessiveEditsSettings"]
