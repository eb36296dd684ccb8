"""The errors of secrets. None of them ever holds a value."""

from __future__ import annotations

from knows_core.errors import KnowsError, NotStorable


class SecretUnavailable(KnowsError, LookupError):
    """A secret that a step asked for cannot be had."""

    code = "secret-unavailable"
    sentence = "the secret {scheme}:{name}: {reason}"
    remedy = "Provide it where the run goes on, or correct its name; then resume the run."


class SecretInRecord(NotStorable):
    """A result or a state holds a secret that the engine has looked up, so that it is not recorded."""

    code = "secret-in-record"
    sentence = "{where} {path}: expected a value that can be recorded, found one of the secrets that were looked up"
    remedy = "Hand on its name, and look it up with context.secret(name) in every step that needs it."
