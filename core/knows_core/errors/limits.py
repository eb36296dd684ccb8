"""The errors of limits: what a value, a record or a run may be at most, and how long it may take."""

from __future__ import annotations

from knows_core.errors import KnowsError, NotStorable


class TooDeep(NotStorable):
    """A value is nested more deeply than can be recorded, or holds itself."""

    code = "too-deep"
    sentence = "{where} {path}: expected at most 200 levels that do not lead back to themselves, found {found}"
    remedy = "Flatten it: keep the parts in one list and let them name each other by number."


class RecordTooLarge(NotStorable):
    """What one step changed and returned is larger than one record may be."""

    code = "record-too-large"
    sentence = "{where}: expected at most {most} bytes in one record, found {found}"
    remedy = "Keep large data elsewhere and hand over where it is, or raise KNOWS_WORKFLOW_MAX_RECORD_BYTES."


class RunTooLarge(NotStorable):
    """The journal of a run is larger than it may be."""

    code = "run-too-large"
    sentence = "{where}: expected at most {most} bytes in the journal of one run, found {found}"
    remedy = (
        "Keep large data elsewhere and hand over where it is, or raise KNOWS_WORKFLOW_MAX_RUN_BYTES;"
        " then resume the run."
    )


class StepLimit(KnowsError):
    """A run called more steps than it may: often a loop that does not end."""

    code = "step-limit"
    sentence = "run {run} has called {steps} steps, and {step} would be one more"
    remedy = "Look for a loop that does not end, or raise KNOWS_WORKFLOW_MAX_STEPS; then resume the run."


class WorkflowTimeout(KnowsError, TimeoutError):
    """A run took longer than `workflow_timeout` while somebody owned it."""

    code = "workflow-timeout"
    sentence = "run {run} was not done within {timeout} s of owned time"
    remedy = "Resume it with a larger workflow_timeout (KNOWS_WORKFLOW_WORKFLOW_TIMEOUT; 0: none)."


class RunCancelled(KnowsError):
    """Somebody asked for the run to stop, and it did."""

    code = "cancelled"
    sentence = "run {run} was cancelled"
    remedy = "Every recorded step is kept; `kwf resume {run}` goes on with it."
