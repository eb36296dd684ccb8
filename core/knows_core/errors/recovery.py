"""The errors of recovery: policies that failed themselves, decisions, acts in doubt, compensation."""

from __future__ import annotations

from knows_core.errors import KnowsError, PermanentError
from knows_core.errors.resume import ResumeRefused


class HandlerFailed(KnowsError):
    """An error handler raised, or gave no verdict; the failure that it was asked about is the cause."""

    code = "handler-failed"
    sentence = "the handler {handler}, asked about the failure of {step}, {reason}; the step had failed with: {error}"
    remedy = "Correct the handler or take it out; `kwf plugins --hooks` lists those of plugins. Then resume the run."


class CompensationFailed(KnowsError):
    """The run failed, and what some of its finished steps did could not be undone; `errors` says why, of each."""

    code = "compensation-failed"
    sentence = "{step} failed ({error}), and {count} of {all} compensations failed: {failed}"
    remedy = "See to them, then resume the run: those that failed are tried again, the newest first."


class InDoubt(KnowsError):
    """Whether an act with `effect="once"` took place cannot be told from here."""

    code = "in-doubt"
    exit_code = 9
    sentence = "whether step {step} took effect is in doubt: {reason}"
    remedy = "Look at the equipment; then `kwf decide` says done, retry or reject."


class Rejected(PermanentError):
    """A person decided against going on."""

    code = "rejected"
    sentence = "{step} was rejected by {by}{note}"
    remedy = "Resuming the run asks again; see `kwf history` for what was shown."


class ApprovalExpired(PermanentError, TimeoutError):
    """Nobody decided in time."""

    code = "approval-expired"
    sentence = "nobody decided on {step} within {expires} s"
    remedy = "Resuming the run asks again."


NOES = frozenset((Rejected.code, ApprovalExpired.code))  # failures that a person made, or by keeping silent


class AwaitingDecision(KnowsError):
    """A run without a journal came to a place where a person decides: nobody could ever go on with it."""

    code = "awaiting-decision"
    exit_code = 9
    sentence = "{step} waits for a decision, and this run is not recorded"
    remedy = "Run it on an engine with a backend: `kwf run`, or LocalEngine(backend).run(...)."


class DecisionRefused(ResumeRefused):
    """A decision that cannot be taken: nothing waits for it, somebody took another, or it came too late."""

    code = "decision-refused"
    sentence = "run {run}: {reason}"
    remedy = "`kwf history {run}` shows what was asked and decided."


class RoleMissing(KnowsError, PermissionError):
    """A decision by somebody without the role that it takes."""

    code = "role-missing"
    exit_code = 8
    sentence = "{step} of run {run} is decided by somebody with the role {role}, found {found}"
    remedy = "Decide as one who has it: --as NAME:{role}."
