"""pydantic models: an instance fits, and a model of another class with the same structure *converts*.

Two versions of one plugin, side by side, have such models. The value is dumped (`dump_python(value, by_alias=False)`)
and validated strictly by field name (`by_name=True`); a subclass instance goes over as the class that the producer
declares. What a dump would lose, or a second class would not take unseen, is left to the run.
"""

from __future__ import annotations

import enum
import typing
from collections import abc
from typing import TYPE_CHECKING, Any, Final

from knows_core.fitting.containers import is_named_tuple
from knows_core.fitting.reading import LITERAL, UNION, derives, hints_of, is_typed_dict, read, words
from knows_core.fitting.verdict import FITS, all_of, converts, later, never
from knows_core.values.traits import is_model_class

if TYPE_CHECKING:
    from collections.abc import Iterator

    from knows_core.fitting.reading import Reading
    from knows_core.fitting.verdict import Ask, Found

# Settings of a model that change nothing about which values pass and what they become.
_NEUTRAL: Final = frozenset({
    *("title", "frozen", "arbitrary_types_allowed", "populate_by_name", "validate_by_name", "validate_by_alias"),
    *("from_attributes", "validate_assignment", "protected_namespaces", "use_attribute_docstrings", "extra", "strict"),
    *("json_schema_extra", "defer_build", "hide_input_in_errors", "serialize_by_alias", "alias_generator"),
})  # fmt: skip
_VALIDATORS: Final = ("validators", "field_validators", "root_validators", "model_validators")
_SERIALIZERS: Final = ("field_serializers", "model_serializers", "computed_fields")


def model(produced: Reading, consumed: Reading, ask: Ask) -> Found:
    """Whether a value is an instance of the model, or of another that converts into it."""
    kind, target = produced.core, consumed.core
    if derives(kind, target):
        return instances(kind, target)
    if not is_model_class(kind):
        return never(f"{words(kind)} is no {words(target)}", partly=derives(target, kind))
    one_generic = _generic(kind) is not None and _generic(kind) is _generic(target)
    if derives(target, kind) and not one_generic:
        return never(f"not every {words(kind)} is a {words(target)}", partly=True)
    given, taken = _fields(kind), _fields(target)
    if set(given) != set(taken):
        only = ", ".join(sorted(set(given) ^ set(taken)))
        return never(f"{_full(kind)} and {_full(target)} are two classes, and only one has {only}")
    forth = all_of(ask(given[name], taken[name]).at(name) for name in taken)
    back = all_of(ask(taken[name], given[name]).at(name) for name in taken)
    if one_generic and forth.severity < back.severity:
        return all_of([forth, later(f"{words(kind)} is validated anew as {words(target)}")])
    differing = f"{_full(kind)} and {_full(target)} are two classes of the same structure"
    return all_of([converts(differing), forth, back, *(later(why) for why in _doubts(kind, target))])


def instances(kind: Any, target: Any) -> Found:
    """Whether a class's own instances pass its check as they are; a subclass may have left out its validators."""
    config: Any = getattr(target, "model_config", None) or getattr(target, "__pydantic_config__", None) or {}
    if config.get("revalidate_instances", "never") != "never":
        return later(f"{words(target)} validates its instances anew")
    decorators = getattr(target, "__pydantic_decorators__", None)
    if kind is not target and decorators is not None and decorators.model_validators:
        return later(f"{words(target)} has validators that {words(kind)} may have changed")
    return FITS


def _fields(kind: Any) -> dict[str, Any]:
    return {
        name: typing.Annotated[(one.annotation, *one.metadata)] if one.metadata else one.annotation
        for name, one in kind.__pydantic_fields__.items()
    }


def _generic(kind: Any) -> Any:
    made_from = kind.__pydantic_generic_metadata__
    return made_from["origin"] or (kind if made_from["parameters"] else None)


def _doubts(kind: Any, target: Any) -> Iterator[str]:
    """Why a dump of one model might not validate as the other, or might not be the whole value."""
    if any(getattr(target.__pydantic_decorators__, one) for one in _VALIDATORS):
        yield f"{words(target)} has validators"
    if any(getattr(kind.__pydantic_decorators__, one) for one in _SERIALIZERS):
        yield f"{words(kind)} has serializers or computed fields"
    if target.__pydantic_custom_init__ or target.__pydantic_post_init__ or kind.__private_attributes__:
        yield f"{words(kind)} and {words(target)} hold or do more than their fields say"
    if {*kind.model_config, *target.model_config} - _NEUTRAL:
        yield f"{words(kind)} or {words(target)} has a configuration of its own"
    if kind.model_config.get("extra") == "allow" and target.model_config.get("extra") != "allow":
        yield f"{words(kind)} may hold extra fields"
    if any(one.exclude or one.discriminator for one in kind.__pydantic_fields__.values()):
        yield f"{words(kind)} does not dump every field"
    if not (kind.__pydantic_complete__ and target.__pydantic_complete__):
        yield f"{words(kind)} or {words(target)} is not fully defined"


