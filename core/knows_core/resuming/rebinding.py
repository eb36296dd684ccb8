"""Code that has changed under a run: what differs from what it is bound to, and whether somebody may accept that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from knows_core.contract import changed_class, changed_part, first_difference
from knows_core.errors import ContractError
from knows_core.errors.resume import ContractChanged, ResumeRefused, ShapeChanged, ValuesChanged
from knows_core.flows.paths import unnumbered
from knows_core.journals.records import Rebound
from knows_core.resuming.progress import why_not_kept
from knows_core.resuming.viewing import decoded
from knows_core.values.encoder import TAG

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from knows_core.journals.records import Fingerprint
    from knows_core.resuming.log import Log
    from knows_core.template import Definition

_ELSE: Final = "Put it back as it was, install the version the run began on, or declare a migration from {version}"
_LEGAL: Final = "`kwf resume {run} --accept-code-change` goes on with it as it is now; else put it back as it was"


class Obstacle(NamedTuple):
    """What keeps a run from going on: the error that tells it, and what it tells."""

    error: type[ResumeRefused]
    difference: str


def difference(bound: Fingerprint, now: Fingerprint) -> Obstacle | None:
    """The first thing in which a template is not what a run is bound to; None where it is."""
    if now.shape_digest != bound.shape_digest:
        return Obstacle(ShapeChanged, first_difference(bound.shape, now.shape) or "their digests differ")
    changed = changed_class(bound.classes, now.classes)
    if changed is not None:
        return Obstacle(ValuesChanged, changed)
    part = changed_part(bound.linked, now.linked)
    if part or bound.contract_digest != now.contract_digest:
        return Obstacle(ContractChanged, part or "its input, output or state keys were edited")
    return None


def accepted(log: Log, definition: Definition, found: Obstacle, *, accept: bool) -> Rebound:
    """The record that binds a run to a template as it is now.

    Raises ShapeChanged, ValuesChanged or ContractChanged where nobody accepts that, or nobody may. It is legal while
    all that the run rests on is as it was: see `progress.reached`. Values, parts that began, and what the new template
    wants of its input and state must fit too.
    """
    facts = {"run": log.run, "template": definition}
    obstacle = obstacle_to(log, definition)
    if obstacle is not None:
        differing = f"{obstacle.difference}; accepting it does not help" if accept else found.difference
        error = obstacle.error if accept else found.error
        raise error(**facts, difference=differing, hint=_ELSE.format(version=log.bound.version))
    if not accept:
        raise found.error(**facts, difference=found.difference, hint=_LEGAL.format(run=log.run))
    return Rebound(found.difference, definition.fingerprint, filled(log, definition))


def obstacle_to(log: Log, definition: Definition) -> Obstacle | None:
    """Why a run cannot go on with a template as it is now; None where it can."""
    now = definition.fingerprint
    why = why_not_kept(log, log.bound.shape, now.shape)
    if why is not None:
        return Obstacle(ShapeChanged, why)
    held = classes_in([log.created["input"], log.state, *made_values(log)])
    changed = changed_class({name: one for name, one in log.bound.classes.items() if name in held}, now.classes)
    if changed is not None:
        return Obstacle(ValuesChanged, f"{changed}, and a recorded value is of it")
    part = changed_begun_part(log, now)
    if part is not None:
        return Obstacle(ContractChanged, part)
    try:
        filled(log, definition)
    except ContractError as error:
        return Obstacle(ContractChanged, f"what the run holds does not fit it: {str(error).rstrip('.')}")
    return None


def changed_begun_part(log: Log, now: Fingerprint) -> str | None:
    """A sentence on the first part that the run is in, or was, and that has another contract now."""
    begun = {unnumbered(path) for path in log.entered}
    return changed_part([one for one in log.bound.linked if one[0] in begun], now.linked)


def filled(log: Log, definition: Definition) -> dict[str, Any]:
    """The keys, encoded, that a template would have filled in at the start and the run lacks. Raises ContractError."""
    codec, had = definition.codec, log.created["state"]
    state = {key: decoded(codec, one, log.run) for key, one in log.state.items()}
    whole = completed(log, definition, state)
    return {key: codec.encode(one, "state", key) for key, one in whole.items() if key not in state and key not in had}


def completed(log: Log, definition: Definition, state: Mapping[str, Any]) -> dict[str, Any]:
    """A state with what a template adds to it at the start. Raises ContractError where it, or the input, does not fit.

    The input is no matter of steps that are done, and a required key may be used up.
    """
    value = decoded(definition.codec, log.created["input"], log.run)
    done = {unnumbered(path) for path in log.results}
    return definition.start(value, state, done=done, had=log.created["state"])


def made_values(log: Log) -> Iterator[Any]:
    """What steps returned, and what branches wrote that are not joined yet, encoded."""
    yield from log.results.values()
    yield from (delta.written for delta in log.deltas.values())


def classes_in(encoded: Any) -> set[str]:
    """The classes, by their ids, of which encoded data holds objects."""
    return set(_classes(encoded))


def _classes(encoded: Any) -> Iterator[str]:
    if isinstance(encoded, list):
        for one in cast("list[Any]", encoded):
            yield from _classes(one)
    elif isinstance(encoded, dict):
        data = cast("dict[str, Any]", encoded)
        if TAG in data and isinstance(data.get("id"), str):
            yield data["id"]
        for one in data.values():
            yield from _classes(one)
