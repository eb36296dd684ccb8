"""Standard logging: quiet, structured, redacted, and free for whoever does not use it."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import Any

import pluggy
import pytest

from knows_core import LocalEngine, MemoryBackend, Retry, hookimpl, hooks, pipeline, step
from knows_core.driving.events import Observers
from knows_core.journals.records import StepProgress, StepStarted
from knows_core.journals.traces import trace
from knows_core.logs import complain, run_logger
from knows_core.secrecy.redaction import Redactor

CANARY = "canary-7f3a91"


class Plugin:
    @hookimpl
    def knows_secrets(self):
        return {"test": lambda name: CANARY}


class Watching(Plugin):
    def __init__(self, *observers):
        self.observers = observers

    @hookimpl
    def knows_observers(self):
        return list(self.observers)


def hooked(plugin):
    manager = pluggy.PluginManager("knows")
    manager.add_hookspecs(hooks)
    manager.register(plugin)
    return manager


def work(value, state, context):
    state["n"] = len(context.secret("test:x"))
    context.progress(1, 2, f"half of {CANARY}")
    return 1


def fail(value, context):
    raise ConnectionError(f"{context.secret('test:x')} is refused")


GOOD = pipeline([step(work)], name="good", version="1.0")
BAD = pipeline([step(fail, retry=Retry(max_retries=1, delay=0))], name="bad", version="1.0")


def lines(caplog):
    """Level, event, step, attempt, status and code of every record, which all have the run and the template."""
    assert all(one.name == "knows_core.runs" and one.run == "r" and one.template for one in caplog.records)
    return [(one.levelname, one.event, one.step, one.attempt, one.status, one.code) for one in caplog.records]


def test_the_events_of_a_run_are_logged_with_fields(caplog):
    """Its begin and end are told at INFO, its steps at DEBUG, and no text holds a secret."""
    caplog.set_level(logging.DEBUG, "knows_core.runs")
    LocalEngine(MemoryBackend(), hooks=hooked(Plugin())).run(GOOD, run_id="r")
    assert lines(caplog) == [
        ("INFO", "RunCreated", None, None, "running", None),
        ("DEBUG", "StepStarted", "work", 1, None, None),
        ("DEBUG", "StepProgress", "work", None, None, None),
        ("DEBUG", "StepDone", "work", 1, None, None),
        ("INFO", "RunEnded", None, None, "completed", None),
    ]
    assert caplog.records[0].template == "good@1.0.0"
    assert "half of [secret]" in caplog.text
    assert CANARY not in caplog.text


def test_failures_are_warnings(caplog):
    """Each attempt, with the error in words, and the end; resuming says so."""
    caplog.set_level(logging.INFO, "knows_core.runs")
    engine = LocalEngine(MemoryBackend(), hooks=hooked(Plugin()))
    engine.run(BAD, run_id="r")
    assert lines(caplog) == [
        ("INFO", "RunCreated", None, None, "running", None),
        ("WARNING", "StepFailed", "fail", 1, None, None),
        ("WARNING", "StepFailed", "fail", 2, None, None),
        ("WARNING", "RunEnded", "fail", 2, "failed", None),
    ]
    assert caplog.messages[1] == "run r: StepFailed fail: ConnectionError: [secret] is refused"
    caplog.clear()
    engine.resume("r", BAD)
    assert caplog.records[0].event == "RunResumed"
    assert CANARY not in caplog.text


def test_the_code_of_an_error_is_a_field(caplog):
    """A program can tell failures apart without reading sentences."""
    template = pipeline([step(lambda context: context.secret("ABSENT"), name="s")], name="t", version="1.0")
    LocalEngine().run(template, run_id="r")
    assert {one.code for one in caplog.records if one.levelname == "WARNING"} == {"secret-unavailable"}


def test_without_a_handler_nobody_is_told(monkeypatch):
    """No handler of the program, or a level above warnings: no run logs anything."""
    root, runs = logging.getLogger(), logging.getLogger("knows_core.runs")
    for logger in (root, logging.getLogger("knows_core"), runs):  # a command line in this process leaves its own
        monkeypatch.setattr(logger, "handlers", [])
    assert run_logger() is None
    monkeypatch.setattr(root, "handlers", [logging.StreamHandler()])
    assert run_logger() is runs
    monkeypatch.setattr(runs, "level", logging.ERROR)
    runs.manager._clear_cache()  # type: ignore[attr-defined]
    assert run_logger() is None
    monkeypatch.undo()
    runs.manager._clear_cache()  # type: ignore[attr-defined]


QUIET = """
import logging, pluggy
from knows_core import LocalEngine, PipelineWorkflow, hookimpl, hooks
class Broken:
    @hookimpl
    def knows_observers(self): raise RuntimeError("hook")
