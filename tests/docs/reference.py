"""The reference pages that are made from the code: `python -m tests.docs.reference` writes them, a test compares."""

from __future__ import annotations

import functools
import importlib
import inspect
from pathlib import Path
from typing import TYPE_CHECKING

import click

from knows_core import WorkflowSettings, hooks
from knows_core.errors import error_kinds
from knows_registry.cli import COMMANDS, kwf
from knows_registry.cli.failure import OWN_CODES
from knows_registry.contracts.contract_rules import OTHER_RULES, TYPE_RULES
from tests.error_rooms import load_error_rooms

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
MADE = "<!-- Made from the code by `python -m tests.docs.reference`. -->\n\n"
BY_HAND = "<!-- From here on it is written by hand, and kept when the page is made again. -->\n\n"
EXITS = {
    1: "the run failed after its policy, or was stopped",
    2: "usage or configuration",
    3: "a template or plugin cannot be had",
    4: "types, input or state do not fit",
    5: "owned by another",
    6: "the backend",
    7: "resuming was refused",
    8: "access",
    9: "a decision is waited for",
}


def ours():
    """Every error of core and registry by its code, in the order of the index."""
    load_error_rooms()  # whether or not something else has loaded them
    kinds = [kind for kind in error_kinds().values() if kind.__module__.startswith(("knows_core", "knows_registry"))]
    return {kind.code: kind for kind in sorted(kinds, key=lambda one: (one.exit_code, one.code))}


def errors_page():
    lines = [
        "# Errors\n\n",
        "Every error is a `KnowsError`, keeps its facts as attributes, and ends with the next move. Each has a code\n",
        "that stays, and a page: what it means, when one meets it, what to do. Here they stand by the exit code of\n",
        "`kwf`. [Handle errors](../how-to/handle-errors.md) tells what a workflow does about them. Domain packages\n",
        "add errors of their own and list them in their README.\n",
    ]
    for exit_code, meaning in EXITS.items():
        lines.append(f"\n## {exit_code}: {meaning}\n\n| code | class | meaning |\n|---|---|---|\n")
        kinds = [kind for kind in ours().values() if kind.exit_code == exit_code]
        lines += [f"| {linked(kind, 'errors/')} | `{kind.__name__}` | {first_line(kind)} |\n" for kind in kinds]
    return "".join(lines) + own_codes()


def own_codes():
    """What `error.code` may be where a command failed without one of the errors."""
    lines = [
        "\n## Codes of the command line\n\n",
        "`error.code` of a JSON answer is one of those above or, where no such error was raised, one of these.\n\n",
        "| code | meaning |\n|---|---|\n",
        *(f"| `{code}` | {meaning} |\n" for code, meaning in OWN_CODES.items()),
    ]
    return "".join(lines)


def linked(kind, folder=""):
    return f"[{kind.code}]({folder}{kind.code}.md)"


def first_line(kind):
    return (inspect.getdoc(kind) or "").partition("\n")[0]


def error_page(code):
    """What the code knows of an error, and behind it what somebody wrote about it."""
    kind = ours()[code]
    families = [one for one in kind.__mro__[1:] if issubclass(one, Exception) and one is not Exception]
    above = [linked(one) if "code" in vars(one) else f"`{one.__name__}`" for one in families]
    below = [linked(one) for one in ours().values() if kind in one.__bases__]
    package = kind.__module__ if kind.__module__.startswith("knows_registry") else "knows_core"
    sentence = f"> {kind.sentence}. {kind.remedy}\n\n" if kind.sentence else ""
    rows = [
        ("exit code", f"{kind.exit_code}: {EXITS[kind.exit_code]}"),
        ("in Python", f"`from {package} import {kind.__name__}`"),
        ("is also", ", ".join(above)),
        ("its kinds", ", ".join(below)),
    ]
    table = "".join(f"| {name} | {value} |\n" for name, value in rows if value)
    head = f"# {code}\n\n{inspect.getdoc(kind)}\n\n{sentence}| | |\n|---|---|\n{table}\n"
    return f"{head}{BY_HAND}{note(code)}"


def note(code):
    """What is written by hand on the page of an error; nothing while there is no page."""
    return kept(FOLDER / "errors" / f"{code}.md")


