"""A new run that begins with what another one had recorded before some step. The other one stays as it is.

Every beginning of a journal is one that a crash could have left, so that whatever can be resumed can be begun from.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import uuid
from typing import TYPE_CHECKING, Final, TypeVar

from knows_core.backend import RunRow
from knows_core.errors import ConfigError, KnowsError
from knows_core.errors.backend import BackendError, RunBusy
from knows_core.journal import copied, read
from knows_core.resuming.folding import fold
from knows_core.run import RunStatus
from knows_core.walking.undoing import UNDONE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from knows_core.backend import StateBackend
    from knows_core.run import Entry

T = TypeVar("T")
_LONGEST: Final = 117  # characters of an id that leave room for what tells the new one apart


def restarted(
    backend: StateBackend, run: str, step: str, clock: Callable[[], datetime], go_on: Callable[[str], T]
) -> T:
    """Record the new run and go on with it; where that is refused, no new run is left.

    Raises UnknownRun, ConfigError, RecordCorrupt, and what `go_on` raises.
    """
    new = _begun_from(backend, run, step, clock)
    try:
        return go_on(new)
    except (BackendError, RunBusy):  # out of reach, or somebody else has taken it up meanwhile
        raise
    except Exception as error:
        if isinstance(error, KnowsError):
            _speak_of(error, new, run, step)
        with contextlib.suppress(KnowsError):  # the reason why it cannot be is told, whatever becomes of this
            backend.delete(new, backend.claim(new))
        raise


def _begun_from(backend: StateBackend, run: str, step: str, clock: Callable[[], datetime]) -> str:
    row, records = backend.load(run)
    entries, _ = read(run, records)
    kept = entries[: _first(entries, run, step)]
    bound = fold(run, kept).bound
    new, now = f"{run[:_LONGEST]}-{uuid.uuid4().hex[:10]}", clock()
    epoch = backend.create(
        RunRow(new, row.template, bound.version, RunStatus.RUNNING, now, now), copied(new, kept, (run, step))
    )
    backend.release(new, epoch)
    return new


def _speak_of(error: KnowsError, new: str, run: str, step: str) -> None:
    """Let an error speak of the run that was asked about: the new one is gone."""
    command = f"kwf resume {run} --from {shlex.quote(step)}"
    for name, fact in error.facts.items():
        if isinstance(fact, str):
            error.facts[name] = fact.replace(f"kwf resume {new}", command).replace(new, run)


def _first(entries: Sequence[Entry], run: str, step: str) -> int:
    """Where the records of a step, or of what lies inside a node of that path, begin."""
    inside = re.compile(re.escape(step) + r"(?:$|[/\[#])")
    paths = [entry.content.get("path") or "" for entry in entries]
    for number, path in enumerate(paths):
        if path and not path.endswith(UNDONE) and inside.match(path):
            return number
    # A compensation is no step to begin from: the run would go on undoing what it began with.
    recorded = dict.fromkeys(path for path in paths if path and not path.endswith(UNDONE))
    expected = f"a step that {run} has recorded ({', '.join(recorded) or 'none'})"
    raise ConfigError(name="--from", expected=expected, found=step)
