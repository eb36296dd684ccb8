"""Classes as data, by their structure: models, dataclasses, TypedDict, NamedTuple and protocols.

`describe` describes an annotation inside a class: the search that asks knows what it has seen.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
from typing import TYPE_CHECKING, Any, Final, cast

from knows_core.describing.marks import default_of, field_facts, marked, told
from knows_core.fitting.calls import _members, _signature, is_protocol
from knows_core.fitting.containers import is_named_tuple
from knows_core.fitting.fields import _requires
from knows_core.fitting.reading import fill_in, hints_of, is_typed_dict
from knows_core.values.traits import is_model_class

if TYPE_CHECKING:
    from collections.abc import Callable

    from knows_core.describing.marks import Descriptor

    Describe = Callable[[Any], Descriptor]
    Args = tuple[Any, ...] | None  # None where a class stands bare

_EMPTY: Final = inspect.Parameter.empty
_STANDARD: Final = ("typing", "typing_extensions", "builtins", "collections", "contextlib", "os", "io")
# What a configuration may say about values, with what pydantic does where it says nothing.
_SETTINGS: Final[dict[str, Any]] = {
    "strict": False,
    "frozen": False,
    "str_strip_whitespace": False,
    "str_to_lower": False,
    "str_to_upper": False,
    "str_min_length": 0,
    "str_max_length": None,
    "allow_inf_nan": True,
    "coerce_numbers_to_str": False,
    "use_enum_values": False,
    "validate_by_name": False,
    "validate_by_alias": True,
    "validate_default": False,
    "validate_assignment": False,
    "from_attributes": False,
    "revalidate_instances": "never",
    "regex_engine": "rust-regex",
    "serialize_by_alias": False,
    "ser_json_timedelta": "iso8601",
    "ser_json_temporal": "iso8601",
    "ser_json_bytes": "utf8",
    "ser_json_inf_nan": "null",
    "val_json_bytes": "utf8",
    "val_temporal_unit": "infer",
    "url_preserve_empty_path": False,
}
_DECORATORS: Final = (
    *("validators", "field_validators", "root_validators", "model_validators"),
    *("field_serializers", "model_serializers", "computed_fields"),
)


def has_structure(kind: Any) -> bool:
    """Whether a class is described by its parts, so that another class of the same parts is described alike."""
    if issubclass(kind, enum.Enum):
        return False
    is_data = is_model_class(kind) or dataclasses.is_dataclass(kind) or is_typed_dict(kind) or is_named_tuple(kind)
    return is_data or (is_protocol(kind) and kind.__module__.partition(".")[0] not in _STANDARD)


def structure(kind: Any, args: Args, describe: Describe) -> Descriptor:
    """A class that has structure: its kind, its bare name, its fields or members, and what else decides on values."""
    if is_model_class(kind):
        return _model(kind, describe)
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, args, describe)
    if is_typed_dict(kind):
        return _typed_dict(kind, args, describe)
    if is_named_tuple(kind):
        return _named_tuple(kind, args, describe)
    return _protocol(kind, args, describe)


def name_of(kind: Any) -> str:
    """The bare name of a class, that of its origin for a model with type arguments."""
    made_from = getattr(kind, "__pydantic_generic_metadata__", None)
    origin: Any = cast("dict[str, Any]", made_from)["origin"] if isinstance(made_from, dict) else None
    return str((origin or kind).__qualname__).rpartition(".")[2]


# ------------------------------------------------------------------ pydantic


def _model(kind: Any, describe: Describe) -> Descriptor:
    if not kind.__pydantic_complete__:
        # pydantic does so itself at the first use; the description may not depend on whether that has been.
        kind.model_rebuild(raise_errors=False, _types_namespace={})
    fields = [_pydantic_field(name, one, {}, describe) for name, one in sorted(kind.__pydantic_fields__.items())]
    found: Descriptor = {"kind": "model", "name": name_of(kind), "fields": fields}
    if kind.__pydantic_root_model__:
        found["kind"] = "root_model"
    else:
        found["extra"] = kind.model_config.get("extra") or "ignore"
    extras = _extras(kind) if found.get("extra") == "allow" else _EMPTY
    found |= {} if extras is _EMPTY else {"extras": describe(extras)}
    return found | _configured(kind.model_config) | _unread(kind)


def _extras(kind: Any) -> Any:
    """The type of the extra fields, where a model has given one."""
    name = "__pydantic_extra__"
    owner = next(one for one in kind.__mro__ if name in inspect.get_annotations(one))
    return _EMPTY if _is_library(owner.__module__) else _hints(owner, None).get(name, _EMPTY)


def _is_library(module: str) -> bool:
    return module.partition(".")[0] in ("pydantic", "pydantic_settings", "dataclasses", "builtins", "")


def _pydantic_field(name: str, field: Any, variables: dict[Any, Any], describe: Describe) -> Descriptor:
    of = marked(describe(fill_in(field.annotation, variables)), field.metadata)
    return _field(name, of, _EMPTY if field.is_required() else default_of(field), field_facts(field))


def _field(name: str, of: Descriptor, default: Any, facts: Descriptor) -> Descriptor:
    held = {} if default is _EMPTY else {"default": default}
    return {"name": name, "type": of, "required": default is _EMPTY, **held, **facts}


def _configured(config: Any) -> Descriptor:
    """The settings that decide on values, but for those that only say what holds anyway."""
    said = dict(config or {})
    if said.pop("populate_by_name", False):
        said["validate_by_name"] = True
    own = {name: said[name] for name in _SETTINGS if name in said and said[name] != _SETTINGS[name]}
    return {"config": {name: told(value) or "made" for name, value in own.items()}} if own else {}


def _unread(kind: Any) -> Descriptor:
    """Functions of a class that check, change or show values, by their names."""
    decorators = kind.__pydantic_decorators__
    found = [
        f"{rule.removesuffix('s')} {name}{_said(one.info)}"
        for rule in _DECORATORS
        for name, one in getattr(decorators, rule, {}).items()
    ]
    methods = ("__init__", "model_post_init", "__post_init__", "__get_pydantic_core_schema__")
    for name in methods:
        function: Any = getattr(kind, name, None)
        module = str(getattr(inspect.unwrap(getattr(function, "__func__", function)), "__module__", ""))
        if function is not None and not _is_library(module) and not _is_made_init(kind, name):
            found.append(name)
    return {"unread": found} if found else {}


def _said(info: Any) -> str:
    fields, mode = getattr(info, "fields", ()), getattr(info, "mode", "")
    return "".join([f" {mode}" if mode else "", f" of {', '.join(sorted(fields))}" if fields else ""])


def _is_made_init(kind: Any, name: str) -> bool:
    """Whether it is the `__init__` that the dataclass decorator has written, in the name of the class's module."""
    return name == "__init__" and dataclasses.is_dataclass(kind)


