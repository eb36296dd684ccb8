"""`kwf check` across plugins: templates with manifests are checked against each other, and none is imported."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel

from knows_core import Continue, WorkflowState, case, each, parallel, pipeline, repeat, scope, step, use


class Lot(BaseModel):
    serial: str
    size: int = 25


class Batch(BaseModel):
    serial: int


@step
def weigh(lot: str) -> int:
    return len(lot)


@step
def scale(grams: float) -> str:
    return f"{grams} g"


@step
def label(grams: float) -> str:
    return f"{grams} g"


@step
def count(text: str) -> int:
    return len(text)


@step
def halve(weight: int) -> float:
    return weight / 2


@step
def trim(weight: float) -> float:
    return weight


@step
def share(weight: int) -> list[int]:
    return [weight]


@step
def total(weights: list[float]) -> float:
    return sum(weights)


@step
def either(lot: str) -> float | str:
    return lot


@step
def both(pair: tuple[int, float]) -> None:
    del pair


@step
def anything(value, state: WorkflowState):
    return value


def made(flow, name="line", **options):
    return pipeline(flow, name=name, version="1.0", **options)


def checked(stage, *templates, name="line"):
    """The exit code and the row of the one template that was asked for; nothing is said aloud, since none is needed."""
    for number, one in enumerate(templates):
        stage.install_unimportable(f"acme-{number}", one)
    done = stage.kwf("check", name, "--json")
    assert done.stderr == ""
    (row,) = json.loads(done.stdout)["checked"]
    return done.returncode, row


def what(row):
    """The problems without their reasons."""
    return [one["what"].partition("): ")[0] for one in row["problems"]]


def test_a_composition_that_fits_has_no_problems(stage):
    """What flows into the used template and what is wanted of its result."""
    code, row = checked(stage, made(weigh | use("scale", "^1") | count), made([scale], "scale"))
    assert (code, row) == (0, {"template": "line@1.0.0", "required_state": [], "problems": [], "notes": []})


def test_a_result_that_the_used_template_does_not_take_is_a_problem(stage):
    """Who gives what, who takes what, where, and why it does not fit: exit 4."""
    code, row = checked(stage, made(label | use("scale")), made([scale], "scale"))
    assert code == 4
    assert row["problems"] == [
        {
            "where": "scale/scale",
            "what": "line@1.0.0 label (str) does not fit scale@1.0.0 scale/scale (float):"
            " str -> float: str is no float",
            "remedy": "Convert the value in a step between them, or correct one of the annotations.",
        }
    ]


def test_a_result_of_the_used_template_that_what_follows_does_not_take_is_a_problem(stage):
    """Also in a branch, and where two take it."""
    flow = weigh | use("scale") | parallel(halve, step(halve, name="again"), name="halves")
    _, row = checked(stage, made(scope(flow, name="all")), made([scale], "scale"))
    assert what(row) == [
        "scale@1.0.0 all/scale/scale (str) does not fit line@1.0.0 all/halves/halve (int",
        "scale@1.0.0 all/scale/scale (str) does not fit line@1.0.0 all/halves/again (int",
    ]


def test_the_place_in_a_tuple_decides_on_a_branch(stage):
    """What follows a parallel takes a part of its tuple from each branch."""
    code, row = checked(stage, made([weigh, parallel(use("scale"), halve), both]), made([scale], "scale"))
    assert code == 4
    assert what(row) == ["line@1.0.0 scale&halve (tuple[str, float]) does not fit line@1.0.0 both (tuple[int, float]"]


def test_two_used_templates_that_follow_each_other_are_compared(stage):
    """What comes from the one is what the other is given, though the flow between them says nothing."""
    code, row = checked(stage, made(use("scale") | use("halve")),
                        made([scale], "scale"), made([halve], "halve"))  # fmt: skip
    assert code == 4
    assert what(row) == ["scale@1.0.0 scale/scale (str) does not fit halve@1.0.0 halve/halve (int"]


def test_a_template_that_begins_and_ends_with_others_takes_and_gives_what_they_do(stage):
    """Through however many layers of compositions."""
    layers = [made([use("scale")], "inner"), made([use("inner")], "outer")]
    code, row = checked(stage, made(count | use("outer") | halve), *layers, made([scale], "scale"))
    assert code == 4
    assert what(row) == ["scale@1.0.0 outer/inner/scale/scale (str) does not fit line@1.0.0 halve (int"]


def test_seams_inside_used_templates_are_checked_too(stage):
    """The path leads through the templates around."""
    inner = made(scale | use("halve"), "inner")
    code, row = checked(stage, made(weigh | use("inner", alias="deep")), inner, made([halve], "halve"))
    assert (code, row["problems"][0]["where"]) == (4, "deep/halve/halve")


def test_what_only_a_run_can_tell_is_a_note(stage):
    """A value that does not say what is inside it is checked when it is there."""
    code, row = checked(stage, made([share, each(anything), use("total")]), made([total], "total"))
    assert (code, row["problems"], len(row["notes"])) == (0, [], 1)
    assert row["notes"][0].startswith(
        "line@1.0.0 anything[] (list) -> total@1.0.0 total/total (list[float]): checked at run time ("
    )


@pytest.mark.parametrize(
    ("types", "given", "problems", "notes"),
    [
        ("strict", either, 1, 0),
        ("lenient", label, 1, 0),
        ("lenient", either, 0, 1),
        ("warn", label, 0, 1),
        ("off", label, 0, 0),
    ],
)
def test_the_rule_of_the_template_decides(stage, types, given, problems, notes):
    """As with an import: a seam that does not fit, or only for some values, is a problem, a note, or nothing."""
    code, row = checked(stage, made(given | use("scale"), types=types), made([scale], "scale"))
    assert (code, len(row["problems"]), len(row["notes"])) == (4 if problems else 0, problems, notes)


@pytest.mark.parametrize(("keys", "code"), [(None, 4), ({"serial": "batch"}, 0), ("batch", 0)])
def test_state_keys_that_two_templates_mean_differently_are_a_problem(stage, keys, code):
    """Unless one of them has a name of its own for it."""
    line = made(anything | use("batch", keys=keys), state=Lot)
    found, row = checked(stage, line, made([anything], "batch", state=Batch))
    assert found == code
    assert what(row) == (["the state key 'serial' is str for line@1.0.0 and int for batch@1.0.0"] if code else [])


def test_a_name_that_was_given_away_is_a_problem(stage):
    """Two keys of the used template would have one name outside."""
    line = made(anything | use("lot", keys={"serial": "size"}))
    code, row = checked(stage, line, made([anything], "lot", state=Lot))
    assert code == 4
    assert what(row) == ["lot@1.0.0 has a state key 'size', and keys= gives that name to its 'serial'"]


def reading(*keys):
    return step(lambda value, state: value, name="read", reads=keys, writes=[])


def writing(*keys):
    return step(lambda value, state: value, name="write", reads=[], writes=keys)


def test_required_state_is_that_of_the_composition(stage):
    """What a part needs is required unless an earlier one surely leaves it behind, under the names of the whole."""
    flow = [use("maker"), use("taker", keys={"lot": "batch"}), use("taker", alias="last", keys="last")]
    line = made(flow, required_state=["order"])
    maker, taker = made([writing("heat")], "maker"), made([reading("heat", "lot")], "taker", required_state=["lot"])
    code, row = checked(stage, line, maker, taker)
    assert (code, row["required_state"]) == (0, ["order", "batch", "last.lot", "last.heat"])
    assert stage.kwf("check", "line").stdout.startswith(
        "line@1.0.0: no problems, required state: order, batch, last.lot, last.heat\n"
    )


@pytest.mark.parametrize(("flow", "required"), [
    (case((lambda value, state: True, use("maker"))), ["heat"]),
    (case((lambda value, state: True, use("maker")), writing("heat")), []),
    (scope(use("maker"), on_error=Continue()), ["heat"]),
    (each(use("maker")), ["heat"]),
    (parallel(use("maker"), trim), []),
])  # fmt: skip
def test_what_may_not_be_made_is_not_left_behind(stage, flow, required):
    """A branch that may be passed by, a list that may be empty and a failure that is gone on from make nothing sure."""
    _, row = checked(stage, made([flow, use("taker")]), made([writing("heat")], "maker"),
                     made([reading("heat")], "taker"))  # fmt: skip
    assert row["required_state"] == required


def test_state_keys_inside_a_part_that_was_given_as_an_object_count_too(stage):
    """Its own, and those of what it uses by name, under the names that it gives them."""
    inner = made([use("batch", keys={"serial": "number"}), reading("heat")], "inner", state=Lot)
    line = made([use(inner, keys={"number": "serial", "serial": "lot", "heat": "warmth"})], state=Lot)
    code, row = checked(stage, line, made([anything], "batch", state=Batch))
    assert code == 4
    assert what(row) == ["the state key 'serial' is str for line@1.0.0 and int for batch@1.0.0"]
    assert row["required_state"] == ["serial", "lot", "warmth"]


def test_branches_that_write_one_key_in_what_they_use_are_a_problem(stage):
    """As within one template."""
    line = made(parallel(use("maker"), writing("heat")))
    code, row = checked(stage, line, made([writing("heat")], "maker"))
    assert code == 4
    assert what(row) == ["the branches maker and write both declare to write the state key 'heat'"]


def test_a_repeat_and_an_alias_are_followed(stage):
    """Each use has the version of its own slot."""
    flow = weigh | repeat(use("trim", "^1", alias="again"), until=lambda value, state: True, max_times=2)
    code, row = checked(stage, made(flow), made([trim], "trim"))
    assert (code, row["problems"]) == (0, [])


def test_templates_that_use_each_other_are_refused(stage):
    """The circle is named: exit 3."""
    stage.install_unimportable("acme-a", made([use("b")], "a"))
    stage.install_unimportable("acme-b", made([use("a")], "b"))
    done = stage.kwf("check", "a")
    assert done.returncode == 3
    assert "a@1.0.0 -> b@1.0.0 -> a@1.0.0" in done.stderr


def test_a_used_template_that_is_not_there_is_exit_3(stage):
    """As with an import, and nothing is imported to find that out."""
    stage.install_unimportable("acme-line", made([use("scale", "^2")]))
    done = stage.kwf("check", "line")
    assert done.returncode == 3
    assert "scale" in done.stderr
    assert "imported" not in done.stdout + done.stderr


def test_one_without_a_manifest_is_imported_and_that_is_said(stage):
    """The check is then that of the linked flow."""
    stage.install_template("greeting", "1.0.0", distribution="greeting-dist", module="greeting_module")
    done = stage.kwf("check")
    assert done.returncode == 0
    assert done.stderr.endswith("greeting@1.0.0 has no manifest, so it was imported.\n")


def test_another_rule_needs_an_import(stage):
    """What a manifest's own rule let pass is not in it."""
    stage.install_unimportable("acme-line", made([weigh]))
    assert stage.kwf("check", "line").returncode == 0
    done = stage.kwf("check", "line", "--types", "strict")
    assert done.returncode == 3
    assert "SystemExit: imported" in done.stderr
