"""What can be called: the parameters and results of a Callable, and the members that a Protocol asks for.

Nothing is validated when a value is called, so that inside a call a subclass is enough: a `bool` is an `int` there.
"""

from __future__ import annotations

import inspect
import typing
from typing import TYPE_CHECKING, Any, Final, cast

from knows_core.fitting.reading import CALLABLE, derives, hints_of, is_typed_dict, words
from knows_core.fitting.verdict import FITS, all_of, later, never
from knows_core.values.traits import is_model_class

if TYPE_CHECKING:
    from knows_core.fitting.reading import Reading
    from knows_core.fitting.verdict import Ask, Found

_EMPTY: Final = inspect.Parameter.empty
_VARIADIC: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_STANDARD: Final = ("typing", "typing_extensions")
_ROOTS: Final[tuple[Any, ...]] = (object, typing.Generic, typing.Protocol)
_NOT_ASKED: Final = frozenset({
    *("__init__", "__new__", "__subclasshook__", "__init_subclass__", "__class_getitem__", "__annotate__"),
    *("_abc_impl", "_is_protocol", "_is_runtime_protocol"),
})  # fmt: skip


def is_protocol(kind: Any) -> bool:
    """Whether a class is a Protocol itself, not one that keeps it."""
    return bool(getattr(kind, "_is_protocol", False)) and kind is not typing.Protocol


def callable_(produced: Reading, consumed: Reading, ask: Ask) -> Found:
    """Whether a produced value can be called as the consumer will call it: wider parameters, narrower result."""
    if produced.core is not CALLABLE:
        if derives(produced.core, CALLABLE):
            return later(f"how {words(produced.core)} is called is not compared")
        return never(f"{words(produced.core)} cannot be called")
    if not consumed.args:
        return FITS
    given, result = produced.args or (..., Any)
    taken, wanted = consumed.args
    result_found = _inside_a_call(ask, result, wanted).at("result")
    if taken is Ellipsis:
        return result_found
    if not isinstance(given, list) or not isinstance(taken, list):
        return all_of([later("the parameters are not declared"), result_found])
    return all_of([result_found, *_parameters(ask, cast("list[Any]", given), cast("list[Any]", taken))])


def _parameters(ask: Ask, given: list[Any], taken: list[Any]) -> list[Found]:
    if len(given) != len(taken):
        return [never(f"it takes {len(given)} arguments, not {len(taken)}")]
    pairs = enumerate(zip(taken, given, strict=True), start=1)
    return [_inside_a_call(ask, passed, declared).at(f"parameter {number}") for number, (passed, declared) in pairs]


def _inside_a_call(ask: Ask, produced: Any, consumed: Any) -> Found:
    found = ask(produced, consumed)
    is_class = isinstance(produced, type) and isinstance(consumed, type) and found is not FITS
    return FITS if is_class and not is_protocol(consumed) and derives(produced, consumed) else found


# ------------------------------------------------------------------ protocols


def protocol(produced: Reading, consumed: Reading, ask: Ask) -> Found:
    """Whether a class has what a Protocol asks for: by deriving from it, or member by member."""
    kind, wanted = produced.core, consumed.core
    if wanted in kind.__mro__ and (not consumed.args or (kind is wanted and produced.args == consumed.args)):
        return FITS
    if wanted.__module__ in _STANDARD:
        if not derives(kind, wanted):
            return never(f"{words(kind)} is no {words(wanted)}")
        return later(f"the types inside {words(wanted)} are not compared") if consumed.args else FITS
    asks_more = [one for one in wanted.__mro__ if not is_protocol(one) and one not in _ROOTS]
    if asks_more or is_typed_dict(kind) or kind is CALLABLE:
        return later(f"the members of {words(kind)} and {words(wanted)} are not compared")
    mine, asked = hints_of(kind, produced.args), hints_of(wanted, consumed.args)
    return all_of(
        _member(name, (kind, produced.args, mine), (wanted, consumed.args, asked), ask).at(name)
        for name in _members(wanted)
    )


Owner = tuple[Any, "tuple[Any, ...] | None", dict[str, Any]]  # a class, its arguments, the types of its fields


def _members(kind: Any) -> list[str]:
    found: set[str] = set()
    for owner in filter(is_protocol, kind.__mro__):
        own: dict[str, Any] = {**vars(owner)}
        # A double-underscored name is asked for if it is a method: `__len__`, but not `__module__`.
        found |= {name for name, one in own.items() if not name.startswith("__") or inspect.isroutine(one)}
        found |= set(inspect.get_annotations(owner))
    return sorted(found - _NOT_ASKED)


