"""Migrations that a template declares: runs of other versions come along as a whole, or stay as they are."""

from __future__ import annotations

import pytest

from knows_core import (
    ContractError,
    InvalidVersion,
    LocalEngine,
    MemoryBackend,
    Migration,
    PipelineWorkflow,
    RunStatus,
    ShapeChanged,
    TemplateNotFound,
    TemplateVersionMissing,
    compose,
    each,
    parallel,
    pipeline,
    repeat,
    step,
    use,
)
from tests.core.migration_bench import Bench


@pytest.fixture
def bench():
    return Bench()


def test_a_run_moves_to_a_new_version(bench):
    """Its records stand under new paths, the row names the new version, and history shows what happened."""
    bench.start("heat hold cool", "cool")
    run = bench.resume("warm hold chill", Migration("^1.0", {"heat": "warm", "cool": "chill"}))
    assert (run.status, run.result, run.version) == (RunStatus.COMPLETED, "heat hold chill ", "2.0.0")
    assert (bench.calls, run.state.data) == (["chill"], {"heat": "heat", "hold": "hold", "chill": "chill"})
    assert [one.content["attempt"] for one in run.history if one.kind == "StepDone"] == [1, 1, 2]
    assert bench.engine.runs()[0].version == "2.0.0"
    (moved,) = [one.content for one in run.history if one.kind == "Migrated"]
    assert (moved["was"], moved["version"]) == ("1.0.0", "2.0.0")
    assert moved["paths"] == {"heat": "warm", "cool": "chill"}
    assert bench.engine.result("r").result == run.result


def test_a_moved_run_is_bound_to_its_new_version(bench):
    """It is folded without the functions of the migration, by whoever has the new version; the old one is refused."""
    bench.start("heat cool", "cool")
    bench.broken = "chill"
    migration = Migration("^1.0", {"heat": "warm", "cool": "chill"}, lambda state: {"kept": state["heat"]})
    assert bench.resume("warm chill", migration).status is RunStatus.FAILED
    bench.broken = None
    with pytest.raises(TemplateVersionMissing, match=r"bound to t@2\.0\.0: t@1\.0\.0 is there"):
        bench.resume("heat cool", version="1.0.0")
    with pytest.raises(ShapeChanged, match="number 1 was `warm`"):
        bench.resume("heat chill")
    run = bench.resume("warm chill")
    assert (run.result, run.state.data) == ("heat chill ", {"kept": "heat", "chill": "chill"})


def test_a_name_change_counts_for_everything_below(bench):
    """Parts, containers, branches and turns: what is recorded under them moves along, each under its own number."""

    def flow(part, both, turn, items, template="inner"):
        inner = use(pipeline([bench.step("a")], name=template, version="1.0"), alias=part)
        forked = parallel(bench.step("b") | bench.step("c"), bench.step("d"), name=both)
        twice = repeat(bench.step("e"), until=never, max_times=2, name=turn)
        listed = step(lambda result: ["1", "2"], name="list")
        return inner | forked | step(str, name="text") | twice | listed | each(bench.step("f"), name=items)

    bench.start(flow("part", "both", "turn", "items"), "f")
    steps = {"part": "piece", "both": "two", "turn[]": "round[]", "items[]": "all[]"}
    text = bench.refused(flow("piece", "two", "round", "all", "other"), Migration("1.0", steps))
    assert "number 1, `piece`, was template inner@1.0.0 and is now template other@1.0.0" in text
    run = bench.resume(flow("piece", "two", "round", "all"), Migration("1.0", steps))
    assert (run.status, run.result) == (RunStatus.COMPLETED, ["1f ", "2f "])
    assert bench.calls == ["f", "f"]
    assert run.state.data == {one: one for one in "abcdef"}


def never(result, state):
    return False


def test_two_steps_may_change_names(bench):
    """Every path is renamed once, at one time."""
    bench.start("a b c", "c")
    run = bench.resume("b a c", Migration("^1.0", {"a": "b", "b": "a"}))
    assert (run.result, bench.calls) == ("a b c ", ["c"])


def test_what_branches_did_moves_with_their_names(bench):
    """The state of a branch that is not joined yet is kept under the branch's new name."""

    def flow(*names):
        branches = [bench.step(one) for one in names]
        return parallel(*branches) | bench.step("z")

    bench.start(flow("a", "b"), "b")
    run = bench.resume(flow("x", "b"), Migration("1.0", {"a&b": "x&b", "a": "x"}))
    assert (run.result, bench.calls, run.state["a"]) == ("('a ', 'b ')z ", ["b", "z"], "a")
    assert "x" not in run.state


def test_finished_steps_may_be_gone(bench):
    """A step whose result was used already leaves no trace but its state; the last recorded one must stay."""
    bench.start("a b c d", "d")
    assert "c is the last recorded step of the run" in bench.refused("a b d", Migration("1.0", {"c": None}))
    run = bench.resume("a c d", Migration("1.0", {"b": None}))
    assert (run.result, bench.calls) == ("a b c d ", ["d"])
    assert run.state.data == {one: one for one in "abcd"}


def test_only_steps_can_be_gone(bench):
    """A container is not taken out of a shape with all that is in it, nor the only step of a branch."""
    flow = parallel(bench.step("a"), bench.step("b"), name="p") | bench.step("c")
    bench.start(flow, "c")
    assert "p is a parallel, and only steps can be gone" in bench.refused("c", Migration("1.0", {"p": None}))
    assert "p/a is a branch, and only steps" in bench.refused("c", Migration("1.0", {"p/a": None}))


