"""Knows Workflows, the core: what a workflow template is and what running it means.

Every name is imported when it is first used, so that an import costs only what is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from knows_core.backend import Append, MemoryBackend, RunRow, StateBackend
    from knows_core.building import case, each, parallel, repeat, scope, step, use
    from knows_core.check import Problem
    from knows_core.context import StepContext
    from knows_core.engine import LocalEngine
    from knows_core.errors import (
        AccessDenied,
        BackendError,
        BadRunId,
        ConfigError,
        ContractError,
        DefinitionError,
        InvalidVersion,
        IsolatedStepFailed,
        KnowsError,
        LeaseLost,
        MissingInput,
        MissingState,
        NotStorable,
        PermanentError,
        RecordCorrupt,
        RegistryError,
        ResumeRefused,
        RunBusy,
        RunExists,
        ShapeChanged,
        StateMismatch,
        StepTimeout,
        TemplateVersionMissing,
        TransientError,
        UnknownRun,
        UnknownScheme,
        ValuesChanged,
        WorkerDied,
    )
    from knows_core.errors_flow import (
        CircularUse,
        ContractChanged,
        ScopeTimeout,
        SeamMismatch,
        StateConflict,
        UndeclaredWrite,
        VersionConflict,
    )
    from knows_core.errors_registry import DuplicateTemplate, PluginBroken, TemplateBroken, TemplateNotFound
    from knows_core.flow import Flow, Step
    from knows_core.hooks import hookimpl, hookspec
    from knows_core.joining import Reducer
    from knows_core.limits import Limits
    from knows_core.linking import link
    from knows_core.run import Run, RunStatus
    from knows_core.settings import WorkflowSettings
    from knows_core.state import WorkflowState
    from knows_core.template import Templates, WorkflowTemplate
    from knows_core.version import Requirement, Version, VersionRange
    from knows_core.workflow import PipelineWorkflow, compose, pipeline

_ROOMS = {
    "backend": "Append MemoryBackend RunRow StateBackend",
    "building": "case each parallel repeat scope step use",
    "check": "Problem",
    "context": "StepContext",
    "engine": "LocalEngine",
    "errors_flow": (
        "CircularUse ContractChanged ScopeTimeout SeamMismatch StateConflict UndeclaredWrite VersionConflict"
    ),
    "errors": (
        "AccessDenied BackendError BadRunId ConfigError ContractError DefinitionError InvalidVersion IsolatedStepFailed"
        " KnowsError LeaseLost MissingInput MissingState NotStorable PermanentError RecordCorrupt RegistryError"
        " ResumeRefused RunBusy RunExists ShapeChanged StateMismatch StepTimeout TemplateVersionMissing TransientError"
        " UnknownRun UnknownScheme ValuesChanged WorkerDied"
    ),
    "errors_registry": "DuplicateTemplate PluginBroken TemplateBroken TemplateNotFound",
    "flow": "Flow Step",
    "hooks": "hookimpl hookspec",
    "joining": "Reducer",
    "limits": "Limits",
    "linking": "link",
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
    "BackendError",
    "BadRunId",
    "CircularUse",
    "ConfigError",
    "ContractChanged",
    "ContractError",
    "DefinitionError",
    "DuplicateTemplate",
    "Flow",
    "InvalidVersion",
    "IsolatedStepFailed",
    "KnowsError",
    "LeaseLost",
    "Limits",
    "LocalEngine",
    "MemoryBackend",
    "MissingInput",
    "MissingState",
    "NotStorable",
    "PermanentError",
    "PipelineWorkflow",
    "PluginBroken",
    "Problem",
    "RecordCorrupt",
    "Reducer",
    "RegistryError",
    "Requirement",
    "ResumeRefused",
    "Run",
    "RunBusy",
    "RunExists",
    "RunRow",
    "RunStatus",
    "ScopeTimeout",
    "SeamMismatch",
    "ShapeChanged",
    "StateBackend",
    "StateConflict",
    "StateMismatch",
    "Step",
    "StepContext",
    "StepTimeout",
    "TemplateBroken",
    "TemplateNotFound",
    "TemplateVersionMissing",
    "Templates",
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
