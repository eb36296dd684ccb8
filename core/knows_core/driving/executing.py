"""`execute`: a run here and now on the caller's own state, which nobody records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from knows_core.driving.dispatcher import Dispatcher
from knows_core.driving.execution import begin, order
from knows_core.journals.envelope import error_record
from knows_core.linking import linked
from knows_core.rules import Rules, utc_now
from knows_core.state import ERROR_KEY

if TYPE_CHECKING:
    from knows_core.state import WorkflowState
    from knows_core.template import Definition


def execute(definition: Definition, state: WorkflowState) -> Any:
    """Run a definition on the caller's own state, recording nothing; see PipelineWorkflow.execute."""
    rules = Rules()
    dispatcher = Dispatcher(None, None, rules.limits, utc_now, rules.secrets.redactor)
    given = {key: state[key] for key in state if key != ERROR_KEY}
    try:
        execution = begin(order(linked(definition, None), None, given, utc_now), utc_now, rules=rules)
    except Exception as error:
        state[ERROR_KEY] = error_record(error, utc_now(), None, None)
        raise
    ended = dispatcher.drive(execution)
    run = execution.ended_as(ended)
    if ended.error is not None:
        state[ERROR_KEY] = run.error
        raise ended.error
    state.pop(ERROR_KEY, None)
    delta = execution.situation.delta
    for key in {*delta.written, *delta.dropped}:
        if key in run.state:
            state[key] = run.state[key]
        else:
            state.pop(key, None)
    return ended.result
