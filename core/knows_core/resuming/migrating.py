"""Moving a run to another version of its template: all of it, or nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, cast

from knows_core.contract import changed_class
from knows_core.errors import ContractError, NotStorable
from knows_core.errors.resume import MigrationFailed
from knows_core.flows.paths import unnumbered
from knows_core.journals.envelope import safe_text
from knows_core.journals.records import Linked, Migrated
from knows_core.resuming.log import move
from knows_core.resuming.progress import forks_of, open_branches, why_not_kept
from knows_core.resuming.rebinding import changed_begun_part, classes_in, completed, made_values
from knows_core.state import ERROR_KEY
from knows_core.values.codec import Codec
from knows_core.values.encoder import TAG
from knows_core.version import VersionRange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from knows_core.flows.migration import Migration
    from knows_core.journals.records import Shape
    from knows_core.resuming.log import Log
    from knows_core.template import Definition
    from knows_core.values.declared import Outline

Paths = dict[str, "str | None"]
_text: Callable[[Any], str] = json.JSONEncoder().encode


class _Fault(Exception):
    """Why a migration cannot be made."""


def migrated(log: Log, definition: Definition, migration: Migration) -> Migrated:
    """The record that moves a run. Raises MigrationFailed."""
    try:
        # Moving gives a log other dicts: those of the caller stay.
        return _migrated(replace(log), definition, migration)
    except (_Fault, ContractError) as error:
        reason = str(error).rstrip(".")
    raise MigrationFailed(run=log.run, was=f"{definition.name}@{log.bound.version}", template=definition, reason=reason)


def _migrated(log: Log, definition: Definition, migration: Migration) -> Migrated:
    was, now = log.bound, definition.fingerprint
    _check_state_function(log, definition, migration)
    moved = _moved_shape(was.shape, migration.steps)
    for branch, path in log.last.items():
        if moved.paths.get(unnumbered(path), path) is None:
            of = f"of the branch {branch}" if branch else "of the run"
            _refuse(f"{path} is the last recorded step {of}: what comes next would get another step's result")
    move(log, moved.paths)
    log.bound = was._replace(shape=moved.shape, linked=_moved_parts(was.linked, migration.steps))
    why = why_not_kept(log, moved.shape, now.shape)
    if why is not None:
        _refuse(f"after its steps are renamed {why}")
    held = classes_in([log.created["input"], *made_values(log)])
    changed = changed_class({name: one for name, one in was.classes.items() if name in held}, now.classes)
    if changed is not None:
        _refuse(f"{changed}, and a recorded input, result or branch holds a value of it")
    part = changed_begun_part(log, now)
    if part is not None:
        _refuse(part)
    written, dropped = _new_state(log, definition, migration, was.classes)
    return Migrated(was.version, now, moved.paths, written, dropped)


def _refuse(reason: str) -> NoReturn:
    raise _Fault(reason)


def _check_state_function(log: Log, definition: Definition, migration: Migration) -> None:
    if migration.state is None:
        return
    if log.bound.version == str(definition.version) and migration.range != VersionRange(log.bound.version):
        # A range such as ^1.0 of version 1.1 means earlier ones: the state of 1.1 must not be converted again.
        _refuse(f"the state of a run of this very version is converted only where since says {log.bound.version!r}")
    writing = open_branches(log)
    if writing:
        _refuse(f"the branch {writing[0]} has written state that is not joined yet, and the state is to be converted")


# ------------------------------------------------------------------ paths


class _Moved(NamedTuple):
    """A shape under its new paths, and the new path of everything that has another one."""

    shape: Shape
    paths: Paths


def new_path(path: str, steps: Mapping[str, str | None]) -> str | None:
    """What a path of a shape becomes: by its own name in `steps`, or by that of the nearest node around it."""
    head, tail = path, ""
    while head:
        if head in steps:
            to = steps[head]
            return None if to is None else to + tail
        head, slash, last = head.rpartition("/")
        tail = f"{slash}{last}{tail}"
    return path


def _moved_shape(shape: Shape, steps: Mapping[str, str | None]) -> _Moved:
    paths: Paths = {}
    moved: Shape = []
    for kind, path, *deciding in shape:
        to = new_path(path, steps)
        if to is not None:
            moved.append([kind, to, *deciding])
        elif kind != "step":
            _refuse(f"{path} is a {kind}, and only steps can be gone")
        if to != path:
            paths[path] = to
        if to is not None and to.count("[]") != path.count("[]"):
            _refuse(f"{path} cannot become {to}: they lie in different numbers of turns and items")
    for name, fork in forks_of(shape).items():
        if name != fork:
            paths |= _moved_branch(name, fork, shape, steps)
    nodes = [path for kind, path, *_ in moved if kind != "branch" and not kind.startswith("end of ")]
    twice = next((path for path in nodes if nodes.count(path) > 1), None)
    if twice is not None:
        _refuse(f"two of its steps become {twice}")
    return _Moved(moved, paths)


def _moved_branch(name: str, fork: str, shape: Shape, steps: Mapping[str, str | None]) -> Paths:
    """The new name of a branch of a parallel, under which its state is kept, where it has one."""
    key = name[len(fork) + 1 :]
    around = (f"{fork}/", fork[: fork.rfind("/") + 1])  # a fork with a name adds it to the paths inside
    path = next(path for kind, path, *_ in shape if kind == "branch" and path in (around[0] + key, around[1] + key))
    to = f"{new_path(fork, steps)}#{str(new_path(path, steps)).rpartition('/')[2]}"
    return {} if to == name else {name: to}


def begun_parts(log: Log, migration: Migration) -> list[Linked]:
    """The parts that a run is in, or was, at their new paths."""
    begun = {unnumbered(path) for path in log.entered}
    return _moved_parts([one for one in log.bound.linked if one[0] in begun], migration.steps)


def _moved_parts(parts: Iterable[Iterable[str]], steps: Mapping[str, str | None]) -> list[Linked]:
    return [Linked(new_path(path, steps) or path, *rest) for path, *rest in parts]


# ------------------------------------------------------------------ state


def _new_state(
    log: Log, definition: Definition, migration: Migration, recorded: Mapping[str, Outline]
) -> tuple[dict[str, Any], list[str]]:
    """What changes in the state, encoded, and which keys are gone."""
    now, codec = definition.fingerprint.classes, definition.codec
    kept = {name for name, outline in recorded.items() if now.get(name) == outline}
    before = {key: codec.decode(_loosened(one, kept)) for key, one in log.state.items()}
    after = before if migration.state is None else _converted(migration.state, before)
    whole = completed(log, definition, after)
    keys = [key for key in whole if key in after or key not in log.created["state"]]
    try:
        encoded = {key: codec.encode(whole[key], "state", key) for key in keys}
    except NotStorable as error:
        _refuse(str(error))
    written = {key: one for key, one in encoded.items() if _differs(log.state, key, one)}
    return written, [key for key in log.state if key not in encoded]


def _converted(function: Callable[[dict[str, Any]], object], state: dict[str, Any]) -> dict[str, Any]:
    try:
        answer = function(dict(state))  # just decoded: nobody else has its values
    except Exception as error:
        raise _Fault(f"its state function raised {type(error).__name__}: {safe_text(error)}") from error
    if not isinstance(answer, dict):
        _refuse(f"its state function must return a dict, and returned a {type(answer).__name__}")
    given = cast("dict[Any, Any]", answer)
    odd = [key for key in given if not isinstance(key, str)]
    if odd:
        _refuse(f"its state function must return a dict with texts as keys, and one is {odd[0]!r}")
    return {key: one for key, one in given.items() if key != ERROR_KEY}


def _differs(state: Mapping[str, Any], key: str, encoded: Any) -> bool:
    # As text: 1, 1.0 and True are equal, and are not the same value.
    return key not in state or _text(state[key]) != _text(encoded)


def _loosened(encoded: Any, kept: set[str]) -> Any:
    """Encoded data in which objects of classes that are not kept have become plain data."""
    if isinstance(encoded, list):
        return [_loosened(one, kept) for one in cast("list[Any]", encoded)]
    if not isinstance(encoded, dict):
        return encoded
    data = cast("dict[str, Any]", encoded)
    if TAG in data and isinstance(data.get("id"), str) and data["id"] not in kept:
        plain = Codec(None)
        return plain.encode(plain.decode(data))
    return {key: _loosened(one, kept) for key, one in data.items()}
