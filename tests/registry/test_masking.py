"""Passwords in the URLs of backends are never shown, and next moves can be typed all the same."""

from __future__ import annotations

import json

import pytest

from knows_registry.cli import main
from knows_registry.cli.masking import masked
from knows_registry.cli.moves import again, in_place

SECRET = "hush"  # noqa: S105 - what must not be shown
PAPER = """
from knows_core import BackendError, hookimpl

def refuse(url):
    raise {error}

@hookimpl
def knows_state_backends():
    return {{"paper": refuse}}
"""


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///my runs@home.db", "sqlite:///my runs@home.db"),
        ("memory:", "memory:"),
        ("redis://host:1/0", "redis://host:1/0"),
        ("redis://host/0?socket_timeout=2&knows_prefix=x", "redis://host/0?socket_timeout=2&knows_prefix=x"),
        ("postgresql://me@host/runs", "postgresql://me@host/runs"),
        ("postgresql://me:@/runs?host=/run/pg", "postgresql://me:@/runs?host=/run/pg"),
        ("postgresql:///runs?host=/run/pg&user=me", "postgresql:///runs?host=/run/pg&user=me"),
        ("postgresql://me:hush@host/runs", "postgresql://***@host/runs"),
        ("postgresql://me:h@sh@host/runs", "postgresql://***@host/runs"),
        ("postgresql://me:hu/sh@host/runs", "postgresql://***@host/runs"),
        ("postgresql://me:hu?sh@host/runs", "postgresql:***"),
        ("postgresql://host/runs?password=h@sh", "postgresql:***"),
        ("postgresql://host/runs?password=hush&port=1", "postgresql://host/runs?password=***&port=1"),
        ("postgresql://host/runs?passwd=hush", "postgresql://host/runs?passwd=***"),
        ("postgresql://host/runs?hush", "postgresql://host/runs?***"),
        ("redis://hush@host", "redis://***@host"),
        ("redis://:hush@host/0", "redis://***@host/0"),
        ("postgresql//me:hush@host/runs", "postgresql//me:***@host/runs"),
        ("paper:me:hush@host", "paper:***@host"),
    ],
)
def test_a_url_is_shown_without_what_may_be_secret(url, shown):
    """A password, wherever it stands and whatever signs it has; who logs in and where stays readable."""
    assert masked(url) == shown


def test_a_next_move_can_be_typed():
    """Quoted for a shell and with the place; where a password would be in it, it says what to put there."""
    assert again("resume", "r", None) == "kwf resume r"
    assert again("resume", "r", "sqlite:///my runs.db") == "kwf resume r --backend 'sqlite:///my runs.db'"
    gap = again("resume", "r", "postgresql://me:hush@host/runs")
    assert gap == "kwf resume r --backend <URL with its password>"
    assert in_place("`kwf purge --dry-run` tells.", "redis://h") == "`kwf purge --dry-run --backend redis://h` tells."
    assert in_place(f"`{gap}`", "redis://h") == f"`{gap}`"
    assert in_place("`kwf list`; `kwf cancel r`", "memory:") == "`kwf list`; `kwf cancel r --backend memory:`"
    assert in_place("`kwf decide r`", "memory:") == "`kwf decide r --backend memory:`"


@pytest.mark.fault(90)
@pytest.mark.parametrize(
    ("error", "flags"),
    [("OSError(url)", ["--json"]), ("BackendError(backend='paper', reason='it is wet', hint='Dry it.')", [])],
)
@pytest.mark.parametrize(
    "words", [["run", "wf.py:w"], ["resume", "r"], ["resume", "--all"], ["decide", "r"], ["cancel", "r"]]
)
def test_no_command_tells_the_password_of_its_place(stage, flow, words, error, flags):
    """Given on the command line: neither stdout nor stderr has it when the place cannot be opened, exit 6."""
    stage.install("d", plugins={"backend.paper": "m_paper"}, modules={"m_paper": PAPER.format(error=error)})
    (stage.site / "wf.py").write_text(flow)
    done = stage.kwf(*words, "--backend", f"paper://me:{SECRET}@host/runs?token={SECRET}", *flags)
    assert done.returncode == 6
    assert "paper" in done.stdout + done.stderr
    assert SECRET not in done.stdout + done.stderr


DURABLE = """
from knows_core import MemoryBackend, hookimpl

class Paper(MemoryBackend):
    capabilities = MemoryBackend.capabilities._replace(durable=True)

@hookimpl
def knows_state_backends():
    return {"paper": lambda url: Paper()}
"""


@pytest.mark.parametrize("by_setting", [True, False])
def test_what_to_type_next_depends_on_where_the_password_came_from(stage, flow, monkeypatch, by_setting):
    """From the setting: the command as it stands; from the option: with a gap for the URL. Never the password."""
    stage.install("d", plugins={"backend.paper": "m_paper"}, modules={"m_paper": DURABLE})
    (stage.site / "wf.py").write_text(flow)
    url = f"paper://me:{SECRET}@host/runs"
    monkeypatch.setenv("KNOWS_WORKFLOW_STATE_BACKEND", url if by_setting else "memory:")
    monkeypatch.setenv("KNOWS_WORKFLOW_PLUGINS", "any")
    option = [] if by_setting else ["--backend", url]
    for words in (["runs"], ["resume", "--all"], ["purge"], ["doctor", "--runs"]):
        done = stage.kwf(*words, *option)
        assert (done.returncode, done.stderr) == (0, "")
        assert "paper://***@host/runs" in done.stdout
        assert SECRET not in done.stdout
    gap = "" if by_setting else " --backend <URL with its password>"
    failed = stage.kwf("resume", "nobody", "--json", *option)
    assert json.loads(failed.stdout)["next"].startswith(f"`kwf runs{gap}` lists the runs")
    failed = stage.kwf("run", "wf.py:w", "--run-id", "r", "--json", *option)
    assert json.loads(failed.stdout)["next"] == f"remove the cause, then `kwf resume r{gap}`"
    assert SECRET not in failed.stdout + failed.stderr


def test_a_url_without_its_colon_is_no_leak(here, capfd):
    """A mistyped scheme is refused with the known ones."""
    assert main(["runs", "--backend", f"paper//me:{SECRET}@host"]) == 6
    told = capfd.readouterr()
    assert "'paper//me'" in told.err
    assert SECRET not in told.out + told.err
