"""What can go wrong: deeds that are done to a toy as it is constructed, and the promise that each of them breaks.

deeds.py      ways to spoil a toy
data.py ...   the table, some kinds of plugins a file
classes.py    classes that are wrong before anything is done to them
"""

from __future__ import annotations

from tests.ill_behaved import data, makers, models
from tests.ill_behaved.deeds import Deed

MISCHIEF: dict[str, Deed] = {**models.ANY_PLUGIN, **data.DEEDS, **models.DEEDS, **makers.DEEDS}
"""What a toy is told to do, to the deed."""
assert len(MISCHIEF) == sum(map(len, (models.ANY_PLUGIN, data.DEEDS, models.DEEDS, makers.DEEDS)))
