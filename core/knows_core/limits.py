"""What an engine allows a run: the proposal's settings as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from knows_core.errors import ConfigError

_MOST: Final = 10**12  # seconds or pieces: beyond it nobody means a limit


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of an engine; every duration in seconds. Raises ConfigError for a value that cannot be meant.

    `workflow_timeout` counts the time in which somebody drives the run; 0 is no limit. `max_retries` and `retry_delay`
    are what a `Retry` uses that names none.
    """

    state_persistence: bool = True
    state_ttl: float = 3600
    max_retries: int = 3
    retry_delay: float = 5
    max_concurrent_workflows: int = 10
    workflow_timeout: float = 300
    max_steps: int = 10_000
    max_record_bytes: int = 16_000_000
    max_run_bytes: int = 64_000_000
    max_recoveries: int = 10

    def __post_init__(self) -> None:
        for one in fields(self):
            expected = _broken_rule(one.name, getattr(self, one.name))
            if expected:
                raise ConfigError(name=one.name, expected=expected, found=getattr(self, one.name))


_WHOLE: Final = frozenset(one for one in Limits.__dataclass_fields__ if one.startswith("max_"))
_AT_LEAST_ONE: Final = _WHOLE - {"max_retries"}


def _broken_rule(name: str, value: object) -> str:
    """What was expected of a limit, where the value is not that; else an empty text."""
    if name == "state_persistence":
        return "" if isinstance(value, bool) else "true or false"
    least = 1 if name in _AT_LEAST_ONE else 0
    number = isinstance(value, int if name in _WHOLE else (int, float)) and not isinstance(value, bool)
    if number and least <= value < _MOST:  # type: ignore[operator]
        return ""
    return f"a {'whole' if name in _WHOLE else 'finite'} number >= {least}"
