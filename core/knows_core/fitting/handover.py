"""What a value is checked for when a run hands it over, or a step gives it back: pydantic's strict check.

A value of exactly the declared class passes by a look at its class. The rest costs the import of pydantic, at the first
value that needs it. What is rejected is never shown: it may be a secret.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections import abc
from typing import TYPE_CHECKING, Any, Final, cast

from knows_core.errors.flow import SeamMismatch
from knows_core.fitting.reading import ANYTHING, UNION, derives, is_typed_dict, read, words
from knows_core.values.traits import is_model_class

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_ANYTHING: Final = (inspect.Parameter.empty, Any, object)
# Only iterating would tell what is in it, and would use it up.
_USED_UP: Final = (abc.Iterator, abc.Generator, abc.AsyncIterable, abc.Awaitable, abc.Iterable)
_LAZY: Final = "pydantic_core"


def check_of(annotation: Any, what: str, converted: Sequence[Any] = ()) -> Callable[[Any, str], Any] | None:
    """A check `(value, path)` that gives a value back as it counts, or raises SeamMismatch; None where anything passes.

    `converted` are producers' annotations whose values are dumped and made anew where they do not pass as they are.
    """
    if any(annotation is one for one in _ANYTHING) or read(annotation, produced=False).core is ANYTHING:
        return None
    return _Check(annotation, what, tuple(converted))


class _Check:
    """The check for one annotation."""

    __slots__ = ("_adapter", "_annotation", "_converted", "_passing", "_what")

    def __init__(self, annotation: Any, what: str, converted: tuple[Any, ...]) -> None:
        self._annotation = annotation
        self._what = what
        self._converted = converted
        self._passing = _passing(annotation)
        self._adapter: Any = None

    def __call__(self, value: Any, path: str) -> Any:
        if type(value) in self._passing:
            return value
        if self._adapter is None:
            self._adapter = adapter_of(self._annotation)
        if self._adapter is False:  # pydantic has no check for it
            return value
        problems = ""
        try:
            return self._strict(value)
        except _invalid() as error:
            problems = sentences(error)
        for produced in self._converted:
            try:
                return self._strict(_dumped(produced, value))
            except _invalid() as error:
                problems = sentences(error)
        found = type(value).__qualname__
        raise SeamMismatch(
            where=f"{self._what} {path}", expected=words(self._annotation), found=found, problems=problems
        )

    def _strict(self, value: Any) -> Any:
        try:
            (checked,) = self._adapter.validate_python((value,), strict=True, by_name=True)
        except TypeError:  # a Protocol that cannot be asked about instances
            return value
        return value if type(checked).__module__.startswith(_LAZY) else checked


def _invalid() -> type[Exception]:
    from pydantic import ValidationError  # see the head of this room

    return ValidationError


@functools.lru_cache(maxsize=1024)
def _remembered(annotation: Any) -> Any:
    return _built(annotation)


def adapter_of(annotation: Any) -> Any:
    """The TypeAdapter of a tuple that holds one value of the annotation; False where pydantic has none."""
    try:
        return _remembered(annotation)
    except TypeError:  # metadata without a hash
        return _built(annotation)


def _built(annotation: Any) -> Any:
    from pydantic import ConfigDict, TypeAdapter  # see the head of this room
    from pydantic.errors import PydanticUserError

    core = read(annotation, produced=False).core
    if core in _USED_UP:
        return False
    try:
        # In a tuple, because pydantic takes no configuration beside a model or dataclass itself.
        return TypeAdapter(cast("Any", tuple)[annotation], config=ConfigDict(arbitrary_types_allowed=True))
    except (PydanticUserError, TypeError, NameError):
        return False


def _dumped(produced: Any, value: Any) -> Any:
    adapter = adapter_of(produced)
    return value if adapter is False else adapter.dump_python((value,), by_alias=False, warnings=False)[0]


def sentences(error: Any) -> str:
    """What is wrong, place by place, without what was rejected."""
    rules: Iterable[Any] = error.errors(include_input=False, include_context=False, include_url=False)
    return "; ".join(f"{'.'.join(map(str, one['loc'][1:])) or 'it'}: {one['msg']}" for one in rules)


def _passing(annotation: Any) -> frozenset[type]:
    """Classes whose own instances need no further look."""
    meant = read(annotation, produced=False)
    if meant.opaque or any(meant.metadata):
        return frozenset()
    if meant.core is UNION:
        return frozenset[type]().union(*map(_passing, meant.args or ()))
    kind: Any = meant.core
    plain = isinstance(kind, type) and not meant.args and not is_typed_dict(kind) and not derives(kind, tuple)
    has_own = plain and any(hasattr(kind, name) for name in ("__get_pydantic_core_schema__", "__get_validators__"))
    is_model = plain and is_model_class(kind)
    config = cast("dict[str, Any]", getattr(kind, "model_config", {})) if is_model else {}
    always = config.get("revalidate_instances", "never") != "never"
    if not plain or (has_own and not is_model) or always or getattr(kind, "_is_protocol", False):
        return frozenset()
    return frozenset({kind})


def awaited(annotation: Any) -> Any:
    """The annotation of what an awaitable gives; any other as it is."""
    origin = typing.get_origin(annotation)
    if origin in (abc.Awaitable, abc.Coroutine):
        return typing.get_args(annotation)[-1]
    return annotation