manager = pluggy.PluginManager("knows")
manager.add_hookspecs(hooks)
manager.register(Broken())
def fail(): raise ValueError("text")
engine = LocalEngine(hooks=manager)
assert not engine._dispatcher._observers.watching
assert engine.run(PipelineWorkflow([fail], name="w")).status == "failed"
"""


@pytest.mark.parametrize(
    ("code", "is_quiet"), [(QUIET, True), (f"import logging; logging.basicConfig()\n{QUIET}", False)]
)
def test_a_program_that_configures_no_logging_hears_nothing(code, is_quiet):
    """Not even complaints and failures reach its stderr; with a handler it hears both."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert (done.stderr == "") is is_quiet
    assert (
        "failed to offer observers" in done.stderr and "StepFailed fail: ValueError: text" in done.stderr
    ) is not is_quiet


def broken(*_):
    raise RuntimeError(CANARY)


class Offering(Plugin):
    @hookimpl
    def knows_observers(self):
        broken()


@pytest.mark.parametrize("plugin", [Offering(), Watching(broken)], ids=["hook", "observer"])
def test_what_a_plugin_raises_is_logged_without_secrets(plugin, caplog):
    """A hook or an observer that fails with a secret in its text harms no run."""
    manager, redactor = hooked(plugin), Redactor()
    redactor.learn(CANARY)
    Observers(manager, redactor).tell("r", StepStarted("s", 1))
    assert "RuntimeError: [secret]" in caplog.text
    assert CANARY not in caplog.text
    assert LocalEngine(hooks=manager).run(GOOD).status == "completed"


def test_an_observer_hears_notes_without_secrets():
    """What a step tells of its progress is redacted before anybody hears it."""
    heard: list[Any] = []
    manager = hooked(Watching(lambda _, event: heard.append(event)))
    LocalEngine(MemoryBackend(), hooks=manager).run(GOOD)
    assert [one.note for one in heard if isinstance(one, StepProgress)] == ["half of [secret]"]


def test_a_filter_that_raises_ends_the_logging_of_the_run(caplog):
    """The run itself is unharmed, and the filter is not asked again."""
    caplog.set_level(logging.DEBUG, "knows_core.runs")
    asked: list[logging.LogRecord] = []
    runs = logging.getLogger("knows_core.runs")

    def hearing(record):
        asked.append(record)
        broken()

    runs.addFilter(hearing)
    try:
        assert LocalEngine(MemoryBackend(), hooks=hooked(Plugin())).run(GOOD).status == "completed"
    finally:
        runs.removeFilter(hearing)
    assert len(asked) == 1


def test_a_complaint_tells_where_an_error_came_from_and_not_what_it_held(caplog):
    """The sentence, the frames and the causes, redacted; no record keeps the exception itself."""
    redactor = Redactor()
    redactor.learn(CANARY)
    try:
        try:
            raise KeyError(CANARY)
        except KeyError as first:
            raise ValueError(f"not {CANARY}") from first
    except ValueError as error:
        complain("%s failed", CANARY, error=error, redactor=redactor)
        assert caplog.messages == ["[secret] failed"]
        assert caplog.records[0].exc_info is None
        told = trace(error, redactor.error)
    assert "ValueError: not [secret]\n\nThe error above came from this one" in told
    assert "test_logs.py" in told
    assert told in caplog.text


def test_what_cannot_be_shown_is_complained_of_all_the_same(caplog):
    """A culprit whose `repr` raises does not end the complaint."""

    class Shy:
        def __repr__(self):
            raise RuntimeError

    complain("%r failed", Shy(), error=ValueError("x"), redactor=Redactor())
    assert caplog.messages == ["%r failed"]
