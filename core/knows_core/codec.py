"""Values as canonical JSON and back: the same type and bits return, or the value is refused with its path.

JSON values stand for themselves. Everything else is an object tagged with `$`. The set of types is closed; models and
dataclasses come back only as the classes that the pinned template declares, looked up by name in its own table: a
record can name a class, but never cause an import.
"""

from __future__ import annotations

import base64
import dataclasses
import math
import struct
import typing
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from knows_core.declared import schema_id
from knows_core.errors import NotStorable
from knows_core.values import attributes_of, is_model_class, is_plain_class, kind_of, parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

TAG: Final = "$"
_DEEPEST: Final = 200
_AS_THEY_ARE: Final = frozenset((str, bool, type(None)))
_PYDANTIC_ZONE: Final = "pydantic_core._pydantic_core.TzInfo"  # what pydantic makes of the text of a time with a zone
_PLAIN_INT_BITS: Final = 1024  # JSON text of larger ints is slow, and beyond 4,300 digits Python refuses it


class UnreadableValue(ValueError):
    """Encoded data that is no value of this codec. The journal says in which record it stands."""


class Codec:
    """Encodes and decodes values; `types` are the classes a template declares, by their schema id.

    With None the template is not at hand: objects come back as the dict of their fields, for people to read.
    """

    def __init__(self, types: Mapping[str, type] | None) -> None:
        self._types = types

    def encode(self, value: Any, *where: str) -> Any:
        """The value as JSON data. Raises NotStorable with the path inside the value, which `where` names."""
        if type(value) in _AS_THEY_ARE:
            return value
        try:
            return self._encode(value, 0)
        except _Refused as refused:
            path = "$" + "".join(reversed(refused.path))
            facts = {"where": " ".join(where), "path": path, "found": refused.found, "hint": refused.hint}
        raise NotStorable(**facts)

    def decode(self, data: Any) -> Any:
        """The value that was encoded. Raises UnreadableValue."""
        if isinstance(data, list):
            return [self.decode(item) for item in typing.cast("list[Any]", data)]
        if not isinstance(data, dict):
            return data
        tagged = typing.cast("dict[str, Any]", data)
        if TAG not in tagged:
            return {key: self.decode(item) for key, item in tagged.items()}
        try:
            return _DECODERS[tagged[TAG]](self, tagged)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, struct.error) as error:
            raise UnreadableValue(f"tag {tagged[TAG]!r}: {type(error).__name__}: {error}") from error

    def _encode(self, value: Any, depth: int) -> Any:
        kind = kind_of(value)
        if kind in _AS_THEY_ARE:
            return value
        if depth > _DEEPEST:
            raise _Refused(f"more than {_DEEPEST} levels, or a cycle", "Flatten it.")
        encoder = _ENCODERS.get(kind)
        if encoder is not None:
            return encoder(self, value, depth)
        if is_model_class(kind) or dataclasses.is_dataclass(kind):
            return self._encode_declared(value, depth)
        hint = "Return or store JSON values, tuples, bytes, aware datetimes, dataclasses or pydantic models."
        raise _Refused(kind.__qualname__, hint)

    def _encode_declared(self, value: Any, depth: int) -> Any:
        kind = kind_of(value)
        declared = self._types is not None and self._types.get(schema_id(kind)) is kind
        if not declared:
            hint = "Name it in an annotation of the step or in the state model, so that it can be read back."
            raise _Refused(f"{kind.__qualname__}, which the template does not declare", hint)
        if why := _not_whole(value):
            raise _Refused(
                f"{kind.__qualname__} {why}", "Give every field a value, and declare what it holds as fields."
            )
        parts = parts_of(value)
        if is_model_class(kind):
            encoded = {name: self._encode(part, depth) for name, part in parts.items()}
        else:
            encoded = self._encode_dict(parts, depth)
        return {TAG: "object", "id": schema_id(kind), "parts": encoded}

    def _encode_items(self, items: Iterable[Any], depth: int) -> list[Any]:
        encoded: list[Any] = []
        for index, item in enumerate(items):
            try:
                encoded.append(self._encode(item, depth + 1))
            except _Refused as refused:
                refused.path.append(f"[{index}]")
                raise
        return encoded

    def _encode_dict(self, value: dict[Any, Any], depth: int) -> Any:
        encoded: dict[str, Any] = {}
        for key, item in value.items():
            if type(key) is not str:
                raise _Refused(f"the key {key!r}", "Use text as keys.")
            try:
                encoded[key] = self._encode(item, depth + 1)
            except _Refused as refused:
                refused.path.append(f".{key}")
                raise
        return {TAG: "dict", "of": list(encoded.items())} if TAG in encoded else encoded

    def _decode_object(self, data: dict[str, Any]) -> Any:
        parts: dict[str, Any] = self.decode(data["parts"])
        if self._types is None:
            return parts.get("fields", parts)
        kind: Any = self._types[data["id"]]
        made: Any = object.__new__(kind)
        if is_model_class(kind):
            _same_names(parts["fields"], kind.__pydantic_fields__, kind)
            object.__setattr__(made, "__dict__", parts["fields"])
            object.__setattr__(made, "__pydantic_extra__", parts["extra"])
            object.__setattr__(made, "__pydantic_private__", parts["private"])
            object.__setattr__(made, "__pydantic_fields_set__", set(parts["set"]))
        else:
            _same_names(parts, [field.name for field in dataclasses.fields(kind)], kind)
            for name, part in parts.items():
                object.__setattr__(made, name, part)
        return made


