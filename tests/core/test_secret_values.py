"""Values that hold secrets, known or hidden, are not recorded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel, SecretBytes, SecretStr

from knows_core import LocalEngine, MemoryBackend, NotStorable, RunStatus, SecretInRecord
from tests.core.secret_vault import DOOR, Vault, engine_with, of, recorded


class Model(BaseModel):
    token: str


@dataclass
class Pair:
    left: Any
    right: Any


def put(value: Any) -> Any:
    def use(context) -> Pair | Model | dict[Any, Any] | tuple[Any, ...] | str | bytes:
        given: Pair | Model = value(context.secret("vault:door"))
        return given

    return use


def write(state, context):
    state["login"] = {"me": [1, context.secret("vault:door")]}


@pytest.mark.parametrize(
    ("function", "where"),
    [
        (put(lambda secret: secret), "the result of use $"),
        (put(lambda secret: {"a": [1, {"b": f"key={secret}!"}]}), "the result of use $.a[1].b"),
        (put(lambda secret: {secret: 1}), "the result of use $ (a key)"),
        (put(lambda secret: (1, {2: secret})), "the result of use $[1][0][1]"),
        (put(lambda secret: secret.encode()), "the result of use $"),
        (put(lambda secret: json.dumps({"a": secret})), "the result of use $"),
        (put(lambda secret: Pair(1, secret)), "the result of use $.right"),
        (put(lambda secret: Model(token=secret)), "the result of use $.token"),
        (write, "the state that write wrote $.login.me[1]"),
    ],
)
def test_a_value_that_holds_a_secret_is_not_recorded(function, where):
    """The step fails with the place and never the value; nothing of it reaches the journal."""
    engine = engine_with(Vault())
    run = engine.run(of(function), run_id="r")
    error = run.error or {}
    assert (run.status, error["code"]) == (RunStatus.FAILED, "secret-in-record")
    assert error["message"].startswith(f"{where}: expected")
    assert not engine.redactor.holds(recorded(engine))
    assert not engine.redactor.holds(str(run))


def test_a_new_run_is_not_begun_with_a_secret():
    """Neither as its input nor in its state: SecretInRecord, exit code 4, and there is no run."""
    engine, template = engine_with(Vault()), of(lambda value, state, context: len(context.secret("vault:door")))
    engine.run(template)
    for given in ({"input": [DOOR]}, {"state": {"k": DOOR}}):
        with pytest.raises(SecretInRecord, match="of the run") as caught:
            engine.run(template, **given)
        assert caught.value.exit_code == 4
        assert DOOR not in str(caught.value)
    assert len(engine.runs()) == 1


def test_names_of_ours_are_no_secrets():
    """A secret that happens to be a word of the journal's format, or a step's name, strands no run."""
    vault = Vault(lambda name: name)

    def attempt(context):
        return [len(context.secret(f"vault:{one}")) for one in ("StepDone", "attempt", "result", "secret", "kind")]

    assert engine_with(vault).run(of(attempt)).status is RunStatus.COMPLETED


HIDDEN = [
    lambda: SecretStr("x"),
    lambda: [1, {"a": SecretStr("x")}],
    lambda: SecretBytes(b"x"),
    lambda: Pair(1, SecretStr("x")),
    lambda: Holder(token=SecretStr("x")),
]


class Holder(BaseModel):
    token: SecretStr


@pytest.mark.parametrize("made", HIDDEN, ids=["itself", "nested", "bytes", "in a dataclass", "in a model"])
@pytest.mark.parametrize("into", ["result", "state", "input", "initial state"])
def test_a_hidden_text_of_pydantic_is_refused(made, into):
    """Asterisks would be recorded in its place: NotStorable, whatever holds it."""

    def result() -> Pair | Holder | list[Any] | SecretStr | SecretBytes:
        given: Pair | Holder = made()
        return given

    def state(state):
        state["k"] = made()

    engine = LocalEngine(MemoryBackend())
    if into in ("result", "state"):
        error = engine.run(of(result if into == "result" else state)).error or {}
        assert error["code"] == "not-storable"
        return
    given = {"input": made()} if into == "input" else {"state": {"k": made()}}
    with pytest.raises(NotStorable):
        engine.run(of(lambda value, state: None), **given)