# ------------------------------------------------------------------ Python's own


def _dataclass(kind: Any, args: Args, describe: Describe) -> Descriptor:
    found: Descriptor = {"kind": "dataclass", "name": name_of(kind)}
    if kind.__dataclass_params__.frozen:
        found["frozen"] = True
    if "__pydantic_fields__" not in kind.__dict__:
        hints = _hints(kind, args)
        own = [_plain_field(one, hints, describe) for one in kind.__dataclass_fields__.values() if _is_field(one)]
        made = [name for name in ("__post_init__",) if hasattr(kind, name)]
        return (
            found
            | {"fields": own}
            | _configured(getattr(kind, "__pydantic_config__", None))
            | ({"unread": made} if made else {})
        )
    if not kind.__pydantic_complete__:
        from pydantic.dataclasses import rebuild_dataclass  # already loaded, for it has made the class

        rebuild_dataclass(kind, raise_errors=False, _types_namespace={})
    parameters: tuple[Any, ...] = getattr(kind, "__parameters__", ())
    variables = dict(zip(parameters, args or (Any,) * len(parameters), strict=False))
    fields = [_pydantic_field(name, one, variables, describe) for name, one in kind.__pydantic_fields__.items()]
    config = kind.__pydantic_config__
    extra = config.get("extra") or "ignore"
    return found | {"fields": fields, "extra": extra} | _configured(config) | _unread(kind)