class _Refused(Exception):
    """A value that cannot be stored; its path grows, innermost first, while it propagates."""

    def __init__(self, found: str, hint: str) -> None:
        self.found, self.hint = found, hint
        self.path: list[str] = []


def _not_whole(value: Any) -> str:
    """Why the fields of a declared object are not all that it is, or an empty text."""
    kind = kind_of(value)
    if is_model_class(kind):
        unset = set(kind.__pydantic_fields__) - set(value.__dict__)
        return f"without {', '.join(sorted(unset))}" if unset else ""
    if not is_plain_class(kind):
        return "with more behind it than its fields"
    fields = {field.name for field in dataclasses.fields(kind)}
    held = set(attributes_of(value))
    if fields != held:
        extra, missing = sorted(held - fields), sorted(fields - held)
        return f"with {', '.join(extra)}, which are not fields" if extra else f"without {', '.join(missing)}"
    return ""


def _same_names(recorded: Iterable[str], declared: Iterable[str], kind: type) -> None:
    if set(recorded) != set(declared):
        differing = ", ".join(sorted(set(recorded) ^ set(declared)))
        raise ValueError(f"{kind.__qualname__} has other fields than when it was recorded: {differing}")


def _encode_float(_codec: Codec, value: float, _depth: int) -> Any:
    return value if math.isfinite(value) else {TAG: "float", "bits": struct.pack(">d", value).hex()}


def _encode_int(_codec: Codec, value: int, _depth: int) -> Any:
    return value if value.bit_length() <= _PLAIN_INT_BITS else {TAG: "int", "hex": hex(value)}


def _encode_datetime(_codec: Codec, value: datetime, _depth: int) -> Any:
    if value.tzinfo is None:
        raise _Refused("a datetime without a time zone", "Make it aware: datetime.now(UTC).")
    zone: Any = value.tzinfo
    kind = f"{type(zone).__module__}.{type(zone).__qualname__}"
    if type(zone) is timezone:
        offset: timedelta = zone.utcoffset(None)
        own_name = [] if zone.tzname(None) == timezone(offset).tzname(None) else [zone.tzname(None)]
        where: Any = [offset // timedelta(microseconds=1), *own_name]
    elif kind == "zoneinfo.ZoneInfo" and zone.key:
        where = zone.key
    elif kind == _PYDANTIC_ZONE:
        where = {"pydantic": int(zone.utcoffset(None).total_seconds())}
    else:
        raise _Refused(f"a datetime in the zone {zone!r}", "Use datetime.timezone or zoneinfo.ZoneInfo.")
    return {TAG: "datetime", "at": value.replace(tzinfo=None).isoformat(), "zone": where, "fold": value.fold}


def _decode_datetime(_codec: Codec, data: dict[str, Any]) -> datetime:
    zone = data["zone"]
    found: Any
    if isinstance(zone, str):
        from zoneinfo import ZoneInfo  # only values with a named zone pay for it

        found = ZoneInfo(zone)
    elif isinstance(zone, dict):
        from pydantic_core import TzInfo  # only values with such a zone pay for it

        found = TzInfo(typing.cast("dict[str, int]", zone)["pydantic"])
    else:
        found = timezone(timedelta(microseconds=zone[0]), *zone[1:])
    return datetime.fromisoformat(data["at"]).replace(tzinfo=found, fold=data["fold"])


_ENCODERS: Final[dict[type, Callable[[Codec, Any, int], Any]]] = {
    int: _encode_int,
    float: _encode_float,
    list: Codec._encode_items,
    dict: Codec._encode_dict,
    tuple: lambda codec, value, depth: {TAG: "tuple", "of": codec._encode_items(value, depth)},
    bytes: lambda _codec, value, _depth: {TAG: "bytes", "base64": base64.b64encode(value).decode()},
    datetime: _encode_datetime,
}
_DECODERS: Final[dict[str, Callable[[Codec, dict[str, Any]], Any]]] = {
    "dict": lambda codec, data: {key: codec.decode(item) for key, item in data["of"]},
    "tuple": lambda codec, data: tuple(codec.decode(item) for item in data["of"]),
    "bytes": lambda _codec, data: base64.b64decode(data["base64"], validate=True),
    "float": lambda _codec, data: struct.unpack(">d", bytes.fromhex(data["bits"]))[0],
    "int": lambda _codec, data: int(data["hex"], 16),
    "datetime": _decode_datetime,
    "object": Codec._decode_object,
}
