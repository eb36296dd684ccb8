"""`kwf history`: the records of one run, as they were written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from knows_core.walking.undoing import UNDONE
from knows_registry.cli.answer import Answers, columns, json_option
from knows_registry.cli.completion import recorded
from knows_registry.cli.place import backend_option, open_engine
from knows_registry.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from knows_core.run import Entry

Content = dict[str, Any]


@click.command()
@click.argument("run", shell_complete=recorded)
@backend_option
@json_option
@click.pass_obj
def history(answers: Answers, run: str, backend: str | None) -> None:
    """Show what happened in RUN, oldest first; readable without its template."""
    answers.at(backend)
    with open_engine(Registry(), backend) as engine:
        entries = engine.history(run)
    records = [{"sequence": one.sequence, "kind": one.kind, "at": one.at, **one.content} for one in entries]
    answers.object({"run": run, "records": records})
    cells = [
        (str(one.sequence), f"{one.at:%Y-%m-%d %H:%M:%S.%f}"[:-3] + "Z", one.kind, _detail(one)) for one in entries
    ]
    answers.text(*columns(cells, ("#", "AT", "RECORD", "")))


def _detail(entry: Entry) -> str:
    detail = _DETAILS.get(entry.kind)
    return detail(entry.content) if detail is not None else str(entry.content.get("path", ""))


def _created(content: Content) -> str:
    reference = f" from {content['reference']}" if content["reference"] else ""
    run, step = content.get("origin", ("", ""))
    return f"{content['template']}@{content['version']}{reference}" + (f", begun from {run} at {step}" if run else "")


def _done(content: Content) -> str:
    what = "compensation, attempt" if content["path"].endswith(UNDONE) else "attempt"
    written = f", wrote {', '.join(content['set'])}" if "set" in content else ""
    return f"{content['path']} ({what} {content['attempt']}{written})"


def _failed(content: Content) -> str:
    until = content.get("until")
    again = "" if until is None else f"; next attempt at {_moment(until)}"
    return f"{content['path']} (attempt {content['attempt']}): {_error(content)}{again}"


def _asked(content: Content) -> str:
    role = f", role {content['role']}" if content.get("role") else ""
    until = f", until {_moment(content['expires'])}" if content.get("expires") is not None else ""
    reason = f": {content['reason']}" if content.get("reason") else ""
    return f"{content['path']} ({content['question']}{role}{until}){reason}"


def _answered(content: Content) -> str:
    role = f" ({content['role']})" if content.get("role") else ""
    note = f": {content['note']}" if content.get("note") else ""
    return f"{content['path']}: {content['choice']} by {content['by']}{role}{note}"


def _ended(content: Content) -> str:
    return str(content["status"]) + (", compensated" if content.get("compensated") else "")


def _error(content: Content) -> str:
    return f"{content['error']['type']}: {content['error']['message']}"


def _attempt(content: Content) -> str:
    return f"{content['path']} (attempt {content['attempt']})"


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}Z"


# What else than its path a record tells of itself, by its kind.
_DETAILS: dict[str, Callable[[Content], str]] = {
    "RunCreated": _created,
    "RunResumed": lambda content: f"edited since: {', '.join(content['edited'])}" if content["edited"] else "",
    "Rebound": lambda content: f"accepted: {content['difference']}",
    "Migrated": lambda content: f"from version {content['was']} to {content['version']}",
    "StepDone": _done,
    "StepFailed": _failed,
    "StepIntended": _attempt,
    "StepRetried": _attempt,
    "Settled": lambda content: f"{content['path']}: {content['how']}",
    "Asked": _asked,
    "Answered": _answered,
    "Decided": lambda content: f"{content['path']}: {content['verdict']}",
    "Compensating": lambda content: f"{content['path'] or 'the run'} failed: {_error(content)}",
    "RunEnded": _ended,
}
