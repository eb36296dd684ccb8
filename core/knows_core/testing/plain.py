"""What a flow comes to by its rules alone: a recursive evaluation without machine, journal, lanes or threads.

A second opinion, as short as can be: a fork deep-copies the state for each branch and compares what they left; a run
that waited is evaluated again from its beginning, with what is known by then.
"""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from knows_core.linking import linked
from knows_core.rules import Rules
from knows_core.run import RunStatus
from knows_core.template import definition_of
from knows_core.testing.plain_known import FailedError, Known, Place, WaitsError
from knows_core.testing.plain_nodes import walked
from knows_core.testing.plain_recovery import attempted
from knows_core.testing.plain_state import Held, defaults
from knows_core.testing.world import World

if TYPE_CHECKING:
    from collections.abc import Mapping

    from knows_core.template import Templates, WorkflowTemplate
    from knows_core.testing.plain_known import Asked
    from knows_core.testing.simulator import Person


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What a flow came to: `failed` is the path of the failure that ended it, `error` its type.

    `continued` are path and type of the failure that the state tells of because `Continue` went on from it, `failures`
    how many are recorded at each path, `asked` every question with its answer, in any order, `undone` what was to be
    undone, the newest first as far as it was not made side by side.
    """

    status: RunStatus
    result: Any
    state: dict[str, Any]
    failed: str | None = None
    error: str | None = None
    compensated: bool = False
    continued: tuple[str, str] | None = None
    failures: Mapping[str, int] | None = None
    asked: tuple[Asked, ...] = ()
    undone: tuple[str, ...] = ()


def evaluate(
    template: WorkflowTemplate,
    value: Any,
    state: Mapping[str, Any],
    templates: Templates | None = None,
    *,
    rules: Rules = Rules(),  # noqa: B008 - a frozen value
    world: World | None = None,
    person: Person | None = None,
) -> Evaluated:
    """Evaluate a template whose steps are plain synchronous functions of an untyped state.

    Time limits, declared writes and seams are left out. Without a person the first question is the end.
    """
    definition = linked(definition_of(template), templates)
    known = Known(rules, world or World(), person)
    held = Held(defaults(definition.model) | copy.deepcopy(dict(state)))
    failure: FailedError | None = None
    while True:
        try:
            try:
                if failure is None:
                    result = walked(definition.flow, value, held, Place(model=definition.model), known)
                    return _ended(RunStatus.COMPLETED, known, held, None, result)
            except FailedError as error:
                failure = error
            return _undone(failure, held, known)
        except WaitsError as waiting:
            if not known.answer_all(waiting.paths):
                return _ended(RunStatus.SUSPENDED, known, held, failure)


def _ended(
    status: RunStatus, known: Known, held: Held, failure: FailedError | None, result: Any = None, kind: str = ""
) -> Evaluated:
    known.close()
    return Evaluated(
        status,
        result,
        held.values,
        None if failure is None else failure.path,
        None if failure is None else kind or failure.kind,
        failure is not None and status is RunStatus.FAILED and bool(_to_undo(known)),
        held.error,
        Counter(known.world.failures),
        tuple(known.told),
        tuple(f"{path}~" for path in _to_undo(known)) if failure is not None else (),
    )


def _to_undo(known: Known) -> list[str]:
    """What is to be undone, the newest first; not what lies in a scope that is undone as a whole."""
    finished = known.finished
    return [path for path in reversed(finished) if not any(one in finished for one in finished[path].place.around)]


def _undone(failure: FailedError, held: Held, known: Known) -> Evaluated:
    failed, waits = False, list[str]()
    for path in _to_undo(known):
        undo = known.finished[path]
        name = path.rpartition("/")[2]
        node = replace(undo.step, name=f"{name}~")
        helds = [held]
        for keys in undo.place.keys:
            helds.append(helds[-1].inside(keys))
        try:
            attempted(node, undo.result, helds[-1], Place(path[: len(path) - len(name)]), known)
        except FailedError:
            failed = True
        except WaitsError as waiting:
            waits += waiting.paths
        for keys, inner, outer in zip(reversed(undo.place.keys), helds[:0:-1], helds[-2::-1], strict=True):
            outer.outside(inner, keys)
    if waits:
        raise WaitsError(*waits)
    if failed:
        return _ended(RunStatus.COMPENSATION_FAILED, known, held, failure, kind="CompensationFailed")
    return _ended(RunStatus.FAILED, known, held, failure)
