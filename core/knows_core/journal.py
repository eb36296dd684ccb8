"""The journal: how the records of one run become bytes, and are read again.

A record is `K1`, a SHA-256 over the digest before it and the payload, and the payload: canonical JSON. The chain begins
with the digest of the run's id and makes a flipped byte, a cut-out, a swap, and the journal of another run show.
Nothing but this room knows the format; backends store opaque bytes.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from knows_core.errors.backend import RecordCorrupt
from knows_core.errors.limits import RecordTooLarge, RunTooLarge
from knows_core.journals.contents import fault_in
from knows_core.journals.envelope import describe
from knows_core.journals.records import (
    Answered,
    Asked,
    Compensating,
    Decided,
    Entered,
    Joined,
    Migrated,
    Rebound,
    Record,
    RunCreated,
    RunEnded,
    RunResumed,
    Settled,
    StepDone,
    StepFailed,
    StepIntended,
    StepRetried,
)
from knows_core.run import Entry, RunStatus
from knows_core.secrecy.exposure import refuse_secrets
from knows_core.secrecy.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from knows_core.state import Changes
    from knows_core.values.codec import Codec

_MAGIC: Final = b"K1"  # version 1 of the format
_DIGEST: Final = hashlib.sha256().digest_size
_HEAD: Final = len(_MAGIC) + _DIGEST
_text = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class Most(NamedTuple):
    """How many bytes one record, and the journal of one run, may have."""

    record: int
    run: int


_NO_LIMIT: Final = Most(1 << 62, 1 << 62)


def seed_of(run: str) -> bytes:
    """The digest that the first record of a run is chained to."""
    return hashlib.sha256(run.encode()).digest()


class JournalWriter:
    """Turns the records of one run into chained bytes, in order; `size` is that of the records before."""

    def __init__(
        self, codec: Codec, digest: bytes, most: Most = _NO_LIMIT, size: int = 0, redactor: Redactor | None = None
    ) -> None:
        self._codec = codec
        self._digest = digest
        self._most = most
        self._size = size
        self._redactor = redactor or Redactor()
        self._last: StepDone | None = None
        self.digests: dict[str, str] = {}  # of what was asked about, by the path

    def write(self, record: Record, at: datetime) -> bytes:
        """The bytes of the next record.

        Raises NotStorable, SecretInRecord, RecordTooLarge and RunTooLarge, and then the record does not count. What a
        run needs to end and to be taken up again always fits.
        """
        content = self._content(record)
        text = _text({"kind": type(record).__name__, "at": at.timestamp(), **content})
        if self._redactor.known and self._redactor.holds(text):
            refuse_secrets(content, self._redactor)
        payload = text.encode()
        size = _HEAD + len(payload)
        if size > self._most.record or self._size + size > self._most.run:
            self._refuse(record, size)
        self._size += size
        self._digest = hashlib.sha256(self._digest + payload).digest()
        if isinstance(record, StepDone):
            self._last = record
        return _MAGIC + self._digest + payload

    def _refuse(self, record: Record, size: int) -> None:
        match record:
            case StepDone(path):
                where = f"step {path}"
            case Entered(path, changes) if changes.written:
                where = f"the defaults of {path}"
            case Settled(path) | Asked(path):
                where = path
            case Joined(path):
                where = f"the branches of {path}"
            case RunCreated():
                where = "the run's input and state"
            case Migrated():
                where = "the migrated state"
            case _:
                return
        if size > self._most.record:
            raise RecordTooLarge(where=where, most=self._most.record, found=size)
        raise RunTooLarge(where=where, most=self._most.run, found=self._size + size)

    def _content(self, record: Record) -> dict[str, Any]:  # noqa: C901, PLR0912 - one line or two for each kind
        match record:
            case StepDone(path, attempt, result, changes, branch):
                content = {"path": path, "attempt": attempt, "result": self._codec.encode(result, "result of", path)}
                return content | self._changed(path, changes, branch)
            case StepFailed(path, attempt, error, until, final):
                content = {"path": path, "attempt": attempt, "error": describe(error, redact=self._redactor.error)}
                more = {"until": until} if until is not None else {"final": final} if final else {}
                return content | more
            case StepIntended(path, attempt) | StepRetried(path, attempt):
                return {"path": path, "attempt": attempt}
            case Settled(path, how, result, changes, branch):
                content = {"path": path, "how": how, **self._result(result, "result of", path)}
                return content | self._changed(path, changes, branch)
            case Asked():
                return self._question(record)
            case Answered():
                return {name: one for name, one in record._asdict().items() if one is not None}
            case Compensating(error, path, attempt):
                return {"error": describe(error, redact=self._redactor.error), "path": path, "attempt": attempt}
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
                return self._beginning(record)
            case Rebound() | Migrated():
                return content_of(record)

    def _changed(self, path: str, changes: Changes, branch: str) -> dict[str, Any]:
        content: dict[str, Any] = {"branch": branch} if branch else {}
        if changes.written:
            content["set"] = self._state(changes.written, path)
        if changes.dropped:
            content["drop"] = list(changes.dropped)
        return content

    def _beginning(self, record: RunCreated) -> dict[str, Any]:
        origin = {} if record.origin is None else {"origin": list(record.origin)}
        return origin | {
            "template": record.template,
            **record.bound._asdict(),
            "reference": record.reference,
            "input": self._codec.encode(record.input, "the input"),
            "state": self._state(record.state, "the run"),
        }

    def _state(self, values: Mapping[str, Any], writer: str) -> dict[str, Any]:
        return {key: self._codec.encode(value, "state", key, "of", writer) for key, value in values.items()}

    def _ending(self, record: RunEnded) -> dict[str, Any]:
        content: dict[str, Any] = {"status": record.status}
        if record.compensated:
            content["compensated"] = True
        if record.waiting:
            content["waiting"] = list(record.waiting)
        if record.error is not None:
            content |= {
                "error": describe(record.error, redact=self._redactor.error),
                "path": record.path,
                "attempt": record.attempt,
            }
        elif record.status is RunStatus.COMPLETED:
            content |= self._result(record.result, "result of the run")
        return content

    def _result(self, result: Any, *where: str) -> dict[str, Any]:
        """A result that is often the last step's: then it is not stored twice."""
        if self._last is not None and result is self._last.result:
            return {"result_of": self._last.path}
        return {"result": self._codec.encode(result, *where)}

    def _question(self, record: Asked) -> dict[str, Any]:
        """What is asked, with a digest of what is shown, which the answer must name."""
        shown = self._codec.encode(record.shown, "what is shown of", record.path)
        content = {"path": record.path, "attempt": record.attempt, "question": record.question, "shown": shown}
        digest = hashlib.sha256(_text([record.path, shown]).encode()).hexdigest()
        content["digest"] = self.digests[record.path] = digest
        reason = self._redactor.error(record.reason)
        more = {"role": record.role, "expires": record.expires, "payload": record.payload, "reason": reason}
        return content | {name: one for name, one in more.items() if one is not None}


