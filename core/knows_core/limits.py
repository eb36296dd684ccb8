"""What an engine allows a run: the proposal's settings as one frozen value."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from knows_core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of an engine; every duration in seconds. Raises ConfigError for a value that cannot be meant.

    `state_persistence` has its effect today; the others are carried for the features that use them, and
    docs/reference/settings.md says when each takes effect.
    """

    state_persistence: bool = True
    state_ttl: float = 3600
    max_retries: int = 3
    retry_delay: float = 5
    max_concurrent_workflows: int = 10
    workflow_timeout: float = 300

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            least = 1 if one.name == "max_concurrent_workflows" else 0
            if isinstance(value, bool) == (one.name == "state_persistence") and math.isfinite(value) and value >= least:
                continue
            expected = "true or false" if one.name == "state_persistence" else f"a finite number >= {least}"
            raise ConfigError(name=one.name, expected=expected, found=value)
