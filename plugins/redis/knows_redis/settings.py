"""What a server must be set to, so that a record it accepted is there after a crash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import NoPermissionError, ResponseError

from knows_core import BackendError

if TYPE_CHECKING:
    from knows_redis.server import Client

_ASKED: Final = ("appendonly", "maxmemory-policy", "appendfsync", "no-appendfsync-on-rewrite")
_REFUSED: Final = {
    "appendonly": (("yes",), "it forgets its keys when it is restarted", "yes"),
    "maxmemory-policy": (("noeviction",), "it drops keys when its memory is full", "noeviction"),
    "appendfsync": (("always", "everysec"), "it leaves to the system when records reach the disk", "always"),
}


def check(client: Client, shown: str) -> list[str]:
    """Return what a person should know of a server that may be used.

    Raises BackendError for one that would lose records, naming the setting and the command that corrects it.
    """
    try:
        found = {name: value_of(client.execute_command("CONFIG GET", name)) for name in _ASKED}
    except ResponseError as error:
        if "unknown command" not in str(error) and not isinstance(error, NoPermissionError):
            raise
        return [f"{shown}: its settings cannot be read; make sure of appendonly yes and maxmemory-policy noeviction"]
    for name, (allowed, reason, wanted) in _REFUSED.items():
        if found[name] not in (*allowed, ""):  # "": a kindred server that has no such setting
            hint = f"Use `redis-cli config set {name} {wanted}` and the same in its configuration file."
            raise BackendError(backend=shown, reason=f"{reason} ({name} is {found[name]})", hint=hint)
    known: list[str] = []
    if found["appendfsync"] == "everysec":
        known.append(
            f"{shown}: appendfsync is everysec: when its host loses power, up to one second of records may be lost;"
            " `redis-cli config set appendfsync always` loses none"
        )
    elif found["no-appendfsync-on-rewrite"] == "yes":
        known.append(f"{shown}: no-appendfsync-on-rewrite is yes: records are not synced while the file is rewritten")
    return known


def value_of(answer: Any) -> str:
    """The value in an answer, a mapping or a list by version of protocol and driver."""
    values: list[Any] = list(answer.values() if hasattr(answer, "values") else answer[1::2])
    value = values[0] if values else ""
    return value.decode() if isinstance(value, bytes) else str(value)
