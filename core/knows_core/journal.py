"""The journal: what is recorded, how a record becomes bytes, and what a run is when its records are folded.

A record is `K1`, a SHA-256 over the digest before it and the payload, and the payload: canonical JSON. The chain makes
a flipped byte, a cut-out and a swap show. Nothing but this room knows the format; backends store opaque bytes.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from knows_core.envelope import describe
from knows_core.errors_backend import RecordCorrupt
from knows_core.joining import Delta
from knows_core.records import (
    Decided,
    Entered,
    Joined,
    Record,
    RunCreated,
    RunEnded,
    RunResumed,
    StepDone,
    StepFailed,
)
from knows_core.run import Entry, RunStatus
from knows_core.state import Changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from knows_core.codec import Codec

_MAGIC: Final = b"K1"  # version 1 of the format
_DIGEST: Final = hashlib.sha256().digest_size
_HEAD: Final = len(_MAGIC) + _DIGEST
_text = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class JournalWriter:
    """Turns the records of one run into chained bytes, in order."""

    def __init__(self, codec: Codec, digest: bytes = b"") -> None:
        self._codec = codec
        self._digest = digest
        self._last: StepDone | None = None

    def write(self, record: Record, at: datetime) -> bytes:
        """The bytes of the next record. Raises NotStorable, and then the record does not count."""
        content = self._content(record)
        payload = _text({"kind": type(record).__name__, "at": at.timestamp(), **content}).encode()
        self._digest = hashlib.sha256(self._digest + payload).digest()
        if isinstance(record, StepDone):
            self._last = record
        return _MAGIC + self._digest + payload

    def _done(self, record: StepDone) -> dict[str, Any]:
        path, attempt, result, changes, branch = record
        content = {"path": path, "attempt": attempt, "result": self._codec.encode(result, "result of", path)}
        return content | self._changed(path, changes, branch)

    def _changed(self, path: str, changes: Changes, branch: str) -> dict[str, Any]:
        content: dict[str, Any] = {"branch": branch} if branch else {}
        if changes.written:
            content["set"] = self._state(changes.written, path)
        if changes.dropped:
            content["drop"] = list(changes.dropped)
        return content

    def _content(self, record: Record) -> dict[str, Any]:
        match record:
            case StepDone():
                return self._done(record)
            case StepFailed(path, attempt, error):
                return {"path": path, "attempt": attempt, "error": describe(error)}
            case Decided(path, verdict):
                return {"path": path, "verdict": verdict}
            case Entered(path, changes, branch):
                return {"path": path, **self._changed(path, changes, branch)}
            case Joined(path, changes, branch, filled):
                only = {"filled": list(filled)} if branch and filled else {}
                return {"path": path, **self._changed(path, changes, branch), **only}
            case RunEnded():
                return self._ending(record)
            case RunResumed(edited):
                return {"edited": list(edited)}
            case RunCreated():
                content = record._asdict()
                content["input"] = self._codec.encode(record.input, "the input")
                content["state"] = self._state(record.state, "the run")
                return content

    def _state(self, values: Mapping[str, Any], writer: str) -> dict[str, Any]:
        return {key: self._codec.encode(value, "state", key, "of", writer) for key, value in values.items()}

    def _ending(self, record: RunEnded) -> dict[str, Any]:
        content: dict[str, Any] = {"status": record.status}
        if record.error is not None:
            content |= {"error": describe(record.error), "path": record.path, "attempt": record.attempt}
        elif self._last is not None and record.result is self._last.result:
            content["result_of"] = self._last.path  # most results are the last step's: do not store them twice
        elif record.status is RunStatus.COMPLETED:
            content["result"] = self._codec.encode(record.result, "result of the run")
        return content


def read(run: str, records: Iterable[bytes]) -> tuple[list[Entry], bytes]:
    """Open the records of one run and return them with the digest to go on from. Raises RecordCorrupt."""
    entries: list[Entry] = []
    digest = b""
    for sequence, record in enumerate(records):
        if not isinstance(record, bytes):  # pyright: ignore[reportUnnecessaryIsInstance] - a damaged file may give anything
            raise RecordCorrupt(run=run, sequence=sequence, reason="it is not bytes")
        payload = record[_HEAD:]
        expected = hashlib.sha256(digest + payload).digest()
        if record[: len(_MAGIC)] != _MAGIC:
            raise RecordCorrupt(run=run, sequence=sequence, reason="its format is unknown to this version")
        if record[len(_MAGIC) : _HEAD] != expected:
            raise RecordCorrupt(run=run, sequence=sequence, reason="its checksum, chained to the one before, differs")
        content: dict[str, Any] = json.loads(payload)
        entries.append(Entry(sequence, content.pop("kind"), datetime.fromtimestamp(content.pop("at"), UTC), content))
        digest = expected
    if not entries or entries[0].kind != RunCreated.__name__:
        raise RecordCorrupt(run=run, sequence=0, reason="the run's first record is missing")
    return entries, digest


@dataclass(slots=True)
class Owned:
    """The time in which somebody drove a part or scope: seconds of former tries, and when the present one began."""

    since: datetime
    seconds: float = 0.0

    def until(self, at: datetime) -> float:
        """All seconds, if the present try ended then."""
        return self.seconds + max((at - self.since).total_seconds(), 0.0)


@dataclass(slots=True)
class Log:
    """A run folded from its records. Values are still encoded: each is decoded when somebody asks for it."""

    created: dict[str, Any]
    state: dict[str, Any]
    last_at: datetime  # when the last record was made
    results: dict[str, Any] = field(default_factory=dict[str, Any])
    verdicts: dict[str, int] = field(default_factory=dict[str, int])
    entered: dict[str, Owned] = field(default_factory=dict[str, "Owned"])
    joined: set[str] = field(default_factory=set[str])
    deltas: dict[str, Delta] = field(default_factory=dict[str, Delta])  # of branches, by their names
    attempts: dict[str, int] = field(default_factory=dict[str, int])
    interrupted: int = 0  # tries of the next step that left no record, as far as resumes tell
    status: RunStatus = RunStatus.RUNNING
    result: Any = None
    error: dict[str, Any] | None = None
    failed: bool = False


def fold(run: str, entries: Sequence[Entry]) -> Log:
    """What the run is after its records. Raises RecordCorrupt for a record that this version does not know."""
    created = entries[0].content
    log = Log(created=created, state=dict(created["state"]), last_at=entries[0].at)
    for entry in entries[1:]:
        if entry.kind not in _FOLDS:
            raise RecordCorrupt(run=run, sequence=entry.sequence, reason=f"this version knows no {entry.kind}")
        _FOLDS[entry.kind](log, entry)
        log.last_at = entry.at
    return log


def _fold_done(log: Log, entry: Entry) -> None:
    log.results[entry.content["path"]] = entry.content["result"]
    _fold_changes(log, entry)
    log.interrupted, log.failed = 0, False


def _fold_changes(log: Log, entry: Entry, *, filled: bool = False) -> None:
    content = entry.content
    written, dropped, branch = content.get("set", {}), content.get("drop", ()), content.get("branch", "")
    if branch:
        log.deltas.setdefault(branch, Delta()).add(Changes(written, tuple(dropped)), filled=filled)
        return
    log.state |= written
    for key in dropped:
        log.state.pop(key, None)


def _fold_decided(log: Log, entry: Entry) -> None:
    log.verdicts[entry.content["path"]] = entry.content["verdict"]


def _fold_entered(log: Log, entry: Entry) -> None:
    log.entered[entry.content["path"]] = Owned(entry.at)
    _fold_changes(log, entry, filled=True)


def _fold_joined(log: Log, entry: Entry) -> None:
    log.joined.add(entry.content["path"])
    _fold_changes(log, entry)
    if "filled" in entry.content:
        log.deltas[entry.content["branch"]].filled.update(entry.content["filled"])


def _fold_failed(log: Log, entry: Entry) -> None:
    log.attempts[entry.content["path"]] = entry.content["attempt"]
    log.interrupted, log.failed = 0, True


def _fold_resumed(log: Log, entry: Entry) -> None:
    for owned in log.entered.values():
        owned.seconds, owned.since = owned.until(log.last_at), entry.at
    log.interrupted += not log.failed
    log.status, log.error, log.failed = RunStatus.RUNNING, None, False


def _fold_ended(log: Log, entry: Entry) -> None:
    content = entry.content
    log.status = RunStatus(content["status"])
    if "error" in content:
        error = content["error"]
        log.error = {**error, "timestamp": entry.at, "step": content["path"], "attempt": content["attempt"]}
    log.result = log.results[content["result_of"]] if "result_of" in content else content.get("result")


_FOLDS: Final = {
    StepDone.__name__: _fold_done,
    StepFailed.__name__: _fold_failed,
    Decided.__name__: _fold_decided,
    Entered.__name__: _fold_entered,
    Joined.__name__: _fold_joined,
    RunResumed.__name__: _fold_resumed,
    RunEnded.__name__: _fold_ended,
}
