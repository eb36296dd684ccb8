"""`kwf show` of a flow with every kind of node: as a tree, as a chart, as data."""

from __future__ import annotations

import re
from typing import Any

import pytest

from knows_core import case, pipeline, repeat, scope, step
from knows_core.checking.drawing import tree
from knows_core.checking.mermaid import escape, flowchart

LINE = """
from pydantic import BaseModel
from knows_core import case, each, parallel, pipeline, repeat, scope, step, use

class Lot(BaseModel):
    serial: str
    size: int = 25

@step
def start(lot: str) -> int: return 1
@step
def cool(x: int) -> float: return x / 2
@step
def heat(x: int) -> float: return x * 2.0
@step
def left(x: float) -> int: return 1
@step
def clean(x: float) -> float: return x
@step
def right(x: float) -> str: return "r"
@step
def split(both: tuple[int, str]) -> list[int]: return [1, 2]
@step
def measure(x: int) -> float: return float(x)
@step
def total(xs: list[float]) -> float: return sum(xs)
@step
def tune(x: float) -> float: return x - 1
@step
def report(x: float) -> str: return str(x)
@step
def odd(x): return x
@step
def last(x: int) -> dict[str, int]: return {}

def is_hot(x, state): return x > 3
def low(x, state): return x < 0

inner = pipeline(odd | last, name="inner", version="2.1")
flow = (
    start
    | case((is_hot, cool), heat)
    | parallel(left, clean | right)
    | split
    | each(measure, max_concurrency=2)
    | total
    | scope(repeat(tune, until=low, max_times=5), name="timed", timeout=30)
    | report
    | use(inner, alias="other", keys={"size": "count"})
)
w = pipeline(flow, name="line", version="1.0", state=Lot, summary="Makes <wafers>.")
"""
TREE = """
line@1.0.0  Makes <wafers>.
state: serial, [size]
├─ start  (str) -> int
├─ case
│  ├─ if is_hot: cool  (int) -> float
│  └─ otherwise: heat  (int) -> float
├─ parallel
│  ├─ left  (float) -> int
│  └─ branch
│     ├─ clean  (float) -> float
│     └─ right  (float) -> str
├─ split  (tuple[int, str]) -> list[int]
├─ each measure[], at most 2 side by side
│  └─ measure  (int) -> float
├─ total  (list[float]) -> float
├─ scope timed, within 30 s
│  └─ repeat tune[] until low, at most 5 times
│     └─ tune  (float) -> float
├─ report  (float) -> str
└─ other = inner@2.1.0  keys size=count
   ├─ odd
   └─ last  (int) -> dict[str, int]
      ? from other/odd: checked at run time (anything -> int: anything may come)
"""
CHART = """
flowchart TD
    n1(["line@1.0.0"])
    n2["start"]
    n3{"case"}
    n4["cool"]
    n5["heat"]
    n6{{"parallel"}}
    n7["left"]
    n8["clean"]
    n9["right"]
    n10(("all"))
    n11["split"]
    subgraph s1["each measure[], at most 2 side by side"]
        n12["measure"]
    end
    n13["total"]
    subgraph s2["scope timed, within 30 s"]
        subgraph s3["repeat tune[] until low, at most 5 times"]
            n14["tune"]
        end
    end
    n15["report"]
    subgraph s4["other = inner@2.1.0 keys size=count"]
        n16["odd"]
        n17["last"]
    end
    n18(["result: dict[str, int]"])
    n1 -->|"str"| n2
    n2 --> n3
    n3 -->|"if is_hot: int"| n4
    n3 -->|"otherwise: int"| n5
    n4 --> n6
    n5 --> n6
    n6 -->|"float"| n7
    n6 -->|"float"| n8
    n8 -->|"float"| n9
    n7 --> n10
    n9 --> n10
    n10 -->|"tuple[int, str]"| n11
    n11 -->|"int"| n12
    n12 -->|"list[float]"| n13
    n13 -->|"float"| n14
    n14 -.->|"again until low"| n14
    n14 -->|"float"| n15
    n15 -->|"str"| n16
    n16 -->|"? any to int"| n17
    n17 -->|"dict[str, int]"| n18
"""
NODE = re.compile(r'\s*(n\d+)(\["[^"]*"\]|\(\["[^"]*"\]\)|\{"[^"]*"\}|\{\{"[^"]*"\}\}|\(\("[^"]*"\)\))')
ARROW = re.compile(r'\s*(n\d+) -\.?->(?:\|"[^"|<>]+"\|)? (n\d+)')
FRAME = re.compile(r'\s*subgraph s\d+\["[^"]*"\]')