def _is_field(field: Any) -> bool:
    return bool(field._field_type.name != "_FIELD_CLASSVAR")


def _plain_field(field: Any, hints: dict[str, Any], describe: Describe) -> Descriptor:
    has_factory = field.default_factory is not dataclasses.MISSING
    default = _EMPTY if field.default is dataclasses.MISSING and not has_factory else default_of(field)
    facts = {
        **({} if field.init else {"init": False}),
        **({"kw_only": True} if field.kw_only is True else {}),
        **({"init_var": True} if field._field_type.name == "_FIELD_INITVAR" else {}),
    }
    return _field(field.name, describe(hints.get(field.name, field.type)), default, facts)


def _hints(kind: Any, args: Args) -> dict[str, Any]:
    """The types of the fields; as they are written where a name in them cannot be resolved."""
    try:
        return hints_of(kind, args)
    except Exception:  # noqa: BLE001 - evaluating an annotation runs the author's expression
        return {name: one for owner in reversed(kind.__mro__) for name, one in inspect.get_annotations(owner).items()}


def _typed_dict(kind: Any, args: Args, describe: Describe) -> Descriptor:
    fields = [
        {
            "name": name,
            "type": describe(hint),
            "required": _requires(kind, name, hint),
            **({"read_only": True} if name in getattr(kind, "__readonly_keys__", ()) else {}),
        }
        for name, hint in sorted(_hints(kind, args).items())
    ]
    config: dict[str, Any] = getattr(kind, "__pydantic_config__", None) or {}
    found: Descriptor = {"kind": "typed_dict", "name": name_of(kind), "fields": fields} | _configured(config)
    if config.get("extra"):
        found["extra"] = config["extra"]
    if getattr(kind, "__closed__", None):
        found["extra"] = "forbid"
    return found


def _named_tuple(kind: Any, args: Args, describe: Describe) -> Descriptor:
    hints, defaults = _hints(kind, args), kind._field_defaults
    fields = [
        _field(
            name,
            describe(hints.get(name, Any)),
            (told(defaults[name]) or "made") if name in defaults else _EMPTY,
            {},
        )
        for name in kind._fields
    ]
    return {"kind": "named_tuple", "name": name_of(kind), "fields": fields}


# ------------------------------------------------------------------ protocols


def _protocol(kind: Any, args: Args, describe: Describe) -> Descriptor:
    hints = _hints(kind, args)
    members = [{"name": name, **_member(kind, args, name, hints, describe)} for name in _members(kind)]
    return {"kind": "protocol", "name": name_of(kind), "members": members}


def _member(kind: Any, args: Args, name: str, hints: dict[str, Any], describe: Describe) -> Descriptor:
    member = inspect.getattr_static(kind, name, None)
    if name in hints:
        return {"type": describe(hints[name])}
    if isinstance(member, property) and member.fget is not None:
        result = hints_of(kind, args, member.fget).get("return", Any)
        return {"type": describe(result), "read_only": member.fset is None}
    if not inspect.isroutine(member):
        return {"type": describe(Any)}
    parameters, result = _as_called((kind, args, hints), member)
    is_async = {"async": True} if inspect.iscoroutinefunction(member) else {}
    return {"parameters": [_parameter(one, describe) for one in parameters], "result": describe(result), **is_async}


def _as_called(owner: tuple[Any, Args, dict[str, Any]], method: Any) -> tuple[list[inspect.Parameter], Any]:
    """The parameters behind `self` and the result; as they are written where a name in them cannot be resolved."""
    try:
        return _signature(owner, method)
    except Exception:  # noqa: BLE001 - as in _hints
        written = inspect.signature(getattr(method, "__func__", method))
        behind = 0 if isinstance(method, staticmethod) else 1
        return list(written.parameters.values())[behind:], written.return_annotation


def _parameter(parameter: inspect.Parameter, describe: Describe) -> Descriptor:
    default = parameter.default
    told_default = _EMPTY if default is _EMPTY else told(default) or "made"
    how = {"passed": parameter.kind.name.lower()}
    return _field(parameter.name, describe(parameter.annotation), told_default, how)
