"""What a person named: an installed template by name and range, or a template in a Python file."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from knows_core.errors import ConfigError, KnowsError, TemplateBroken, TemplateNotFound
from knows_registry.loading import lacking, reason_of

if TYPE_CHECKING:
    from types import ModuleType

    from knows_core import WorkflowTemplate
    from knows_registry.registry import Registry

_SUFFIX = ".py"


class Named(NamedTuple):
    """A template that was found, and the reference that finds it again if it came from a file."""

    template: WorkflowTemplate
    reference: str | None


def find(registry: Registry, text: str) -> Named:
    """Find `NAME`, `NAME@RANGE` or `FILE.py:object`. Raises RegistryError, ConfigError, or what the file raises.

    The object is named by its variable or by the template's own name; it may be left out where the file has only one.
    """
    path, separator, name = text.rpartition(":") if not text.endswith(_SUFFIX) else (text, "", "")
    if not path.endswith(_SUFFIX):
        return Named(registry.find(text), None)
    file = Path(path).absolute()
    if separator and not name:
        raise ConfigError(name="template", expected="FILE.py:object", found=text)
    return _in_file(file, name)


def _in_file(file: Path, name: str) -> Named:
    if not file.is_file():
        raise TemplateNotFound(requirement=f"{file}:{name}", found="there is no such file")
    found = {
        key: value for key, value in vars(_module(file)).items() if not isinstance(value, type) and not lacking(value)
    }
    own_names = {str(getattr(value, "name", key)): value for key, value in found.items()}
    if not name:
        if len(found) != 1:
            listed = ", ".join(found) or "none"
            raise ConfigError(name="template", expected=f"FILE.py:object (templates there: {listed})", found=str(file))
        name = next(iter(found))
    template = found.get(name, own_names.get(name))
    if template is None:
        listed = ", ".join(found) or "no template"
        raise TemplateNotFound(requirement=f"{file}:{name}", found=f"the file has {listed}")
    return Named(cast("WorkflowTemplate", template), f"{file}:{name}")


def _module(file: Path) -> ModuleType:
    # A name of its own: a file called json.py must not take the place of the module that others import. The same for
    # every start, since recorded values name their classes by it.
    name = f"knows_file_{file.stem}"
    spec: Any = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(file.parent))
    try:
        # Compiled anew every time: the bytecode cache does not notice an edit of the same length in the same second.
        exec(spec.loader.source_to_code(file.read_bytes(), str(file)), vars(module))  # noqa: S102 - it was asked for
    except KnowsError:
        raise
    except (Exception, SystemExit) as error:
        raise TemplateBroken(reference=str(file), reason=f"{reason_of(error)}{_line(error, file)}") from error
    finally:
        sys.path.remove(str(file.parent))
    return module


def _line(error: BaseException, file: Path) -> str:
    """Where in the file it happened."""
    number, trace = getattr(error, "lineno", None), error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file):
            number = trace.tb_lineno
        trace = trace.tb_next
    return f" (line {number})" if number else ""
