"""TypedDict and NamedTuple: compared field by field, as pydantic validates them field by field."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

from knows_core.fitting.reading import derives, hints_of, is_typed_dict, words
from knows_core.fitting.verdict import all_of, later, never

if TYPE_CHECKING:
    from knows_core.fitting.reading import Reading
    from knows_core.fitting.verdict import Ask, Found


def typed_dict(produced: Reading, consumed: Reading, ask: Ask) -> Found:
    """Whether a TypedDict has every key that the consumer's needs, of a type that fits."""
    kind, target = produced.core, consumed.core
    if not is_typed_dict(kind):
        return never(f"{words(kind)} is no {words(target)}", partly=derives(kind, dict))
    if getattr(target, "__pydantic_config__", None):
        return later(f"{words(target)} has a configuration of its own")
    given, taken = hints_of(kind, produced.args), hints_of(target, consumed.args)
    return all_of(_key(name, (kind, given), (target, taken), ask).at(name) for name in taken)


def _key(name: str, produced: tuple[Any, dict[str, Any]], consumed: tuple[Any, dict[str, Any]], ask: Ask) -> Found:
    (kind, given), (target, taken) = produced, consumed
    needs = _requires(target, name, taken[name])
    if name not in given:
        return never(f"{words(kind)} has no such key") if needs else later(f"{words(kind)} does not declare the key")
    if needs and not _requires(kind, name, given[name]):
        return never("the key may be missing", partly=True)
    return ask(given[name], taken[name])


def _requires(kind: Any, name: str, hint: Any) -> bool:
    # `__required_keys__` does not see a NotRequired that was written in quotes.
    qualifier = getattr(typing.get_origin(hint), "_name", "")
    if qualifier in ("Required", "NotRequired"):
        return qualifier == "Required"
    return name in kind.__required_keys__


def named_tuple(produced: Reading, consumed: Reading, ask: Ask) -> Found:
    """Whether a value is of that NamedTuple; pydantic validates its fields anew, so they are compared too."""
    kind, target = produced.core, consumed.core
    if not derives(kind, target):
        return never(f"{words(kind)} is no {words(target)}", partly=derives(target, kind))
    given, taken = hints_of(kind, produced.args), hints_of(target, consumed.args)
    return all_of(ask(given[name], taken[name]).at(name) for name in taken)
