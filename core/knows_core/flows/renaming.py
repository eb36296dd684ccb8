"""How a part's state keys are called in the state of the run: by a mapping, or under a name space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knows_core.errors import ContractError
from knows_core.state import ERROR_KEY, Changes, WorkflowState

if TYPE_CHECKING:
    from collections.abc import Mapping


class Renaming:
    """Keys of a part on the inside, keys of the run on the outside, through however many templates lie between.

    A mapping names inner keys with their outer ones; other keys keep their names, but an outer key that would then be
    seen under two names is hidden. A text is a name space: inner `speed` is outer `pump.speed`, nothing else is seen.
    The `error` of a failure is everybody's.
    """

    __slots__ = ("_around", "_inner", "_keys", "_space")

    def __init__(self, keys: Mapping[str, str] | str, around: Renaming | None = None) -> None:
        self._space = f"{keys}." if isinstance(keys, str) else ""
        self._keys = {} if isinstance(keys, str) else dict(keys)
        self._inner = {outer: inner for inner, outer in self._keys.items()}
        self._around = around

    def outside(self, key: str) -> str:
        """What the run calls a key of the part."""
        if key == ERROR_KEY:
            return key
        outer = self._space + key if self._space else self._keys.get(key, key)
        return outer if self._around is None else self._around.outside(outer)

    def inside(self, key: str) -> str | None:
        """What the part calls a key of the run; None where it does not see it."""
        if key == ERROR_KEY:
            return key
        seen = key if self._around is None else self._around.inside(key)
        if seen is None:
            return None
        if self._space:
            return seen.removeprefix(self._space) if seen.startswith(self._space) else None
        return self._inner.get(seen, None if seen in self._keys else seen)

    def taken(self, key: str) -> str:
        """The key of the part that has this one's name outside, where `keys` gave it away; else an empty text."""
        return self._inner.get(key, "") if key not in self._keys else ""

    def view(self, state: WorkflowState) -> WorkflowState:
        """The state as the part sees it."""
        return WorkflowState({inner: state[key] for key in state if (inner := self.inside(key)) is not None})

    def changes(self, changes: Changes) -> Changes:
        """What the part changed, in the run's words. Raises ContractError for a key whose name outside is taken."""
        for key in (*changes.written, *changes.dropped):
            if taken := self.taken(key):
                raise ContractError(
                    f"state key {key!r} of a part: outside, that name stands for its {taken!r}."
                    f' Give it another: keys={{"{key}": "..."}}.'
                )
        written = {self.outside(key): value for key, value in changes.written.items()}
        return Changes(written, tuple(map(self.outside, changes.dropped)))
