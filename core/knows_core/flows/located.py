"""Where a function or a class is, in words that another process can find it by. Nothing here imports anything."""

from __future__ import annotations

import functools
import sys
import types
from typing import TYPE_CHECKING, Any, cast

from knows_core.flow import Step
from knows_core.values.declared import held_at

if TYPE_CHECKING:
    from collections.abc import Callable

Place = tuple[str, str, str | None]  # module, qualified name, and the file of a module that no import would find


def unwrapped(function: Callable[..., Any]) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """The function inside steps and partials, with the arguments that they fix."""
    target: Any = function
    args: tuple[Any, ...] = ()
    fixed: dict[str, Any] = {}
    while isinstance(target, Step | functools.partial):
        if isinstance(target, Step):
            target = cast("Step[Any, Any]", target).function
        else:  # a partial of a partial comes as one, but not one of a step
            inner = cast("functools.partial[Any]", target)
            target, args, fixed = inner.func, (*inner.args, *args), {**inner.keywords, **fixed}
    return target, args, fixed


def why_not_isolated(step: Step[Any, Any]) -> str:
    """Why a process of its own could not find the step's function, as in "it is a lambda"; an empty text if it can."""
    function = unwrapped(step.function)[0]
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    owner = getattr(function, "__self__", None)
    if not isinstance(function, type) and owner is not None and not isinstance(owner, type | types.ModuleType):
        return f"it is a method of an object of class {type(owner).__qualname__}"
    if not isinstance(module, str) or not isinstance(name, str):
        return f"it is an object of class {type(function).__qualname__}"
    if name.rpartition(".")[2] == "<lambda>":
        return "it is a lambda"
    if "<locals>" in name:
        return f"it is defined inside another function, as {name}"
    if module == "__main__":
        return "it is defined in the script that was started"
    # A bound class method is made anew at every look: equal, but never the same.
    if (found := found_here(module, name)) is not function and found != function:
        return f"{module} has no {name}, or another one"
    return ""


def found_here(module: str, name: str) -> Any:
    """What a module that this process has imported already holds under a qualified name; else a stand-in."""
    return unwrapped(held_at(module, name))[0]


def place_of(what: Any) -> Place:
    """The place of a function or class."""
    module = str(what.__module__)
    file: str | None = getattr(sys.modules.get(module), "__file__", None)
    return module, str(what.__qualname__), None if file is None or file == _origin(module) else file


def _origin(module: str) -> str | None:
    """The file that a fresh process would import for a module's name."""
    spec: Any = None
    path: list[str] | None = None
    whole = ""
    try:
        for part in module.split("."):
            whole = f"{whole}.{part}" if whole else part
            spec = next(one for finder in sys.meta_path if (one := finder.find_spec(whole, path)) is not None)
            path = list(spec.submodule_search_locations or ())
    except (StopIteration, ImportError, AttributeError, KeyError, ValueError):  # no finder has it, or one cannot tell
        return None
    return cast("str | None", spec.origin)
