"""Code that changes under a run: every edit of small flows, after every record, is refused or accepted by a rule."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from knows_core import KnowsError, LocalEngine, MemoryBackend, Migration, ResumeRefused, RunStatus
from knows_core.journals.records import Migrated, Rebound
from knows_core.resuming.prospect import foretold
from tests.crash.levels import bounded
from tests.properties.changed_flows import Making, Seen, box, edits, kept, seq

LETTERS = "abcdefgh"
CONTAINERS = {
    "parallel": seq("w", box("parallel", seq("a", "b"), seq("c", "d")), "e"),
    "named parallel": seq("w", box("parallel", seq("a", "b"), "c", "d", name="both"), "e"),
    "parallel in parallel": seq(box("parallel", seq("a", box("parallel", "b", "c", name="inner")), "d", name="outer")),
    "case": seq("w", box("case", seq("a", "b"), "c", "d", words=("no", "yes", "else")), "e"),
    "default": seq("w", box("case", "a", seq("b", "c"), words=("no", "else")), "e"),
    "no branch": seq("w", box("case", "a", "b", words=("no", "no"), name="which"), "e"),
    "each": seq("list", box("each", seq("a", "b")), "c"),
    "parallel in each": seq("list", box("each", seq(box("parallel", "a", "b", name="p"), "c"), name="all"), "d"),
    "case in each": seq("list", box("each", box("case", "a", "b", words=("maybe", "else"))), "c"),
    "repeat": seq("w", box("repeat", seq("a", "b"), words=("no",)), "c"),
    "one turn": seq(box("repeat", seq("a", "b"), words=("yes",), name="loop"), "c"),
    "scope": seq("w", box("scope", seq("a", "b")), "c"),
    "named scope": seq(box("scope", seq("a", "b"), name="box"), "c"),
    "part": seq("w", box("part", seq("a", "b"), name="inner", words=("1.0.0",)), "c"),
    "part in parallel": seq(
        box("parallel", box("part", seq("a", "b"), name="one", words=("1.0.0",)), "c", name="p"), "d"
    ),
}


class Trial:
    """A run of one tree, stopped after any of its records, and gone on with another tree."""

    def __init__(self, tree, broken=None):
        self.tree = tree
        self.making = Making()
        self.making.broken = broken
        self.whole = self.engine()
        self.whole.run(self.making.template(tree), run_id="r")
        self.making.broken = None
        self.row, self.records = self.whole.backend.load("r")

    def engine(self):
        return LocalEngine(MemoryBackend())

    def stopped(self, after, status=RunStatus.RUNNING):
        engine = self.engine()
        row = replace(self.row, status=status, owner=None)
        engine.backend.release("r", engine.backend.create(row, self.records[:after]))
        return engine

    def stops(self):
        """After which records it may stop: any but the end; of a failed run, that is one too."""
        stops = [(after, RunStatus.RUNNING) for after in range(1, len(self.records))]
        return [*stops, *([(len(self.records), self.row.status)] if self.row.status is RunStatus.FAILED else [])]

    def outcome(self, run):
        state = dict(run.state)
        error = state.pop("error", None)
        return run.status, run.result, state, error and (error["type"], error["step"])

    def judge(self, tree, counted):
        """Go on with another tree from every stop; each must be refused, and accepted only where it may be."""
        template, fresh = self.making.template(tree), None
        for after, status in self.stops():
            engine = self.stopped(after, status)
            seen = Seen(engine.history("r"))
            legal = kept(self.tree, tree, seen)
            where = f"{tree} after {after} records of {self.tree}"
            self.making.calls.clear()
            told = [fate(engine, template, accept=accept) for accept in (False, True)]
            error = self.refusal(engine, template, where)
            assert told[0] == (type(error), str(error)), where
            assert ("--accept-code-change" in str(error)) is legal is (told[1][0] is Rebound), f"{where}: {error}"
            counted["cases"] += 1
            counted[type(error).__name__] += 1
            if not legal:
                error = self.refusal(engine, template, where, accept_code_change=True)
                assert told[1] == (type(error), str(error)), where
                counted["not acceptable"] += 1
                continue
            run = engine.resume("r", template, accept_code_change=True)
            assert told[1][1] == next(one.content["difference"] for one in run.history if one.kind == "Rebound")
            again = {one for one in self.making.calls if one in seen.made} - {self.making.broken}
            fresh = fresh or self.outcome(self.engine().run(template))
            assert self.outcome(run) == fresh, where
            assert not again & self.made_once(engine, after), f"{where}: {again} called again"
            counted["accepted"] += 1

    def refusal(self, engine, template, where, **more):
        before = engine.backend.load("r")[1]
        with pytest.raises(ResumeRefused) as caught:
            pytest.fail(f"{where}: {engine.resume('r', template, **more)}")
        assert (self.making.calls, engine.backend.load("r")[1]) == ([], before), where
        return caught.value

    def made_once(self, engine, after):
        """The steps all of whose results were recorded before: in no turn or item they may be called again."""
        entries = engine.history("r")
        later = {one.content["path"] for one in entries[after:] if one.kind == "StepDone"}
        return {
            one.content["path"].rpartition("/")[2]
            for one in entries[:after]
            if one.kind == "StepDone" and one.content["path"] not in later
        } - {path.rpartition("/")[2] for path in later}


def fate(engine, template, *, accept=False):
    """What is foretold of a run: how it is refused, or what binds it to the template anew; asking changes nothing."""
    row, records = engine.backend.load("r")
    try:
        prospect = foretold(row, records, None, template, engine.limits, accept=accept)
    except KnowsError as error:
        return type(error), str(error)
    finally:
        assert engine.backend.load("r") == (row, records)
    return type(prospect.rebound), getattr(prospect.rebound, "difference", "")


def valid(making, tree):
    try:
        return not making.template(tree).check()
    except Exception:  # an edit may leave a node empty, or a case with a default alone
        return False


def told(capsys, counted, what):
    assert counted["cases"]
    silent = bounded(0, counted["cases"], f"code changes of {what} silently accepted")
    with capsys.disabled():
        print(f"\n{silent}; {dict(counted)}")


def test_every_change_of_every_short_flow_is_refused_or_accepted(capsys):
    """Insert, rename, remove, move, swap and cut, at every position of up to 8 steps, after 0 to all recorded steps."""
    counted = Counter()
    for length in range(1, len(LETTERS) + 1):
        trial = Trial(seq(*LETTERS[:length]))
        for tree in edits(trial.tree):
            trial.judge(tree, counted)
    assert min(counted["accepted"], counted["not acceptable"]) > 900
    told(capsys, counted, "flows of up to 8 steps")


def test_every_change_after_a_failure_is_refused_or_accepted(capsys):
    """A step that failed is recorded too: what stands at its place is the same step, or the change is refused."""
    counted = Counter()
    for length in range(1, 6):
        for broken in LETTERS[:length]:
            trial = Trial(seq(*LETTERS[:length]), broken)
            assert trial.row.status is RunStatus.FAILED
            for tree in edits(trial.tree):
                trial.judge(tree, counted)
    told(capsys, counted, "flows that failed")


@pytest.mark.parametrize("kind", CONTAINERS)
def test_every_change_of_a_container_is_refused_or_accepted(kind, capsys):
    """The same for flows with everything that can be inside a flow, after every record."""
    trial, counted = Trial(CONTAINERS[kind]), Counter()
    assert trial.row.status is RunStatus.COMPLETED
    for tree in edits(trial.tree):
        if valid(trial.making, tree):
            trial.judge(tree, counted)
    assert counted["accepted"]
    told(capsys, counted, kind)


@pytest.mark.parametrize("kind", CONTAINERS)
def test_what_is_foretold_of_an_unchanged_template_is_that_it_goes_on(kind):
    """After every record, and it does."""
    trial = Trial(CONTAINERS[kind])
    template = trial.making.template(CONTAINERS[kind])
    for after, status in trial.stops():
        engine = trial.stopped(after, status)
        assert fate(engine, template) == (type(None), "")
        assert engine.resume("r", template).status is RunStatus.COMPLETED


def renamed(tree):
    """The same tree with another name for everything that has one."""
    name = tree.name and f"{tree.name}2"
    return replace(tree, name=name, inside=tuple(map(renamed, tree.inside)))


def what_is_recorded(entries):
    """Of what a journal holds, that which it holds once."""
    once = ("StepDone", "Decided", "Entered", "Joined")
    return [(one.kind, one.content["path"], one.content.get("branch")) for one in entries if one.kind in once]


@pytest.mark.parametrize("kind", [kind for kind in CONTAINERS if "part" not in kind])
def test_a_migration_takes_everything_along(kind):
    """With every name changed, after every record: nothing recorded is made again, and nothing is left out."""
    trial, now = Trial(CONTAINERS[kind]), renamed(CONTAINERS[kind])
    shapes = [trial.making.template(tree).definition.fingerprint.shape for tree in (trial.tree, now)]
    paths = {was[1]: to[1] for was, to in zip(*shapes, strict=True)}
    template = trial.making.template(now, "2.0.0", migrations=[Migration("^1.0", paths)])
    fresh = trial.engine().run(template)
    for after in range(1, len(trial.records)):
        engine = trial.stopped(after)
        before = len(what_is_recorded(engine.history("r")))
        assert fate(engine, template)[0] is Migrated
        trial.making.calls.clear()
        run = engine.resume("r", template)
        assert run.status is RunStatus.COMPLETED, run.error
        added, whole = what_is_recorded(run.history)[before:], what_is_recorded(fresh.history)
        assert set(added) <= set(whole), f"{kind} after {after}"
        assert before + len(added) == len(whole), f"{kind} after {after}: {added}"
