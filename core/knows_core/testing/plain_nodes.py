"""The kinds of nodes in the plain evaluation, one function each."""

from __future__ import annotations

import copy
from functools import reduce
from typing import TYPE_CHECKING, Any, cast

from knows_core.errors.flow import StateConflict
from knows_core.flow import Case, Parallel, Part, Scope, Sequence, Step
from knows_core.flows.approving import Approval
from knows_core.flows.loops import Each, Repeat
from knows_core.recovery import Continue, Fallback, Suspend
from knows_core.state import WorkflowState
from knows_core.testing.plain_known import FailedError, Known, Place, WaitsError
from knows_core.testing.plain_recovery import AGAIN, answered, approved, attempted, decided
from knows_core.testing.plain_state import Held, branched, defaults

if TYPE_CHECKING:
    from knows_core.binding import Predicate
    from knows_core.flow import Flow


def walked(node: Flow[Any, Any], value: Any, held: Held, place: Place, known: Known) -> Any:
    """The result of a node. Raises FailedError, WaitsError."""
    match node:
        case Step():
            return attempted(node, value, held, place, known)
        case Approval():
            return approved(node, value, held, place, known)
        case Sequence():
            return reduce(lambda result, part: walked(part, result, held, place, known), node.parts, value)
        case Scope():
            return _scope(node, value, held, place, known)
        case Case():
            return _case(node, value, held, place, known)
        case Repeat():
            return _repeat(node, value, held, place, known)
        case Part():
            return _part(node, value, held, place, known)
        case Parallel():
            return _parallel(node, value, held, place, known)
        case Each():
            return _each(node, value, held, place, known)
        case _:
            raise NotImplementedError(node.kind)


def _inside(node: Flow[Any, Any], place: Place) -> Place:
    return place._replace(at=f"{place.at}{node.segment}/") if node.segment else place


def _before(path: str, known: Known) -> Any:
    """What is known of a path, or AGAIN."""
    if path in known.open:
        return decided(path, known)
    return known.results.get(path, AGAIN)


def _unanswered(failure: FailedError, value: Any, held: Held, place: Place, known: Known) -> Any:
    """What follows a failure that no step had."""
    return answered(failure, failure.path, value, held, place, (None, *place.answers), known)


def _scope(node: Scope[Any, Any], value: Any, held: Held, place: Place, known: Known) -> Any:
    path, around = place.at + node.key, place
    place = _inside(node, place)
    if (before := _before(path, known)) is not AGAIN:
        return before
    if path in known.verdicts:
        return walked(node.inner[1], value, held, place, known)
    own = place._replace(retry=node.retry or place.retry)
    if node.on_error is not None:
        own = own._replace(answers=(node.on_error, *place.answers))
    if node.compensate is not None:
        own = own._replace(around=(*place.around, path))
    try:
        result = walked(node.flow, value, held, own, known)
    except FailedError as failure:
        is_new = node.on_error is not None and failure.kind in ("Rejected", "ApprovalExpired") and not failure.asked
        if failure.final or not (is_new or isinstance(node.on_error, Fallback | Continue | Suspend)):
            raise
        if len(node.inner) == 1:
            return answered(failure, path, value, held, place, (node.on_error,), known)
        known.verdicts[path] = 1
        return walked(node.inner[1], value, held, place, known)
    if node.compensate is not None:
        known.finish(path, result, node.compensate, around)
    return result


def _says_yes(predicate: Predicate, value: Any, held: Held) -> bool:
    return bool(predicate.binding.invoke(value, WorkflowState(copy.deepcopy(held.values)), None))


def _case(node: Case[Any, Any], value: Any, held: Held, place: Place, known: Known) -> Any:
    path = place.at + node.key
    if path not in known.verdicts:
        asked = enumerate(predicate for predicate, _ in node.choices)
        yes = (number for number, one in asked if one is None or _says_yes(one, value, held))
        known.verdicts[path] = next(yes, -1)
    taken = known.verdicts[path]
    inside = _inside(node, place)
    return value if taken < 0 else walked(node.choices[taken][1], value, held, inside, known)


