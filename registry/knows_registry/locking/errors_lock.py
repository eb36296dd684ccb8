"""The errors of `knows.lock`: a lock that is not there, was edited, or no longer holds."""

from __future__ import annotations

from knows_core import AccessDenied, RegistryError, TemplateNotFound


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


class LockMissing(RegistryError, LookupError):
    """A lock was asked for and the working folder has none."""

    code = "lock-missing"
    sentence = "expected a knows.lock in {folder}, found none"
    remedy = "`kwf lock NAME@RANGE ...` writes one."


class LockStale(RegistryError):
    """What is installed, or asked for, is no longer what the lock says."""

    code = "lock-stale"
    sentence = "knows.lock is stale: {differences}"
    remedy = "{hint}"


class LockNotWritten(AccessDenied):
    """A new lock could not be put in the place of the old one, which is as it was."""

    code = "lock-not-written"
    sentence = "{file} cannot be written in {folder}: {reason}"
    remedy = "Make room, or give yourself access to the folder; then the same command again."
