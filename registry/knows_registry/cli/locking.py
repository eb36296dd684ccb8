"""What the commands around the lock share: the registry that looks at everything installed, and the request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knows_core import ConfigError, Requirement
from knows_core.settings import load_settings
from knows_core.template import definition_of
from knows_registry.cli.place import ask_plugins
from knows_registry.cli.reference import find, references
from knows_registry.composition import need_of, needs_of
from knows_registry.locked import LockingRegistry
from knows_registry.permits.permission import Permission
from knows_registry.resolving.resolve import Unsatisfiable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from knows_core import Version
    from knows_registry.cli.answer import Answers
    from knows_registry.composition import Composition
    from knows_registry.locking.lock import Lock
    from knows_registry.registry import Registry
    from knows_registry.resolving.resolve import Need, Slot


def registry_for_locking(lock: Lock | None) -> Registry:
    """A registry that may look at what no lock names yet: whoever locks a template wants to have it taken in.

    The list of permitted distributions, where the settings say that it decides, decides here too.
    """
    mode = load_settings().plugins
    return LockingRegistry(lock=lock, permission=Permission("allow" if mode == "allow" else "any"))


def request_of_person(registry: Registry, texts: Sequence[str]) -> list[Need]:
    """What `NAME`, `NAME@RANGE`, `FILE.py:object` or `FILE.py` ask for; of a file, what its templates use.

    Raises InvalidVersion, ConfigError, and what the file raises.
    """
    needs = [need for text in texts for need in (_of_file(registry, text) if _names_file(text) else [_need(text)])]
    return list(dict.fromkeys(needs))


def _need(text: str) -> Need:
    return need_of(Requirement.parse(text))


def _names_file(text: str) -> bool:
    return text.endswith(".py") or text.rpartition(":")[0].endswith(".py")


def _of_file(registry: Registry, text: str) -> list[Need]:
    templates = [find(registry, reference).template for reference in references(text)]
    needs = [need for template in templates for need in needs_of(definition_of(template))]
    if not needs:
        raise ConfigError(name="request", expected="a template that uses others by name", found=text)
    return needs


def composed(
    answers: Answers, registry: Registry, request: Sequence[Need], preferred: Mapping[Slot, Version]
) -> Composition:
    """What a request comes to; hook plugins are asked for templates before it is given up. Raises Unsatisfiable."""
    try:
        return registry.compose(request, preferred=preferred)
    except Unsatisfiable:
        before = len(registry.offers())
        ask_plugins(answers, registry)
        if len(registry.offers()) == before:
            raise
        return registry.compose(request, preferred=preferred)