def _repeat(node: Repeat[Any, Any], value: Any, held: Held, place: Place, known: Known) -> Any:
    for turn in range(node.max_times):
        path = f"{place.at}{node.first_name}[{turn}]"
        value = walked(node.flow, value, held, place._replace(at=f"{path}/"), known)
        if path not in known.verdicts:
            known.verdicts[path] = int(_says_yes(node.until, value, held))
        if known.verdicts[path]:
            break
    return value


def _parallel(node: Parallel[Any, Any], value: Any, held: Held, place: Place, known: Known) -> Any:
    path, inside = place.at + node.key, _inside(node, place)
    if (before := _before(path, known)) is not AGAIN:
        return before
    ways = [(one, value, inside, f"{path}#{one.key}") for one in node.branches]
    result = _forked(ways, value, len(ways), held, path, place, known)
    return tuple(result) if isinstance(result, _Joined) else result


def _each(node: Each[Any, Any], value: Any, held: Held, place: Place, known: Known) -> Any:
    path = place.at + node.key
    if (before := _before(path, known)) is not AGAIN:
        return before
    if not isinstance(value, (list, tuple)):
        return _unanswered(FailedError(path, None, "SeamMismatch"), value, held, place, known)
    names = [(item, f"{place.at}{node.first_name}[{number}]") for number, item in enumerate(cast("list[Any]", value))]
    ways = [(node.flow, item, place._replace(at=f"{name}/"), name) for item, name in names]
    result = _forked(ways, value, node.max_concurrency, held, path, place, known)
    return list(result) if isinstance(result, _Joined) else result


def _part(node: Part[Any, Any], value: Any, held: Held, place: Place, known: Known) -> Any:
    definition, path = node.definition, place.at + node.name
    if (before := _before(path, known)) is not AGAIN:
        return before
    own = held.inside(node.keys)
    if path not in known.entered:
        if any(key not in own.values for key in definition.required):
            return _unanswered(FailedError(path, None, "MissingState"), value, held, place, known)
        filled = defaults(definition.model)
        own.touched, own.filled = (set(filled.keys() - own.values.keys()) for _ in range(2))
        own.values = filled | own.values
        known.entered.add(path)
    inside = Place(f"{path}/", definition.model, keys=(*place.keys, node.keys), around=place.around)
    try:
        try:
            return walked(definition.flow, value, own, inside, known)
        finally:  # what was done before a failure stays done
            held.outside(own, node.keys)
    except FailedError as failure:
        if failure.final or not place.answers:
            raise
        failure.asked = True
        return answered(failure, path, value, held, place, (None, *place.answers), known)


class _Joined(list[Any]):
    """The results of branches; anything else is what was answered for them."""


def _forked(
    ways: list[tuple[Flow[Any, Any], Any, Place, str]],
    given: Any,
    most: int,
    held: Held,
    path: str,
    place: Place,
    known: Known,
) -> Any:
    """Each branch on a copy of its own; the first in declared order that failed is the failure of all.

    Where all begin at once each comes to its end. Where one begins after another none begins after a failure; of what
    is under way beside it nothing is said.
    """
    joined = f"{path}&"
    if joined in known.results:
        return known.results[joined]
    results, failures, waits = _Joined(), list[FailedError](), list[WaitsError]()
    owns = [known.owns.setdefault(name, branched(held)) for *_, name in ways]
    for (node, value, inside, _), own in zip(ways, owns, strict=True):
        try:
            results.append(walked(node, value, own, inside, known))
        except FailedError as failure:
            failures.append(failure)
            if most < len(ways):
                break
        except WaitsError as waiting:
            waits.append(waiting)
    if failures:
        raise failures[0]
    if waits:
        raise WaitsError(*(path for one in waits for path in one.paths))
    try:
        held.join(owns, place.model)
    except StateConflict as error:
        return _unanswered(FailedError(path, error), given, held, place, known)
    known.results[joined] = results
    return results
