"""The errors of `knows.lock`: a lock that is not there, was edited, or no longer holds."""

from __future__ import annotations

from knows_core import RegistryError


class LockBroken(RegistryError, ValueError):
    """A lock file was edited, damaged or cannot be read, so nobody can say what it pins."""

    code = "lock-broken"
    sentence = "{file} cannot be trusted: {reason}"
    remedy = "Restore it from version control, or write a new one: `kwf lock NAME@RANGE ...`."
