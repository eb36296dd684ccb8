"""What an engine says of every run that it drives: its limits, and what plugins offer to all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from knows_core.limits import Limits
from knows_core.secrecy.secrets import Secrets

if TYPE_CHECKING:
    from pluggy import PluginManager

    from knows_core.recovery import Handler

Validator = Callable[[str, str, Any, Mapping[str, Any]], Any]  # (when, path, value, state); raises where it says no


@dataclass(frozen=True, slots=True)
class Rules:
    """Limits, error handlers and validators, in the order in which they are asked, and where secrets come from."""

    limits: Limits = field(default_factory=Limits)
    handlers: tuple[Handler, ...] = ()
    validators: tuple[Validator, ...] = ()
    secrets: Secrets = field(default_factory=Secrets)

    @property
    def redact(self) -> Callable[[str], str]:
        """What takes secrets out of the text of an error."""
        return self.secrets.redactor.error


def utc_now() -> datetime:
    """The time of the day, aware."""
    return datetime.now(UTC)


def rules_of(hooks: PluginManager | None, limits: Limits) -> Rules:
    """The rules of an engine with these plugins. A plugin whose offer of validators fails is logged and left out."""
    if hooks is None:
        return Rules(limits)
    secrets = Secrets(hooks)
    # pluggy calls the last registered first; one by one, because a hook that raises would hide the others.
    handling = hooks.hook.knows_error_handlers.get_hookimpls()
    handlers = tuple(_told_by(one.function, one.argnames, one.plugin_name) for one in reversed(handling))
    validators: list[Validator] = []
    for offering in reversed(hooks.hook.knows_validators.get_hookimpls()):
        try:
            offered: Any = offering.function()
            validators += offered
        except (Exception, SystemExit) as error:  # noqa: BLE001 - told by its class alone: its text may hold anything
            from knows_core.logs import complaints  # only where a plugin failed

            sentence = "plugin %s failed to offer validators and is left out: %s"
            complaints().error(sentence, offering.plugin_name, type(error).__name__)
    return Rules(limits, handlers, tuple(validators), secrets)


def _told_by(function: Any, takes: tuple[str, ...], plugin: str) -> Handler:
    def handler(context: Any) -> Any:
        return function(context) if takes else function()

    handler.__qualname__ = f"of plugin {plugin}"
    return handler
