"""What a person gave for a run on the command line: state keys, a state file, an input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from knows_core import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from knows_core.template import Definition


def given_state(definition: Definition, pairs: Sequence[str], file: str | None) -> dict[str, Any]:
    """The state from `--state FILE.json` and, over it, `--set KEY=VALUE` (JSON, or else text).

    Where the template declares a state model, texts become the types it declares, and a value that is JSON by accident
    (`--set serial=007`) stays text where text is declared. Raises ConfigError, StateMismatch.
    """
    values: dict[str, Any] = _json_file(file) if file else {}
    texts = dict(map(_pair, pairs))
    values |= {key: _json_or_text(text) for key, text in texts.items()}
    return definition.typed.from_person(values, texts) if definition.typed is not None else values


def given_input(definition: Definition, text: str | None) -> Any:
    """The input from `--input JSON` or `--input @FILE`, as the type that the first step declares."""
    if text is None:
        return None
    value = given_value(text, "--input")
    if definition.first_input is None:
        return value
    from knows_core.states.models import input_from_person  # imports pydantic, for a declared input only

    return input_from_person(definition.first_input, value, str(definition))


def given_value(text: str, option: str) -> Any:
    """The value that an option gives as JSON or `@FILE`. Raises ConfigError."""
    return _parsed(_text(text[1:], option) if text.startswith("@") else text, option)


def _pair(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise ConfigError(name="--set", expected="KEY=VALUE", found=text)
    return key, value


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is there twice")
    return values


def _parsed(text: str, name: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise ConfigError(name=name, expected=f"JSON ({error})", found=text[:80]) from error


def _text(file: str, option: str) -> str:
    try:
        return Path(file).read_text("utf-8")
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or no name of a file
        raise ConfigError(name=option, expected=f"a readable file ({error})", found=file) from error


def _json_file(file: str) -> dict[str, Any]:
    values = _parsed(_text(file, "--state"), f"--state {file}")
    if not isinstance(values, dict):
        raise ConfigError(name=f"--state {file}", expected="a JSON object", found=type(values).__name__)
    return cast("dict[str, Any]", values)