def kept(page):
    return page.read_text("utf-8").partition(BY_HAND)[2] if page.exists() else ""


def settings_page():
    lines = [
        "# Settings\n\n",
        "`WorkflowSettings` takes each setting from the first that has it: an argument, the environment variable,\n",
        "`knows.toml`, or the table `[tool.knows]` of `pyproject.toml` in the current folder.\n",
        "An unknown key in a file and a value that does not fit are refused (`config`, exit code 2).\n\n",
        "| setting | variable | default | meaning |\n|---|---|---|---|\n",
    ]
    for name, field in WorkflowSettings.model_fields.items():
        variable = f"{WorkflowSettings.model_config['env_prefix']}{name.upper()}"
        lines.append(f"| `{name}` | `{variable}` | `{field.default}` | {field.description} |\n")
    return "".join(lines)


def commands():
    """Every command with its words, groups opened."""
    for name, (place, _) in sorted(COMMANDS.items()):
        module, _, attribute = place.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        yield from opened(f"kwf {name}", command)


def opened(words, command):
    if isinstance(command, click.Group):
        if command.invoke_without_command:  # it also does something alone
            yield words, command
        for name, inner in sorted(command.commands.items()):
            yield from opened(f"{words} {name}", inner)
    else:
        yield words, command


def commands_page():
    lines = [
        "# The command line\n\n",
        "With `--json` stdout holds one JSON object and nothing else. Exit codes: 0 done, 1 a step\n",
        "failed, 2 usage or configuration, 3 a template or plugin cannot be had, 4 types, input or state do not fit,\n",
        "5 owned by another, 6 backend, 7 resume refused, 8 access, 9 suspended, waiting for a decision, 130 and 143\n",
        "interrupted. A person's decision is given with `kwf decide`.\n",
        "`run` and `resume` answer with\n",
        '`{"run", "template", "version", "status", "result", "state", "error", "next"}`, also when they fail;\n',
        '`resume --all` with `{"runs": [...]}`, one such object for each run.\n',
    ]
    for words, command in commands():
        names = {"help_option_names": kwf.context_settings["help_option_names"]}
        context = click.Context(command, info_name=words, terminal_width=100, max_content_width=100, **names)
        lines.append(f"\n## {words}\n\n```text\n{command.get_help(context)}\n```\n")
    return "".join(lines)


def hook_functions():
    return {name: value for name, value in vars(hooks).items() if name.startswith("knows_")}


def hooks_page():
    lines = ["# Hooks\n\n", inspect.getdoc(hooks) or "", "\n"]
    for name, function in hook_functions().items():
        signature = str(inspect.signature(function)).replace("'", "")
        lines.append(f"\n## {name}\n\n```text\n{name}{signature}\n```\n\n{inspect.getdoc(function)}\n")
    return "".join(lines)


def release_rules_page():
    lines = [
        "# The rules of a release\n\n",
        "What a change from one version of a template to the next is called, and which part of the version it\n",
        "raises. `kwf diff` and `kwf release-check` go by these rules\n",
        "([release a template](../how-to/release-a-template.md)). Before 1.0.0 major becomes minor, and minor patch.\n",
        "\n## Types\n\n",
        "Where values go in: the input, state keys that are taken, the payload of a decision. Where they come out:\n",
        "the output, state keys that are left behind. A required state key is its caller's, so that for it\n",
        "only the first counts.\n",
        "\n| rule | change | going in | coming out |\n|---|---|---|---|\n",
    ]
    lines += [f"| `{name}` | {one.says} | {one.going_in} | {one.coming_out} |\n" for name, one in TYPE_RULES.items()]
    lines += ["\n## Everything else\n\n| rule | change | raises |\n|---|---|---|\n"]
    lines += [f"| `{name}` | {one.says} | {one.bump} |\n" for name, one in OTHER_RULES.items()]
    return "".join(lines) + "\n" + BY_HAND + kept(FOLDER / "release-rules.md")


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands_page,
    "errors.md": errors_page,
    "hooks.md": hooks_page,
    "release-rules.md": release_rules_page,
    "settings.md": settings_page,
    **{f"errors/{code}.md": functools.partial(error_page, code) for code in ours()},
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (FOLDER / name).write_text(MADE + page(), "utf-8")
