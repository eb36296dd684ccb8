"""The atoms of the codec, values that hold no others: each kind as canonical JSON and back."""

from __future__ import annotations

import base64
import math
import struct
from datetime import date, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from knows_core.values import times
from knows_core.values.times import exactly
from knows_core.values.traits import DECIMAL, UUID, ZONE, is_plain_text, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

_PLAIN_INT_BITS: Final = 1024  # JSON text of larger ints is slow, and beyond 4,300 digits Python refuses it


def _itself(value: object) -> object:
    return value


def _encode_text(value: str) -> Any:
    if value.isascii() or is_plain_text(value):
        return value
    return {"$": "text", "base64": base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()}


def _encode_int(value: int) -> Any:
    return value if value.bit_length() <= _PLAIN_INT_BITS else {"$": "int", "hex": hex(value)}


def _encode_float(value: float) -> Any:
    return value if math.isfinite(value) else {"$": "float", "bits": struct.pack(">d", value).hex()}


def _encode_bytes(value: bytes) -> Any:
    return {"$": "bytes", "base64": base64.b64encode(value).decode()}


def _encode_bytearray(value: bytearray) -> Any:
    return {"$": "bytearray", "base64": base64.b64encode(value).decode()}


def _encode_complex(value: complex) -> Any:
    return {"$": "complex", "bits": struct.pack(">dd", value.real, value.imag).hex()}


def _encode_range(value: range) -> Any:
    return {"$": "range", "of": [_encode_int(one) for one in (value.start, value.stop, value.step)]}


def _encode_decimal(value: Any) -> Any:
    return {"$": "decimal", "text": _decimal_text(value)}


def _decimal_text(value: Any) -> str:
    return str(value).replace("e", "E")  # whichever of them the context of the moment asks for


def _encode_uuid(value: Any) -> Any:
    safe = {} if value.is_safe.value is None else {"safe": value.is_safe.value}
    return {"$": "uuid", "text": str(value), **safe}


def _decode_range(data: dict[str, Any]) -> range:
    return range(*(int(one["hex"], 16) if kind_of(one) is dict else one for one in data["of"]))


def _decode_decimal(data: dict[str, Any]) -> Any:
    from decimal import Decimal  # only values of this kind pay for it

    made = Decimal(data["text"])
    if _decimal_text(made) != data["text"]:
        raise ValueError("it would be written in another way")
    return made


def _decode_uuid(data: dict[str, Any]) -> Any:
    from uuid import UUID as KIND
    from uuid import SafeUUID

    return exactly(KIND(data["text"], is_safe=SafeUUID(data.get("safe"))), "__str__", data["text"])


def _bytes(data: dict[str, Any]) -> bytes:
    return base64.b64decode(data["base64"], validate=True)


ENCODERS: Final[dict[Any, Callable[[Any], Any]]] = {
    type(None): _itself,
    bool: _itself,
    str: _encode_text,
    int: _encode_int,
    float: _encode_float,
    bytes: _encode_bytes,
    bytearray: _encode_bytearray,
    complex: _encode_complex,
    range: _encode_range,
    datetime: times.encode_datetime,
    date: times.encode_date,
    time: times.encode_time,
    timedelta: times.encode_timedelta,
    timezone: times.encode_zone,
}
# By what `foreign_name` says of their class.
FOREIGN_ENCODERS: Final[dict[str, Callable[[Any], Any]]] = {
    DECIMAL: _encode_decimal,
    UUID: _encode_uuid,
    ZONE: times.encode_zone,
}
DECODERS: Final[dict[str, Callable[[dict[str, Any]], Any]]] = {
    "text": lambda data: _bytes(data).decode("utf-8", "surrogatepass"),
    "int": lambda data: int(data["hex"], 16),
    "float": lambda data: struct.unpack(">d", bytes.fromhex(data["bits"]))[0],
    "bytes": _bytes,
    "bytearray": lambda data: bytearray(_bytes(data)),
    "complex": lambda data: complex(*struct.unpack(">dd", bytes.fromhex(data["bits"]))),
    "range": _decode_range,
    "decimal": _decode_decimal,
    "uuid": _decode_uuid,
    "datetime": times.decode_datetime,
    "date": times.decode_date,
    "time": times.decode_time,
    "timedelta": times.decode_timedelta,
    "zone": times.decode_zone,
}