def content_of(record: Rebound | Migrated) -> dict[str, Any]:
    """The content of a record whose values are encoded already."""
    if isinstance(record, Rebound):
        return {"difference": record.difference, **record.bound._asdict(), "set": dict(record.filled)}
    content = {"was": record.was, **record.bound._asdict(), "paths": dict(record.paths)}
    return content | {"set": dict(record.written), "drop": list(record.dropped)}


def copied(run: str, entries: Sequence[Entry], origin: tuple[str, str]) -> list[bytes]:
    """The records of another run as the beginning of this one, which remembers where and how many they are."""
    digest, records = seed_of(run), list[bytes]()
    for entry in entries:
        content = {"kind": entry.kind, "at": entry.at.timestamp(), **entry.content}
        if entry.kind == RunCreated.__name__:
            content |= {"origin": list(origin), "copied": len(entries)}
        payload = _text(content).encode()
        digest = hashlib.sha256(digest + payload).digest()
        records.append(_MAGIC + digest + payload)
    return records


def read(run: str, records: Iterable[bytes]) -> tuple[list[Entry], bytes]:
    """Open the records of one run and return them with the digest to go on from. Raises RecordCorrupt."""
    entries: list[Entry] = []
    digest = seed_of(run)
    for sequence, record in enumerate(records):
        if not isinstance(record, bytes):  # pyright: ignore[reportUnnecessaryIsInstance] - a damaged file may give anything
            raise RecordCorrupt(run=run, sequence=sequence, reason="it is not bytes")
        payload = record[_HEAD:]
        expected = hashlib.sha256(digest + payload).digest()
        if record[: len(_MAGIC)] != _MAGIC:
            raise RecordCorrupt(run=run, sequence=sequence, reason="its format is unknown to this version")
        if record[len(_MAGIC) : _HEAD] != expected:
            raise RecordCorrupt(run=run, sequence=sequence, reason="its checksum, chained to the one before, differs")
        entry = _entry(run, sequence, payload)
        if (entry.kind == RunCreated.__name__) is not (sequence == 0):
            reason = f"a {entry.kind} cannot stand here: a run begins with one RunCreated"
            raise RecordCorrupt(run=run, sequence=sequence, reason=reason)
        entries.append(entry)
        digest = expected
    if not entries:
        raise RecordCorrupt(run=run, sequence=0, reason="the run's first record is missing")
    return entries, digest


def _entry(run: str, sequence: int, payload: bytes) -> Entry:
    try:
        content: dict[str, Any] = json.loads(payload, parse_constant=_refuse_constant)
        kind, at = content.pop("kind"), datetime.fromtimestamp(content.pop("at"), UTC)
        fault = fault_in(kind, content)
    # Whatever a foreign writer may have left: no JSON, no object, nothing at its place, an impossible time.
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, OSError, RecursionError) as error:
        fault = f"it is no record ({type(error).__name__}: {str(error)[:200]})"
        raise RecordCorrupt(run=run, sequence=sequence, reason=fault) from error
    if fault is not None:
        raise RecordCorrupt(run=run, sequence=sequence, reason=fault)
    return Entry(sequence, kind, at, content)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
