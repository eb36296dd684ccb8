"""The world around a simulated run: what its steps did out there, and a person who answers what it asks."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from knows_core.journals.records import Question


def weigh(*values: Any) -> int:
    """A small number that tells values apart, the same in every process."""
    return zlib.crc32(repr(values).encode()) % 97


@dataclass(slots=True)
class World:
    """What lies outside a run, and is as it was when its process has died.

    `calls` are the paths of the calls of steps, in order, and `acts` what those with `effect="once"` have brought
    about, by the path; `repeated` are the paths of acts that took place once more.

    `failures` counts the failures that are *recorded*, by the path; who drives the run tells. A step that fails at
    first and succeeds later goes by them. It must not go by its calls: one that a power loss cut short left no record,
    so the step would succeed one attempt earlier than undisturbed, and the run would have no one right answer.
    """

    calls: list[str] = field(default_factory=list[str])
    failures: Counter[str] = field(default_factory=Counter[str])
    acts: dict[str, Any] = field(default_factory=dict[str, Any])
    repeated: list[str] = field(default_factory=list[str])

    def reset(self) -> None:
        """Nothing has happened yet."""
        for held in (self.calls, self.failures, self.acts, self.repeated):
            held.clear()

    def act(self, path: str, result: Any) -> None:
        """Something is brought about that must be brought about once."""
        if path in self.acts:
            self.repeated.append(path)
        self.acts[path] = result


class Person:
    """Answers every question by a rule that only knows where it stands, its kind, and how often it answered there.

    Of an act in doubt it knows what everybody could go and see: whether it took place.
    """

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self._number = number

    def __call__(self, question: Question, times: int) -> tuple[str, Any] | None:
        """The choice, and what is given along; None: the question is let to expire."""
        path, kind = question.path, question.kind
        if kind == "doubt":
            return ("done", self._world.acts[path]) if path in self._world.acts else ("retry", None)
        drawn = weigh(self._number, path, kind, times)
        if kind == "approval":
            if drawn % 8 == 0 and question.expires is not None:
                return None
            return ("reject", None) if drawn % 8 == 1 else ("approve", None if question.payload is None else drawn)
        if times < 2 and drawn % 4 < 2:
            return "retry", None
        return ("reject", None) if drawn % 4 == 2 else ("done", drawn)
