"""The state of a run, and the private view of it that one attempt of a step works on.

A step attempt is a transaction: it reads and writes through an `Attempt`, its changes are taken over when the attempt
counts, and dropped with it when it fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, cast

from knows_core.errors import ContractError
from knows_core.values.sameness import same
from knows_core.values.traits import is_immutable, is_plain_text, private_copy

ERROR_KEY: Final = "error"  # reserved: the record of the failure that ended a run


def _text(key: object) -> str:
    """A key as plain text. Raises ContractError: other keys would come back from the journal as something else."""
    if type(key) is str:
        if is_plain_text(key):
            return key
        raise ContractError(f"state key {key!a}: two surrogates in a row do not come back. Use another key.")
    if isinstance(key, str):
        return _text(str.__str__(key))
    raise ContractError(f"state key {key!r}: expected text, found {type(key).__name__}. Use texts as keys.")


class Changes(NamedTuple):
    """What one attempt did to the state: keys that got a value, and keys that lost theirs."""

    written: dict[str, Any]
    dropped: tuple[str, ...]


NO_CHANGES: Final = Changes({}, ())


class WorkflowState(MutableMapping[str, Any]):
    """Values by key, with the times (aware, UTC) of creation and of the last change.

    It is a mapping: `state["key"]`, `in`, `len`, iteration, `update` and `==` with a dict work as for a dict.
    """

    __slots__ = ("_created", "_updated", "_values")

    def __init__(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        self._values: dict[str, Any] = {_text(key): value for key, value in {**(values or {}), **more}.items()}
        self._created = self._updated = datetime.now(UTC)

    @property
    def created_at(self) -> datetime:
        """When the state was created."""
        return self._created

    @property
    def updated_at(self) -> datetime:
        """When the state last changed."""
        return self._updated

    @property
    def data(self) -> MutableMapping[str, Any]:
        """The values as a mutable mapping that equals a dict; what is changed in it is changed in the state."""
        return self

    def set(self, key: str, value: Any) -> None:
        """Give the key a value."""
        self[key] = value

    def get(self, key: str, default: Any = None) -> Any:
        """The value of the key, or `default`."""
        return self._values.get(key, default)

    def clear(self) -> None:
        """Drop every key."""
        self._values.clear()
        self._updated = datetime.now(UTC)

    def after(self, changes: Changes) -> dict[str, Any]:
        """The values as they would be with the changes applied."""
        merged = {**self._values, **changes.written}
        return {key: value for key, value in merged.items() if key not in changes.dropped}

    def apply(self, changes: Changes, at: datetime | None = None) -> None:
        """Take over what an attempt changed."""
        if not changes.written and not changes.dropped:
            return
        for key in changes.dropped:
            self._values.pop(key, None)
        self._values |= changes.written
        self._updated = at or datetime.now(UTC)

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __copy__(self) -> WorkflowState:
        return WorkflowState(self)

    def __setitem__(self, key: str, value: Any) -> None:
        self._values[_text(key)] = value
        self._updated = datetime.now(UTC)

    def __delitem__(self, key: str) -> None:
        del self._values[key]
        self._updated = datetime.now(UTC)

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self)!r})"


class _Gone:
    """Stands in an attempt for a key that was dropped."""


_GONE: Final = _Gone()


class Attempt(WorkflowState):
    """The state as one attempt of a step sees it. Nothing it does reaches the run before `changes()` is applied.

    Immutable values pass as they are; a mutable one is handed out as a private copy, once per attempt.
    """

    __slots__ = ("_base", "_own")

    def __init__(self, base: WorkflowState) -> None:
        self._base = base
        self._own: dict[str, Any] = {}

    def changes(self) -> Changes:
        """What differs from the state the attempt began with, by type and bits.

        Mutable values are copied, so that the step keeps no way into the state.
        """
        if not self._own:
            return NO_CHANGES
        before = self._base._values
        written = {
            key: private_copy(value)
            for key, value in self._own.items()
            if value is not _GONE and not (key in before and same(before[key], value))
        }
        return Changes(written, tuple(key for key, value in self._own.items() if value is _GONE and key in before))

    def get(self, key: str, default: Any = None) -> Any:
        """The value of the key, or `default`."""
        try:
            return self[key]
        except KeyError:
            return default

    def clear(self) -> None:
        """Drop every key."""
        self._own = dict.fromkeys(self._base, _GONE)

    def __getitem__(self, key: str) -> Any:
        own = self._own
        if key in own:
            value = own[key]
            if value is _GONE:
                raise KeyError(key)
            return value
        value = self._base._values[key]
        if not is_immutable(value):
            value = own[key] = private_copy(value)
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        self._own[_text(key)] = value

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self._own[key] = _GONE

    def __contains__(self, key: object) -> bool:
        own = cast("dict[object, Any]", self._own)
        return own[key] is not _GONE if key in own else key in self._base._values

    def __iter__(self) -> Iterator[str]:
        own = self._own
        yield from (key for key in self._base._values if own.get(key) is not _GONE)
        yield from (key for key, value in own.items() if value is not _GONE and key not in self._base._values)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    # The times are those of the run's state; they move when the attempt counts.
    @property
    def created_at(self) -> datetime:
        """When the run's state was created."""
        return self._base.created_at

    @property
    def updated_at(self) -> datetime:
        """When the run's state last changed."""
        return self._base.updated_at
