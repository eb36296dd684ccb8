"""Lists, tuples, sets, mappings and their abstract kinds: which takes which, and what of their items.

Containers are handed over, not shared, so that a `list[int]` may enter a `list[float]`. Where a class would do for the
type system but pydantic's strict check refuses it (a deque as a Sequence), it does not fit.
"""

from __future__ import annotations

import collections
import types
import typing
from collections import abc
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from knows_core.fitting.bounds import Bound
from knows_core.fitting.reading import bases_of, derives, hints_of, is_typed_dict, words
from knows_core.fitting.verdict import FITS, all_of, later, never

if TYPE_CHECKING:
    from knows_core.fitting.reading import Reading
    from knows_core.fitting.verdict import Ask, Found

_OF_ITEMS: Final = frozenset({
    *(list, set, frozenset, collections.deque, abc.Sequence, abc.MutableSequence, abc.Set, abc.MutableSet),
    *(abc.Collection, abc.Iterable, abc.Container, abc.Reversible, abc.KeysView, abc.ValuesView),
})  # fmt: skip
_OF_PAIRS: Final = frozenset({
    *(dict, collections.OrderedDict, collections.defaultdict, abc.Mapping, abc.MutableMapping),
    *(collections.ChainMap, types.MappingProxyType, collections.Counter),
})  # fmt: skip
CONTAINERS: Final = _OF_ITEMS | _OF_PAIRS | {tuple}
_ITEMS_OF: Final[dict[Any, Any]] = {str: str, bytes: int, bytearray: int, memoryview: int, range: int}
# What pydantic's strict check takes for an abstract kind: subclasses of the first, and exactly the others.
_STRICT: Final[dict[Any, tuple[type, tuple[Any, ...]]]] = {
    abc.Sequence: (list, (tuple, abc.MutableSequence)),
    abc.MutableSequence: (list, ()),
    abc.Set: (frozenset, ()),
    abc.MutableSet: (set, ()),
    abc.Mapping: (dict, (abc.MutableMapping,)),
    abc.MutableMapping: (dict, ()),
}


class Contents(NamedTuple):
    """What is inside, as annotations with their places; `values` are those of a mapping, whose items are its keys."""

    items: tuple[tuple[str, Any], ...]
    values: tuple[tuple[str, Any], ...] = ()
    is_fixed: bool = False


def container(produced: Reading, consumed: Reading, ask: Ask) -> Found:
    """Whether every value of a class enters a container."""
    kind, target = produced.core, consumed.core
    if not derives(kind, target):
        return never(f"{words(kind)} is no {words(target)}", partly=derives(target, kind))
    if not _is_taken(kind, consumed):
        return never(f"the strict check of {words(target)} takes no {words(kind)}")
    inside = contents(kind, produced.args)
    if inside is None:
        return later(f"what is inside {words(kind)} is not declared")
    if target is tuple:
        return _tuple(inside, consumed.args, ask)
    item, value = _pair(target, consumed.args) if target in _OF_PAIRS else ((consumed.args or (Any,))[0], None)
    items = [ask(given, item).at(place) for place, given in inside.items]
    values = [ask(given, value).at(place) for place, given in inside.values] if target in _OF_PAIRS else []
    # Before pydantic 2.14 its strict check refused even a deque.
    refused = [later("not every version of pydantic takes a deque")] if target is collections.deque else []
    return all_of([*items, *values, *refused])


def _is_taken(kind: type, consumed: Reading) -> bool:
    target = consumed.core
    if target not in _STRICT or kind is target:
        return True
    if target is abc.Sequence and (consumed.args is None or consumed.args[0] is Any):
        return True  # without an item type, pydantic only asks isinstance
    subclasses_of, exactly = _STRICT[target]
    return issubclass(kind, subclasses_of) or kind in exactly


def _tuple(inside: Contents, wanted: tuple[Any, ...] | None, ask: Ask) -> Found:
    if wanted is None:
        return FITS
    if any(map(_is_unpacked, (*wanted, *(given for _, given in inside.items)))):
        return later("a tuple with an unpacked part is not understood")
    if wanted[1:] == (Ellipsis,):
        return all_of(ask(given, wanted[0]).at(place) for place, given in inside.items)
    if not inside.is_fixed:
        return never(f"it may have any length, not only {len(wanted)}", partly=True)
    if len(inside.items) != len(wanted):
        return never(f"it has {len(inside.items)} items, not {len(wanted)}")
    parts = zip(inside.items, wanted, strict=True)
    return all_of(ask(given, taken).at(place) for (place, given), taken in parts)


def _is_unpacked(annotation: Any) -> bool:
    return getattr(annotation, "__unpacked__", False) or typing.get_origin(annotation) is typing.Unpack


def contents(kind: Any, args: tuple[Any, ...] | None) -> Contents | None:
    """What the items of a class are, read from what it derives from; None where nothing tells."""
    if kind in _ITEMS_OF:
        return Contents((("items", _ITEMS_OF[kind]),))
    if kind in _OF_ITEMS:
        return Contents((("items", args[0] if args else Any),))
    if kind in _OF_PAIRS:
        key, value = _pair(kind, args)
        return Contents((("keys", key),), (("values", value),))
    if kind is tuple:
        return _tuple_contents(args)
    if is_typed_dict(kind):
        # It may hold more keys than it declares, of any type.
        return Contents((("keys", str),), (*hints_of(kind, args).items(), ("other keys", Any)))
    if is_named_tuple(kind):
        hints = hints_of(kind, args)
        return Contents(tuple((name, hints.get(name, Any)) for name in kind._fields), is_fixed=True)
    inherited = (contents(base, bound) for base, bound in bases_of(kind, args) if isinstance(base, type))
    return next((one for one in inherited if one is not None), None)


def _pair(kind: Any, args: tuple[Any, ...] | None) -> tuple[Any, Any]:
    if kind is collections.Counter:
        return (args[0] if args else Any, int)
    return cast("tuple[Any, Any]", args) if args else (Any, Any)


def _tuple_contents(args: tuple[Any, ...] | None) -> Contents:
    if args is None or args[1:] == (Ellipsis,):
        return Contents((("items", args[0] if args else Any),))
    return Contents(tuple((f"item {number}", one) for number, one in enumerate(args)), is_fixed=True)


def is_named_tuple(kind: Any) -> bool:
    """Whether a class was made by NamedTuple or namedtuple."""
    return derives(kind, tuple) and hasattr(kind, "_fields")


def length_of(produced: Reading) -> tuple[Bound, ...]:
    """The bounds on its length that a type has by itself: those of a tuple of so many items."""
    if produced.core is not tuple or produced.args is None:
        return ()
    inside = _tuple_contents(produced.args)
    is_known = inside.is_fixed and not any(map(_is_unpacked, produced.args))
    return (Bound("min_length", len(inside.items)), Bound("max_length", len(inside.items))) if is_known else ()
