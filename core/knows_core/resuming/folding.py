"""What a run is when its records are folded, one after the other. Values stay encoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from knows_core.errors.backend import RecordCorrupt
from knows_core.journals.records import (
    Answer,
    Answered,
    Asked,
    Compensating,
    Decided,
    Entered,
    Fingerprint,
    Joined,
    Migrated,
    Question,
    Rebound,
    RunEnded,
    RunResumed,
    Settled,
    StepDone,
    StepFailed,
    StepIntended,
    StepRetried,
)
from knows_core.resuming.log import Log, Owned, move
from knows_core.run import RunStatus
from knows_core.state import Changes
from knows_core.states.joining import Delta
from knows_core.walking.situation import Retrying

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from knows_core.run import Entry


def fold(run: str, entries: Sequence[Entry]) -> Log:
    """What the run is after its records. Raises RecordCorrupt for records that do not fit each other."""
    first = entries[0]
    created = first.content
    log = Log(run, created, _fingerprint(created), dict(created["state"]), Owned(first.at), first.at)
    copied = created.get("copied", 0)
    for number, entry in enumerate(entries):
        if number:
            fold_one(log, entry)
        if number + 1 == copied:
            _begin_anew(log)
    return log


def _begin_anew(log: Log) -> None:
    """Forget what another run spent on the records that this one began with: its time, its calls, its failures."""
    log.owned = Owned(log.last_at)
    log.entered = {path: Owned(log.last_at) for path in log.entered}
    log.calls = log.interrupted = log.recoveries = 0
    log.at_rest = True
    log.failed.clear()


def fold_one(log: Log, entry: Entry) -> None:
    """Take one more record, which `read` has found to be one, into account. Raises RecordCorrupt."""
    _FOLDS[entry.kind](log, entry)
    # Nobody drove the run when it was found to be stuck, cancelled while it had no owner, or decided on.
    is_end = entry.kind == RunEnded.__name__ and log.status in (RunStatus.STUCK, RunStatus.CANCELLED)
    if not is_end and entry.kind != Answered.__name__:
        log.last_at = entry.at


def _fingerprint(content: Mapping[str, Any]) -> Fingerprint:
    return Fingerprint(**{name: content[name] for name in Fingerprint._fields})


def _fold_done(log: Log, entry: Entry) -> None:
    path = entry.content["path"]
    log.results[path] = entry.content["result"]
    log.last[entry.content.get("branch", "")] = path
    _fold_changes(log, entry)
    _close(log, path)
    log.calls += 1
    log.interrupted, log.recoveries, log.at_rest = 0, 0, False


def _close(log: Log, path: str) -> None:
    """Nothing is open any more at a path."""
    for held in (log.retrying, log.intended, log.asked, log.answers, log.failed):
        held.pop(path, None)


def _fold_settled(log: Log, entry: Entry) -> None:
    content, path = entry.content, entry.content["path"]
    log.results[path] = content["result"] if "result" in content else _result_of(log, entry)
    log.settled[path] = content["how"]
    _fold_changes(log, entry)
    _close(log, path)
    log.recoveries = 0


def _fold_intended(log: Log, entry: Entry) -> None:
    path = entry.content["path"]
    _close(log, path)  # that a person let it be tried again counts for one attempt
    log.intended[path] = entry.content["attempt"]
    log.at_rest = False


def _fold_retried(log: Log, entry: Entry) -> None:
    path = entry.content["path"]
    if path in log.retrying:
        log.retrying[path] = log.retrying[path]._replace(until=None)
    log.interrupted, log.at_rest = 0, False


def _fold_asked(log: Log, entry: Entry) -> None:
    content, path = entry.content, entry.content["path"]
    _close(log, path)
    log.asked[path] = Question(
        path,
        content["question"],
        content["attempt"],
        content["shown"],
        content.get("role"),
        content.get("expires"),
        content.get("payload"),
        content.get("reason", ""),
        content["digest"],
    )
    log.interrupted, log.recoveries, log.at_rest = 0, 0, True


def _fold_answered(log: Log, entry: Entry) -> None:
    content, path = entry.content, entry.content["path"]
    question = log.asked.get(path)
    if question is None or question.digest != content["shown"]:
        raise RecordCorrupt(run=log.run, sequence=entry.sequence, reason=f"it answers what {path} did not ask")
    value, at = content.get("value"), entry.at.timestamp()
    note, shown = content.get("note", ""), content["shown"]
    log.answers[path] = Answer(content["choice"], content["by"], content.get("role"), value, note, at, shown)
    if content["choice"] == "retry":
        if question.kind == "doubt":  # the attempt that may have taken place counts as one
            log.attempts[path] = question.attempt
        if path in log.entered:  # a scope has all its time again
            log.entered[path] = Owned(log.last_at)
    if not log.waiting:
        log.status, log.error = RunStatus.RUNNING, None


def _fold_compensating(log: Log, entry: Entry) -> None:
    log.failure = entry.content
    log.interrupted, log.recoveries, log.at_rest = 0, 0, True


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
    path, until = entry.content["path"], entry.content.get("until")
    before = log.retrying.get(path)
    _close(log, path)
    if until is not None:
        at = entry.at.timestamp()
        retries, since = (before.retries, before.since) if before else (0, at)
        log.retrying[path] = Retrying(retries + 1, until, since, until - at)
    else:
        log.failed[path] = entry.content
    log.attempts[path] = entry.content["attempt"]
    log.calls += 1
    log.interrupted, log.recoveries, log.at_rest = 0, 0, True


def _fold_resumed(log: Log, entry: Entry) -> None:
    for owned in (log.owned, *log.entered.values()):
        owned.seconds, owned.since = owned.until(log.last_at), entry.at
    log.interrupted += not log.at_rest
    log.recoveries = log.recoveries + 1 if log.status is RunStatus.RUNNING else 0
    log.status, log.error, log.at_rest = RunStatus.RUNNING, None, False


def _fold_ended(log: Log, entry: Entry) -> None:
    content = entry.content
    log.status = RunStatus(content["status"])
    log.compensated = content.get("compensated", False)
    log.failed.clear()  # whoever resumes the run now wants them tried again
    log.waits_at = content.get("waiting", [])
    is_told = log.status is RunStatus.FAILED and content.get("path") is not None
    if is_told or log.status in (RunStatus.SUSPENDED, RunStatus.COMPENSATION_FAILED):
        log.at_rest = True
    if "error" in content:
        error = content["error"]
        log.error = {**error, "timestamp": entry.at, "step": content["path"], "attempt": content["attempt"]}
    elif log.status is RunStatus.COMPLETED:
        log.result = content["result"] if "result" in content else _result_of(log, entry)


def _result_of(log: Log, entry: Entry) -> Any:
    path = entry.content["result_of"]
    if path not in log.results:
        reason = f"the result is that of {path}, which no record holds"
        raise RecordCorrupt(run=log.run, sequence=entry.sequence, reason=reason)
    return log.results[path]


def _fold_rebound(log: Log, entry: Entry) -> None:
    log.failed.clear()  # with other code, what failed is worth another try
    log.bound = _fingerprint(entry.content)
    _fold_changes(log, entry)


def _fold_migrated(log: Log, entry: Entry) -> None:
    log.failed.clear()  # as above
    move(log, entry.content["paths"])
    log.bound = _fingerprint(entry.content)
    log.moved_to.add(log.bound.version)
    _fold_changes(log, entry)


_FOLDS: Final = {
    StepDone.__name__: _fold_done,
    StepFailed.__name__: _fold_failed,
    StepIntended.__name__: _fold_intended,
    StepRetried.__name__: _fold_retried,
    Settled.__name__: _fold_settled,
    Asked.__name__: _fold_asked,
    Answered.__name__: _fold_answered,
    Compensating.__name__: _fold_compensating,
    Decided.__name__: _fold_decided,
    Entered.__name__: _fold_entered,
    Joined.__name__: _fold_joined,
    RunResumed.__name__: _fold_resumed,
    RunEnded.__name__: _fold_ended,
    Rebound.__name__: _fold_rebound,
    Migrated.__name__: _fold_migrated,
}
