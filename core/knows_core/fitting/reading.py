"""An annotation taken apart: aliases opened, metadata sorted, the type itself bare; and in words for people."""

from __future__ import annotations

import enum
import inspect
import sys
import types
import typing
from collections import abc
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, ForwardRef, Literal, TypeVar, Union, cast

from knows_core.fitting.bounds import Metadata, sort_metadata

if TYPE_CHECKING:
    from collections.abc import Iterable

ANYTHING: Final = Any
NOTHING: Final = typing.Never
UNION: Final = Union
LITERAL: Final = Literal
CALLABLE: Final[Any] = abc.Callable
NOT_A_VALUE: Final = inspect.Parameter.empty
_SPECIAL: Final[tuple[tuple[Any, Any], ...]] = (
    (None, type(None)),
    (Any, ANYTHING),
    (object, ANYTHING),
    (NOT_A_VALUE, ANYTHING),
    (typing.Never, NOTHING),
    (typing.NoReturn, NOTHING),
)
_QUALIFIERS: Final = ("Required", "NotRequired", "ReadOnly")
_MOST_LAYERS: Final = 50  # of aliases and metadata around one type
_DEEPEST_SHOWN: Final = 6
_NONE: Final = Metadata()


@dataclass(frozen=True, slots=True)
class Reading:
    """What an annotation means.

    `core` is a class, a NewType, or one of ANYTHING, NOTHING, UNION, LITERAL; `args` is None where a class stands bare.
    `names` are the NewTypes that a produced value carries; `value` is the one value of a literal; `opaque` says why the
    annotation cannot be compared at all; `written` is the annotation itself.
    """

    core: Any
    args: tuple[Any, ...] | None = None
    metadata: Metadata = _NONE
    names: tuple[Any, ...] = ()
    value: Any = NOT_A_VALUE
    opaque: str = ""
    written: Any = NOT_A_VALUE

    @property
    def words(self) -> str:
        """The annotation, or the literal value, for a sentence."""
        return words(self.written) if self.value is NOT_A_VALUE else shown(self.value)

    def member(self, annotation: Any) -> Reading:
        """One member of this produced union, under the metadata and names of the whole."""
        one = read(annotation, produced=True)
        return replace(one, metadata=self.metadata.beside(one.metadata), names=self.names + one.names)


def read(annotation: Any, *, produced: bool) -> Reading:
    """Take an annotation apart. A consumer's NewType stays as it is, for only its own values may enter."""
    if _is_plain_class(annotation):
        return Reading(annotation, written=annotation)  # most annotations, spared the search below
    metadata, names, written = _NONE, list[Any](), annotation
    for _ in range(_MOST_LAYERS):
        origin = typing.get_origin(annotation)
        if origin is typing.Annotated:
            for one in annotation.__metadata__:
                metadata = metadata.beside(sort_metadata(one))
            annotation = annotation.__origin__
        elif is_alias(annotation) or is_alias(origin):
            annotation = _open_alias(annotation)
        elif getattr(origin, "_name", "") in _QUALIFIERS:
            annotation = typing.get_args(annotation)[0]
        elif produced and is_new_type(annotation):
            names.append(annotation)
            annotation = annotation.__supertype__
        else:
            break
    bare = _bare(annotation, produced=produced)
    if metadata.changing and not bare.opaque:
        bare = replace(bare, opaque=f"{', '.join(metadata.changing)} may change or widen it")
    return replace(bare, metadata=metadata, names=tuple(names), written=written)


def _is_plain_class(annotation: Any) -> bool:
    return isinstance(annotation, type) and annotation not in (Any, object, NOT_A_VALUE)


def is_new_type(annotation: Any) -> bool:
    """Whether it was made by NewType."""
    return hasattr(annotation, "__supertype__") and not isinstance(annotation, type)


def is_alias(annotation: Any) -> bool:
    """Whether it is a `type X = ...`, of typing or of typing_extensions."""
    return type(annotation).__name__ == "TypeAliasType"


def _bare(annotation: Any, *, produced: bool) -> Reading:
    meaning = next((core for special, core in _SPECIAL if annotation is special), None)
    if meaning is not None:
        return Reading(meaning)
    if isinstance(annotation, TypeVar):
        return _type_variable(annotation, produced=produced)
    origin = typing.get_origin(annotation)
    if origin is Union or origin is types.UnionType:
        return Reading(UNION, typing.get_args(annotation))
    if origin is Literal:
        return Reading(LITERAL, typing.get_args(annotation))
    if isinstance(origin, type):
        return Reading(origin, typing.get_args(annotation) if hasattr(annotation, "__args__") else None)
    if isinstance(annotation, type) or is_new_type(annotation):
        return Reading(annotation)
    if annotation is typing.LiteralString and produced:
        return Reading(str)
    if isinstance(annotation, (str, ForwardRef)):
        return Reading(NOTHING, opaque=f"{words(annotation)} is only a text")
    return Reading(NOTHING, opaque=f"{words(annotation)} is not understood")


def _type_variable(variable: TypeVar, *, produced: bool) -> Reading:
    has_default = getattr(variable, "has_default", None)
    limited = variable.__bound__ is not None or variable.__constraints__ or (has_default is not None and has_default())
    if produced or limited:
        return Reading(NOTHING, opaque=f"{variable} is a type variable")
    return Reading(ANYTHING)


