"""What fits what: whether the value that one step produces may be handed to the next, told from the annotations alone.

Two judges must agree before a value *fits*: the type system, for a value that its producer gives up, and pydantic's
strict check, which is what looks at a value when a run hands it over. A value is what that check takes for the
producer's annotation. Whatever is not understood is checked at run time, never silently accepted.
"""

from __future__ import annotations

import enum
import functools
from collections import abc
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from knows_core.fitting.bounds import holds, within
from knows_core.fitting.calls import callable_, is_protocol, protocol
from knows_core.fitting.containers import CONTAINERS, container, is_named_tuple, length_of
from knows_core.fitting.fields import named_tuple, typed_dict
from knows_core.fitting.models import instances, lost_in_a_dump, model
from knows_core.fitting.reading import (
    ANYTHING,
    CALLABLE,
    LITERAL,
    NOT_A_VALUE,
    NOTHING,
    UNION,
    Reading,
    derives,
    has_own_schema,
    is_new_type,
    is_typed_dict,
    read,
    seen_as,
    shown,
    words,
)
from knows_core.fitting.verdict import FITS, Fit, Found, Verdict, all_of, any_of, each_of, later, never
from knows_core.values.traits import is_model_class

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from knows_core.fitting.verdict import Ask

    Rule = Callable[[Reading, Reading, Ask], Found]

__all__ = ["Fit", "Verdict", "fits", "words"]

_DEEPEST: Final = 50
_MOST_QUESTIONS: Final = 5_000
# What is consumed by being used once belongs to the step that made it.
_NOT_HANDED_OVER: Final = frozenset({
    *(abc.Iterator, abc.Generator, abc.AsyncIterable, abc.AsyncIterator, abc.AsyncGenerator),
    *(abc.Awaitable, abc.Coroutine),
})  # fmt: skip


def fits(produced: Any, consumed: Any) -> Verdict:
    """Whether a value of the produced annotation may be handed to a consumer that declares the other one.

    Takes any object as an annotation and never raises; `inspect.Parameter.empty` is an absent one.
    """
    try:
        return _remembered(produced, consumed)
    except Exception:  # noqa: BLE001 - metadata in an annotation may have no hash, or one that raises
        return _judge(produced, consumed)


@functools.lru_cache(maxsize=4096)
def _remembered(produced: Any, consumed: Any) -> Verdict:
    return _judge(produced, consumed)


def _judge(produced: Any, consumed: Any) -> Verdict:
    try:
        found = _Comparison().ask(produced, consumed)
        lost = lost_in_a_dump(consumed) if found.fit is Fit.CONVERTS else ""
        found = later(f"a dump would not bring back {lost}") if lost else found
        sides = f"{words(produced)} -> {words(consumed)}"
    except Exception as error:  # noqa: BLE001 - annotations are foreign objects; what cannot be read is left to the run
        found, sides = later(f"they cannot be compared ({type(error).__name__})"), "unreadable annotations"
    return Verdict(found.fit, ": ".join(filter(None, (".".join(found.path), sides, found.why))), found.partly)


class _Comparison:
    """One question about two annotations, and the questions about their parts that are still open."""

    def __init__(self) -> None:
        self._open: list[tuple[Any, Any]] = []
        self._questions = 0

    def ask(self, produced: Any, consumed: Any) -> Found:
        """Compare two annotations. A pair that is asked about inside itself fits if nothing else speaks against it."""
        self._questions += 1
        if len(self._open) >= _DEEPEST or self._questions > _MOST_QUESTIONS:
            return later("the types are nested too deeply to compare")
        if any(one is produced and other is consumed for one, other in self._open):
            return FITS
        self._open.append((produced, consumed))
        found = self._compare(read(produced, produced=True), read(consumed, produced=False))
        self._open.pop()
        return found

    def _compare(self, produced: Reading, consumed: Reading) -> Found:
        if consumed.opaque:
            return later(consumed.opaque)
        takes_all = consumed.core is ANYTHING and not any(consumed.metadata)
        if takes_all or (produced.core is NOTHING and not produced.opaque):
            return FITS
        if produced.opaque:
            return later(produced.opaque)
        if produced.core is UNION:
            return each_of(self._compare(produced.member(one), consumed) for one in produced.args or ())
        if produced.core is LITERAL:
            return self._one_by_one(produced, produced.args or (), consumed)
        return all_of([self._types(produced, consumed), _metadata(produced, consumed)])

    def _one_by_one(self, produced: Reading, values: Iterable[Any], consumed: Reading) -> Found:
        singles = (replace(produced, core=type(value), args=None, value=value) for value in values)
        return each_of(self._compare(one, consumed) for one in singles)

    def _types(self, produced: Reading, consumed: Reading) -> Found:
        if consumed.core is ANYTHING:
            return FITS
        if consumed.core is UNION:  # one of its members may be Any
            return self._choices(produced, consumed)
        if produced.core is ANYTHING:
            return later("anything may come")
        if consumed.core is NOTHING:
            return never("nothing may come")
        if is_new_type(consumed.core):
            return self._new_type(produced, consumed)
        if consumed.core is LITERAL:
            return self._choices(produced, consumed)
        return self._classes(produced, consumed)

    def _new_type(self, produced: Reading, consumed: Reading) -> Found:
        found = self._compare(produced, read(consumed.core.__supertype__, produced=False))
        if consumed.core in produced.names:
            return found
        may_be = found.partly or found.fit is not Fit.DOES_NOT_FIT
        return never(f"{produced.words} was not made by {words(consumed.core)}", partly=may_be)

    def _choices(self, produced: Reading, consumed: Reading) -> Found:
        choices = consumed.args or ()
        kind, is_known = produced.core, produced.value is not NOT_A_VALUE
        if consumed.core is UNION:
            best = any_of(self._compare(produced, read(one, produced=False)) for one in choices) or never("")
        elif is_known and any(one == produced.value and type(one) is kind for one in choices):
            best = FITS
        else:
            best = never("", partly=not is_known and any(derives(type(one), kind) for one in choices))
        values = () if is_known else _values_of(kind)
        if best is not FITS and values:
            best = min(best, self._one_by_one(produced, values, consumed), key=lambda found: found.severity)
        if best.fit is not Fit.DOES_NOT_FIT:
            return best
        named = " | ".join(map(words, choices)) if consumed.core is UNION else ", ".join(map(shown, choices))
        return never(f"{produced.words} is none of {named}", partly=best.partly)

    def _classes(self, produced: Reading, consumed: Reading) -> Found:
        kind, target = produced.core, consumed.core
        own = next(filter(has_own_schema, (target, kind)), None)
        if own is not None:
            return later(f"{words(own)} has a check of its own")
        if kind in _NOT_HANDED_OVER or target in _NOT_HANDED_OVER:
            same = kind is target and produced.args == consumed.args
            return FITS if same else never(f"{words(kind)} is no value that can be handed over as {words(target)}")
        if target is type:
            return self._class_object(produced, consumed)
        rule = next((rule for applies, rule in _RULES if applies(target)), _nominal)
        return rule(produced, consumed, self.ask)

    def _class_object(self, produced: Reading, consumed: Reading) -> Found:
        if not derives(produced.core, type):
            return never(f"{words(produced.core)} is no class")
        if not consumed.args:
            return FITS
        given = read(produced.args[0] if produced.args else Any, produced=True)
        return _subclass(given, read(consumed.args[0], produced=False))


