"""The errors of flows: seams, parts, branches and what they are linked to."""

from __future__ import annotations

from knows_core.errors import ContractError, KnowsError, RegistryError


class SeamMismatch(ContractError, TypeError):
    """A value that was handed over, or given back, is not of the declared type. What was rejected is not shown."""

    code = "seam-mismatch"
    sentence = "{where}: expected {expected}, found {found}: {problems}"
    remedy = "Correct the value or the annotation."


class StateConflict(ContractError):
    """Two branches that ran side by side wrote one state key differently."""

    code = "state-conflict"
    sentence = "{where}: the branches {branches} both wrote the state key {key!r}"
    remedy = "Let one of them write it, run them one after the other, or annotate the key with a Reducer."


class UndeclaredWrite(ContractError):
    """A step that declares its writes wrote another key, or left a declared one without a value."""

    code = "undeclared-write"
    sentence = "step {step} declares to write {declared}, but {found}"
    remedy = "Correct writes=[...] or the step."


class VersionConflict(RegistryError):
    """Two places of one composition need versions of a template that no single one satisfies."""

    code = "version-conflict"
    sentence = "{name}: {one} needs {first}, which gave {version}; {other} needs {second}"
    remedy = 'Widen one of the ranges, or give one an alias: use("{name}", ..., alias="other").'


class CircularUse(RegistryError):
    """A template that uses itself, directly or through others."""

    code = "circular-use"
    sentence = "templates use each other in a circle: {chain}"
    remedy = "Break the circle: repeat(...) makes a flow again and again."


class ScopeTimeout(KnowsError, TimeoutError):
    """A scope was not done within its time."""

    code = "scope-timeout"
    sentence = "{scope} was not done within {timeout} s; {step} was under way"
    remedy = "Resume it with a longer timeout, or find out what takes so long."
