"""Steps, how they bind, and how they are joined."""

from __future__ import annotations

import functools

import pytest

from knows_core import ContractError, PipelineWorkflow, Step, StepContext, WorkflowState, pipeline, step


def result_of(*steps, input=None, **state):
    from knows_core import LocalEngine

    run = LocalEngine().run(PipelineWorkflow(steps), input=input, state=state)
    assert run.error is None, run.error
    return run.result


def one(result, state):
    return 1


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda result, state: (result, state.get("key")), (1, "kept")),
        (lambda state: state["key"], "kept"),
        (lambda value: value, 1),
        (lambda: "nothing taken", "nothing taken"),
        (lambda state, value: (value, state["key"]), (1, "kept")),
        (lambda value, *, state: (value, state["key"]), (1, "kept")),
        (lambda value, /, context, state: (value, context.step, state["key"]), (1, "it", "kept")),
        (lambda value, limit=5, *, context: (value, limit, context.attempt), (1, 5, 1)),
        (lambda value, limit=5, state=None: (value, limit, state["key"]), (1, 5, "kept")),
        (lambda *args, **kwargs: (args[0], args[1]["key"], kwargs), (1, "kept", {})),
        (lambda **kwargs: kwargs, {}),
        (lambda value, limit=5, state=None, /: (value, limit, state["key"]), (1, 5, "kept")),
    ],
)
def test_parameters_bind_by_name(function, expected):
    """`state` and `context` by name wherever they stand; the first other parameter is the input.

    A wrapper that takes anything by position gets the proposal's two: result and state.
    """
    assert result_of(one, step(function, name="it"), key="kept") == expected


def test_built_in_functions_take_their_input_by_position():
    """A callable that tells no signature is given its input."""
    assert result_of(step(lambda: [3, 1], name="make"), sorted, step(max, name="largest")) == 3


def test_a_bound_method_and_a_partial_are_steps():
    """Anything callable is a step, and a partial hides what it fixes."""

    class Scale:
        def times(self, value):
            return value * 3

    def add(value, amount):
        return value + amount

    assert result_of(one, Scale().times, step(functools.partial(add, amount=4), name="add")) == 7


def test_a_step_defined_in_a_class_binds_its_instance():
    """@step on a method gives, on an instance, the step of the bound method."""

    class Pump:
        speed = 5

        @step
        def run(self, value):
            return value * self.speed

    assert result_of(one, Pump().run) == 5


def test_a_step_stays_plainly_callable():
    """Calling a step calls its function, with its name and documentation."""

    @step(name="other")
    def double(value: int) -> int:
        """Twice."""
        return value * 2

    assert isinstance(double, Step)
    assert (double(4), double.name, double.__doc__) == (8, "other", "Twice.")


def test_the_pipe_joins_steps_functions_and_sequences():
    """`|` needs a step on one side; nested sequences are one."""
    first, last = step(one), step(lambda value: value * 2, name="last")
    plain = lambda value: value + 1
    plain.__name__ = "plain"
    joined = (first | plain) | (last | sorted)
    assert [path for path, _ in pipeline(joined).definition.steps] == ["one", "plain", "last", "sorted"]
    assert [path for path, _ in pipeline(plain | last).definition.steps] == ["plain", "last"]


def test_what_cannot_be_a_step_is_refused_at_once():
    """A value that is no callable, no step and no template is named."""
    with pytest.raises(ContractError, match="found int"):
        PipelineWorkflow([one, 42])
    with pytest.raises(ContractError, match="expected a callable, found str"):
        step("text")  # type: ignore[call-overload]


def test_a_foreign_template_is_one_opaque_step():
    """Any object with the three methods runs as one step, alone and inside a pipeline."""

    class Foreign:
        name, version = "foreign", "2.0.0"

        def execute(self, state):
            state["seen"] = True
            return "done"

        def validate(self):
            return True

        def get_required_state(self):
            return ["key"]

    from knows_core import LocalEngine, WorkflowTemplate

    assert isinstance(Foreign(), WorkflowTemplate)
    run = LocalEngine().run(Foreign(), state={"key": 1})
    assert (run.template, run.version, run.result, run.state.data) == (
        "foreign",
        "2.0.0",
        "done",
        {"key": 1, "seen": True},
    )
    assert result_of(Foreign(), step(lambda value: value.upper(), name="up"), key=1) == "DONE"


def test_a_template_inside_a_template_is_one_step():
    """A pipeline nested in another works on its state and gives its result."""
    inner = PipelineWorkflow([step(name="set")(lambda result, state: state.set("n", 5)), one], name="inner")
    outer = PipelineWorkflow([inner, step(name="read")(lambda result, state: (result, state["n"]))])
    assert outer.execute(WorkflowState()) == (1, 5)


def test_the_context_tells_who_asks():
    """Run id, step path, attempt, and an idempotency key that depends on both names only."""
    seen = []

    @step
    def look(context: StepContext):
        seen.append(context)

    from knows_core import LocalEngine

    for _ in range(2):
        LocalEngine().run(pipeline(look | one), run_id="run-1")
    assert {(one.run_id, one.step, one.attempt) for one in seen} == {("run-1", "look", 1)}
    assert len({one.idempotency_key for one in seen}) == 1
    assert len(seen[0].idempotency_key) == 32