def _member(name: str, produced: Owner, consumed: Owner, ask: Ask) -> Found:
    (kind, _, fields), (wanted, _, asked_fields) = produced, consumed
    mine, asked = inspect.getattr_static(kind, name, _EMPTY), inspect.getattr_static(wanted, name, _EMPTY)
    is_method = inspect.isroutine(asked) and name not in asked_fields
    is_there = mine is not _EMPTY and not (is_method and mine is None)  # None takes an inherited method away
    if not is_there and not _is_filled(kind, name):
        announced = name in fields or (not is_method and _fills_itself(kind))
        return later(f"{words(kind)} may have no {name}") if announced else never(f"{words(kind)} has no {name}")
    if is_method:
        is_comparable = inspect.isroutine(mine)
        return _method((produced, mine), (consumed, asked), ask) if is_comparable else later("it is not a method")
    return ask(_type_of(name, mine, produced), _type_of(name, asked, consumed))


def _is_filled(kind: Any, name: str) -> bool:
    """Whether every instance has the field although its class has no such attribute."""
    fields = {*getattr(kind, "__dataclass_fields__", ()), *(kind.__pydantic_fields__ if is_model_class(kind) else ())}
    return name in fields or (is_protocol(kind) and name in _members(kind))


def _fills_itself(kind: Any) -> bool:
    """Whether a class has an `__init__` of its own, which may set attributes that nothing declares."""
    is_declared = hasattr(kind, "__dataclass_fields__") or is_model_class(kind) or is_protocol(kind)
    return not is_declared and inspect.isfunction(inspect.getattr_static(kind, "__init__", None))


def _type_of(name: str, member: Any, owner: Owner) -> Any:
    kind, args, fields = owner
    if isinstance(member, property) and member.fget is not None:
        return hints_of(kind, args, member.fget).get("return", _EMPTY)
    return fields.get(name, _EMPTY)


def _method(mine: tuple[Owner, Any], asked: tuple[Owner, Any], ask: Ask) -> Found:
    if inspect.iscoroutinefunction(mine[1]) != inspect.iscoroutinefunction(asked[1]):
        return never("one is async, the other is not")
    try:
        (given, result), (taken, wanted) = _signature(*mine), _signature(*asked)
    except (TypeError, ValueError, NameError):
        return later("its signature is not known")
    if any(one.kind in _VARIADIC for one in (*given, *taken)):
        return later("a signature with * or ** is not compared")
    return all_of([_inside_a_call(ask, result, wanted).at("result"), *_passed(given, taken, ask)])


def _signature(owner: Owner, routine: Any) -> tuple[list[inspect.Parameter], Any]:
    """The parameters behind `self` with resolved types, and the result's type."""
    is_static = isinstance(routine, staticmethod)
    function: Any = routine.__func__ if hasattr(routine, "__func__") else routine
    hints = hints_of(owner[0], owner[1], function)
    found = list(inspect.signature(function).parameters.values())[0 if is_static else 1 :]
    return [one.replace(annotation=hints.get(one.name, _EMPTY)) for one in found], hints.get("return", _EMPTY)


def _passed(given: list[inspect.Parameter], taken: list[inspect.Parameter], ask: Ask) -> list[Found]:
    """Each parameter that the protocol passes, where the method takes it; and whether the method needs no other."""
    found: list[Found] = []
    by_name = {one.name: one for one in given}
    places = [one for one in given if one.kind is not inspect.Parameter.KEYWORD_ONLY]
    used: set[str] = set()
    for number, passed in enumerate(taken):
        by_place = passed.kind is not inspect.Parameter.KEYWORD_ONLY
        target = (places[number] if number < len(places) else None) if by_place else by_name.get(passed.name)
        if target is None:
            found.append(never(f"it takes no {passed.name}"))
            continue
        used.add(target.name)
        by_name_too = passed.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        if by_name_too and (passed.name != target.name or target.kind is inspect.Parameter.POSITIONAL_ONLY):
            found.append(never(f"its parameter cannot be given by the name {passed.name}", partly=True))
        if passed.default is not _EMPTY and target.default is _EMPTY:
            found.append(never(f"its parameter {target.name} has no default"))
        found.append(_inside_a_call(ask, passed.annotation, target.annotation).at(f"parameter {passed.name}"))
    needed = [one.name for one in given if one.default is _EMPTY and one.name not in used]
    return [*found, *([never(f"it needs {', '.join(needed)}")] if needed else [])]
