"""Values as canonical JSON and back: the same type and bits return, or the value is refused with its path.

JSON values stand for themselves. Everything else is an object tagged with `$`. The set of types is closed; models,
dataclasses, named tuples and enums come back only as the classes that the pinned template declares, looked up by name
in its own table: a record can name a class, but never cause an import.
"""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any, Final

from knows_core.errors.limits import TooDeep
from knows_core.values.atoms import DECODERS, ENCODERS
from knows_core.values.encoder import TAG, Encoder
from knows_core.values.objects import decode_member, make_object, readable
from knows_core.values.refusals import Refused
from knows_core.values.traits import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MOST_PARTS: Final = 5_000_000


class UnreadableValue(ValueError):
    """Encoded data that is no value of this codec. The journal says in which record it stands."""


class Codec:
    """Encodes and decodes values; `types` are the classes a template declares, by their schema id.

    With None the template is not at hand: objects come back as the dict of their fields, for people to read. A value
    of more than `most` parts is refused.
    """

    def __init__(self, types: Mapping[str, type] | None, most: int = _MOST_PARTS) -> None:
        self._types = types
        self._most = most

    def encode(self, value: Any, *where: str) -> Any:
        """The value as JSON data.

        Raises NotStorable with the path inside the value, which `where` names; TooDeep for more than 200 levels.
        """
        kind: Any = kind_of(value)
        if kind in _PLAIN and (kind is not str or value.isascii()):
            return value
        try:
            atom = ENCODERS.get(kind)
            return Encoder(self._types, self._most).encode(value, 0) if atom is None else atom(value)
        except Refused as refused:
            error = refused.error(" ".join(where))
        except RecursionError:
            error = TooDeep(where=" ".join(where), path="$", found="more than this call has room for")
        raise error

    def decode(self, data: Any) -> Any:
        """The value that was encoded. Raises UnreadableValue."""
        try:
            return self._decode(data)
        except RecursionError as error:
            raise UnreadableValue("it has more levels than this call has room for") from error

    def _decode(self, data: Any) -> Any:
        # Loops, not comprehensions: a value of 200 levels shall take few frames.
        if isinstance(data, list):
            items: list[Any] = []
            for item in typing.cast("list[Any]", data):
                items.append(self._decode(item) if type(item) in _NESTED else item)  # noqa: PERF401
            return items
        if not isinstance(data, dict):
            return data
        tagged = typing.cast("dict[str, Any]", data)
        if TAG not in tagged:
            held: dict[str, Any] = {}
            for key, item in tagged.items():
                held[key] = self._decode(item) if type(item) in _NESTED else item
            return held
        try:
            atom = DECODERS.get(tagged[TAG])
            return _DECODERS[tagged[TAG]](self, tagged) if atom is None else atom(tagged)
        except (UnreadableValue, RecursionError):
            raise
        except Exception as error:  # a declared class may raise anything when it is hashed
            raise UnreadableValue(f"tag {tagged[TAG]!r}: {type(error).__name__}: {error}") from error

    def _list(self, data: Any) -> list[Any]:
        if not isinstance(data, list):
            raise TypeError("expected a list")
        return typing.cast("list[Any]", self._decode(data))

    def _dict(self, data: dict[str, Any]) -> dict[str, Any]:
        return {key: self._decode(item) for key, item in data["of"]}

    def _map(self, data: dict[str, Any]) -> Any:
        pairs: list[tuple[Any, Any]] = []
        for key, item in data["of"]:
            pairs.append((self._decode(key), self._decode(item)))
        return self._distinct(dict, pairs)

    def _set(self, data: dict[str, Any]) -> Any:
        return self._distinct(set if data[TAG] == "set" else frozenset, self._list(data["of"]))

    def _distinct(self, make: Callable[[Any], Any], items: list[Any]) -> Any:
        """A set or dict; without the template a list where objects became data that have no hash, or are equal."""
        try:
            made = make(items)
        except TypeError:
            if self._types is not None:
                raise
            return items
        if len(made) == len(items):
            return made
        if self._types is None:
            return items
        raise ValueError("two of its keys or members are equal")

    def _object(self, data: dict[str, Any]) -> Any:
        parts = self._decode(data["parts"])
        return readable(parts) if self._types is None else make_object(self._types[data["id"]], parts)


_PLAIN: Final = frozenset((str, bool, type(None)))
_NESTED: Final = frozenset((list, dict))
_DECODERS: Final[dict[str, Callable[[Codec, dict[str, Any]], Any]]] = {
    "dict": Codec._dict,
    "map": Codec._map,
    "tuple": lambda codec, data: tuple(codec._list(data["of"])),
    "set": Codec._set,
    "frozenset": Codec._set,
    "enum": lambda codec, data: decode_member(data, codec._types),
    "object": Codec._object,
}