@pytest.fixture
def line(here):
    """The flow with every kind of node, in a file."""
    (here / "wf.py").write_text(LINE)


def assert_valid(lines):
    """The lines are what a chart is made of, arrows join nodes that are there, and frames are closed."""
    assert lines[0] == "flowchart TD"
    nodes, open_frames = set(), 0
    for one in lines[1:]:
        if node := NODE.fullmatch(one):
            assert node[1] not in nodes
            nodes.add(node[1])
        elif arrow := ARROW.fullmatch(one):
            assert open_frames == 0  # an arrow inside would draw its ends into the frame
            assert {arrow[1], arrow[2]} <= nodes
        else:
            assert FRAME.fullmatch(one) or one.strip() == "end", one
            open_frames += 1 if FRAME.fullmatch(one) else -1
            assert open_frames >= 0
    assert open_frames == 0


def test_the_tree_has_every_kind_of_node(kwf, line):
    """Branches with predicates, loops with limits, parts with versions, types, and marks where it matters."""
    assert kwf("show", "wf.py:w")[1].strip() == TREE.strip()
    assert kwf("show", "wf.py:w", "--tree") == kwf("show", "wf.py:w")
    answer = kwf("show", "wf.py:w", "--json")[1]
    assert answer["tree"] == TREE.strip().splitlines()
    assert answer["parts"] == [{"path": "other", "template": "inner@2.1.0"}]
    assert "measure[]/measure" in answer["steps"]


def test_the_chart_has_every_kind_of_node(kwf, line):
    """A Mermaid flowchart, the same text every time: types at the arrows, frames for parts, loops and scopes."""
    code, text = kwf("show", "wf.py:w", "--mermaid")
    assert (code, text.strip()) == (0, CHART.strip())
    assert kwf("show", "wf.py:w", "--mermaid", "--json")[1]["mermaid"] == CHART.strip()
    assert_valid(text.splitlines())


def test_the_schema_has_the_output(kwf, line):
    """What comes out has a JSON Schema too; an empty one where the type is unknown or has none."""
    answer = kwf("show", "wf.py:w", "--schema", "--json")[1]
    assert (answer["input"], answer["state"]["required"]) == ({"type": "string"}, ["serial"])
    assert answer["output"] == {"type": "object", "additionalProperties": {"type": "integer"}}


@pytest.mark.parametrize("given", ["return x", "", "-> 'type[int]'", "-> object"])
def test_an_output_without_a_type_has_an_empty_schema(kwf, here, given):
    """Unannotated, or of a type that has no JSON Schema: anything."""
    arrow = given if given.startswith("->") else ""
    text = f"from knows_core import pipeline, step\n@step\ndef f(x) {arrow}: return int\n"
    (here / "wf.py").write_text(text + 'w = pipeline([f], name="w", version="1.0")\n')
    assert kwf("show", "wf.py:w", "--schema", "--json")[1]["output"] == {}


def test_a_flow_that_gives_nothing_has_the_schema_of_null(kwf, here):
    """A step annotated None gives None, which is not the same as anything."""
    text = "from knows_core import pipeline, step\n@step\ndef f(x) -> None: return None\n"
    (here / "wf.py").write_text(text + 'w = pipeline([f], name="w", version="1.0")\n')
    assert kwf("show", "wf.py:w", "--schema", "--json")[1]["output"] == {"type": "null"}