@pytest.mark.parametrize(
    ("flow", "steps", "reason"),
    [
        ("x b c", {}, "the run has come to `b` (number 2), and number 1 was `a` and is now `x`"),
        ("b a c", {}, "which was reordered"),
        ("a", {}, "the end was cut off, `b` (number 2) is missing"),
        ("a b c", {"a": "b"}, "two of its steps become b"),
        ("x b c", {"b": "x"}, "number 1 was `a` and is now `x`"),
        ("a b c", {"a": "x"}, "number 1 was `x` and is now `a`"),
        ("a b c", {"a": "x[]/a"}, "a cannot become x[]/a: they lie in different numbers of turns and items"),
        ("x a b c", {}, "inserted before it"),
    ],
)
def test_recorded_steps_must_be_an_unchanged_beginning(bench, flow, steps, reason):
    """After renaming, what is recorded must be where the new version has it; else nothing is recorded."""
    bench.start("a b c", "b")
    text = bench.refused(flow, Migration("^1.0", steps))
    assert text.startswith("run r cannot be migrated from t@1.0.0 to t@2.0.0: ")
    assert reason in text
    assert text.endswith("Correct the migration, or install the version the run began on; nothing was recorded.")


def test_what_comes_after_may_be_anything(bench):
    """Steps that the run has not come to are the new version's own matter; names that it lacks are no fault."""
    bench.start("a b c", "b")
    run = bench.resume("a b x y", Migration("^1.0", {"c": "x", "absent": "gone"}))
    assert (run.result, bench.calls) == ("a b x y ", ["b", "x", "y"])


def test_the_first_migration_that_fits_is_made(bench):
    """Declared ranges are tried in order; without one that fits, the exact version is wanted."""
    bench.start("a b", "b")
    with pytest.raises(TemplateVersionMissing, match=r"t@2\.0\.0 is there, which declares no migration from 1\.0\.0"):
        bench.resume("x b", Migration("^0.9", {"a": "x"}))
    run = bench.resume("x b", Migration("^0.9", {"a": "y"}), Migration(">=1,<2", {"a": "x"}), Migration("*"))
    assert run.result == "a b "


def test_the_newest_version_is_found_where_the_exact_one_is_not(bench):
    """The exact version is used while it is there, whatever newer ones declare; then the newest is asked."""

    class Shelf:
        def __init__(self):
            self.templates = []

        def find(self, requirement):
            for one in self.templates:
                if one.definition.version in requirement.range:
                    return one
            raise TemplateNotFound(requirement=requirement, found="nothing of it")

    shelf = Shelf()
    old = bench.template("a b c")
    new = bench.template("x b c", "2.0.0", migrations=[Migration("^1.0", {"a": "x"})])
    bench.engine = LocalEngine(MemoryBackend(), templates=shelf)
    for run, templates, version in (("one", [new, old], "1.0.0"), ("two", [new], "2.0.0")):
        shelf.templates = [old]
        bench.broken = "b"
        bench.engine.run("t@1.0", run_id=run)
        bench.broken, shelf.templates = None, templates
        assert bench.engine.resume(run).version == version
    shelf.templates = [old]
    bench.broken = "b"
    bench.engine.run("t", run_id="three")
    shelf.templates = []
    with pytest.raises(TemplateVersionMissing, match=r"bound to t@1\.0\.0: .*nothing of it"):
        bench.engine.resume("three")


def test_a_version_may_take_a_run_from_itself_once(bench):
    """The same version with other steps is a change like another; converting the state wants that version by name."""
    bench.start("a b c", "b")
    steps = {"a": "x"}
    wide = Migration("^1.0", steps, lambda state: {**state, "converted": True})
    assert "only where since says '1.0.0'" in bench.refused("x b c", wide, version="1.0.0")
    bench.broken = "b"
    exact = Migration("1.0", steps, lambda state: {**state, "converted": state.get("converted", 0) + 1})
    assert bench.resume("x b c", exact, version="1.0.0").state["converted"] == 1
    bench.broken = None
    with pytest.raises(ShapeChanged, match="number 3 was `c`"):
        bench.resume("x b z", exact, version="1.0.0")
    assert bench.resume("x b c", exact, version="1.0.0").state["converted"] == 1


def test_accepting_comes_before_migrating_where_both_would_do(bench):
    """What somebody accepts by word is not converted as well."""
    bench.start("a b c", "b")
    template = bench.template("a b x", migrations=[Migration("1.0", state=lambda state: {})])
    run = bench.engine.resume("r", template, accept_code_change=True)
    assert (run.result, run.state["a"]) == ("a b x ", "a")
    assert [one.kind for one in run.history if one.kind in ("Rebound", "Migrated")] == ["Rebound"]


# ------------------------------------------------------------------ declaring


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("every",), InvalidVersion),
        (("^1.0", {"a": ""}), ContractError),
        (("^1.0", {1: "a"}), ContractError),
        (("^1.0", {"a": "c", "b": "c"}), ContractError),
    ],
)
def test_a_migration_that_cannot_be_meant_is_refused_when_it_is_declared(arguments, error):
    """A range that is none, paths that are none, and two paths that become one."""
    with pytest.raises(error):
        Migration(*arguments)


def test_migrations_are_declared_with_a_template():
    """By all three ways to make one; they are no part of its contract."""
    migration = Migration("^1.0")
    one = pipeline([step(len)], name="t", version="2.0", migrations=[migration])
    two = PipelineWorkflow([step(len)], name="t", version="2.0", migrations=[migration])
    three = compose([use(one)], name="t", version="2.0", migrations=[migration])
    for template in (one, two, three):
        assert template.definition.migrations == (migration,)
    plain = pipeline([step(len)], name="t", version="2.0")
    assert one.definition.fingerprint == plain.definition.fingerprint
