"""Descriptions of types taken apart and put into words; see `knows_core.describing.descriptors` for what they are.

A description may refer to classes by name, so that it always goes along with the definitions of its contract.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

Descriptor = dict[str, Any]  # JSON values
Marks = tuple[tuple[str, Any], ...]

STRUCTURES: Final = ("model", "root_model", "dataclass", "typed_dict", "named_tuple", "protocol")
UNREADABLE: Final = ("text", "special", "unread", "too_deep", "unpack", "concatenate", "typeguard", "typeis")
_MOST_LAYERS: Final = 50
_DEEPEST_SHOWN: Final = 6
_COMPARED: Final = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_LENGTHS: Final = {"min_length": "length >=", "max_length": "length <="}


class Typed(NamedTuple):
    """A description and the definitions that its references mean."""

    of: Mapping[str, Any]
    definitions: Mapping[str, Any]

    def __repr__(self) -> str:
        return words(self)  # so that it stands in a sentence as an annotation does

    def part(self, of: Mapping[str, Any]) -> Typed:
        """Another description under the same definitions."""
        return Typed(of, self.definitions)

    @property
    def text(self) -> str:
        """The canonical text, by which two are told apart."""
        return json.dumps(self.of, separators=(",", ":"), sort_keys=True)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a description means: references followed, what stands beside the type gathered.

    `bounds` are rules with their limits; `unread` is what nothing understands; `names` are the NewTypes that a produced
    value carries; `value` is the one value of a literal; `opaque` says why it cannot be compared at all.
    """

    kind: str
    body: Typed
    bounds: Marks = ()
    unread: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    value: Mapping[str, Any] | None = None
    opaque: str = ""

    @property
    def lineage(self) -> list[str]:
        """Which class it is, and then those that it derives from, the nearest first; empty where nobody tells."""
        found: list[str] = self.body.of.get("lineage", [])
        return found

    @property
    def args(self) -> list[Typed]:
        """The type arguments; the members of a union."""
        found: list[Descriptor] = self.body.of.get("of" if self.kind in ("union", "all_of") else "args", [])
        return [self.body.part(one) for one in found]

    @property
    def fields(self) -> dict[str, Descriptor]:
        """The fields of a class by name, in their order."""
        return {one["name"]: one for one in self.body.of.get("fields", ())}

    def type_of(self, field: str) -> Typed:
        """The type of a field."""
        return self.body.part(self.fields[field]["type"])

    @property
    def is_marked(self) -> bool:
        """Whether anything stands beside the type."""
        return bool(self.bounds or self.unread)

    def beside(self, outer: Reading) -> Reading:
        """The same under the marks and names of what it is a member of."""
        return replace(
            self,
            bounds=outer.bounds + self.bounds,
            unread=outer.unread + self.unread,
            names=outer.names + self.names,
        )


def read(typed: Typed, *, produced: bool) -> Reading:
    """Take a description apart. A consumer's NewType stays as it is, for only its own values may enter."""
    typed = opened(typed)
    bounds: list[tuple[str, Any]] = []
    unread: list[str] = []
    names: list[str] = []
    layer: Descriptor = dict(typed.of)
    for _ in range(_MOST_LAYERS):
        bounds += _bounds(layer)
        unread += _unread(layer)
        inner = _inner(layer, typed.definitions, names if produced else None)
        if inner is None:
            break
        layer = inner
    else:
        layer = {"kind": "too_deep"}
    kind = str(layer.get("kind", "unread"))
    opaque = f"{words(typed)} is not understood" if kind in UNREADABLE else ""
    if kind == "variable":
        is_free = not produced and not layer.keys() & {"bound", "constraints", "otherwise", "sort"}
        kind, opaque = ("any", "") if is_free else (kind, f"{layer['name']} is a type variable")
    return Reading(kind, typed.part(_bare(layer)), tuple(bounds), tuple(unread), tuple(names), opaque=opaque)


