"""The error tree: what went wrong, where, and the next move.

An error keeps its facts as attributes and makes its sentence from them when it is shown. `code` is stable and has an
entry in docs/reference/errors.md; `exit_code` is what the command line answers with.
"""

from __future__ import annotations

from typing import Any, ClassVar


class _Facts(dict[str, Any]):
    """The facts of an error; one that was not given is shown as a question mark."""

    def __missing__(self, name: str) -> str:
        return "?"


class KnowsError(Exception):
    """The root of every error that this project raises on purpose.

    Raise a subclass with the facts its sentence names as keyword arguments, or, in a step, with a sentence of your own.
    """

    code: ClassVar[str] = "knows-error"
    exit_code: ClassVar[int] = 1
    sentence: ClassVar[str] = ""
    remedy: ClassVar[str] = ""

    def __init__(self, message: str | None = None, /, **facts: Any) -> None:
        super().__init__(*([] if message is None else [message]))
        self.facts = facts
        self.message = message

    def __getattr__(self, name: str) -> Any:
        facts = self.__dict__.get("facts", {})
        if name in facts:
            return facts[name]
        raise AttributeError(name)

    def __str__(self) -> str:
        what = self.sentence.format_map(_Facts(self.facts)) if self.message is None else self.message
        return f"{what}. {self.next_move}" if self.next_move else what

    @property
    def next_move(self) -> str:
        """What to do about it, or an empty text."""
        return self.remedy.format_map(_Facts(self.facts)) if self.message is None else ""

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), () if self.message is None else (self.message,), {"facts": self.facts}


class TransientError(KnowsError):
    """The world did not cooperate this time; the same call may succeed later."""

    code = "transient"


class PermanentError(KnowsError):
    """Trying again will not help: the input, the document or the equipment itself must change."""

    code = "permanent"


class StepTimeout(KnowsError, TimeoutError):
    """An attempt of a step took longer than its timeout; whatever it still does no longer counts."""

    code = "step-timeout"
    sentence = "step {step} did not end within {timeout} s"
    remedy = (
        "Give it more time, or find out what takes so long. A sync step in a thread is abandoned and may go on;"
        ' isolation="process" stops it for real.'
    )


class IsolatedStepFailed(KnowsError):
    """A step in a process of its own raised an error whose class this process does not hold, or cannot make again."""

    code = "isolated-step-failed"
    sentence = "step {step} raised {kind} in its process: {text}"
    remedy = "To get the error itself, define its class where the template imports it, with one text as its argument."


class WorkerDied(KnowsError, ChildProcessError):
    """The process of a step ended without an answer. `status` is its exit code, or minus the signal that ended it."""

    code = "worker-died"
    sentence = "the process of step {step} died {how}; the last it wrote: {stderr}"
    remedy = "Look at what the step does. Signal 9 (SIGKILL) from outside often means that memory ran out."


# ------------------------------------------------------------------ usage and configuration: exit 2


class ConfigError(KnowsError, ValueError):
    """A setting, limit or argument that cannot be used."""

    code = "config"
    exit_code = 2
    sentence = "{name}: expected {expected}, found {found!r}"
    remedy = "Correct it and try again."


class UnknownRun(ConfigError, LookupError):
    """No journal has this run."""

    code = "unknown-run"
    sentence = "no run {run!r} in {where}"
    remedy = "`kwf runs` lists the runs; another place is named with --backend."


class RunExists(ConfigError):
    """A new run was asked for under an id that is taken."""

    code = "run-exists"
    sentence = "run {run!r} exists already"
    remedy = "Continue it with `kwf resume {run}`, or choose another --run-id."


class BadRunId(ConfigError):
    """A run id that could hurt a file system, a shell or a reader."""

    code = "bad-run-id"
    sentence = "run id {found!r}: expected 1 to 128 letters, digits or . _ : - that start with a letter or digit"
    remedy = "Choose another run id."


# ------------------------------------------------------------------ templates, plugins, locks: exit 3


class RegistryError(KnowsError):
    """A template or plugin cannot be had."""

    code = "registry"
    exit_code = 3


class InvalidVersion(RegistryError, ValueError):
    """A version or range outside the grammar of docs/reference/versions.md."""

    code = "invalid-version"
    sentence = "{what} {found!r}: expected {expected}"
    remedy = "Versions look like 1.2.3 or 1.2.3-rc.1; ranges like ^1.2, ~1.2.3 or >=1.2,<2."


# ------------------------------------------------------------------ types, input, state do not fit: exit 4


class ContractError(KnowsError, ValueError):
    """A definition, an input or a state that does not fit."""

    code = "contract"
    exit_code = 4


class DefinitionError(ContractError):
    """A template with problems was asked to run."""

    code = "definition"
    sentence = "template {template} cannot run: {problems}"
    remedy = "`kwf check` shows every problem with its remedy."


class MissingState(ContractError, LookupError):
    """A key that the template requires has no value."""

    code = "missing-state"
    sentence = "template {template} requires the state {missing}, found {found}"
    remedy = "Give each with --set KEY=VALUE, --state FILE.json, or state={{...}}."


class StateMismatch(ContractError, TypeError):
    """A state value does not fit the state model that the template declares."""

    code = "state-mismatch"
    sentence = "{where} does not fit {model}: {problems}"
    remedy = "`kwf show {template} --schema` tells what it takes."


class MissingInput(ContractError):
    """The first step needs an input and the run was given none."""

    code = "missing-input"
    sentence = "the first step of {template}, {first}, takes {expected} as its input, found none"
    remedy = "Give it with --input JSON, or engine.run(..., input=...)."


class NotStorable(ContractError, TypeError):
    """A value cannot be written to the journal as it is, so the step does not count as done."""

    code = "not-storable"
    sentence = "{where} {path}: expected a value that can be recorded, found {found}"
    remedy = "{hint}"


class AccessDenied(KnowsError, PermissionError):
    """A database or folder that may not be opened."""

    code = "access-denied"
    exit_code = 8
    sentence = "{path} may not be opened: {reason}"
    remedy = "Give yourself access to it, or name another place with --backend."


def error_kinds(root: type[KnowsError] = KnowsError) -> dict[str, type[KnowsError]]:
    """Every error class below `root`, by its code."""
    kinds = {root.code: root} if "code" in root.__dict__ else {}
    for kind in root.__subclasses__():
        kinds |= error_kinds(kind)
    return kinds
