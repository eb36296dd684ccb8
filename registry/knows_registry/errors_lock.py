"""The errors of `knows.lock`: a lock that is not there, was edited, or no longer holds."""

from __future__ import annotations

from knows_core import RegistryError, TemplateNotFound


class LockBroken(RegistryError, ValueError):
    """A lock file was edited, damaged or cannot be read, so nobody can say what it pins."""

    code = "lock-broken"
    sentence = "{file} cannot be trusted: {reason}"
    remedy = "Restore it from version control, or write a new one: `kwf lock NAME@RANGE ...`."


class LockedMissing(TemplateNotFound):
    """What the lock pins is not installed; nothing stands in for it silently."""

    code = "locked-missing"
    sentence = "knows.lock pins {template}, which {distribution} {distribution_version} offers; it is not installed"
    remedy = "`pip install {distribution}=={distribution_version}`, or `kwf lock --upgrade {name}`."
