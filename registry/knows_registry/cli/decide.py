"""`kwf decide`: what a run waits for, and the decision of a person on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from knows_core import DecisionRefused, RunStatus
from knows_core.journals.records import Answered
from knows_core.resuming.viewing import view
from knows_registry.cli.answer import Answers, json_option, shown
from knows_registry.cli.completion import waiting
from knows_registry.cli.failure import failure_of
from knows_registry.cli.given import given_value
from knows_registry.cli.permitted import registry_of
from knows_registry.cli.place import backend_option, open_engine
from knows_registry.cli.recovery import template_of
from knows_registry.cli.waiting import SUSPENDED, Waiting

if TYPE_CHECKING:
    from knows_core import LocalEngine, Run

_CHOICES = {"approve": "approved", "reject": "rejected", "done": "said to be done", "retry": "to be tried again"}


@click.command()
@click.argument("run", shell_complete=waiting)
@click.argument("choice", required=False, type=click.Choice(list(_CHOICES)))
@click.option("--as", "who", metavar="WHO[:ROLE]", help="Who decides, and in which role.")
@click.option("--value", "value_text", metavar="JSON|@FILE", help="What is given along: with approve or done.")
@click.option("--note", metavar="TEXT", help="Why; it is kept with the decision.")
@click.option("--step", metavar="PATH", help="Which question, where several are open.")
@backend_option
@json_option
@click.pass_obj
def decide(
    answers: Answers,
    run: str,
    choice: str | None,
    who: str | None,
    value_text: str | None,
    note: str | None,
    step: str | None,
    backend: str | None,
) -> int:
    """Decide on what the suspended RUN waits for; without a choice, show what that is and how to answer.

    An approval is answered with approve or reject; a failure, or an act of which nobody knows whether it took place,
    with done, retry or reject. The decision is recorded once, by one person; `kwf resume RUN` then goes on.

    Exit code 0: the decision is recorded. 9, without a choice: the run waits for one. 2: a choice that does not answer
    the question, or no such run. 4: the value does not fit. 5: another process owns the run. 7: nothing waits for a
    decision, it was decided otherwise, or the time for it is over. 8: it takes somebody with another role.
    """
    context = click.get_current_context()
    if choice is None and any(one is not None for one in (who, value_text, note)):
        raise click.UsageError(f"expected one of {', '.join(_CHOICES)}, found none", context)
    if choice is not None and not who:
        raise click.UsageError("expected --as WHO[:ROLE], who decides, found none", context)
    answers.at(backend)
    registry = registry_of(answers)
    with open_engine(registry, backend) as engine:
        if choice is None:
            return _show(answers, _seen(engine, run), step, backend)
        name, _, role = (who or "").partition(":")
        template = value = None
        if value_text is not None:
            value = given_value(value_text, "--value")
            template = template_of(registry, run, engine.history(run)[0].content["reference"])
        status = engine.decide(
            run, choice, by=name, role=role or None, value=value, note=note or "", step=step, template=template
        )
        return _tell(answers, _seen(engine, run), status, backend)


def _seen(engine: LocalEngine, run: str) -> Run:
    """The run with its values as data: no template is imported to look at it."""
    backend: Any = engine.backend
    return view(backend, None, run, None)


def _show(answers: Answers, run: Run, step: str | None, backend: str | None) -> int:
    waiting = Waiting(run.id, [one for one in run.waiting if step in (None, one.path)], backend)
    if run.status is not RunStatus.SUSPENDED or not waiting.is_open:
        return _refuse(answers, run, waiting)
    answers.object(_facts(run, waiting, None, waiting.next_move))
    answers.text(f"{run.id} is suspended ({run.template}@{run.version}) and waits for a decision.", *waiting.lines())
    answers.text(f"Then: `{waiting.resume}`")
    return SUSPENDED


def _refuse(answers: Answers, run: Run, waiting: Waiting) -> int:
    """Nothing can be decided; a run that only has to be taken up says so."""
    reason = "the time to decide is over" if waiting.questions else f"it is {run.status} and waits for no decision"
    failure = failure_of(DecisionRefused(run=run.id, reason=reason))
    if waiting.questions or run.status is RunStatus.PENDING:
        failure = failure._replace(next_move=f"`{waiting.resume}` goes on with it")
    answers.fail(failure)
    return failure.exit_code


def _tell(answers: Answers, run: Run, status: RunStatus, backend: str | None) -> int:
    """The decision as it is recorded, and what comes next."""
    content = next(entry.content for entry in reversed(run.history) if entry.kind == Answered.__name__)
    step, choice, by, role = content["path"], content["choice"], content["by"], content.get("role")
    waiting = Waiting(run.id, run.waiting, backend)
    is_more_open = status is RunStatus.SUSPENDED
    next_move = waiting.next_move if is_more_open else f"`{waiting.resume}` goes on with it"
    made = {"step": step, "choice": choice, "by": by, "role": role, "note": content.get("note", "")}
    answers.object(_facts(run, waiting, made, next_move))
    answers.text(shown(f"{run.id}: {step} is {_CHOICES[choice]}, by {by}{f' ({role})' if role else ''}."))
    answers.text(f"Next: {shown(next_move)}")
    return 0


def _facts(run: Run, waiting: Waiting, made: dict[str, Any] | None, next_move: str) -> dict[str, Any]:
    return {
        "run": run.id,
        "status": str(run.status),
        "decided": made,
        "waiting": waiting.facts(),
        "next": next_move,
    }
