"""Knows Workflows, the core: what a workflow template is and what running it means.

Every name is imported when it is first used, so that an import costs only what is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from knows_core.backend import Append, Capabilities, MemoryBackend, RunRow, StateBackend
    from knows_core.checking.check import Problem
    from knows_core.context import StepContext
    from knows_core.engine import LocalEngine
    from knows_core.engines import Engine
    from knows_core.errors import (
        AccessDenied,
        BadRunId,
        ConfigError,
        ContractError,
        DefinitionError,
        InvalidVersion,
        IsolatedStepFailed,
        KnowsError,
        MissingInput,
        MissingState,
        NotStorable,
        PermanentError,
        RegistryError,
        RunExists,
        StateMismatch,
        StepTimeout,
        TransientError,
        UnknownRun,
        WorkerDied,
    )
    from knows_core.errors.backend import (
        BackendBusy,
        BackendError,
        BackendFull,
        BackendUnavailable,
        LeaseLost,
        RecordCorrupt,
        RunBusy,
        SchemaTooNew,
        UnknownScheme,
    )
    from knows_core.errors.flow import (
        CircularUse,
        ScopeTimeout,
        SeamMismatch,
        StateConflict,
        UndeclaredWrite,
        VersionConflict,
    )
    from knows_core.errors.limits import RecordTooLarge, RunCancelled, RunTooLarge, StepLimit, TooDeep, WorkflowTimeout
    from knows_core.errors.recovery import (
        ApprovalExpired,
        AwaitingDecision,
        CompensationFailed,
        DecisionRefused,
        HandlerFailed,
        InDoubt,
        Rejected,
        RoleMissing,
    )
    from knows_core.errors.registry import DuplicateTemplate, PluginBroken, TemplateBroken, TemplateNotFound
    from knows_core.errors.resume import (
        ContractChanged,
        MigrationFailed,
        RecoveryLimit,
        ResumeRefused,
        RunIsOver,
        ShapeChanged,
        TemplateVersionMissing,
        ValuesChanged,
    )
    from knows_core.errors.secrets import SecretInRecord, SecretUnavailable
    from knows_core.flow import Flow, Step
    from knows_core.flows.building import approval, case, each, parallel, repeat, scope, step, use
    from knows_core.flows.migration import Migration
    from knows_core.hooks import hookimpl, hookspec
    from knows_core.journals.records import Question
    from knows_core.limits import Limits
    from knows_core.linking import link
    from knows_core.recovery import Continue, Done, ErrorContext, Fail, Fallback, NotDone, Retry, Suspend
    from knows_core.run import Run, RunStatus
    from knows_core.settings import WorkflowSettings
    from knows_core.state import WorkflowState
    from knows_core.states.joining import Reducer
    from knows_core.template import Templates, WorkflowTemplate
    from knows_core.version import Requirement, Version, VersionRange
    from knows_core.workflow import PipelineWorkflow, compose, pipeline

_ROOMS = {
    "backend": "Append Capabilities MemoryBackend RunRow StateBackend",
    "flows.building": "approval case each parallel repeat scope step use",
    "checking.check": "Problem",
    "context": "StepContext",
    "engine": "LocalEngine",
    "engines": "Engine",
    "errors.flow": ("CircularUse ScopeTimeout SeamMismatch StateConflict UndeclaredWrite VersionConflict"),
    "errors": (
        "AccessDenied BadRunId ConfigError ContractError DefinitionError InvalidVersion IsolatedStepFailed"
        " KnowsError MissingInput MissingState NotStorable PermanentError RegistryError"
        " RunExists StateMismatch StepTimeout TransientError"
        " UnknownRun WorkerDied"
    ),
    "errors.backend": (
        "BackendBusy BackendError BackendFull BackendUnavailable LeaseLost RecordCorrupt RunBusy SchemaTooNew"
        " UnknownScheme"
    ),
    "errors.limits": "RecordTooLarge RunCancelled RunTooLarge StepLimit TooDeep WorkflowTimeout",
    "errors.resume": (
        "ContractChanged MigrationFailed RecoveryLimit ResumeRefused RunIsOver ShapeChanged TemplateVersionMissing"
        " ValuesChanged"
    ),
    "errors.recovery": (
        "ApprovalExpired AwaitingDecision CompensationFailed DecisionRefused HandlerFailed InDoubt Rejected RoleMissing"
    ),
    "errors.registry": "DuplicateTemplate PluginBroken TemplateBroken TemplateNotFound",
    "errors.secrets": "SecretInRecord SecretUnavailable",
    "flow": "Flow Step",
    "hooks": "hookimpl hookspec",
    "states.joining": "Reducer",
    "limits": "Limits",
    "linking": "link",
    "flows.migration": "Migration",
    "journals.records": "Question",
    "recovery": "Continue Done ErrorContext Fail Fallback NotDone Retry Suspend",
    "run": "Run RunStatus",
    "settings": "WorkflowSettings",
    "state": "WorkflowState",
    "template": "Templates WorkflowTemplate",
    "version": "Requirement Version VersionRange",
    "workflow": "PipelineWorkflow compose pipeline",
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names.split()}

__all__ = [
    "AccessDenied",
    "Append",
    "ApprovalExpired",
    "AwaitingDecision",
    "BackendBusy",
    "BackendError",
    "BackendFull",
    "BackendUnavailable",
    "BadRunId",
    "Capabilities",
    "CircularUse",
    "CompensationFailed",
    "ConfigError",
    "Continue",
    "ContractChanged",
    "ContractError",
    "DecisionRefused",
    "DefinitionError",
    "Done",
    "DuplicateTemplate",
    "Engine",
    "ErrorContext",
    "Fail",
    "Fallback",
    "Flow",
    "HandlerFailed",
    "InDoubt",
    "InvalidVersion",
    "IsolatedStepFailed",
    "KnowsError",
    "LeaseLost",
    "Limits",
    "LocalEngine",
    "MemoryBackend",
    "Migration",
    "MigrationFailed",
    "MissingInput",
    "MissingState",
    "NotDone",
    "NotStorable",
    "PermanentError",
    "PipelineWorkflow",
    "PluginBroken",
    "Problem",
    "Question",
    "RecordCorrupt",
    "RecordTooLarge",
    "RecoveryLimit",
    "Reducer",
    "RegistryError",
    "Rejected",
    "Requirement",
    "ResumeRefused",
    "Retry",
    "RoleMissing",
    "Run",
    "RunBusy",
    "RunCancelled",
    "RunExists",
    "RunIsOver",
    "RunRow",
    "RunStatus",
    "RunTooLarge",
    "SchemaTooNew",
    "ScopeTimeout",
    "SeamMismatch",
    "SecretInRecord",
    "SecretUnavailable",
    "ShapeChanged",
    "StateBackend",
    "StateConflict",
    "StateMismatch",
    "Step",
    "StepContext",
    "StepLimit",
    "StepTimeout",
    "Suspend",
    "TemplateBroken",
    "TemplateNotFound",
    "TemplateVersionMissing",
    "Templates",
    "TooDeep",
    "TransientError",
    "UndeclaredWrite",
    "UnknownRun",
    "UnknownScheme",
    "ValuesChanged",
    "Version",
    "VersionConflict",
    "VersionRange",
    "WorkerDied",
    "WorkflowSettings",
    "WorkflowState",
    "WorkflowTemplate",
    "WorkflowTimeout",
    "approval",
    "case",
    "compose",
    "each",
    "hookimpl",
    "hookspec",
    "link",
    "parallel",
    "pipeline",
    "repeat",
    "scope",
    "step",
    "use",
]


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib  # not needed once the names are there

    value = getattr(importlib.import_module(f"{__name__}.{_ROOM_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
