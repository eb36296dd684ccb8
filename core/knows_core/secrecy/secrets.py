"""Secrets of one engine: looked up when a step asks, by a name that may be known to anybody, and never recorded."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from knows_core.errors.secrets import SecretUnavailable
from knows_core.secrecy.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable

    from pluggy import PluginManager

    Resolver = Callable[[str], str]

_MARK: Final = "secret:"  # how a reference may begin, so that a reader of a state sees what it is
_OWN: Final = "env"


class Secrets:
    """Looks secrets up, and lets the redactor of its engine know each one before anybody gets it."""

    def __init__(self, hooks: PluginManager | None = None) -> None:
        self._hooks = hooks
        self._lock = threading.Lock()
        self._resolvers: dict[str, Resolver] | None = None
        self._broken: list[str] = []
        self.redactor = Redactor()

    def resolve(self, reference: str) -> str:
        """The value of `NAME` (a variable of the environment), `SCHEME:NAME`, or either with `secret:` before it.

        Raises SecretUnavailable.
        """
        scheme, name = parsed(reference)
        value, reason = self._asked(scheme, name)
        if value is None:
            # Raised here, outside of any handler: what a resolver raised may hold what it had read.
            raise SecretUnavailable(scheme=scheme, name=name, reason=reason)
        self.redactor.learn(value)
        return value

    def _asked(self, scheme: str, name: str) -> tuple[str | None, str]:
        resolver = self._by_scheme().get(scheme)
        if resolver is None:
            broken = f"; {', '.join(self._broken)} failed to offer any" if self._broken else ""
            return None, f"no such scheme (there are {', '.join(sorted(self._by_scheme()))}{broken})"
        try:
            value: Any = resolver(name)
        except SecretUnavailable as refused:
            return None, str(refused.facts.get("reason", "its resolver gave no reason"))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - only its class can be told: its text may hold anything
            return None, f"its resolver raised {type(error).__name__}"
        if type(value) is not str or not value:
            return None, "its resolver gave an empty text" if value == "" else "its resolver gave no text"
        return value, ""

    def _by_scheme(self) -> dict[str, Resolver]:
        with self._lock:  # steps side by side may ask for their first secrets at once
            if self._resolvers is None:
                self._resolvers = self._offered()
        return self._resolvers

    def _offered(self) -> dict[str, Resolver]:
        resolvers: dict[str, Resolver] = {}
        # One by one: a hook that raises would hide what the others offer.
        for offering in self._hooks.hook.knows_secrets.get_hookimpls() if self._hooks is not None else ():
            try:
                offered: Any = offering.function()
                resolvers |= offered
            except (Exception, SystemExit):  # noqa: BLE001 - told where a scheme is missing
                self._broken.append(offering.plugin_name)
        return {**resolvers, _OWN: _from_environment}


def parsed(reference: str) -> tuple[str, str]:
    """The scheme and the name of a reference."""
    scheme, colon, name = reference.removeprefix(_MARK).partition(":")
    return (scheme, name) if colon else (_OWN, scheme)


def _from_environment(name: str) -> str:
    import os  # the one look at the environment, for runs with secrets only

    value = os.environ.get(name)
    if value is None:
        raise SecretUnavailable(scheme=_OWN, name=name, reason="no variable of the environment has this name")
    return value


def unresolved(reference: str) -> str:
    """Stand for the secrets of a context that no engine made. Raises SecretUnavailable."""
    scheme, name = parsed(reference)
    reason = "no engine called this step; in a test give StepContext(..., resolve={...}.__getitem__)"
    raise SecretUnavailable(scheme=scheme, name=name, reason=reason)
