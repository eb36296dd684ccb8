"""What readers of a flow ask about the types in it, answered for annotations here.

A reader never looks into a type itself. So it reads a flow whose types are mere descriptions as it reads any other.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from knows_core.fitting.reading import ANYTHING, read
from knows_core.types import fits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from knows_core.fitting.verdict import Verdict

UNKNOWN: Final = inspect.Parameter.empty


class Judgement(Protocol):
    """Answers on types of one sort. UNKNOWN, for what nobody annotated, is a type of every sort.

    Called for every hand-over and shared state key whenever a template is checked; nothing here may raise.
    """

    def fits(self, produced: Any, consumed: Any) -> Verdict:
        """Whether what is produced may be handed to a consumer of the other type."""
        ...

    def of_value(self, value: Any) -> Any:
        """The type of a value that a flow holds."""
        ...

    def item_of(self, one: Any) -> Any:
        """The type of one item of a list or tuple; UNKNOWN where it does not say."""
        ...

    def either(self, several: Iterable[Any]) -> Any:
        """The union of types; UNKNOWN where one of them is."""
        ...

    def list_of(self, item: Any) -> Any:
        """A list of items of a type."""
        ...

    def tuple_of(self, items: Iterable[Any]) -> Any:
        """A tuple with an item of each type."""
        ...


class _Annotations:
    """The judgement on annotations, as they stand in functions and classes."""

    def fits(self, produced: Any, consumed: Any) -> Verdict:
        return fits(produced, consumed)

    def of_value(self, value: Any) -> Any:
        return cast("Any", type(value))

    def item_of(self, one: Any) -> Any:
        meant = read(one, produced=True)
        args = [each for each in meant.args or () if each is not Ellipsis]
        return self.either(args) if meant.core in (list, tuple) and args else UNKNOWN

    def either(self, several: Iterable[Any]) -> Any:
        distinct: list[Any] = []
        for one in several:
            if one is UNKNOWN or read(one, produced=True).core is ANYTHING:
                return UNKNOWN
            if not any(one is other or one == other for other in distinct):
                distinct.append(type(None) if one is None else one)
        if not distinct:
            return UNKNOWN
        try:
            return functools.reduce(lambda one, other: one | other, distinct)
        except TypeError:  # a text, or an object that is no annotation
            return UNKNOWN

    def list_of(self, item: Any) -> Any:
        return list[Any if item is UNKNOWN else item]  # type: ignore[misc]

    def tuple_of(self, items: Iterable[Any]) -> Any:
        return tuple[tuple(Any if one is UNKNOWN else one for one in items)]  # type: ignore[misc]


ANNOTATIONS: Final[Judgement] = _Annotations()
