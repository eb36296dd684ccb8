"""Where an answer goes: streams that are closed or full, and signs that they cannot take."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys

import pytest


def shell(here, words, redirected, **environment):
    """A run in a shell that redirects its streams."""
    (here / "ok").touch()
    command = shlex.join([sys.executable, "-m", "knows_registry.cli", *words]) + f" {redirected}"
    return subprocess.run(
        ["/bin/sh", "-c", command], cwd=here, capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "PYTHONUNBUFFERED": "", **environment},
    )  # fmt: skip


RUN = ["run", "wf.py:w", "--backend", "sqlite:///runs.db", "--run-id", "r"]


@pytest.mark.fault(92)
@pytest.mark.parametrize("flags", [[], ["--json"]])
@pytest.mark.parametrize("redirected", [">&-", "<&- >&-", ">&- 2>&-"])
def test_without_stdout_a_completed_run_is_completed(here, flags, redirected):
    """Exit 0; where there is a stderr it says that nothing is shown."""
    done = shell(here, [*RUN, *flags], redirected)
    assert (done.returncode, done.stdout) == (0, "")
    assert "Traceback" not in done.stderr
    assert ("stdout is closed" in done.stderr) == ("2>" not in redirected)


@pytest.mark.parametrize("flags", [[], ["--json"]])
@pytest.mark.parametrize("redirected", ["2>&-", "2>/dev/full"])
def test_without_stderr_the_answer_is_the_same(here, flags, redirected):
    """The progress view is lost and nothing else; it does not end up in stdout."""
    done = shell(here, [*RUN, *flags], redirected)
    assert done.returncode == 0
    assert json.loads(done.stdout)["result"] == 25 if flags else done.stdout == "r completed (demo@1.0.0)\n25\n"


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_full_disk_under_stdout_is_told(here, flags):
    """Exit 1 with a sentence; the run is recorded as completed."""
    done = shell(here, [*RUN, "--quiet", *flags], ">/dev/full")
    assert (done.returncode, done.stderr) == (1, "kwf: the answer could not be written: No space left on device\n")
    assert "completed" in shell(here, ["runs", "--backend", "sqlite:///runs.db"], "").stdout


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_signs_that_stdout_cannot_take_are_escaped(here, flow, flags):
    """A result with a lone surrogate, or beyond the encoding of the terminal, is shown all the same."""
    (here / "wf.py").write_text(flow.replace("-> int: return value + 5", "-> str: return '\\udc80 \\u20ac'"))
    words = ["run", "wf.py:w", "--backend", "memory:", *flags]
    done = shell(here, words, "", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "\\udc80 \\u20ac" in done.stdout


def test_what_a_step_writes_to_a_closed_stream_reaches_no_file(here, flow):
    """The number of a closed descriptor is not given to a file of the backend."""
    (here / "wf.py").write_text(flow.replace("return value + 5", "return sum(os.write(n, b'noise') for n in (1, 2))"))
    assert shell(here, RUN, "<&- >&- 2>&-").returncode == 0
    kept = [file for file in here.rglob("runs.db*/**/*") if file.is_file()] + list(here.glob("runs.db"))
    assert len(kept) > 1
    assert not any(b"noise" in file.read_bytes() for file in kept)


def test_what_a_step_prints_is_dropped_where_there_is_no_room(here, flow):
    """With --json it belongs to stderr, and neither changes nor follows the answer."""
    (here / "wf.py").write_text(flow.replace("return value + 5", "return print('noise') or 25"))
    done = shell(here, [*RUN, "--json"], "2>/dev/full")
    assert (done.returncode, json.loads(done.stdout)["result"]) == (0, 25)
