"""Secrets: looked up when a step asks, by every engine that knows the place, and again when a run is resumed."""

from __future__ import annotations

import pytest

from knows_core import (
    KnowsError,
    LocalEngine,
    MemoryBackend,
    RunStatus,
    SecretUnavailable,
    StepContext,
    WorkflowState,
    hookimpl,
    pipeline,
    step,
)
from tests.core import secret_steps
from tests.core.secret_vault import DOOR, ROOF, Vault, engine_with, of, recorded


@pytest.mark.parametrize("reference", ["DOOR", "secret:DOOR", "env:DOOR", "secret:env:DOOR"])
def test_the_environment_is_where_a_name_alone_is_looked_up(reference, monkeypatch):
    """With and without `secret:` and the scheme, and also in `execute`, without engine and plugins."""
    monkeypatch.setenv("DOOR", DOOR)

    def use(context):
        return len(context.secret(reference))

    assert of(use).execute(WorkflowState()) == len(DOOR)
    assert LocalEngine().run(of(use)).result == len(DOOR)


def test_a_plugin_offers_its_places_once_and_is_asked_each_time():
    """The hook is called when the first step asks; every look-up asks again."""
    vault = Vault()

    def use(context):
        return context.secret("vault:door") == context.secret("secret:vault:door") == DOOR

    engine = engine_with(vault)
    assert vault.offered == 0
    assert [engine.run(of(use)).result for _ in range(2)] == [True, True]
    assert (vault.offered, vault.asked) == (1, ["door"] * 4)


def test_a_resumed_run_looks_again():
    """A secret that was changed meanwhile is the new one; a step that is recorded does not ask."""
    vault, seen = Vault(), []

    def first(context):
        seen.append(context.secret("vault:roof"))

    def second(context):
        seen.append(context.secret("vault:door"))
        if len(seen) == 2:
            raise ConnectionError

    backend, template = MemoryBackend(), of(first, second)
    engine_with(vault, backend=backend).run(template, run_id="r")
    vault.held["door"] = "changed"
    assert engine_with(vault, backend=backend).resume("r", template).status is RunStatus.COMPLETED
    assert seen == [ROOF, DOOR, "changed"]


def leak(_name):
    raise RuntimeError(f"{DOOR} is what I read")


def refuse(name):
    raise SecretUnavailable(scheme="vault", name=name, reason="it is Sunday")


@pytest.mark.parametrize(
    ("reference", "resolver", "reason"),
    [
        ("ABSENT", None, "env:ABSENT: no variable of the environment has this name"),
        ("cellar:door", None, "cellar:door: no such scheme (there are env, vault)"),
        ("vault:window", None, "vault:window: its resolver raised KeyError"),
        ("vault:door", leak, "vault:door: its resolver raised RuntimeError"),
        ("vault:door", refuse, "vault:door: it is Sunday"),
        ("vault:door", lambda name: None, "vault:door: its resolver gave no text"),
        ("vault:door", lambda name: b"octets", "vault:door: its resolver gave no text"),
        ("vault:door", lambda name: "", "vault:door: its resolver gave an empty text"),
    ],
)
def test_a_secret_that_cannot_be_had_fails_the_step(reference, resolver, reason):
    """SecretUnavailable names the place and the reason; nothing that the resolver raised hangs on it."""
    caught: list[KnowsError] = []

    def use(context):
        try:
            context.secret(reference)
        except SecretUnavailable as error:
            caught.append(error)
            raise

    run = engine_with(Vault(resolver)).run(of(use))
    error = run.error or {}
    assert (run.status, error["code"], error["cause"]) == (RunStatus.FAILED, "secret-unavailable", None)
    assert error["message"].startswith(f"the secret {reason}. Provide it")
    assert (caught[0].__cause__, caught[0].__context__, caught[0].exit_code) == (None, None, 1)


def test_a_run_on_the_callers_own_state_is_redacted_too(monkeypatch):
    """`execute` raises the error as it is, and leaves in the state what may be kept."""
    monkeypatch.setenv("DOOR", DOOR)

    def use(context):
        raise ConnectionError(f"no to {context.secret('DOOR')}")

    state = WorkflowState()
    with pytest.raises(ConnectionError):
        of(use).execute(state)
    assert state["error"]["message"] == "no to [secret]"


def test_a_plugin_whose_offer_fails_costs_only_itself():
    """Others are there all the same; a scheme that is missing tells who failed."""

    class Broken:
        @hookimpl
        def knows_secrets(self):
            raise RuntimeError(DOOR)

    engine = engine_with(Vault(), Broken())
    assert engine.run(of(lambda context: len(context.secret("vault:door")))).result == len(DOOR)
    message = str((engine.run(of(lambda context: context.secret("cellar:x"))).error or {})["message"])
    assert "failed to offer any" in message
    assert DOOR not in message


def test_a_plugin_cannot_take_the_place_of_the_environment(monkeypatch):
    """`env` is core's own, whoever offers it."""
    monkeypatch.setenv("DOOR", DOOR)
    engine = engine_with(Vault(lambda _: "mine", scheme="env"))
    assert engine.run(of(lambda context: context.secret("DOOR") == DOOR)).result is True


def test_a_step_is_tested_with_secrets_of_the_test():
    """A context that no engine made says how; one with `resolve` gives what that has."""
    with pytest.raises(SecretUnavailable, match="no engine called this step; in a test give StepContext"):
        StepContext("run", "step", 1).secret("TOKEN")
    context = StepContext("run", "step", 1, resolve={"TOKEN": "test"}.__getitem__)
    assert context.secret("TOKEN") == "test"
    assert "test" not in repr(context)


# ------------------------------------------------------------------ in a process of its own


def isolated(function):
    return pipeline([step(function, name="s", isolation="process")], name="t", version="1.0")


def test_an_isolated_step_has_its_secrets_looked_up_for_it():
    """The process asks this one, also from several threads at once."""
    engine = engine_with(Vault())
    assert engine.run(isolated(secret_steps.measure)).result == len(DOOR)
    assert engine.run(isolated(secret_steps.measure_many)).result == [len(ROOF)] * 10 + [len(DOOR)] * 10


@pytest.mark.parametrize(
    ("function", "value", "code"),
    [
        (secret_steps.give_back, None, "secret-in-record"),
        (secret_steps.blame, 0, "permanent"),
        (secret_steps.blame, 7_995, "isolated-step-failed"),
        (secret_steps.miss, None, "secret-unavailable"),
        (secret_steps.shout_and_die, None, "worker-died"),
    ],
    ids=["result", "error", "long error", "missing", "death"],
)
def test_nothing_of_an_isolated_steps_secret_gets_out(function, value, code, capfd):
    """Not in its result, its errors (cut or not), nor in the last that it wrote."""
    engine = engine_with(Vault())
    run = engine.run(isolated(function), input=value)
    assert (run.error or {})["code"] == code
    for text in (recorded(engine), str(run), capfd.readouterr().err):
        assert not engine.redactor.holds(text)
        assert "n-sesame" not in text
        assert "op3n" not in text
