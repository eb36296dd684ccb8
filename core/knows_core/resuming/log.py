"""What a run is as far as its records tell: one value, which `folding` builds from them. Values stay encoded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from knows_core.flows.paths import renumbered
from knows_core.journals.records import Answer, Fingerprint, Question
from knows_core.run import RunStatus
from knows_core.states.joining import Delta
from knows_core.walking.situation import Retrying

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

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
    its last step and stopped again without a word. `at_rest` tells that no attempt was under way after the last record,
    `failed` holds the failures of this try that nothing has answered yet, `failure` what ended the run when its
    compensation had begun. What was shown and given along is encoded.
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
    compensated: bool = False
    at_rest: bool = False
    retrying: dict[str, Retrying] = field(default_factory=dict[str, Retrying])
    intended: dict[str, int] = field(default_factory=dict[str, int])
    asked: dict[str, Question] = field(default_factory=dict[str, Question])
    answers: dict[str, Answer] = field(default_factory=dict[str, Answer])
    settled: dict[str, str] = field(default_factory=dict[str, str])
    failed: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    failure: dict[str, Any] | None = None
    waits_at: list[str] = field(default_factory=list[str])

    @property
    def spent(self) -> float:
        """The seconds in which somebody drove the run."""
        return self.owned.until(self.last_at)

    @property
    def waiting(self) -> list[Question]:
        """What somebody has to decide before the run goes on."""
        if self.status is not RunStatus.SUSPENDED:
            return []
        return [self.asked[path] for path in self.waits_at if path in self.asked and path not in self.answers]


def move(log: Log, paths: Mapping[str, str | None]) -> None:
    """Give everything recorded its new path; what has none is dropped."""
    log.results = _moved(log.results, paths)
    log.verdicts = _moved(log.verdicts, paths)
    log.attempts = _moved(log.attempts, paths)
    log.entered = _moved(log.entered, paths)
    log.deltas = _moved(log.deltas, paths)
    log.retrying = _moved(log.retrying, paths)
    log.intended = _moved(log.intended, paths)
    log.asked = _moved(log.asked, paths)
    log.answers = _moved(log.answers, paths)
    log.settled = _moved(log.settled, paths)
    log.failed = _moved(log.failed, paths)
    log.waits_at = list(_moved(dict.fromkeys(log.waits_at), paths))
    log.joined = set(_moved(dict.fromkeys(log.joined), paths))
    last = {branch: renumbered(path, paths) for branch, path in _moved(log.last, paths).items()}
    log.last = {branch: path for branch, path in last.items() if path is not None}


def _moved(held: Mapping[str, Held], paths: Mapping[str, str | None]) -> dict[str, Held]:
    found = ((renumbered(path, paths), one) for path, one in held.items())
    return {path: one for path, one in found if path is not None}
