"""The errors of places where journals are kept, and of who owns a run there."""

from __future__ import annotations

from knows_core.errors import KnowsError


class RunBusy(KnowsError):
    """The run is alive under another owner."""

    code = "run-busy"
    exit_code = 5
    sentence = "run {run} is owned by {owner} since {since}, for {age} s now"
    remedy = "`kwf resume {run} --wait` waits for it; `kwf cancel {run}` asks it to stop."


class LeaseLost(KnowsError):
    """Another owner took the run over; this one may not write to it any more."""

    code = "lease-lost"
    exit_code = 5
    sentence = "run {run} was taken over by another owner (this one held epoch {epoch})"
    remedy = "Nothing is lost; `kwf runs` shows who goes on with it."


class BackendError(KnowsError):
    """The place where journals are kept failed or cannot be used."""

    code = "backend"
    exit_code = 6
    sentence = "{backend}: {reason}"
    remedy = "{hint}"


class BackendBusy(BackendError, TimeoutError):
    """Another program held the place for longer than a write waits."""

    code = "backend-busy"


class BackendFull(BackendError):
    """The place has no room left. `path` is where, `free` the bytes that are left there (None: unknown)."""

    code = "backend-full"
    sentence = "{path}: {reason} ({free} bytes free)"
    remedy = "Make room and resume the run; every recorded step is safe."


class BackendUnavailable(BackendError, ConnectionError):
    """A server that keeps journals cannot be reached, or went away and did not come back in time."""

    code = "backend-unavailable"


class SchemaTooNew(BackendError):
    """The place was last written by a newer version of the backend; it was not touched."""

    code = "schema-too-new"
    sentence = "{backend}: its schema is version {found}, this program knows up to {known}"
    remedy = "Update {package}; nothing was written."


class UnknownScheme(BackendError, LookupError):
    """No installed plugin keeps journals under that URL scheme."""

    code = "unknown-scheme"
    sentence = "no state backend for {scheme!r} (known: {known})"
    remedy = "Install the plugin that brings it, or use Registry().engine(), which finds installed plugins."


class RecordCorrupt(BackendError, ValueError):
    """A stored record is not what was written."""

    code = "record-corrupt"
    sentence = "record {sequence} of run {run} cannot be read: {reason}"
    remedy = "The other runs are untouched; restore the journal from a backup, or start the run anew."
