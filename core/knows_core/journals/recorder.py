"""Where an engine's records go: into the journal of one run, or, without persistence, nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knows_core.backend import Append
from knows_core.errors.backend import LeaseLost
from knows_core.journals.records import RunEnded

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from knows_core.backend import StateBackend
    from knows_core.journal import JournalWriter
    from knows_core.journals.records import Question, Record
    from knows_core.run import RunStatus


class Recorder:
    """Grants records for free: the run leaves no journal.

    `waiting` tells whether something is not durable yet, `last_at` when the last record was made.
    """

    waiting: bool = False
    last_at: datetime | None = None

    def add(self, record: Record) -> None:
        """Take the next record. Raises NotStorable, and then the record does not count."""

    def as_asked(self, question: Question) -> Question:
        """The question as its record has it, with the digest of what is shown."""
        return question

    def set_status(self, status: RunStatus) -> None:
        """Store the status with the next records."""

    def flush(self) -> None:
        """Return once everything added is durable. Raises BackendError, LeaseLost."""

    def release(self) -> None:
        """Give up the ownership of the run."""


class JournalRecorder(Recorder):
    """Keeps the records of one owned run: encoded at once, written together before the next effect."""

    def __init__(
        self,
        backend: StateBackend,
        writer: JournalWriter,
        *,
        run: str,
        epoch: int,
        sequence: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._backend = backend
        self._writer = writer
        self._run = run
        self._epoch = epoch
        self._sequence = sequence
        self._clock = clock
        self._records: list[bytes] = []
        self._status: RunStatus | None = None
        self._version: str | None = None
        self._compensated: bool | None = None
        self._released = False

    def add(self, record: Record) -> None:
        """Encode the next record. Raises NotStorable, and then the record does not count."""
        self.last_at = self._clock()
        self._records.append(self._writer.write(record, self.last_at))
        self.waiting = True
        if isinstance(record, RunEnded):
            self._status = record.status
            self._compensated = record.compensated or None

    def as_asked(self, question: Question) -> Question:
        """The question as its record has it."""
        return question._replace(digest=self._writer.digests.get(question.path, question.digest))

    def set_status(self, status: RunStatus) -> None:
        """Store the status with the next records."""
        self._status = status

    def set_version(self, version: str) -> None:
        """Store the version of the template, to which the run has moved, with the next records."""
        self._version = version

    def flush(self) -> None:
        """Write what waits in one commit. Raises BackendError, LeaseLost."""
        if not self.waiting:
            return
        stored = (self._status, self._version, self._compensated)
        one = Append(self._run, self._epoch, self._sequence, tuple(self._records), *stored)
        if not self._backend.append([one])[0]:
            raise LeaseLost(run=self._run, epoch=self._epoch)
        self._sequence += len(self._records)
        self._records.clear()
        self.waiting = False
        self._released = self._status is not None and self._status.is_over
        self._status = self._version = self._compensated = None

    def release(self) -> None:
        """Give up the ownership of the run; its end has done so already."""
        if not self._released:
            self._backend.release(self._run, self._epoch)
