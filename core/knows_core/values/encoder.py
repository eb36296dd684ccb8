"""One value on its way into JSON: containers and objects, each part at its depth and counted."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from knows_core.values.atoms import ENCODERS, FOREIGN_ENCODERS
from knows_core.values.declared import schema_id
from knows_core.values.objects import check_declared, check_whole, encode_member, is_object_class
from knows_core.values.refusals import Refused, refusal, shown, too_deep
from knows_core.values.traits import foreign_name, is_enum_class, is_model_class, is_plain_text, kind_of, parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

TAG: Final = "$"
_DEEPEST: Final = 200
_atom_of = ENCODERS.get
_text = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class Encoder:
    """Encodes one value; `most` is how many parts it may have."""

    __slots__ = ("_left", "_most", "_types")

    def __init__(self, types: Mapping[str, type] | None, most: int) -> None:
        self._types = types
        self._most = self._left = most

    def encode(self, value: Any, depth: int) -> Any:
        """The value as JSON data. Raises Refused."""
        kind = kind_of(value)
        atom = _atom_of(kind)
        if atom is not None:
            return atom(value)
        if depth >= _DEEPEST:
            raise too_deep()
        container = _CONTAINERS.get(kind)
        if container is not None:
            return container(self, value, depth)
        if is_enum_class(kind):
            check_declared(kind, self._types)
            return encode_member(value, kind)
        if is_object_class(kind):
            return self._object(value, kind, depth)
        foreign = FOREIGN_ENCODERS.get(foreign_name(kind))
        if foreign is None:
            raise refusal(kind)
        return foreign(value)

    def _count(self, more: int) -> None:
        self._left -= more
        if self._left < 0:
            hint = "Keep large data elsewhere and hand over where it is; what stands in many places counts in each."
            raise Refused(f"more than {self._most} parts", hint)

    def _items(self, value: Collection[Any], depth: int) -> list[Any]:
        self._count(len(value))
        encoded: list[Any] = []
        try:
            for item in value:
                atom = _atom_of(type(item))
                encoded.append(self.encode(item, depth + 1) if atom is None else atom(item))
        except Refused as refused:
            refused.through(f"[{len(encoded)}]", value)
            raise
        return encoded

    def _tuple(self, value: tuple[Any, ...], depth: int) -> Any:
        return {TAG: "tuple", "of": self._items(value, depth)}

    def _set(self, value: Collection[Any], depth: int) -> Any:
        self._count(len(value))
        encoded: list[Any] = []
        try:
            for member in value:
                encoded.append(self.encode(member, depth + 1))  # noqa: PERF401 - as above
        except Refused as refused:
            refused.through("[*]", value)
            raise
        # Sets have no order of their own; the same one always gives the same bytes.
        return {TAG: kind_of(value).__name__, "of": sorted(encoded, key=_text)}

    def _dict(self, value: dict[Any, Any], depth: int) -> Any:
        self._count(len(value))
        encoded: dict[str, Any] = {}
        key: Any = None
        try:
            for key, item in value.items():
                if type(key) is not str or not (key.isascii() or is_plain_text(key)):
                    break
                if type(item) is str and item.isascii():  # most are: no call for them
                    encoded[key] = item
                    continue
                atom = _atom_of(type(item))
                encoded[key] = self.encode(item, depth + 1) if atom is None else atom(item)
            else:
                return {TAG: "dict", "of": list(encoded.items())} if TAG in encoded else encoded
        except Refused as refused:
            refused.through(shown(key), value)
            raise
        return {TAG: "map", "of": self._pairs(value, depth, encoded)}

    def _pairs(self, value: dict[Any, Any], depth: int, texts: dict[str, Any]) -> list[Any]:
        """A dict whose keys are not all text: each with its type; `texts` are the first of them, encoded already."""
        encoded: list[Any] = [list(one) for one in texts.items()]
        for key, item in islice(value.items(), len(texts), None):
            step = f".keys()[{len(encoded)}]"
            try:
                pair = [self.encode(key, depth + 1), None]
                step = shown(key)
                pair[1] = self.encode(item, depth + 1)
            except Refused as refused:
                refused.through(step, value)
                raise
            encoded.append(pair)
        return encoded

    def _object(self, value: Any, kind: Any, depth: int) -> Any:
        check_declared(kind, self._types)
        check_whole(value, kind)
        parts = parts_of(value)
        if not is_model_class(kind):
            return {TAG: "object", "id": schema_id(kind), "parts": self._named(parts, value, depth)}
        encoded = {"fields": self._named(parts["fields"], value, depth)}
        for name in ("extra", "private"):
            encoded[name] = None if parts[name] is None else self._named(parts[name], value, depth)
        encoded["set"] = [self.encode(one, depth) for one in parts["set"]]
        return {TAG: "object", "id": schema_id(kind), "parts": encoded}

    def _named(self, parts: dict[str, Any], holder: Any, depth: int) -> Any:
        try:
            return self._dict(parts, depth)
        except Refused as refused:
            refused.held_by(holder)
            raise


_CONTAINERS: Final[dict[Any, Callable[[Encoder, Any, int], Any]]] = {
    list: Encoder._items,
    dict: Encoder._dict,
    tuple: Encoder._tuple,
    set: Encoder._set,
    frozenset: Encoder._set,
}
