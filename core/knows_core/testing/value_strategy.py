"""A Hypothesis strategy for everything that can be recorded."""

from __future__ import annotations

import struct
from datetime import UTC, timedelta, timezone
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, SafeUUID
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from knows_core.testing.values import Access, Box, Color, Level, Note, Place, Point, Reading, Word


def _decimal(sign: int, digits: list[int], exponent: Any) -> Decimal:
    return Decimal((sign, tuple(digits), exponent))


def _uuid(one: UUID, safe: SafeUUID) -> UUID:
    return UUID(int=one.int, is_safe=safe)


_BITS: Final = st.binary(min_size=8, max_size=8).map(lambda one: float(struct.unpack("<d", one)[0]))
_FLOATS: Final = st.floats() | _BITS
_TEXTS: Final = (
    st.text(max_size=8)
    | st.text(alphabet=st.characters(exclude_categories=()), max_size=8)
    | st.text("\ud83d\ude00$a", max_size=4)
)
_FIXED: Final = st.builds(timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23)))
_ZONES: Final = st.one_of(
    st.just(UTC),
    _FIXED,
    st.builds(timezone, st.just(timedelta(hours=1)), st.text(max_size=3)),
    st.sampled_from([ZoneInfo(one) for one in ("Europe/Berlin", "Asia/Tokyo", "America/New_York")]),
)
_DECIMALS: Final = st.one_of(
    st.decimals(),
    st.builds(
        _decimal,
        st.integers(0, 1),
        st.lists(st.integers(0, 9), min_size=1, max_size=20),
        st.integers(-9999, 9999) | st.sampled_from(["n", "N", "F"]),
    ),
)
_FLAGS: Final = st.integers(0, 7).map(Access)
_HASHED: Final = st.one_of(  # all but signalling NaNs have a hash
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**2000), 2**2000),
    _FLOATS,
    st.complex_numbers(),
    _TEXTS,
    st.binary(max_size=8),
    st.builds(range, st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 3)),
    _DECIMALS.filter(lambda one: not one.is_snan()),
    st.uuids(),
    st.builds(_uuid, st.uuids(), st.sampled_from(SafeUUID)),
    st.timedeltas(),
    st.dates(),
    st.times(timezones=st.none() | _ZONES),
    st.datetimes(timezones=_ZONES),
    _FIXED,
    st.sampled_from([*Color, *Level, *Word]) | _FLAGS,
    st.builds(Point, _FLOATS, _TEXTS),
)
_ATOMS: Final = _HASHED | _DECIMALS | st.binary(max_size=8).map(bytearray)
_KEYS: Final = st.recursive(
    _HASHED,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.frozensets(inner, max_size=3),
        st.builds(Place, st.integers(), inner),
    ),
    max_leaves=3,
)


def _reading(value: Any, point: Point | None, more: dict[str, Any], seen: Any) -> Reading:
    made = Reading(value=value, point=point)
    made._seen = seen
    made.__pydantic_extra__ = dict(more)  # pydantic itself takes no lone surrogates
    return made


def _around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(_TEXTS, inner, max_size=4),
        st.dictionaries(_KEYS, inner, max_size=4),
        st.sets(_KEYS, max_size=4),
        st.frozensets(_KEYS, max_size=4),
        st.builds(Place, st.integers(), inner),
        st.builds(Note, inner, st.lists(inner, max_size=2)),
        st.builds(
            _reading, inner, st.none() | st.builds(Point, _FLOATS), st.dictionaries(_TEXTS, inner, max_size=2), inner
        ),
        st.integers().map(lambda one: Box[int](held=one)),
    )


def recordable(leaves: int = 12) -> st.SearchStrategy[Any]:
    """Values of every kind that can be recorded, nested, with the classes of `CODEC` among them."""
    return st.recursive(_ATOMS, _around, max_leaves=leaves)
