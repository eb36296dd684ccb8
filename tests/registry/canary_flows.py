"""Templates whose steps let a canary out, each by a path of its own; `kwf` runs them as files.

The canary is in the environment alone: whoever looks it up with `context.secret` must not be able to lose it.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from knows_core import PermanentError, StepContext, case, hookimpl, parallel, pipeline, step

kept = logging.getLogger("knows_core")
kept.addHandler(logging.FileHandler("run.log", encoding="utf-8"))
kept.setLevel(logging.DEBUG)


def secret(context: StepContext) -> str:
    return context.secret("secret:CANARY")


def named(flow):
    return pipeline(flow, name="canary", version="1.0")


def raise_it(context) -> None:
    value = secret(context)
    try:
        raise ValueError(json.dumps({"token": value}))
    except ValueError as cause:
        raise PermanentError(f"{'x' * 7_990}{value}: refused by https://me:{value}@host") from cause


def raise_group(context) -> None:
    raise ExceptionGroup(secret(context), [KeyError(secret(context)), ExceptionGroup("in", [OSError(secret(context))])])


def give_it(context) -> dict[str, Any]:
    return {"deep": [1, {"token": f"Bearer {secret(context)}"}]}


def put_it(state, context) -> None:
    state["login"] = {"header": [secret(context).encode()]}


def log_it(context) -> None:
    logging.getLogger("app").error("the token is %s", secret(context))
    logging.getLogger("app").error("failed", exc_info=ValueError(secret(context)))
    warnings.warn(secret(context), stacklevel=1)


def print_it(context) -> None:
    value = secret(context)
    print(value[:5], end="")
    print(value[5:])
    print({"token": value}, file=sys.stderr)
    sys.stdout.writelines([value, "\n"])
    sys.stdout.buffer.write(value.encode() + b"\n")
    sys.stdout.flush()
    try:
        raise ValueError(value)
    except ValueError:
        traceback.print_exc()


def tell_it(context) -> None:
    context.progress(1, 2, f"with {secret(context)}")


class Seen:
    """What the step before saw in this process; a resumed run has not."""

    value = ""


def look(context) -> str:
    Seen.value = secret(context)
    return str(len(Seen.value))


def never(context) -> str:
    return secret(context)


def doubt(result, state) -> bool:
    raise ValueError(f"seen: {Seen.value}")


class Login(BaseModel):
    user: int
    token: SecretStr
    port: int


def refuse_it(context) -> None:
    Login.model_validate({"user": [secret(context)], "token": {"a": secret(context)}, "port": secret(context)})


def crash_once(value, context) -> str:
    value = secret(context)
    print(f"before the crash {value}", flush=True)
    if not Path("crashed").exists():
        Path("crashed").touch()
        os._exit(9)
    raise PermanentError(f"after the crash {value}")


def isolated_leak(context) -> None:
    value = secret(context)
    print(f"in its process {value}")
    raise PermanentError(f"in its process {value}")


def isolated_death(context) -> None:
    sys.stderr.write(f"its last words {secret(context)}\n")
    os._exit(4)


def unasked(context) -> None:
    print(os.environ["CANARY"])
    raise ValueError(os.environ["CANARY"])


class Plugin:
    """Offers what the case of `CASE` needs; each lets out what the step has looked up."""

    @hookimpl
    def knows_observers(self):
        return [self._observe] if os.environ["CASE"] == "observer_error" else []

    @hookimpl
    def knows_validators(self):
        return [self._validate] if os.environ["CASE"] == "validator_error" else []

    @hookimpl
    def knows_error_handlers(self, context):
        if os.environ["CASE"] == "handler_error":
            raise RuntimeError(os.environ["CANARY"]) from context.exception

    def _observe(self, run, event):
        if type(event).__name__ == "StepDone":
            raise RuntimeError(os.environ["CANARY"])

    def _validate(self, when, path, value, state):
        if when == "after":
            raise ValueError(os.environ["CANARY"])


def undo(result, context):
    raise ValueError(secret(context))


def fail(context) -> None:
    raise PermanentError("plain")


step_error = named([raise_it])
step_errors = named([raise_group])
state = named([put_it])
result = named([give_it])
log = named([log_it])
cli_text = named([print_it])
json_output = named([give_it])
history = named(step(look) | case((doubt, step(fail)), step(never)))
unexecuted = named([look, fail, never])
resume = named([look, crash_once])
isolated_step = named([step(isolated_leak, isolation="process")])
worker_death = named([step(isolated_death, isolation="process")])
validation = named([refuse_it])
progress = named([tell_it])
branches = named(parallel(raise_it, print_it))
compensation = named(step(look, compensate=undo) | step(fail))
observer_error = named([look])
validator_error = named([look])
handler_error = named([raise_it])
leaking = named([unasked])
