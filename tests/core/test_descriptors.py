"""An annotation as data: equal where the meaning is equal, different where it is not, and never in the way."""

# ruff: noqa: UP006, UP007, UP045 - old spellings are part of it

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import typing
from collections import abc
from typing import Annotated, Any, Literal, Optional, TypeVar, Union

import pytest
from annotated_types import Ge, Gt, Interval, Le, Len, Lt, MaxLen, MinLen
from pydantic import BaseModel, Field, StringConstraints
from typing_extensions import Doc, TypeAliasType

from knows_core.contract import digest_of
from knows_core.describing.descriptors import described, described_together
from tests.core.described_types import ANNOTATIONS, Alarm, Box, Node, Owner, Pair, Positive, Tree

T = TypeVar("T")
LATER: Any = "Below | None"
PAIR: Any = (int, "str")
Below: Any = TypeAliasType("Below", Annotated[Positive, Lt(9)])
Wide: Any = TypeAliasType("Wide", int | str)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Optional[int], int | None),
        (Union[None, str, int], int | str | None),
        (Union[int, Union[str, bytes]], str | bytes | int),
        (Wide | None, None | str | int),
        (Optional[Literal["a"]], Literal[None, "a"]),  # noqa: PYI061
        (Literal["b", "a"], Literal["a", "b", "a"]),  # noqa: PYI062
        (typing.List[int], list[int]),
        (typing.Dict[str, int], dict[str, int]),
        (typing.Sequence[int], abc.Sequence[int]),
        (typing.Callable[[int], str], abc.Callable[[int], str]),
        (list, list[Any]),
        (tuple, tuple[Any, ...]),
        (dict[str, object], dict[str, Any]),
        (abc.Callable, abc.Callable[..., Any]),
        (Pair, Pair[Any]),
        (None, type(None)),
        (typing.NoReturn, typing.Never),
        (Positive, Annotated[int, Gt(0)]),
        (Below, Annotated[int, Lt(9), Gt(0)]),
        (Annotated[int, Gt(0), Le(9)], Annotated[int, Interval(gt=0, le=9)]),
        (Annotated[int, Field(gt=0)], Annotated[int, Gt(0)]),
        (Annotated[list[int], MinLen(1), MaxLen(2)], Annotated[list[int], Len(1, 2)]),
        (
            Annotated[str, Field(pattern="a", max_length=3)],
            Annotated[str, StringConstraints(max_length=3, pattern="a")],
        ),
        (Annotated[str, Field(pattern=re.compile("a"))], Annotated[str, Field(pattern="a")]),
        (typing.LiteralString, str),
    ],
)
def test_equal_spellings_give_one_description(one, other):
    """Old and new spellings, the order of a union, aliases and a bare generic are no difference."""
    assert described(one) == described(other)
    assert digest_of(described(one)) == digest_of(described(other))


def test_kinds_are_told_apart():
    """No two of the types of the table that mean something else have one description."""
    of: dict[str, list[str]] = {}
    for name, one in ANNOTATIONS.items():
        of.setdefault(json.dumps(described(one)), []).append(name)
    assert len(of) > 60
    assert [names for names in of.values() if len(names) > 1] == [["plain float", "doc"], ["predicate", "lower case"]]
    assert json.dumps(described(Literal[1])) != json.dumps(described(Literal[True]))
    assert described(Annotated[int | str, Field(union_mode="left_to_right")]) != described(
        Annotated[str | int, Field(union_mode="left_to_right")]
    )


def test_a_model_reads_like_this():
    """A class with fields stands in `definitions`, under its bare name."""

    class Reading(BaseModel):
        """Words."""

        value: Annotated[float, Ge(0)] = Field(1.5, description="more words")
        unit: str | None

    fields = [
        {"name": "unit", "type": {"kind": "union", "of": [{"kind": "none"}, {"kind": "str"}]}, "required": True},
        {
            "name": "value",
            "type": {"kind": "float", "bounds": [["ge", 0]]},
            "required": False,
            "default": {"type": "float", "value": 1.5},
        },
    ]
    model = {"kind": "model", "name": "Reading", "fields": fields, "extra": "ignore"}
    assert described(Reading) == {"ref": "Reading", "definitions": {"Reading": model}}


@pytest.mark.parametrize("name", ANNOTATIONS)
def test_a_description_is_json_without_addresses(name):
    """A description survives a round trip through JSON, and nothing in it belongs to one process."""
    found = described(ANNOTATIONS[name])
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert not re.search(r"0x[0-9a-f]{6}| at 0x|object at", json.dumps(found))


def test_recursion_ends_in_references():
    """A class or alias that refers to itself, directly or around a corner, is defined once."""
    tree = {"kind": "union", "of": [{"kind": "list", "args": [{"ref": "Tree"}]}, {"kind": "int"}]}
    assert described(Tree) == {"ref": "Tree", "definitions": {"Tree": {"kind": "alias", "name": "Tree", "of": tree}}}
    assert set(described(Node)["definitions"]) == {"Node", "Owner", "Box"}
    assert described(Node)["definitions"] == described(Owner)["definitions"]
    found = described_together({"node": Node, "owner": list[Owner]})
    assert found.types == {"node": {"ref": "Node"}, "owner": {"kind": "list", "args": [{"ref": "Owner"}]}}
    assert found.definitions == described(Node)["definitions"]


def models(prefix):
    """Three classes of one name, two of them of one structure."""
    kinds = []
    for annotation in (int, str, int):

        class Item(BaseModel):
            value: annotation  # type: ignore[valid-type]

        kinds.append(Item)
    return {f"{prefix}{number}": kind for number, kind in enumerate(kinds)}


def test_classes_of_one_name_are_told_apart_by_their_structure():
    """Two classes of one name and structure share a definition; others are numbered, wherever they are met first."""
    first, second, third = models("").values()
    assert described(first | second) == described(second | third)
    assert described(first | third) == described(first)
    assert set(described(first | second)["definitions"]) == {"Item", "Item#2"}
    assert described(tuple[Box[int], Box[str]]) != described(tuple[Box[str], Box[int]])
    around = described(tuple[Box[first], Box[second], Box[third]])  # type: ignore[valid-type]
    assert len(around["definitions"]) == 4
    assert around["args"][0] == around["args"][2] != around["args"][1]


def test_a_description_does_not_depend_on_the_hash_seed():
    """Two processes with other hash seeds print the same text."""
    script = (
        "import json; from knows_core.describing.descriptors import described;"
        "from tests.core.described_types import ANNOTATIONS;"
        "print(json.dumps([described(one) for one in ANNOTATIONS.values()]))"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1
    assert json.loads(texts.pop()) == [described(one) for one in ANNOTATIONS.values()]


def test_describing_needs_no_pydantic():
    """Plain annotations and dataclasses are described without the library being loaded."""
    script = (
        "import sys, dataclasses; from knows_core.describing.descriptors import described\n"
        "@dataclasses.dataclass\nclass A:\n    x: int = 1\n"
        "assert described(list[A])['definitions']; assert not {'pydantic', 'pydantic_core'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_documentation_marks_are_no_part_of_a_type():
    """`Doc` and the texts of a field say nothing about values; another word beside a type might."""
    assert described(Annotated[int, Doc("words")]) == described(int)
    assert described(Annotated[int, Field(title="t", description="d", examples=[1], deprecated=True)]) == described(int)
    assert described(Annotated[int, "bar"]) == {"kind": "int", "unread": ['"bar"']}
    assert described(Alarm) != described(Annotated[Alarm, "bar"])
