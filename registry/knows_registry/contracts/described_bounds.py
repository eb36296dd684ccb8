"""What stands beside a described type: which bounds follow from which, and what is not understood."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from knows_registry.contracts.described import Marks, Reading

# rule -> (on which side of the limit values lie, whether the limit itself is left out)
SIDES: Final = {"gt": (1, True), "ge": (1, False), "lt": (-1, True), "le": (-1, False)}
LENGTHS: Final = {"min_length": (1, False), "max_length": (-1, False)}
UNDERSTOOD: Final = frozenset({*SIDES, *LENGTHS, "multiple_of"})
# Marks that only take values away: without them a type takes more. Others may change values.
NARROWING: Final = frozenset({"pattern", "max_digits", "decimal_places", "allow_inf_nan", "ascii_only"})
_READERS: Final[Mapping[str, Any]] = {
    "decimal": Decimal,
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
}


def not_understood(marks: Iterable[tuple[str, Any]]) -> list[str]:
    """The rules of a type that are more than a bound."""
    return [rule for rule, _ in marks if rule not in UNDERSTOOD]


def follows(bound: tuple[str, Any], given: Marks) -> bool | None:
    """True where the bound follows from the given ones; False where it excludes one of them; None where neither."""
    answers = [_answer(bound, one) for one in given]
    return True if True in answers else (False if False in answers else None)


def length_of(reading: Reading) -> Marks:
    """The bounds on its length that a type has by itself: those of a tuple of so many items."""
    is_fixed = reading.kind == "tuple" and "each" not in reading.body.of
    if not is_fixed or any(one.of.get("kind") == "unpack" for one in reading.args):
        return ()
    return (("min_length", len(reading.args)), ("max_length", len(reading.args)))


def holds(value: Mapping[str, Any], bound: tuple[str, Any]) -> bool | None:
    """Whether one value, known from a literal, is inside a bound; None where that cannot be told."""
    rule, limit = bound[0], _limit(bound[1])
    one = value["value"]
    if ":" in value["type"] or limit is None:
        return None
    if value["type"] == "bytes":
        one = bytes.fromhex(one)
    try:
        if rule == "multiple_of":
            return bool(one % limit == 0)
        side, is_open = (SIDES | LENGTHS)[rule]
        size = len(one) if rule in LENGTHS else one
        beyond = (size > limit) - (size < limit)
    except (TypeError, ArithmeticError):
        return None
    return beyond == side or (beyond == 0 and not is_open)


def _answer(bound: tuple[str, Any], other: tuple[str, Any]) -> bool | None:
    if bound == other:
        return True
    limit, given = _limit(bound[1]), _limit(other[1])
    if limit is None or given is None:
        return None
    try:
        return _compared(bound[0], limit, other[0], given)
    except (TypeError, ArithmeticError):  # naive and aware times
        return None


def _compared(rule: str, limit: Any, other: str, given: Any) -> bool | None:
    if rule == other == "multiple_of":
        is_whole = isinstance(limit, int) and isinstance(given, int)
        return True if given == limit or (is_whole and given % limit == 0) else None
    for sides in (SIDES, LENGTHS):
        if rule in sides and other in sides:
            (side, is_open), (other_side, other_open) = sides[rule], sides[other]
            beyond = side * ((given > limit) - (given < limit))
            if side == other_side:
                return True if beyond > 0 or (beyond == 0 and other_open >= is_open) else None
            return False if beyond < 0 or (beyond == 0 and (is_open or other_open)) else None
    return None


def _limit(told: Any) -> Any:
    """A limit as a value that can be compared; None where it cannot be made again."""
    if isinstance(told, dict):
        parts = cast("dict[str, str]", told)
        reader = _READERS.get(parts["type"])
        try:
            return reader(parts["value"]) if reader is not None else None
        except (ValueError, ArithmeticError):
            return None
    is_number = isinstance(told, int | float) and not isinstance(told, bool)
    return told if is_number else None
