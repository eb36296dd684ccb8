"""What a person named: an installed template by name and range, or a template in a Python file."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from knows_core import ConfigError, KnowsError, TemplateBroken, TemplateNotFound
from knows_core.linking import linked
from knows_core.template import definition_of
from knows_registry.guard import asked_for, staying
from knows_registry.loading import lacking, reason_of, unusable

if TYPE_CHECKING:
    from knows_core import WorkflowTemplate
    from knows_core.template import Definition
    from knows_registry.registry import Registry

_SUFFIX = ".py"


class FileBroken(TemplateBroken):
    """A template in a person's own file could not be loaded."""

    remedy = "Correct the file and try again."


class Named(NamedTuple):
    """A template that was found, and the reference that finds it again if it came from a file."""

    template: WorkflowTemplate
    reference: str | None


def find(registry: Registry, text: str) -> Named:
    """Find `NAME`, `NAME@RANGE` or `FILE.py:object`. Raises RegistryError, ConfigError, or what the file raises.

    The object is named by its variable or by the template's own name; it may be left out where the file has only one.
    """
    split = file_in(text)
    if split is None:
        return Named(registry.find(text), None)
    file, name = split
    if name:
        return _named(file, _module(file, text), name)
    found = _templates(_module(file, text))
    if len(found) != 1:
        listed = ", ".join(found) or "none"
        raise ConfigError(name="template", expected=f"FILE.py:object (templates there: {listed})", found=str(file))
    return _named(file, found, next(iter(found)))


def find_linked(registry: Registry, text: str) -> Definition:
    """The definition of what `find` finds, every template that it uses in its place. Raises what both raise."""
    return linked(find_unlinked(registry, text), registry)


def find_unlinked(registry: Registry, text: str) -> Definition:
    """The definition of what `find` finds, by itself."""
    return definition_of(find(registry, text).template)


def references(text: str) -> list[str]:
    """What a reference stands for where many are welcome: a file without an object means every template in it."""
    split = file_in(text)
    if split is None or split[1]:
        return [text]
    return [f"{text}:{name}" for name in _templates(_module(split[0], text))] or [text]


def file_in(text: str) -> tuple[Path, str] | None:
    """The file and the name that a reference to a file means; None for an installed template."""
    path, separator, name = text.rpartition(":") if not text.endswith(_SUFFIX) else (text, "", "")
    if not path.endswith(_SUFFIX):
        return None
    if separator and not name:
        raise ConfigError(name="template", expected="FILE.py:object", found=text)
    return Path(path).absolute(), name


def _templates(contents: dict[str, Any]) -> dict[str, Any]:
    """The templates of a file by the variables that name them; of two names for one, the first."""
    found: dict[str, Any] = {}
    for name, value in contents.items():
        if not any(value is other for other in found.values()) and _is_template(value):
            found[name] = value
    return found


def _is_template(value: object) -> bool:
    try:
        return not lacking(value)
    except BaseException as error:
        if asked_for(error):
            raise
        return False  # any object may lie in a file, one whose attributes raise too


def _named(file: Path, contents: dict[str, Any], name: str) -> Named:
    """The template of a file under a variable's name or its own. Raises TemplateNotFound, TemplateBroken."""
    reference, found = f"{file}:{name}", _templates(contents)
    own_names = {str(getattr(value, "name", key)): value for key, value in found.items()}
    template = found.get(name, own_names.get(name, contents.get(name)))
    if template is None:
        raise TemplateNotFound(requirement=reference, found=f"the file has {', '.join(found) or 'no template'}")
    if reason := unusable(template):
        raise FileBroken(reference=reference, reason=reason)
    return Named(template, reference)


def _module(file: Path, text: str) -> dict[str, Any]:
    """Run a file and return what its names stand for. Raises TemplateNotFound, TemplateBroken."""
    if not file.is_file():
        raise TemplateNotFound(requirement=text, found="there is no such file")
    # A name of its own: a file called json.py must not take the place of the module that others import. The same for
    # every start, since recorded values name their classes by it.
    name = f"knows_file_{file.stem}"
    spec: Any = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    # It stays there, as for a script: a step may import a neighbour only when it runs.
    if str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))
    try:
        # Compiled anew every time: the bytecode cache does not notice an edit of the same length in the same second.
        code = spec.loader.source_to_code(file.read_bytes(), str(file))
        with staying():
            exec(code, vars(module))  # noqa: S102 - it was asked for
    except KnowsError:
        raise
    except BaseException as error:
        if asked_for(error):
            raise
        raise FileBroken(reference=str(file), reason=f"{reason_of(error)}{_line(error, file)}") from error
    return vars(module)


def _line(error: BaseException, file: Path) -> str:
    """Where in the file it happened, unless the error says so itself."""
    number, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file):
            number = trace.tb_lineno
        trace = trace.tb_next
    return f" (line {number})" if number else ""