def test_marks_tell_the_verdicts(kwf, here):
    """~ is converted, ? is checked at run time, ! does not fit; in the tree with the reason, in the chart in short."""
    (here / "wf.py").write_text(LINE + MARKED)
    text = kwf("show", "wf.py:m")[1]
    assert "~ from give: converts (" in text
    assert "! from take: does not fit (str -> int: " in text
    chart = kwf("show", "wf.py:m", "--mermaid")[1]
    assert '|"~ Plate to Disc"|' in chart
    assert '|"! str to int"|' in chart
    assert_valid(chart.splitlines())


MARKED = """
class Plate(BaseModel):
    name: str
class Disc(BaseModel):
    name: str

@step
def give() -> Plate: return Plate(name="a")
@step
def take(disc: Disc) -> str: return disc.name
m = pipeline([give, take, cool], name="marked", version="1.0")
"""


def test_a_part_that_was_asked_for_by_name_says_how(stage):
    """Name and version of what was found, and the range."""
    stage.install_template("greet", "1.2.0", distribution="g", module="m_greet")
    text = 'from knows_core import compose\nw = compose(["greet@^1.0"], name="w", version="1.0", keys={"greet": "g"})\n'
    (stage.site / "wf.py").write_text(text)
    shown = stage.kwf("show", "wf.py:w").stdout
    assert "└─ greet@1.2.0  asked for: ^1.0  keys below g." in shown
    assert 'subgraph s1["greet@1.2.0 asked for: ' in stage.kwf("show", "wf.py:w", "--mermaid").stdout


def test_the_contract_is_shown_as_data(kwf, line):
    """What others rely on, with the digest that a run is bound to."""
    answer = kwf("show", "wf.py:w", "--contract", "--json")[1]
    assert (answer["template"], len(answer["digest"])) == ("line", 64)
    assert answer["contract"]["uses"] == {"other": ["inner", "2.1.0"]}
    assert answer["contract"]["state_in"]["serial"]["required"] is True


def test_labels_are_escaped():
    """What Mermaid would read as its own, or a browser as HTML, is shown as it is."""
    assert escape('a "b" <i>|`c`;\n#1 {x} é') == "a #34;b#34; #60;i#62;#124;#96;c#96;#59; #35;1 #123;x#125; é"


def add(x: int) -> int:
    return x + 1


def is_big(x: int, state: object) -> bool:
    return x > 3


@pytest.mark.parametrize(
    "flow",
    [
        [],
        [lambda x: x],
        [step(add, name='"quoted" <b>')],
        [[add, step(add, name="more")]],
        [case((is_big, [add]), (is_big, step(add, name="more")))],
        [add, case((is_big, step(add, name="more"))), step(add, name="last")],
        [repeat(case((is_big, [add, step(add, name="b")]), add), until=is_big)],
        [repeat(repeat(step(add), until=is_big, name="in"), until=lambda x: True, name="out")],
    ],
    ids=["empty", "nameless", "odd name", "list", "no default", "passing on", "frames", "nested"],
)
def test_every_flow_has_a_tree_and_a_valid_chart(flow):
    """Also one with problems: whoever looks for them wants to see it."""
    definition = pipeline(flow, name="odd", version="1.0").definition
    assert tree(definition)[0] == "odd@1.0.0"
    assert_valid(flowchart(definition))


def test_what_lies_too_deep_is_cut_off():
    """A flow that is nested deeper than a run would follow is drawn as far as that."""
    flow: Any = step(add)
    for number in range(60):
        flow = scope(flow, name=f"s{number}")
    definition = pipeline(flow, name="deep", version="1.0").definition
    assert 30 < len(tree(definition)) < 40
    assert_valid(flowchart(definition))
