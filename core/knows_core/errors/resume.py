"""The errors of going on with a run: why it cannot be continued as asked. Its journal stays as it is."""

from __future__ import annotations

from knows_core.errors import KnowsError


class ResumeRefused(KnowsError):
    """A run that cannot be continued as asked; its journal stays as it is."""

    code = "resume-refused"
    exit_code = 7
    sentence = "run {run} cannot be resumed: {reason}"
    remedy = "{hint}"


class ShapeChanged(ResumeRefused):
    """The template's steps are no longer those that the run was started with."""

    code = "shape-changed"
    sentence = "run {run} was started with other steps of {template}: {difference}"
    remedy = "{hint}; nothing was run or lost."


class ValuesChanged(ResumeRefused):
    """The classes of recorded values are no longer those that the run was started with."""

    code = "values-changed"
    sentence = "run {run} holds values that no longer fit {template}: {difference}"
    remedy = "{hint}; nothing was run or lost."


class TemplateVersionMissing(ResumeRefused, LookupError):
    """The exact version that the run is bound to is not to be had."""

    code = "template-version-missing"
    sentence = "run {run} is bound to {template}: {found}"
    remedy = "Give that template, or install that version again; then `kwf resume {run}`."


class ContractChanged(ResumeRefused):
    """The template still has its steps, but its types, keys or parts are no longer those the run was started with."""

    code = "contract-changed"
    sentence = "run {run} was started with another contract of {template}: {difference}"
    remedy = "{hint}; nothing was run or lost."


class RunIsOver(ResumeRefused):
    """The run came to an end that nothing can follow."""

    code = "run-is-over"
    sentence = "run {run} is {status} and stays so"
    remedy = (
        "Start a new run, or `kwf resume {run} --from STEP`, which makes one with what this one recorded before a step;"
        " `kwf history {run}` names them."
    )


class RecoveryLimit(ResumeRefused):
    """A run was taken up again and again and made no step; it is stored as stuck until somebody resumes it by name."""

    code = "recovery-limit"
    sentence = "run {run} was taken up {recoveries} times without a recorded step"
    remedy = "Find out what ends the process at its next step; then `kwf resume {run}` tries again."


class MigrationFailed(ResumeRefused):
    """A declared migration could not be made as a whole, so nothing of it was."""

    code = "migration-failed"
    sentence = "run {run} cannot be migrated from {was} to {template}: {reason}"
    remedy = "Correct the migration, or install the version the run began on; nothing was recorded."
