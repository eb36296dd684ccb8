"""The templates that a flow uses by name, before any is found: where they stand, and what the flow does with them."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, NamedTuple, Union, cast, get_args, get_origin

from knows_core.checking.seams import UNKNOWN, either, item_of, seams_of
from knows_core.flow import Flow, Use, made
from knows_core.linking import Linker

if TYPE_CHECKING:
    from knows_core.checking.seams import Seams
    from knows_core.flow import Step
    from knows_core.template import Definition


class NamedUse(NamedTuple):
    """A use of a template by name.

    `given` has the annotation of what comes into it, `taken` those of what is wanted of its result by whatever follows;
    both are empty where the flow does not say. What comes from another template that is used by name has, in its
    place, a class of the module `result of` that is called by the path of that use.
    """

    path: str
    node: Use[Any, Any]
    given: tuple[Any, ...]
    taken: tuple[Any, ...]


def named_uses(definition: Definition) -> list[NamedUse]:
    """Every use by name in a definition that is not linked, in order, those in the templates given to it among them."""
    holders = _Holders()
    held = holders.definition(definition)
    if not holders.places:
        return []
    seams = seams_of(held)
    return [_named_use(place, seams) for place in holders.places]


class _Place(NamedTuple):
    path: str
    node: Use[Any, Any]
    mark: type
    step: Step[Any, Any]


class _Holders(Linker):
    """Puts a step in the place of each use by name, one that takes and gives a class which is nobody else's."""

    def __init__(self) -> None:
        super().__init__(None)
        self.places: list[_Place] = []

    def flow(self, node: Flow[Any, Any], prefix: str, chain: tuple[Any, ...]) -> Flow[Any, Any]:
        """As linked, with a step where a use by name was."""
        if not isinstance(node, Use) or node.wanted is None:
            return super().flow(node, prefix, chain)
        path = prefix + node.name
        mark = type(path, (), {"__module__": "result of"})

        def holder(value: Any) -> Any:
            return value

        holder.__annotations__ = {"value": mark, "return": mark}
        step = made(holder, node.name)
        self.places.append(_Place(path, node, mark, step))
        return step


def _named_use(place: _Place, seams: Seams) -> NamedUse:
    given: list[Any] = []
    taken: list[Any] = []
    for seam in seams.seams:
        produced, consumed = seam.produced.annotation, seam.consumed.annotation
        if seam.step is place.step and produced is not place.mark:  # a repeat is given its own result again
            given.append(produced)
        elif seam.step is not place.step:
            taken += _wanted(produced, consumed, place.mark)
    is_first = any(step is place.step for step, _ in seams.entries)
    whole = UNKNOWN if is_first else either(given)
    wanted = tuple(one for one in taken if not _says_nothing(one))
    return NamedUse(place.path, place.node, () if whole is UNKNOWN else (whole,), wanted)


def _wanted(produced: Any, consumed: Any, mark: type) -> list[Any]:
    """What stands in a consumed annotation where the mark stands in the produced one."""
    if produced is mark:
        return [consumed]
    origin, parts = get_origin(produced), get_args(produced)
    if origin in (Union, types.UnionType):
        return [one for part in parts for one in _wanted(part, consumed, mark)]
    if origin is list:
        return _wanted(parts[0], item_of(consumed), mark)
    if origin is tuple:
        theirs = get_args(consumed)
        is_aligned = get_origin(consumed) is tuple and len(theirs) == len(parts) and ... not in theirs
        items = theirs if is_aligned else (item_of(consumed),) * len(parts)
        return [one for part, item in zip(parts, items, strict=True) for one in _wanted(part, item, mark)]
    return []


def _says_nothing(annotation: Any) -> bool:
    is_mark = isinstance(annotation, type) and cast("Any", annotation).__module__ == "result of"
    return is_mark or either([annotation]) is UNKNOWN
