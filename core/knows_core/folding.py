"""What a run is when its records are folded, one after the other. Values stay encoded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from knows_core.errors_backend import RecordCorrupt
from knows_core.joining import Delta
from knows_core.paths import renumbered
from knows_core.records import (
    Decided,
    Entered,
    Fingerprint,
    Joined,
    Migrated,
    Rebound,
    RunEnded,
    RunResumed,
    StepDone,
    StepFailed,
)
from knows_core.run import RunStatus
from knows_core.state import Changes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from knows_core.run import Entry

Held = TypeVar("Held")


@dataclass(slots=True)
class Owned:
    """The time in which somebody drove something: seconds of former tries, and when the present one began."""

    since: datetime
    seconds: float = 0.0

    def until(self, at: datetime) -> float:
        """All seconds, if the present try ended then."""
        return self.seconds + max((at - self.since).total_seconds(), 0.0)


@dataclass(slots=True)
class Log:
    """A run folded from its records. Values are still encoded: each is decoded when somebody asks for it.

    `interrupted` counts tries of the next step that left no record, `recoveries` how often the run was taken up since
    its last step and stopped again without a word.
    """

    run: str
    created: dict[str, Any]
    bound: Fingerprint
    state: dict[str, Any]
    owned: Owned
    last_at: datetime  # until when somebody drove the run, as far as records tell
    results: dict[str, Any] = field(default_factory=dict[str, Any])
    verdicts: dict[str, int] = field(default_factory=dict[str, int])
    entered: dict[str, Owned] = field(default_factory=dict[str, "Owned"])
    joined: set[str] = field(default_factory=set[str])
    deltas: dict[str, Delta] = field(default_factory=dict[str, Delta])  # of branches, by their names
    attempts: dict[str, int] = field(default_factory=dict[str, int])
    last: dict[str, str] = field(default_factory=dict[str, str])  # the last step that was done, by the branch
    moved_to: set[str] = field(default_factory=set[str])  # versions that a migration has brought the run to
    calls: int = 0
    interrupted: int = 0
    recoveries: int = 0
    status: RunStatus = RunStatus.RUNNING
    result: Any = None
    error: dict[str, Any] | None = None
    failed: bool = False

    @property
    def spent(self) -> float:
        """The seconds in which somebody drove the run."""
        return self.owned.until(self.last_at)


def fold(run: str, entries: Sequence[Entry]) -> Log:
    """What the run is after its records. Raises RecordCorrupt for records that do not fit each other."""
    first = entries[0]
    created = first.content
    log = Log(run, created, _fingerprint(created), dict(created["state"]), Owned(first.at), first.at)
    for entry in entries[1:]:
        fold_one(log, entry)
    return log


def fold_one(log: Log, entry: Entry) -> None:
    """Take one more record, which `read` has found to be one, into account. Raises RecordCorrupt."""
    _FOLDS[entry.kind](log, entry)
    # Nobody drove the run when it was found to be stuck, or cancelled while it had no owner.
    if entry.kind != RunEnded.__name__ or log.status not in (RunStatus.STUCK, RunStatus.CANCELLED):
        log.last_at = entry.at


def _fingerprint(content: Mapping[str, Any]) -> Fingerprint:
    return Fingerprint(**{name: content[name] for name in Fingerprint._fields})


def _fold_done(log: Log, entry: Entry) -> None:
    path = entry.content["path"]
    log.results[path] = entry.content["result"]
    log.last[entry.content.get("branch", "")] = path
    _fold_changes(log, entry)
    log.calls += 1
    log.interrupted, log.recoveries, log.failed = 0, 0, False


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
    if "filled" in entry.content and "branch" in entry.content:
        log.deltas[entry.content["branch"]].filled.update(entry.content["filled"])


def _fold_failed(log: Log, entry: Entry) -> None:
    log.attempts[entry.content["path"]] = entry.content["attempt"]
    log.calls += 1
    log.interrupted, log.recoveries, log.failed = 0, 0, True


def _fold_resumed(log: Log, entry: Entry) -> None:
    for owned in (log.owned, *log.entered.values()):
        owned.seconds, owned.since = owned.until(log.last_at), entry.at
    log.interrupted += not log.failed
    log.recoveries = log.recoveries + 1 if log.status is RunStatus.RUNNING else 0
    log.status, log.error, log.failed = RunStatus.RUNNING, None, False


def _fold_ended(log: Log, entry: Entry) -> None:
    content = entry.content
    log.status = RunStatus(content["status"])
    if "error" in content:
        error = content["error"]
        log.error = {**error, "timestamp": entry.at, "step": content["path"], "attempt": content["attempt"]}
    elif "result" in content:
        log.result = content["result"]
    elif content["result_of"] in log.results:
        log.result = log.results[content["result_of"]]
    else:
        reason = f"the result is that of {content['result_of']}, which no record holds"
        raise RecordCorrupt(run=log.run, sequence=entry.sequence, reason=reason)


def _fold_rebound(log: Log, entry: Entry) -> None:
    log.bound = _fingerprint(entry.content)
    _fold_changes(log, entry)


def _fold_migrated(log: Log, entry: Entry) -> None:
    move(log, entry.content["paths"])
    log.bound = _fingerprint(entry.content)
    log.moved_to.add(log.bound.version)
    _fold_changes(log, entry)


def move(log: Log, paths: Mapping[str, str | None]) -> None:
    """Give everything recorded its new path; what has none is dropped."""
    log.results = _moved(log.results, paths)
    log.verdicts = _moved(log.verdicts, paths)
    log.attempts = _moved(log.attempts, paths)
    log.entered = _moved(log.entered, paths)
    log.deltas = _moved(log.deltas, paths)
    log.joined = set(_moved(dict.fromkeys(log.joined), paths))
    last = {branch: renumbered(path, paths) for branch, path in _moved(log.last, paths).items()}
    log.last = {branch: path for branch, path in last.items() if path is not None}


def _moved(held: Mapping[str, Held], paths: Mapping[str, str | None]) -> dict[str, Held]:
    found = ((renumbered(path, paths), one) for path, one in held.items())
    return {path: one for path, one in found if path is not None}


_FOLDS: Final = {
    StepDone.__name__: _fold_done,
    StepFailed.__name__: _fold_failed,
    Decided.__name__: _fold_decided,
    Entered.__name__: _fold_entered,
    Joined.__name__: _fold_joined,
    RunResumed.__name__: _fold_resumed,
    RunEnded.__name__: _fold_ended,
    Rebound.__name__: _fold_rebound,
    Migrated.__name__: _fold_migrated,
}
