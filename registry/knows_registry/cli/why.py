"""`kwf why`: who wants a template, all the way from the request."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from knows_core import KnowsError, Requirement, TemplateNotFound
from knows_core.version import VersionRange
from knows_registry.chains import chains, longest
from knows_registry.cli.answer import Answers, json_option, shown
from knows_registry.cli.completion import template_names
from knows_registry.cli.permitted import registry_of
from knows_registry.locking.lock import NAME, REQUEST, in_force
from knows_registry.pins import lock_of
from knows_registry.resolving.resolve import Need, Slot

if TYPE_CHECKING:
    from knows_registry.chains import Link
    from knows_registry.locking.lock import Lock
    from knows_registry.registry import Registry

_MOST = 100  # chains that are shown: where parts share parts, their number doubles with every level


@click.command()
@click.argument("name", shell_complete=template_names)
@json_option
@click.pass_obj
def why(answers: Answers, name: str) -> None:
    """Show why the template NAME is there: every chain of requirements that leads to it.

    From knows.lock, where that has NAME; else from what is installed, beginning with the templates that no other uses.
    What has no manifest is imported for that, if it is permitted. Exit code 3: NAME is in neither, or cannot be had;
    8: it would have to be imported and is not permitted.
    """
    name = Requirement(name).name
    lock = in_force()
    if lock is not None and any(row.slot.name == name for row in lock.templates):
        _tell(answers, name, NAME, list(islice(chains(lock, name), _MOST + 1)))
        return
    registry = registry_of(answers)
    if not registry.catalog.versions(name):
        raise _nowhere(registry, lock, name)
    _tell(answers, name, "installed", longest(_installed(answers, registry, name))[: _MOST + 1])


def _nowhere(registry: Registry, lock: Lock | None, name: str) -> TemplateNotFound:
    try:
        registry.catalog.matching(Requirement(name))
    except TemplateNotFound as error:
        locked = sorted({row.slot.name for row in lock.templates}) if lock else []
        also = f", and {NAME} has {', '.join(locked) or 'none'}" if lock else ""
        return TemplateNotFound(requirement=name, found=f"{error.found}{also}")
    raise AssertionError(name)


def _installed(answers: Answers, registry: Registry, name: str) -> list[tuple[Link, ...]]:
    """The chains in what each installed template comes to; one that cannot be had costs only its own.

    Raises the error of the template itself where nothing leads to it.
    """
    found: list[tuple[Link, ...]] = []
    left_out: dict[str, KnowsError] = {}
    for root in dict.fromkeys(offer.name for offer in registry.offers()):
        try:
            lock = lock_of(registry.compose([Need(Slot(root), VersionRange())]), registry)
        except KnowsError as error:
            left_out[root] = error
        else:
            found += islice(chains(lock, name), _MOST + 1)
    reason = None if found else left_out.pop(name)
    for root, why in left_out.items():
        answers.note(shown(f"kwf: {root} is left out: {why}"))
    if reason is not None:
        raise reason
    return found


def _tell(answers: Answers, name: str, source: str, found: list[tuple[Link, ...]]) -> None:
    told, more = found[:_MOST], len(found) > _MOST
    rows = [[_facts(link) for link in chain] for chain in told]
    answers.object({"name": name, "source": source, "chains": rows, "more": more})
    for chain in told:
        first = "the request" if source == NAME else "what is installed"
        answers.text(first, *(shown(f"  {_line(link)}") for link in chain))
    if more:
        answers.text(f"and more than these {_MOST}.")


def _line(link: Link) -> str:
    row = link.row
    source = f" ({row.distribution} {row.distribution_version})" if row.distribution else ""
    return f"-> {row.slot} {link.wanted}: {row.version}{source}"


def _facts(link: Link) -> dict[str, Any]:
    row = link.row
    return {
        "user": None if link.user == REQUEST else link.user,
        "range": link.wanted,
        **row.slot._asdict(),
        "version": str(row.version),
        "distribution": row.distribution or None,
        "distribution_version": row.distribution_version or None,
    }
