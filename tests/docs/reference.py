"""The reference pages that are made from the code: `python tests/docs/reference.py` writes them, a test compares."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import click

from knows_core import WorkflowSettings, hooks
from knows_core.errors import error_kinds
from knows_registry.cli import COMMANDS, kwf

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
ROOMS = ("backend", "flow", "limits", "registry", "resume")
MADE = "<!-- Made from the code by `python tests/docs/reference.py`. -->\n\n"


def errors_page():
    for room in (*(f"knows_core.errors_{room}" for room in ROOMS), "knows_registry.catalog"):
        importlib.import_module(room)  # whether or not something else has loaded its errors
    lines = [
        "# Errors\n\n",
        "Every error is a `KnowsError`, keeps its facts as attributes, and ends with the next move. Domain packages\n",
        "add errors of their own and list them in their README.\n",
    ]
    ours = [kind for kind in error_kinds().values() if kind.__module__.startswith(("knows_core", "knows_registry"))]
    for kind in sorted(ours, key=lambda one: (one.exit_code, one.code)):
        lines.append(f"\n## {kind.code}\n\n`{kind.__name__}`, exit code {kind.exit_code}. {inspect.getdoc(kind)}\n")
        if kind.sentence:
            lines.append(f"\n> {kind.sentence}. {kind.remedy}\n")
    return "".join(lines)


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
        for name, inner in sorted(command.commands.items()):
            yield from opened(f"{words} {name}", inner)
    else:
        yield words, command


def commands_page():
    lines = [
        "# The command line\n\n",
        "With `--json` stdout holds one JSON object and nothing else. Exit codes: 0 done, 1 a step\n",
        "failed, 2 usage or configuration, 3 a template or plugin cannot be had, 4 types, input or state do not fit,\n",
        "5 owned by another, 6 backend, 7 resume refused, 8 access, 130 and 143 interrupted.\n",
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


PAGES = {
    "commands.md": commands_page,
    "errors.md": errors_page,
    "hooks.md": hooks_page,
    "settings.md": settings_page,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (FOLDER / name).write_text(MADE + page(), "utf-8")
