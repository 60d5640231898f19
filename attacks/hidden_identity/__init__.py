"""The attack `hidden_identity`: a generated face that looks like one person and carries another's identity.

settings.py   what a sweep may say about it
exchange.py   which style codes come from the hidden person, and identities between two people
plugin.py     the plugin, which drives an injected generator
"""

from attacks.hidden_identity.plugin import HiddenIdentity
from attacks.hidden_identity.settings import HiddenIdentitySettings

__all__ = ["HiddenIdentity", "HiddenIdentitySettings"]
