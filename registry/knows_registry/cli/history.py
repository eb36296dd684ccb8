"""`kwf history`: the records of one run, as they were written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from knows_registry.cli.answer import Answers, columns, json_option
from knows_registry.cli.place import backend_option, open_engine
from knows_registry.registry import Registry

if TYPE_CHECKING:
    from knows_core.run import Entry


@click.command()
@click.argument("run")
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
    content = entry.content
    match entry.kind:
        case "RunCreated":
            return f"{content['template']}@{content['version']}" + (
                f" from {content['reference']}" if content["reference"] else ""
            )
        case "RunResumed":
            return f"edited since: {', '.join(content['edited'])}" if content["edited"] else ""
        case "Rebound":
            return f"accepted: {content['difference']}"
        case "Migrated":
            return f"from version {content['was']} to {content['version']}"
        case "StepDone":
            written = f", wrote {', '.join(content['set'])}" if "set" in content else ""
            return f"{content['path']} (attempt {content['attempt']}{written})"
        case "StepFailed":
            error = content["error"]
            return f"{content['path']} (attempt {content['attempt']}): {error['type']}: {error['message']}"
        case "Decided":
            return f"{content['path']}: {content['verdict']}"
        case "Entered" | "Joined":
            return str(content["path"])
        case _:
            return str(content.get("status", ""))
