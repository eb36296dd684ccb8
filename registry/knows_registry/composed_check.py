"""Whether the templates of a composition fit each other, told from their profiles alone.

What is inside a template was checked when its manifest was made: a template with problems gets none. Here are the
places where one template meets another: what flows into a use, what comes out of it, and the state keys they share.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from knows_core.checking.check import Problem
from knows_core.errors.flow import CircularUse
from knows_core.flows.paths import DEEPEST
from knows_core.flows.renaming import Renaming
from knows_registry.contracts.described import Typed, words
from knows_registry.contracts.described_fit import fits
from knows_registry.contracts.described_verdict import Answer
from knows_registry.resolving.resolve import Slot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from knows_registry.manifests.profile import Profile, Used

_RESULT = "result of:"
_REFUSING = ("strict", "lenient")
_CONVERT = "Convert the value in a step between them, or correct one of the annotations."


@dataclass(slots=True)
class Findings:
    """What keeps the composition from running, and what is worth a look."""

    problems: list[Problem] = field(default_factory=list[Problem])
    notes: list[str] = field(default_factory=list[str])


class _End(NamedTuple):
    """One end of a hand-over: who, in words, and the type."""

    who: str
    type: Typed


def check_composed(root: Slot, profiles: Mapping[Slot, Profile]) -> Findings:
    """Check every use in a composition, of which each slot has its profile. Raises CircularUse."""
    check = _Check(profiles, profiles[root])
    check.walk(profiles[root], "", None, (profiles[root],))
    return check.found


class _Check:
    def __init__(self, profiles: Mapping[Slot, Profile], root: Profile) -> None:
        self.found = Findings()
        self._profiles = profiles
        self._root = root
        self._kinds: dict[str, _End] = {}
        for key, end in _keys(root):
            self._kinds[key] = end

    def walk(self, user: Profile, prefix: str, keys: Renaming | None, chain: tuple[Profile, ...]) -> None:
        """Check the uses in one template, and in those that it uses."""
        for used in user.uses:
            other = self._used(user, used)
            if any(one is other for one in chain):
                raise CircularUse(chain=" -> ".join(_name(one) for one in (*chain, other)))
            path = prefix + used.path
            self._check_seams(user, used, other, path)
            inner = Renaming(used.keys, keys) if used.keys or keys is not None else None
            if not _is_in_a_given_part(user, used):  # whose own names for the keys no profile tells
                self._check_keys(other, path, inner)
            self.walk(other, f"{path}/", inner, (*chain, other))

    def _used(self, user: Profile, used: Used) -> Profile:
        return self._profiles[Slot(used.name, used.alias, user.name) if used.alias else Slot(used.name)]

    # -------------------------------------------------------------- values

    def _check_seams(self, user: Profile, used: Used, other: Profile, path: str) -> None:
        for produced in self._given(user, used.given):
            self._compare(produced, _End(f"{_name(other)} at {path}", self._input(other, 0)), path)
        output = _End(f"{_name(other)} at {path}", self._output(other, 0))
        for taken in _each(used.taken):
            self._compare(
                output, _End(f"what follows in {_name(user)}", Typed(taken, taken.get("definitions", {}))), path
            )

    def _given(self, user: Profile, given: Mapping[str, Any] | None) -> Iterator[_End]:
        """What comes into a use; nothing where the flow does not say, or only a part of it is known."""
        if given is None:
            return
        if _RESULT not in json.dumps(given):
            yield _End(_name(user), Typed(given, given.get("definitions", {})))
            return
        whole = str(given.get("class", "")).removeprefix(_RESULT)
        before = next((one for one in user.uses if one.path == whole), None)
        if before is not None:
            other = self._used(user, before)
            yield _End(_name(other), self._output(other, 0))

    def _input(self, profile: Profile, depth: int) -> Typed:
        """What a template takes; of one that begins with a use, what that takes."""
        own = Typed(profile.contract["input"], profile.definitions)
        first = self._use_at(profile, profile.shape[0]) if _says_nothing(own) and profile.shape else None
        return own if first is None or depth > DEEPEST else self._input(first, depth + 1)

    def _output(self, profile: Profile, depth: int) -> Typed:
        """What a template gives; of one that ends with a use, what that gives."""
        own = Typed(profile.contract["output"], profile.definitions)
        last = self._use_at(profile, profile.shape[-1]) if _says_nothing(own) and profile.shape else None
        return own if last is None or depth > DEEPEST else self._output(last, depth + 1)

    def _use_at(self, profile: Profile, entry: list[str]) -> Profile | None:
        kind, path = entry[:2]
        used = next((one for one in profile.uses if one.path == path), None) if kind.endswith("use") else None
        return self._used(profile, used) if used is not None else None

    def _compare(self, produced: _End, consumed: _End, path: str) -> None:
        verdict = fits(produced.type.of, consumed.type.of, produced.type.definitions, consumed.type.definitions)
        seam = f"{produced.who} ({words(produced.type)}) does not fit {consumed.who} ({words(consumed.type)})"
        if verdict.answer is Answer.NO and self._is_refused(produced.type, consumed.type):
            self.found.problems.append(Problem(path, f"{seam}: {verdict.reason}", _CONVERT))
        elif verdict.answer is not Answer.YES and self._root.types != "off":
            said = seam if verdict.answer is Answer.NO else seam.replace(" does not fit ", " -> ", 1)
            self.found.notes.append(f"{said}: checked at run time ({verdict.reason})")

    def _is_refused(self, produced: Typed, consumed: Typed) -> bool:
        """Whether the template that composes may not have such a seam; lenient, it may where some values pass."""
        if self._root.types != "lenient" or produced.of.get("kind") != "union":
            return self._root.types in _REFUSING
        ends = ((one, consumed.of, produced.definitions, consumed.definitions) for one in produced.of["of"])
        return all(fits(*each).answer is Answer.NO for each in ends)

    # -------------------------------------------------------------- state

    def _check_keys(self, other: Profile, path: str, keys: Renaming | None) -> None:
        who = f"{_name(other)} at {path}"
        for key, end in _keys(other):
            if keys is not None and (taken := keys.taken(key)):
                what = f"{who} has a state key {key!r}, and keys= gives that name to its {taken!r}"
                self.found.problems.append(Problem(path, what, f'Give it a name of its own: keys={{"{key}": "..."}}.'))
            outer = key if keys is None else keys.outside(key)
            earlier = self._kinds.setdefault(outer, end._replace(who=who))
            types = (earlier.type.of, end.type.of, earlier.type.definitions, end.type.definitions)
            if earlier.who != who and fits(*types).answer is Answer.NO:
                what = (
                    f"the state key {outer!r} is {words(earlier.type)} for {earlier.who}"
                    f" and {words(end.type)} for {who}"
                )
                remedy = f'Let them have keys of their own: use(..., keys={{"{key}": "..."}}).'
                self.found.problems.append(Problem(path, what, remedy))


def _keys(profile: Profile) -> Iterator[tuple[str, _End]]:
    """The state keys of a template whose types it declares."""
    for key, one in profile.contract["state_in"].items():
        declared = Typed(one["type"], profile.definitions)
        if not _says_nothing(declared):
            yield key, _End(_name(profile), declared)


def _each(taken: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    if taken is None:
        return []
    return list(taken["of"]) if taken.get("kind") == "all_of" else [taken]


def _says_nothing(typed: Typed) -> bool:
    return typed.of.get("kind") == "any"


def _is_in_a_given_part(user: Profile, used: Used) -> bool:
    return any(kind == "template" and used.path.startswith(f"{path}/") for kind, path, *_ in user.shape)


def _name(profile: Profile) -> str:
    return f"{profile.name}@{profile.version}"
