"""Which parts of a described type and of its successor correspond, so that each is compared with its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from knows_registry.contracts.described import STRUCTURES, read

if TYPE_CHECKING:
    from knows_registry.contracts.described import Reading, Typed

Pair = tuple["Typed", "Typed"]

_ITEM_PLACES: Final = {
    **dict.fromkeys(("dict", "ordereddict", "defaultdict", "abc.Mapping", "abc.MutableMapping"), ("{key}", "{}")),
    **dict.fromkeys(("list", "set", "frozenset", "deque", "counter"), ("[]",)),
    **dict.fromkeys(("abc.Sequence", "abc.MutableSequence", "abc.Set", "abc.MutableSet"), ("[]",)),
    **dict.fromkeys(("abc.Collection", "abc.Iterable", "abc.Container", "abc.Reversible"), ("[]",)),
}


def is_one_class(was: Reading, now: Reading) -> bool:
    """Whether two classes with parts are two versions of one: of one kind and name."""
    return was.kind in STRUCTURES and was.body.of["name"] == now.body.of["name"]


def have_values(was: Reading, now: Reading) -> bool:
    """Whether both are literals, or two versions of one enum."""
    return was.kind == "literal" or (was.kind == "enum" and was.body.of["class"] == now.body.of["class"])


def places(was: Reading, now: Reading) -> list[tuple[str, Typed, Typed]] | None:
    """The parts of two containers of one kind, with their places; None for all else."""
    old, new = was.body, now.body
    if was.kind != now.kind:
        return None
    if was.kind == "tuple" and "each" in old.of and "each" in new.of:
        return [("[]", old.part(old.of["each"]), new.part(new.of["each"]))]
    if was.kind == "tuple" and ("each" in old.of or "each" in new.of or len(was.args) != len(now.args)):
        return None
    names = [f"[{number}]" for number in range(len(was.args))] if was.kind == "tuple" else _ITEM_PLACES.get(was.kind)
    return None if names is None else list(zip(names, was.args, now.args, strict=False))


def paired(before: list[Typed], after: list[Typed]) -> tuple[list[Pair], list[Typed], list[Typed]]:
    """Members that correspond: equal ones, and the only ones of a kind and name on both sides; and the rest of both."""
    pairs: list[Pair] = []
    for key in (_text_of, _sort_of):
        taken: list[Pair] = []
        for one in before:
            mine = [other for other in before if key(other) == key(one)]
            theirs = [other for other in after if key(other) == key(one)]
            if len(mine) == len(theirs) == 1:
                taken.append((one, theirs[0]))
        pairs += taken
        before = [one for one in before if not any(one is mine for mine, _ in taken)]
        after = [one for one in after if not any(one is theirs for _, theirs in taken)]
    return pairs, before, after


def _text_of(typed: Typed) -> str:
    return typed.text


def _sort_of(typed: Typed) -> str:
    reading = read(typed, produced=False)
    of = reading.body.of
    return f"{reading.kind} {of.get('name', '')} {of.get('class', '')}"