def _full(kind: type) -> str:
    return f"{kind.__module__}.{words(kind)}"


# ------------------------------------------------------------------ what a dump would lose

_SCALARS: Final = frozenset({
    *("builtins.int", "builtins.float", "builtins.complex", "builtins.bool", "builtins.str", "builtins.bytes"),
    *("builtins.NoneType", "datetime.date", "datetime.datetime", "datetime.time", "datetime.timedelta"),
    *("decimal.Decimal", "uuid.UUID", "pathlib.Path", "pathlib.PurePath"),
    *("pathlib._local.Path", "pathlib._local.PurePath"),  # Python 3.13
})  # fmt: skip
_ORDERED: Final = frozenset({list, tuple, abc.Sequence, abc.MutableSequence})
_HASHED: Final = frozenset({set, frozenset, abc.Set, abc.MutableSet})
_KEYED: Final = frozenset({dict, abc.Mapping, abc.MutableMapping})


def lost_in_a_dump(annotation: Any, seen: frozenset[Any] = frozenset(), inside: frozenset[str] = frozenset()) -> str:
    """The part of a consumed type whose values a dump and strict validation might not bring back; empty if none.

    What is `inside` a `hash` (a key, a member of a set) would be dumped to a dict, which has none. Inside a `union` an
    instance of a subclass is dumped with all its fields, and what is inside a `closed` model takes no extra fields.
    """
    reading = read(annotation, produced=True)
    kind = reading.core
    if reading.opaque or reading.metadata.unread:
        return words(annotation)
    if kind is LITERAL or _is_scalar(kind) or (kind, inside) in seen:
        return ""
    if kind is UNION:
        others = [one for one in reading.args or () if one is not type(None)]
        if sum(not _is_plain(one) for one in others) > 1:
            return words(annotation)
        return _first(others, seen, inside | {"union"} if len(others) > 1 else inside)
    if not isinstance(kind, type) or ("hash" in inside and kind is not tuple):
        return words(annotation)
    if kind in _ORDERED | _HASHED | _KEYED:
        return _lost_items(kind, reading.args, seen, inside)
    if is_model_class(kind):
        return _lost_fields(kind, seen, inside)
    if is_named_tuple(kind) or (is_typed_dict(kind) and "closed" not in inside and not _is_configured(kind)):
        return _first(hints_of(kind, reading.args).values(), seen | {(kind, inside)}, inside)
    return words(annotation)


def _lost_items(kind: Any, args: tuple[Any, ...] | None, seen: frozenset[Any], inside: frozenset[str]) -> str:
    if args is None:
        return words(kind)
    if kind in _KEYED:
        return lost_in_a_dump(args[0], seen, inside | {"hash"}) or lost_in_a_dump(args[1], seen, inside)
    items = [one for one in args if one is not Ellipsis]
    return _first(items, seen, inside | {"hash"} if kind in _HASHED else inside)


def _lost_fields(kind: Any, seen: frozenset[Any], inside: frozenset[str]) -> str:
    forbids = kind.model_config.get("extra") == "forbid"
    if instances(kind, kind) is not FITS or any(_doubts(kind, kind)) or (forbids and "union" in inside):
        return words(kind)
    within = (inside - {"closed"}) | ({"closed"} if forbids else frozenset[str]())
    return _first(_fields(kind).values(), seen | {(kind, inside)}, within)


def _first(annotations: abc.Iterable[Any], seen: frozenset[Any], inside: frozenset[str]) -> str:
    return next(filter(None, (lost_in_a_dump(one, seen, inside) for one in annotations)), "")


def _is_configured(kind: Any) -> bool:
    return hasattr(kind, "__pydantic_config__")


def _is_plain(annotation: Any) -> bool:
    core = read(annotation, produced=True).core
    return core is LITERAL or _is_scalar(core)


def _is_scalar(kind: Any) -> bool:
    is_class = isinstance(kind, type)
    return is_class and (issubclass(kind, enum.Enum) or f"{kind.__module__}.{kind.__qualname__}" in _SCALARS)
