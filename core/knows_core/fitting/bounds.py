"""What stands beside a type in `Annotated`: which of it is understood, and which bounds follow from which.

The classes are known by name: this room neither imports pydantic nor the annotated_types that come with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from knows_core.fitting.verdict import FITS, all_of, later, never

if TYPE_CHECKING:
    from knows_core.fitting.verdict import Found


class Bound(NamedTuple):
    """One limit on a value or on its length, such as `gt 0` or `max_length 80`."""

    rule: str
    limit: Any

    def __str__(self) -> str:
        return f"{_WORDS[self.rule]} {self.limit!r}"


_WORDS: Final = {
    "gt": ">",
    "ge": ">=",
    "lt": "<",
    "le": "<=",
    "multiple_of": "a multiple of",
    "min_length": "length >=",
    "max_length": "length <=",
}
# rule -> (on which side of the limit values lie, whether the limit itself is left out)
_SIDES: Final = {"gt": (1, True), "ge": (1, False), "lt": (-1, True), "le": (-1, False)}
_LENGTHS: Final = {"min_length": (1, False), "max_length": (-1, False)}
_CLASSES: Final = {
    "Gt": "gt",
    "Ge": "ge",
    "Lt": "lt",
    "Le": "le",
    "MultipleOf": "multiple_of",
    "MinLen": "min_length",
    "MaxLen": "max_length",
}
_FOR_PEOPLE: Final = frozenset({"annotated_types.DocInfo", "typing_extensions.Doc"})
_FIELD_TEXTS: Final = frozenset({"title", "description", "examples", "deprecated", "json_schema_extra"})


class Metadata(NamedTuple):
    """The metadata of one annotation, sorted.

    `unread` may narrow the type in a way that only the run-time check knows; `changing` may even accept or make values
    of another type.
    """

    bounds: tuple[Bound, ...] = ()
    unread: tuple[str, ...] = ()
    changing: tuple[str, ...] = ()

    def beside(self, other: Metadata) -> Metadata:
        """Both, one after the other."""
        bounds, unread, changing = other
        return Metadata(self.bounds + bounds, self.unread + unread, self.changing + changing)


def sort_metadata(one: Any) -> Metadata:
    """Whether a piece of metadata is a bound, narrows in an unknown way, or may change values."""
    module, name = type(one).__module__, type(one).__name__
    if one is None or f"{module}.{name}" in _FOR_PEOPLE:
        return Metadata()
    if module == "annotated_types" and name in _CLASSES:
        return Metadata(bounds=(Bound(_CLASSES[name], getattr(one, _CLASSES[name])),))
    if name == "FieldInfo" and set(getattr(one, "_attributes_set", ("unknown",))) <= _FIELD_TEXTS:
        return _sum_up(one.metadata)
    if hasattr(one, "__is_annotated_types_grouped_metadata__") and isinstance(one, Iterable):
        return _sum_up(cast("Iterable[Any]", one))
    if hasattr(one, "__get_pydantic_core_schema__") or module.partition(".")[0] in ("pydantic", "pydantic_core"):
        return Metadata(changing=(name,))
    return Metadata(unread=(repr(one) if isinstance(one, str) else name,))


def _sum_up(several: Iterable[Any]) -> Metadata:
    total = Metadata()
    for one in several:
        total = total.beside(sort_metadata(one))
    return total


def within(produced: tuple[Bound, ...], consumed: tuple[Bound, ...]) -> Found:
    """Whether every value inside the produced bounds is inside the consumed ones."""
    return all_of(_follows(bound, produced) for bound in consumed)


def holds(value: Any, consumed: tuple[Bound, ...]) -> Found:
    """Whether one value, known from a Literal, is inside the bounds."""
    return all_of(_holds(value, bound) for bound in consumed)


def _follows(bound: Bound, given: tuple[Bound, ...]) -> Found:
    found = later(f"nothing says that it is {bound}")
    for other in given:
        answer = _answer(bound, other)
        if answer is True:
            return FITS
        if answer is False:
            found = never(f"{other} is never {bound}")
    return found


def _answer(bound: Bound, other: Bound) -> bool | None:
    try:
        return _compare(bound, other)
    except Exception:  # noqa: BLE001 - limits are foreign values: naive and aware times, arrays
        return None


def _compare(bound: Bound, other: Bound) -> bool | None:
    """True: the bound follows from the other; False: the two exclude each other; None: neither."""
    if bound.rule == "multiple_of":
        if other.rule != "multiple_of":
            return None
        whole = isinstance(bound.limit, int) and isinstance(other.limit, int)
        return True if other.limit == bound.limit or (whole and other.limit % bound.limit == 0) else None
    for sides in (_SIDES, _LENGTHS):
        if bound.rule in sides and other.rule in sides:
            (side, open_), (other_side, other_open) = sides[bound.rule], sides[other.rule]
            beyond = side * ((other.limit > bound.limit) - (other.limit < bound.limit))
            equal = other.limit == bound.limit
            if side == other_side:
                return True if beyond > 0 or (equal and other_open >= open_) else None
            return False if beyond < 0 or (equal and (open_ or other_open)) else None
    return None


def _holds(value: Any, bound: Bound) -> Found:
    try:
        if bound.rule == "multiple_of":
            inside = value % bound.limit == 0
        else:
            side, open_ = (_SIDES | _LENGTHS)[bound.rule]
            size = len(value) if bound.rule in _LENGTHS else value
            inside = (size > bound.limit) - (size < bound.limit) == side or (size == bound.limit and not open_)
    except Exception:  # noqa: BLE001 - as in _answer
        return later(f"nothing says that it is {bound}")
    return FITS if inside else never(f"{value!r} is not {bound}")