def _open_alias(annotation: Any) -> Any:
    alias = annotation if is_alias(annotation) else typing.get_origin(annotation)
    # An alias may name itself in quotes; the public way to resolve quotes is as somebody's annotation.
    holder: Any = types.SimpleNamespace(__annotations__={"value": alias.__value__})
    names = dict(vars(sys.modules.get(alias.__module__, holder)))
    hints = typing.get_type_hints(holder, names, {alias.__name__: alias}, include_extras=True)
    return fill_in(hints["value"], dict(zip(alias.__type_params__, typing.get_args(annotation), strict=False)))


def fill_in(annotation: Any, variables: dict[Any, Any]) -> Any:
    """The annotation with its type variables replaced."""
    if isinstance(annotation, TypeVar):
        return variables.get(annotation, annotation)
    parameters: tuple[Any, ...] = () if isinstance(annotation, type) else getattr(annotation, "__parameters__", ())
    if not variables or not parameters:
        return annotation
    generic: Any = annotation
    return generic[tuple(variables.get(one, one) for one in parameters)]


def hints_of(owner: Any, args: tuple[Any, ...] | None = None, function: Any = None) -> dict[str, Any]:
    """The resolved annotations of a class's fields, or of its method, with the arguments of a generic one filled in.

    A variable that stays open belongs to a base class; a text in its place says that it is not known.
    """
    own: tuple[Any, ...] = getattr(owner, "__parameters__", ())
    variables: dict[Any, Any] = dict(zip(own, args or (Any,) * len(own), strict=False))
    hints = typing.get_type_hints(owner if function is None else function, include_extras=True)
    for one in hints.values():
        open_ = {one} if isinstance(one, TypeVar) else getattr(one, "__parameters__", ())
        variables |= {variable: str(variable) for variable in open_ if variable not in variables}
    return {name: fill_in(one, variables) for name, one in hints.items()}


def is_typed_dict(kind: Any) -> bool:
    """Whether a class is a TypedDict, of typing or of typing_extensions."""
    return dict in getattr(kind, "__mro__", ()) and hasattr(kind, "__required_keys__")


def words(annotation: Any, depth: int = 0) -> str:
    """An annotation as a person would write it, without modules; what is very deep inside is left out."""
    if depth > _DEEPEST_SHOWN or annotation is Ellipsis:
        return "..."
    if annotation is None or annotation is type(None):
        return "None"
    if annotation is NOT_A_VALUE:
        return "anything"
    if isinstance(annotation, list):  # the parameters of a Callable
        return f"[{_listed(cast('list[Any]', annotation), depth)}]"
    args, origin = typing.get_args(annotation), typing.get_origin(annotation)
    if origin is typing.Annotated:
        found = [sort_metadata(one) for one in annotation.__metadata__]
        beside = [word for one in found for word in (*map(str, one.bounds), *one.unread, *one.changing)]
        return " with ".join([words(annotation.__origin__, depth + 1), *([", ".join(beside)] if beside else [])])
    if origin is Union or origin is types.UnionType:
        return " | ".join(words(one, depth + 1) for one in args)
    if origin is Literal:
        return f"Literal[{', '.join(map(shown, args))}]"
    name = _name(origin or annotation)
    return f"{name}[{_listed(args, depth)}]" if args else name


def shown(value: Any) -> str:
    """A value that stands in a type, as a person would write it."""
    return f"{type(value).__name__}.{value.name}" if isinstance(value, enum.Enum) else repr(value)


def _listed(annotations: Iterable[Any], depth: int) -> str:
    return ", ".join(words(one, depth + 1) for one in annotations)


def _name(annotation: Any) -> str:
    if isinstance(annotation, ForwardRef):
        return repr(annotation.__forward_arg__)
    name = getattr(annotation, "__qualname__", None) or getattr(annotation, "__name__", None) or repr(annotation)
    return name.rpartition("<locals>.")[2]


def derives(kind: Any, target: Any) -> bool:
    """Whether one class is a subclass of the other; no, for classes that refuse the question."""
    try:
        return issubclass(kind, target)
    except TypeError:
        return False


def has_own_schema(kind: Any) -> bool:
    """Whether a class tells pydantic itself how it is checked."""
    owners = [base for base in kind.__mro__ if base.__module__ != "pydantic.main"]
    return any("__get_pydantic_core_schema__" in vars(one) or "__get_validators__" in vars(one) for one in owners)


def bases_of(kind: Any, args: tuple[Any, ...] | None) -> list[tuple[Any, tuple[Any, ...] | None]]:
    """The classes that a class is derived from, each with its arguments as they are for these arguments."""
    variables = dict(zip(getattr(kind, "__parameters__", ()), args or (), strict=False))
    found: list[tuple[Any, tuple[Any, ...] | None]] = []
    own: dict[str, Any] = {**vars(kind)}
    bases: tuple[Any, ...] = own.get("__orig_bases__", kind.__bases__)
    for base in bases:
        bound = tuple(fill_in(one, variables) for one in typing.get_args(base))
        found.append((typing.get_origin(base) or base, bound or None))
    return found


def seen_as(kind: Any, args: tuple[Any, ...] | None, target: Any) -> tuple[Any, ...] | None:
    """The arguments of a generic class as a subclass of it fills them; None where nothing tells."""
    if kind is target:
        return args
    for base, bound in bases_of(kind, args):
        if derives(base, target):
            return seen_as(base, bound, target)
    return None
