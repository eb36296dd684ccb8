"""Templates inside templates: linking, names, keys, what is required, and what a run is bound to."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from knows_core import (
    CircularUse,
    ConfigError,
    ContractChanged,
    ContractError,
    LocalEngine,
    MemoryBackend,
    MissingState,
    RunStatus,
    ShapeChanged,
    TemplateNotFound,
    TemplateVersionMissing,
    Version,
    VersionConflict,
    WorkflowState,
    compose,
    link,
    pipeline,
    step,
    use,
)


class Shelf:
    """A `Templates` of a few templates: the highest version inside the range."""

    def __init__(self, *templates):
        self.templates = list(templates)
        self.asked = []

    def find(self, requirement):
        self.asked.append(str(requirement))
        fitting = [
            one for one in self.templates if one.name == requirement.name and Version(one.version) in requirement.range
        ]
        if not fitting:
            raise TemplateNotFound(requirement=requirement, found="not on the shelf")
        return max(fitting, key=lambda one: Version(one.version))


class Pump(BaseModel):
    equipment_id: str
    speed: int = 10


class Valve(BaseModel):
    equipment_id: int


@step
def spin(state: Pump) -> int:
    state.speed += 1
    return state.speed


@step
def turn(value: int, state: Valve) -> int:
    return value + state.equipment_id


def pump(version="1.2.0", flow=spin):
    return pipeline(flow, name="pump", version=version, state=Pump)


VALVE = pipeline(turn, name="valve", version="2.0", state=Valve)


def paths(run):
    return [one.content["path"] for one in run.history if one.kind == "StepDone"]


def outer(*parts, name="outer"):
    flow = step(lambda: 1, name="begin")
    for part in parts:
        flow = flow | part
    return pipeline(flow, name=name, version="1.0")


def test_a_used_template_adds_its_name():
    """By name and range or given, with or without an alias, its steps lie under it and share the state."""
    engine = LocalEngine(MemoryBackend(), templates=Shelf(pump(), pump("1.9.0"), pump("2.0.0")))
    run = engine.run(outer(use("pump", "^1.2"), use(pump(), alias="second")), state={"equipment_id": "P1"})
    assert run.error is None, run.error
    assert paths(run) == ["begin", "pump/spin", "second/spin"]
    assert (run.result, run.state.data) == (12, {"equipment_id": "P1", "speed": 12})
    assert [one[:3] for one in run.history[0].content["linked"]] == [
        ["pump", "pump", "1.9.0"],
        ["second", "pump", "1.2.0"],
    ]


def test_link_puts_every_use_in_its_place():
    """Of a flow it makes a flow, and of a template without uses nothing new."""
    shelf = Shelf(pump())
    linked = link(step(lambda: 1, name="begin") | use("pump"), shelf)
    assert [one.kind for one in linked.inner] == ["step", "template"]
    assert link(spin, None) is spin
    with pytest.raises(ConfigError, match="to find pump in"):
        link(spin | use("pump"), None)


def test_one_version_of_a_name_is_used_per_composition():
    """The first range decides; where it does not fit a later one both are named; an alias opens a second version."""
    shelf = Shelf(pump(), pump("2.0.0"))
    inner, engine = pipeline(use("pump", "^2.0"), name="valve", version="1.0"), LocalEngine(templates=shelf)
    with pytest.raises(
        VersionConflict, match=r"outer@1.0.0/pump needs \^1.2, which gave 1.2.0; outer@1.0.0/valve/pump needs \^2"
    ):
        engine.run(outer(use("pump", "^1.2"), inner), state={"equipment_id": "P1"})
    both = outer(use("pump", "^1.2"), use("pump", "^2.0", alias="new"))
    run = LocalEngine(MemoryBackend(), templates=shelf).run(both, state={"equipment_id": "P1"})
    assert [one[2] for one in run.history[0].content["linked"]] == ["1.2.0", "2.0.0"]


def test_templates_that_use_each_other_are_refused():
    """The circle is told; it is found before anything runs."""
    shelf = Shelf()
    shelf.templates += [pipeline(use("b"), name="a", version="1.0"), pipeline(use("a"), name="b", version="1.0")]
    with pytest.raises(CircularUse, match=r"a@1.0.0 -> b@1.0.0 -> a@1.0.0"):
        LocalEngine(templates=shelf).run("a")


def test_keys_keep_two_equipment_ids_apart():
    """A mapping names a part's key in the whole, a text is a name space; nothing else of the part's state moves."""
    template = outer(use(pump(), keys={"equipment_id": "pump_id"}), use(VALVE, keys="valve"))
    assert template.check() == []
    assert template.get_required_state() == ["pump_id", "valve.equipment_id"]
    run = LocalEngine(MemoryBackend()).run(template, state={"pump_id": "P1", "valve.equipment_id": 7})
    assert (run.result, run.state.data) == (18, {"pump_id": "P1", "valve.equipment_id": 7, "speed": 11})


def test_one_key_with_two_meanings_is_a_problem():
    """Two parts that share a key must agree on its type; the remedy keeps them apart."""
    (problem,) = outer(pump(), VALVE).check()
    assert "'equipment_id' is str for pump@1.2.0 and int for valve@2.0.0" in str(problem)
    assert "keys={" in problem.remedy


def test_keys_of_keys():
    """Through two templates a key has the name that the outermost gives it."""
    middle = pipeline(use(pump(), keys={"equipment_id": "pump_id"}), name="middle", version="1.0")
    template = outer(use(middle, keys={"pump_id": "asset", "speed": "rpm"}))
    assert template.get_required_state() == ["asset"]
    assert LocalEngine().run(template, state={"asset": "P1"}).state.data == {"asset": "P1", "rpm": 11}
    spaced = outer(use(middle, keys="line"))
    assert LocalEngine().run(spaced, state={"line.pump_id": "P1"}).state.data == {
        "line.pump_id": "P1",
        "line.speed": 11,
    }


def test_what_an_earlier_part_surely_provides_is_not_required():
    """The closure counts declared writes and the fields of models; a missing key is told with who needs it."""
    find = pipeline(
        step(lambda state: state.set("equipment_id", "P1"), name="find", writes=["equipment_id"]),
        name="find",
        version="1.0",
    )
    whole = compose([find, pump()], name="whole", version="1.0")
    assert (whole.check(), whole.get_required_state()) == ([], [])
    assert LocalEngine().run(whole).state["equipment_id"] == "P1"
    alone = compose([pump()], name="whole", version="1.0")
    with pytest.raises(MissingState, match=r"requires the state equipment_id \(needed by pump@1.2.0\)"):
        LocalEngine().run(alone)


def test_a_part_is_checked_when_it_begins():
    """What it is handed must fit its model, whatever the steps before declared; the run fails at the part."""
    wrong = step(lambda state: state.set("speed", "fast"), name="wrong")
    run = LocalEngine(MemoryBackend()).run(outer(wrong, pump()), state={"equipment_id": "P1"})
    assert (run.error["code"], run.error["step"]) == ("state-mismatch", "pump")
    assert "fast" not in run.error["message"]


def test_compose_nests_every_part_under_its_name():
    """Texts, templates and uses; the same one twice needs an alias; keys for all or for one part."""
    shelf = Shelf(pump(), VALVE)
    whole = compose(
        [pump(), use("valve"), use(pump(), alias="other")],
        name="whole", version="1.0", keys={"valve": {"equipment_id": "valve_id"}, "equipment_id": "pump_id"},
    )  # fmt: skip
    run = LocalEngine(MemoryBackend(), templates=shelf).run(whole, state={"pump_id": "P1", "valve_id": 3})
    assert (run.error, paths(run)) == (None, ["pump/spin", "valve/turn", "other/spin"])
    twice = compose([pump(), pump()], name="whole", version="1.0")
    assert 'use(..., alias="...")' in str(twice.check()[0])
    with pytest.raises(ContractError, match="the parts are pump"):
        compose([pump()], name="whole", version="1.0", keys={"valve": {"equipment_id": "valve_id"}})
    with pytest.raises(ContractError, match="expected templates"):
        compose([], name="whole", version="1.0")


def test_a_resumed_run_uses_exactly_the_versions_it_began_with():
    """A newer version that came meanwhile is not taken; without the old one the run is refused by its name."""
    broken = [True]

    @step
    def fails(value: int) -> int:
        if broken[0]:
            raise OSError
        return value

    shelf = Shelf(pump())
    template = outer(use("pump", "^1.0"), fails)
    engine = LocalEngine(MemoryBackend(), templates=shelf)
    assert engine.run(template, state={"equipment_id": "P1"}, run_id="r").status is RunStatus.FAILED
    shelf.templates.append(pump("1.3.0", spin | step(lambda value: value + 1, name="more")))
    shelf.asked.clear()
    broken[0] = False
    assert engine.resume("r", template).result == 11
    assert shelf.asked == ["pump@1.2.0"]
    broken[0] = True
    engine.run(template, state={"equipment_id": "P1"}, run_id="s")
    shelf.templates[:] = [pump("1.4.0")]
    with pytest.raises(TemplateVersionMissing, match="not on the shelf"):
        engine.resume("s", template)


def test_a_part_that_changed_under_its_version_is_refused():
    """Another step in it is another shape; another type in it another contract; both name what differs."""
    broken = [True]

    def part(flow):
        return pipeline(flow, name="part", version="1.0")

    @step
    def one(value: int) -> int:
        if broken[0]:
            raise OSError
        return value

    @step(name="one")
    def narrower(value: bool) -> int:
        return value

    engine = LocalEngine(MemoryBackend())
    engine.run(outer(part(one)), run_id="r")
    with pytest.raises(ShapeChanged, match="part/two"):
        engine.resume("r", outer(part(one | step(lambda value: value, name="two"))))
    begin = step(lambda: 1, name="begin")
    with pytest.raises(ContractChanged, match=r"its part part \(part@1.0.0\) has another contract"):
        engine.resume("r", pipeline(begin | part(narrower), name="outer", version="1.0"))
    broken[0] = False
    assert engine.resume("r", outer(part(one))).result == 1


def test_a_foreign_template_is_a_part_with_one_opaque_step():
    """What it requires is required of the whole."""

    class Foreign:
        name, version = "foreign", "2.0.0"

        def execute(self, state):
            state["seen"] = True
            return "done"

        def validate(self):
            return True

        def get_required_state(self):
            return ["key"]

    template = outer(Foreign())
    assert template.get_required_state() == ["key"]
    run = LocalEngine(MemoryBackend()).run(template, state={"key": 1})
    assert (run.result, paths(run)) == ("done", ["begin", "foreign/foreign"])
    state = WorkflowState(key=1)
    assert (template.execute(state), state["seen"]) == ("done", True)


def test_a_name_outside_stands_for_one_key_only():
    """A key of the part whose name `keys` gave to another one is a problem, or fails the step that writes it."""
    (problem,) = outer(use(pump(), keys={"equipment_id": "speed"})).check()
    assert "has a state key 'speed', and keys= gives that name to its 'equipment_id'" in str(problem)
    untyped = pipeline(step(lambda state: state.update(a=1, b=2), name="write"), name="part", version="1.0")
    run = LocalEngine().run(outer(use(untyped, keys={"a": "b"})))
    assert (run.error["step"], run.state.data) == ("part/write", {"error": run.error})
    assert "'b' of a part: outside, that name stands for its 'a'" in run.error["message"]
