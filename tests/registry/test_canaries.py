"""Planted secrets: each is let out by a path of its own, and no sink of ours shows it."""

from __future__ import annotations

import ast
import base64
import json
import os
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest

FLOWS = Path(__file__).parent / "canary_flows.py"
CORE = "c4n4ry"  # with the number of the case behind it; ASCII, so that most forms leave it as it is
PATHS = [
    "step_error", "step_errors", "handler_error", "validator_error", "observer_error", "state", "result", "log",
    "cli_text", "json_output", "history", "unexecuted", "resume", "isolated_step", "worker_death", "validation",
    "progress", "branches", "compensation",
]  # fmt: skip
RUNNING = """
import json, sys
import canary_flows
from knows_registry import plugins
from knows_registry.cli import main

made = plugins.Plugins.__init__
def with_plugin(self, *given):
    made(self, *given)
    self.pluggy.register(canary_flows.Plugin())
plugins.Plugins.__init__ = with_plugin
for words in json.loads(sys.argv[1]):
    main(words)
"""
PLACE = ["--backend", "sqlite:///runs.db"]


def canary_of(path):
    """A value that is written in another way by every form, and the part of it that most of them leave."""
    core = f"{CORE}{PATHS.index(path) if path in PATHS else 99:02}z8q"
    return f"ä\"{core}/\\ +{core[::-1]}'ß", core


def forms_of(core):
    """What of a canary shows in texts: the core, and its base64 among whatever neighbours."""
    octets = core.encode()
    coded = [base64.b64encode(b"?" * before + octets)[2 * before : -4] for before in range(3)]
    return [octets, octets[::-1], *coded]


def found_in(sink, core):
    return [form for form in forms_of(core) if form in sink]


def call(folder, commands, path, canary):
    """Run commands of `kwf` in one process there; what it prints."""
    variables = {
        "CASE": path,
        "PYTHONPATH": os.pathsep.join([str(folder), *sys.path]),
        **({"CANARY": canary} if canary else {}),
        **({"KNOWS_WORKFLOW_STATE_PERSISTENCE": "false"} if path == "json_output" else {}),
    }
    command = [sys.executable, "-c", RUNNING, json.dumps([[*words, *PLACE] for words in commands])]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **variables}, capture_output=True, check=False, timeout=120
    )
    return done.stdout, done.stderr


def sinks(folder, path, canary):
    """Everything that runs of a path leave: what is printed, and every file."""
    (folder / "canary_flows.py").write_bytes(FLOWS.read_bytes())
    reference = f"canary_flows.py:{path}"
    begun = ["run", reference, "--run-id", "t"], ["run", reference, "--run-id", "j", "--json"]
    printed = [*call(folder, begun, path, canary)]
    if path == "resume":
        printed += call(folder, begun[1:], path, canary)
    printed += call(folder, [["resume", "t"], ["resume", "j", "--json"]], path, canary)
    looked = [["history", "t"], ["history", "j", "--json"], ["runs"], ["runs", "--json"], ["resume", "j", "--json"]]
    printed += call(folder, looked[:-1], path, None)  # nothing is known there: as it is recorded, so it is shown
    files = {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}
    assert files.pop("canary_flows.py")
    return {**{f"output {number}": one for number, one in enumerate(printed)}, **files}


@pytest.mark.fault(90)
@pytest.mark.parametrize("path", PATHS)
def test_a_canary_is_found_in_no_sink(path, tmp_path):
    """Not in the database and its log, on stdout or stderr, in the log file, in history, runs or JSON."""
    canary, core = canary_of(path)
    left = sinks(tmp_path, path, canary)
    assert {name: found for name, sink in left.items() if (found := found_in(sink, core))} == {}
    assert b"canary@1.0.0" in left["run.log"]
    assert ("runs.db" in left) is (path != "json_output")
    if path not in ("state", "result", "observer_error", "unexecuted"):
        assert any(b"[secret]" in sink or b"Login" in sink for sink in left.values())


def test_the_check_finds_what_nobody_looked_up(tmp_path):
    """A step that takes it from the environment itself lets it out, into every sort of sink, and the check sees it."""
    canary, core = canary_of("leaking")
    found = {name for name, sink in sinks(tmp_path, "leaking", canary).items() if found_in(sink, core)}
    assert {"output 0", "output 1", "runs.db", "run.log", "output 4"} <= found


@pytest.mark.parametrize(
    "form",
    [
        str,
        json.dumps,
        repr,
        lambda value: base64.b64encode(value.encode()).decode(),
        lambda value: base64.b64encode(b"x" + value.encode()).decode(),
        lambda value: base64.urlsafe_b64encode(b"xy" + value.encode()).decode(),
        urllib.parse.quote,
        urllib.parse.quote_plus,
        lambda value: value[:14],
        lambda value: value[-14:],
    ],
)
def test_the_check_knows_every_form(form):
    """Also a part of a canary is found: what was cut before it was redacted."""
    canary, core = canary_of("leaking")
    assert found_in(form(canary).encode(), core)


def test_every_path_has_a_flow():
    """The list of paths is what the file of flows holds."""
    names = {target.id for node in ast.parse(FLOWS.read_text("utf-8")).body if isinstance(node, ast.Assign)
             for target in node.targets if isinstance(target, ast.Name)}  # fmt: skip
    assert names - {"kept"} == {*PATHS, "leaking"}
    assert len(PATHS) >= 12
