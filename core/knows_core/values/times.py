"""Dates, times and zones as canonical JSON and back."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from typing import Any, Final, cast

from knows_core.values.refusals import Refused
from knows_core.values.traits import PYDANTIC_ZONE, ZONE, foreign_name, kind_of

_MICROSECOND: Final = timedelta(microseconds=1)


def encode_datetime(value: datetime) -> dict[str, Any]:
    """A moment: local time, zone, and which of two equal local times it is."""
    if value.tzinfo is None:
        raise Refused("a datetime without a time zone", "Make it aware: datetime.now(UTC).")
    local = value.replace(tzinfo=None).isoformat()
    return {"$": "datetime", "at": local, "zone": _encode_zone(value.tzinfo), "fold": value.fold}


def encode_time(value: time) -> dict[str, Any]:
    """A time of day, which may have no zone."""
    zone = None if value.tzinfo is None else _encode_zone(value.tzinfo)
    return {"$": "time", "at": value.replace(tzinfo=None).isoformat(), "zone": zone, "fold": value.fold}


def encode_zone(value: Any) -> dict[str, Any]:
    """A zone by itself."""
    return {"$": "zone", "zone": _encode_zone(value)}


def encode_date(value: date) -> dict[str, Any]:
    """A day."""
    return {"$": "date", "at": value.isoformat()}


def encode_timedelta(value: timedelta) -> dict[str, Any]:
    """A duration, as Python keeps it."""
    return {"$": "timedelta", "of": [value.days, value.seconds, value.microseconds]}


def decode_datetime(data: dict[str, Any]) -> datetime:
    """The moment again."""
    local = exactly(datetime.fromisoformat(data["at"]), "isoformat", data["at"])
    return cast("datetime", local.replace(tzinfo=_aware(_decode_zone(data["zone"])), fold=data["fold"]))


def decode_time(data: dict[str, Any]) -> time:
    """The time of day again."""
    local = exactly(time.fromisoformat(data["at"]), "isoformat", data["at"])
    zone = None if data["zone"] is None else _decode_zone(data["zone"])
    return cast("time", local.replace(tzinfo=zone, fold=data["fold"]))


def decode_zone(data: dict[str, Any]) -> Any:
    """The zone again."""
    return _decode_zone(data["zone"])


def decode_date(data: dict[str, Any]) -> date:
    """The day again."""
    return cast("date", exactly(date.fromisoformat(data["at"]), "isoformat", data["at"]))


def decode_timedelta(data: dict[str, Any]) -> timedelta:
    """The duration again."""
    days, seconds, microseconds = data["of"]
    made = timedelta(days, seconds, microseconds)
    if [made.days, made.seconds, made.microseconds] != data["of"]:
        raise ValueError("it would be written in another way")
    return made


def exactly(made: Any, write: str, text: Any) -> Any:
    """What was made of a text, if it is the text that is written for it: readers take more than one."""
    if getattr(made, write)() != text:
        raise ValueError("it would be written in another way")
    return made


def _aware(zone: Any) -> Any:
    if zone is None:
        raise ValueError("no zone")
    return zone


def _encode_zone(zone: Any) -> Any:
    kind = kind_of(zone)
    if kind is timezone:
        offset, *name = zone.__getinitargs__()
        return [offset // _MICROSECOND, *name]
    known = foreign_name(kind)
    if known == ZONE and type(zone.key) is str and _has_name(zone):
        return zone.key
    if known == PYDANTIC_ZONE:
        return {"pydantic": int(zone.utcoffset(None).total_seconds())}
    raise Refused(f"a time in the zone {kind.__qualname__}", "Use datetime.timezone or zoneinfo.ZoneInfo.")


def _has_name(zone: Any) -> bool:
    """Whether its name is where its rules come from; those of a zone read from an open file are nowhere else."""
    try:
        zone.__reduce__()
    except Exception:  # noqa: BLE001 - PicklingError, whose module is nothing to import for this
        return False
    return True


def _decode_zone(zone: Any) -> Any:
    if isinstance(zone, str):
        from zoneinfo import ZoneInfo  # only values with a named zone pay for it

        return ZoneInfo(zone)
    if isinstance(zone, dict):
        from pydantic_core import TzInfo  # only values with such a zone pay for it

        return TzInfo(cast("dict[str, int]", zone)["pydantic"])
    return timezone(timedelta(microseconds=zone[0]), *zone[1:])