def _inner(layer: Descriptor, definitions: Mapping[str, Any], names: list[str] | None) -> Descriptor | None:
    """What stands behind a reference, an alias, or a NewType where `names` gathers those; None where nothing does."""
    if "ref" in layer:
        found: Descriptor = definitions.get(layer["ref"], {"kind": "unread", "name": layer["ref"]})
        return found
    is_new_type = layer.get("kind") == "newtype" and names is not None
    if is_new_type and names is not None:
        names.append(layer["class"])
    inner: Descriptor | None = layer["of"] if is_new_type or layer.get("kind") == "alias" else None
    return inner


def _bounds(layer: Descriptor) -> list[tuple[str, Any]]:
    return [(str(rule), limit) for rule, limit in layer.get("bounds", ())]


def _unread(layer: Descriptor) -> list[str]:
    """What nobody understands of a layer; in a class with structure, those are its functions."""
    own: list[str] = [] if layer.get("kind") in STRUCTURES else layer.get("unread", [])
    return [*own, *(f"a Field that sets {name}" for name in layer.get("field", ()))]


def opened(typed: Typed) -> Typed:
    """A description that brings its definitions along, as `described` makes it, taken apart."""
    if "definitions" not in typed.of:
        return typed
    return Typed({name: one for name, one in typed.of.items() if name != "definitions"}, typed.of["definitions"])


def _bare(of: Mapping[str, Any]) -> Mapping[str, Any]:
    marks = ("bounds", "field") if of.get("kind") in STRUCTURES else ("bounds", "field", "unread")
    return {name: one for name, one in of.items() if name not in marks} if of.keys() & set(marks) else of


def single(reading: Reading, value: Mapping[str, Any]) -> Reading:
    """One value of a literal, or of a type that has only few, as a type of its own."""
    kind = str(value["type"])
    if ":" not in kind:
        return replace(reading, kind=kind, body=reading.body.part({"kind": kind}), value=value)
    body = reading.body.part({"kind": "member", "class": kind})
    return replace(reading, kind="member", body=body, value=value)


# ------------------------------------------------------------------ words


def words(typed: Typed, depth: int = 0) -> str:
    """A description as a person would write the type; what is very deep inside is left out."""
    of = typed.of
    if depth > _DEEPEST_SHOWN:
        return "..."
    said = [*(bound_words(rule, limit) for rule, limit in of.get("bounds", ()))]
    if of.get("kind") not in STRUCTURES:
        said += of.get("unread", ())
    plain = _plain_words(typed, depth)
    return f"{plain} with {', '.join(said)}" if said else plain


def _plain_words(typed: Typed, depth: int) -> str:
    of = typed.of
    kind = str(of.get("kind", ""))
    if "ref" in of:
        return str(of["ref"])
    if kind == "union":
        members = sorted(of["of"], key=lambda one: one.get("kind") == "none")
        return " | ".join(words(typed.part(one), depth + 1) for one in members)
    if kind == "literal":
        return f"Literal[{', '.join(map(value_words, of['values']))}]"
    if kind == "callable":
        return "Callable"
    name = _NAMES.get(kind) or of.get("name") or str(of.get("class", kind.removeprefix("abc."))).rpartition(":")[2]
    args = [words(typed.part(one), depth + 1) for one in of.get("args", ())]
    if "each" in of:
        args = [words(typed.part(of["each"]), depth + 1), "..."]
    is_bare = all(one == "anything" for one in args) and kind != "tuple"
    return str(name) if is_bare else f"{name}[{', '.join(args)}]"


_NAMES: Final = {"none": "None", "any": "anything", "never": "nothing", "decimal": "Decimal", "uuid": "UUID"}


def value_words(value: Mapping[str, Any]) -> str:
    """A literal value or a member of an enum as a person would write it."""
    kind = str(value["type"])
    return f"{kind.rpartition(':')[2]}.{value['value']}" if ":" in kind else repr(value["value"])


def bound_words(rule: str, limit: Any) -> str:
    """A bound as a person would write it."""
    shown = cast("Descriptor", limit).get("value") if isinstance(limit, dict) else limit
    if rule == "multiple_of":
        return f"a multiple of {shown!r}"
    sign = _COMPARED.get(rule) or _LENGTHS.get(rule)
    return f"{sign} {shown!r}" if sign else f"{rule} {shown!r}"
