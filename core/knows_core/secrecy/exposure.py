"""Where a known secret stands in what is about to be recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from knows_core.errors.secrets import SecretInRecord
from knows_core.values.encoder import TAG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from knows_core.secrecy.redaction import Redactor

# What of a record comes from steps and people. Paths, versions and the names of fields are the template's.
_GIVEN: Final = {
    "result": "the result of {path}",
    "set": "the state that {path} wrote",
    "input": "the input of the run",
    "state": "the state of the run",
    "shown": "what is shown of {path}",
    "value": "the value given along with {path}",
    "note": "the note on {path}",
}
_PARTS: Final = ("of", "parts", "base64")  # where a tagged value has its own
_MODEL: Final = {"fields", "extra", "private", "set"}  # the parts of a model, by which nobody knows its fields


def refuse_secrets(content: Mapping[str, Any], redactor: Redactor) -> None:
    """Raise SecretInRecord where a known secret stands in a text that a step or a person gave."""
    for name, where in _GIVEN.items():
        path = _found(content.get(name), "$", redactor)
        if path is not None:
            owner = content.get("path", "the run")
            raise SecretInRecord(where=redactor.text(where.format(path=owner)), path=path)


def _found(encoded: Any, path: str, redactor: Redactor) -> str | None:
    """The path to the first text that holds a secret, through encoded values; never with the secret in it."""
    if isinstance(encoded, str):
        return path if redactor.holds(encoded) else None
    if isinstance(encoded, list):
        items = ((one, f"{path}[{at}]") for at, one in enumerate(cast("list[Any]", encoded)))
    elif isinstance(encoded, dict):
        held = cast("dict[str, Any]", encoded)
        tagged = TAG in held
        parts = _PARTS if tagged else _MODEL if set(held) == _MODEL else ()
        if not tagged and any(map(redactor.holds, held)):
            return f"{path} (a key)"
        items = (
            (one, path if name in parts else f"{path}.{name}")
            for name, one in held.items()
            if not (tagged and name in (TAG, "id"))
        )
    else:
        return None
    return next((found for one, at in items if (found := _found(one, at, redactor)) is not None), None)
