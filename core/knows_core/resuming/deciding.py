"""A person's decision on a suspended run: checked, and recorded once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from knows_core.backend import Append
from knows_core.errors import ConfigError, MissingInput
from knows_core.errors.backend import LeaseLost
from knows_core.errors.recovery import DecisionRefused, RoleMissing
from knows_core.flow import Step
from knows_core.flows.approving import Approval
from knows_core.flows.paths import placed, unnumbered
from knows_core.journal import JournalWriter, read
from knows_core.journals.records import Answered
from knows_core.resuming.folding import fold
from knows_core.resuming.viewing import bound_definition, check_status, linked_as
from knows_core.run import RunStatus
from knows_core.values.codec import Codec

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from knows_core.backend import RunRow, StateBackend
    from knows_core.journals.records import Question
    from knows_core.resuming.log import Log
    from knows_core.template import Definition, Templates, WorkflowTemplate

_CHOICES: Final = {"approval": ("approve", "reject"), "failure": ("done", "retry", "reject")}
_CHOICES["doubt"] = _CHOICES["failure"]


class Decision(NamedTuple):
    """What a person says: `choice` as `by` with `role`; `step` names the question where there are several."""

    choice: str
    by: str
    role: str | None = None
    value: Any = None
    note: str = ""
    step: str | None = None


def choices(question: Question) -> tuple[str, ...]:
    """What may be answered."""
    return _CHOICES[question.kind]


def decide(
    backend: StateBackend,
    templates: Templates | None,
    run: str,
    decision: Decision,
    template: WorkflowTemplate | None,
    clock: Callable[[], datetime],
    release: Callable[[str, int], None],
) -> RunStatus:
    """Record a decision under the ownership of the run, and return its status. See LocalEngine.decide."""
    if not decision.by:
        raise ConfigError(name="by", expected="who decides", found=decision.by)
    backend.load(run)  # an unknown run is told before anything else
    epoch = backend.claim(run)
    try:
        row, records = backend.load(run)
        entries, digest = read(run, records)
        log = fold(run, entries)
        check_status(row, log)
        question = _question(log, decision)
        if _is_repeated(log, question, decision):
            return row.status
        _check(log, question, decision, clock())
        value = _value(row, log, question, decision, templates, template)
        answered = Answered(
            question.path, decision.choice, decision.by, decision.role, value, decision.note, question.digest
        )
        record = JournalWriter(Codec(None), digest).write(answered, clock())
        # Still suspended where something else is open; a status that is over would give the run up.
        status = RunStatus.PENDING if len(log.waiting) == 1 else None
        if not backend.append([Append(run, epoch, len(entries), (record,), status)])[0]:
            raise LeaseLost(run=run, epoch=epoch)
        return status or row.status
    finally:
        release(run, epoch)


def _question(log: Log, decision: Decision) -> Question:
    # One that is answered and not gone on from yet may be answered again, in the same way.
    told = [log.asked[path] for path in log.answers] if not log.status.is_over or log.waiting else []
    if not log.waiting and not told:
        raise DecisionRefused(run=log.run, reason=f"it is {log.status} and waits for no decision")
    open_or_told = log.waiting or told if decision.step is None else [*log.waiting, *told]
    found = [one for one in open_or_told if decision.step in (None, one.path)]
    if len(found) == 1:
        return found[0]
    paths = ", ".join(one.path for one in open_or_told)
    several = "" if decision.step is not None else ": several decisions are open"
    raise ConfigError(name="step", expected=f"one of {paths}{several}", found=decision.step)


def _is_repeated(log: Log, question: Question, decision: Decision) -> bool:
    """Whether the same person has said the same already, and perhaps not heard that it was recorded."""
    answer = log.answers.get(question.path)
    if answer is None:
        return False
    if (answer.choice, answer.by, answer.note) == (decision.choice, decision.by, decision.note):
        return True
    reason = f"{question.path} was decided already: {answer.choice} by {answer.by}"
    raise DecisionRefused(run=log.run, reason=reason)


def _check(log: Log, question: Question, decision: Decision, now: datetime) -> None:
    allowed = choices(question)
    if decision.choice not in allowed:
        expected = f"{', '.join(allowed)} for the {question.kind} at {question.path}"
        raise ConfigError(name="decision", expected=expected, found=decision.choice)
    if question.expires is not None and now.timestamp() >= question.expires:
        raise DecisionRefused(run=log.run, reason=f"the time to decide on {question.path} is over")
    if question.role is not None and decision.role != question.role:
        found = decision.role or "none"
        raise RoleMissing(run=log.run, step=question.path, role=question.role, found=found)


def _value(
    row: RunRow,
    log: Log,
    question: Question,
    decision: Decision,
    templates: Templates | None,
    template: WorkflowTemplate | None,
) -> Any:
    """The value that was given along, encoded. Raises StateMismatch, MissingInput, NotStorable, ConfigError."""
    wants = question.payload is not None and decision.choice == "approve"
    takes = wants or decision.choice == "done"
    if decision.value is None and wants:
        raise MissingInput(
            f"{question.path} takes {question.payload} along with the approval, found none. Give it with --value"
        )
    if decision.value is None or not takes:
        if decision.value is not None:
            raise ConfigError(name="value", expected=f"none with {decision.choice}", found="one")
        return None
    definition = linked_as(log.run, log.bound.linked, bound_definition(row, templates, template), templates)
    annotation = _annotation(definition, question.path)
    value = decision.value
    if annotation is not None:
        from knows_core.states.models import input_from_person  # imports pydantic, for a declared type only

        value = input_from_person(annotation, value, str(definition), f"the value for {question.path}")
    return definition.codec.encode(value, "the value of", question.path)


def _annotation(definition: Definition, path: str) -> Any:
    """The type of what is given along at a path; None where anything may be."""
    for at, node, _ in placed(definition.flow):
        if at == unnumbered(path):
            if isinstance(node, Approval):
                return node.payload
            if isinstance(node, Step):
                return node.annotations.get("return")
    return None