def _metadata(produced: Reading, consumed: Reading) -> Found:
    if consumed.metadata.unread:
        return later(f"{', '.join(consumed.metadata.unread)} is not understood")
    if produced.value is not NOT_A_VALUE:
        return holds(produced.value, consumed.metadata.bounds)
    return within(produced.metadata.bounds + length_of(produced), consumed.metadata.bounds)


def _values_of(kind: Any) -> tuple[Any, ...]:
    """All values of a class that has only few."""
    if kind is bool:
        return (True, False)
    if kind is type(None):
        return (None,)
    is_closed = derives(kind, enum.Enum) and not derives(kind, enum.Flag)
    return tuple(kind) if is_closed else ()


def _subclass(produced: Reading, consumed: Reading) -> Found:
    """Whether a class object of one type is a subclass of the other; by class alone, so that a bool is an int."""
    if consumed.core is ANYTHING:
        return FITS
    if produced.core is UNION:
        return each_of(_subclass(produced.member(one), consumed) for one in produced.args or ())
    if consumed.core is UNION:
        return any_of(_subclass(produced, read(one, produced=False)) for one in consumed.args or ()) or never("")
    if produced.core is ANYTHING or produced.names or any((*produced.metadata, *consumed.metadata)):
        return later("which classes may come is not known")
    try:
        if issubclass(produced.core, consumed.core):
            return later("the arguments of a class are not checked") if consumed.args else FITS
    except TypeError:
        return later(f"{produced.words} and {consumed.words} are not both classes that can be asked")
    wider = derives(consumed.core, produced.core)
    return never(f"{words(produced.core)} is no subclass of {words(consumed.core)}", partly=wider)


def _nominal(produced: Reading, consumed: Reading, ask: Ask) -> Found:
    kind, target = produced.core, consumed.core
    if (kind is bool and target is int) or (derives(kind, datetime) and target is date):
        return never(f"the strict check of {words(target)} takes no {words(kind)}")
    if target is abc.Hashable and kind is not target and derives(kind, target) and not _stays_hashable(kind):
        return later(f"a subclass of {words(kind)} need not be hashable")
    if derives(kind, target):
        return all_of([instances(kind, target), *_arguments(produced, consumed, ask)])
    if target is float and derives(kind, int) and kind is not bool:
        return FITS  # but for an int beyond the largest float, of which no annotation tells
    if target is complex and derives(kind, (int, float)) and kind is not bool:
        # Before pydantic 2.14 its strict check took an int here, and refused a member of an IntEnum.
        return later(f"not every version of pydantic takes every {words(kind)}")
    return never(f"{words(kind)} is no {words(target)}", partly=derives(target, kind))


def _stays_hashable(kind: Any) -> bool:
    package = kind.__module__.partition(".")[0]  # where a class of the library stands inside differs by Python
    return derives(kind, enum.Enum) or package in ("builtins", "datetime", "decimal", "uuid", "pathlib")


def _arguments(produced: Reading, consumed: Reading, ask: Ask) -> list[Found]:
    """The arguments of a generic class, of which it is not known whether they may become narrower or wider."""
    if not consumed.args:
        return []
    given = seen_as(produced.core, produced.args, consumed.core)
    if given is None or len(given) != len(consumed.args):
        return [later(f"what {words(produced.core)} holds is not declared")]
    found: list[Found] = []
    for mine, wanted in zip(given, consumed.args, strict=True):
        back = ask(wanted, mine)
        widening = FITS if back is FITS else later(f"{words(consumed.core)} may hold only {words(wanted)}")
        found.append(all_of([ask(mine, wanted), widening]))
    return found


_RULES: Final[tuple[tuple[Callable[[Any], bool], Rule], ...]] = (
    (lambda target: target is CALLABLE, callable_),
    (is_protocol, protocol),
    (is_typed_dict, typed_dict),
    (CONTAINERS.__contains__, container),
    (is_model_class, model),
    (is_named_tuple, named_tuple),
)
