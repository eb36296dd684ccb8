"""`kwf lock`: pin what a request comes to, or compare the pins with what is installed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from knows_core import ConfigError, RegistryError
from knows_registry.cli.answer import Answers, json_option, shown
from knows_registry.cli.completion import template_names, templates
from knows_registry.cli.locking import composed, registry_for_locking, request_of_person
from knows_registry.cli.place import backend_option
from knows_registry.locked import demanded
from knows_registry.locking.errors_lock import LockBroken, LockNotWritten
from knows_registry.locking.lock import NAME, Lock, in_force, need_text, write
from knows_registry.locking.lock_changes import changes
from knows_registry.pins import differences, lock_of, next_moves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from knows_registry.cli.upgrade import Upgrade
    from knows_registry.locking.lock import LockedTemplate
    from knows_registry.locking.lock_changes import Change
    from knows_registry.registry import Registry


@click.command()
@click.argument("requirements", metavar="[REQ]...", nargs=-1, shell_complete=templates)
@click.option("--check", "only_check", is_flag=True, help="Compare the lock with what is installed; change nothing.")
@click.option(
    "--upgrade",
    "names",
    metavar="NAME",
    multiple=True,
    shell_complete=template_names,
    help="Let this template move. Repeatable.",
)
@backend_option
@json_option
@click.pass_obj
@click.pass_context
def lock(
    context: click.Context,
    answers: Answers,
    requirements: Sequence[str],
    only_check: bool,
    names: Sequence[str],
    backend: str | None,
) -> int:
    """Write knows.lock: the version of every template that REQ comes to, and the plugins that a run loads.

    REQ is NAME, NAME@RANGE or, for all that a file uses, FILE.py or FILE.py:object; without any, the request of the
    lock that is there. What is locked already stays where it can; --upgrade lets a NAME move to the newest version that
    fits. Whatever moves is reported: what breaks, who uses it, which open runs stay behind. The file belongs in version
    control. Exit code 3: with --check, the lock is stale; else the request cannot be satisfied.
    """
    if only_check and (requirements or names):
        raise click.UsageError("expected --check alone: it compares the lock that is there", context)
    answers.at(backend)
    if only_check:
        return _check(answers)
    before = _before(answers, anew=bool(requirements))
    registry = registry_for_locking(before)
    after = _locked(answers, registry, before, requirements, names)
    found = changes(before or Lock((), (), ()), after)
    report: list[Upgrade] = []
    if any(one.moved for one in found):
        from knows_registry.cli.upgrade import upgrades  # contracts and runs, where something moved

        report = upgrades(answers, registry, after, found, backend)
    _write(after)
    _tell(answers, after, found, report)
    return 0


def _check(answers: Answers) -> int:
    held = demanded()
    found = differences(held, registry_for_locking(held))
    told, move = [one.told for one in found], next_moves(found) or None
    answers.object({"lock": NAME, "holds": not found, "differences": told, "next": move})
    if not found:
        answers.text(f"{NAME} holds: {_count(held)}.")
        return 0
    answers.text(f"{NAME} is stale:", *(shown(f"  {one}") for one in told), f"Next: {move}")
    return RegistryError.exit_code


def _before(answers: Answers, *, anew: bool) -> Lock | None:
    """The lock that is there; one that is broken counts for nothing where a whole request is given."""
    if not anew:
        return demanded()
    try:
        return in_force()
    except LockBroken as error:
        answers.note(shown(f"kwf: the old lock is replaced, since it {error.reason}"))
        return None


def _locked(
    answers: Answers, registry: Registry, before: Lock | None, requirements: Sequence[str], names: Sequence[str]
) -> Lock:
    """What the request comes to, with everything kept that is locked and not to be upgraded."""
    kept = dict(before.versions) if before else {}
    known = sorted({slot.name for slot in kept})
    for name in names:
        if name not in known:
            expected = f"a template of {NAME} ({', '.join(known) or 'it has none'})"
            raise ConfigError(name="--upgrade", expected=expected, found=name)
    request = request_of_person(registry, requirements) if requirements or not before else before.request
    preferred = {slot: version for slot, version in kept.items() if slot.name not in names}
    return lock_of(composed(answers, registry, request, preferred), registry)


def _write(lock: Lock) -> None:
    try:
        write(lock, Path(NAME))
    except OSError as error:
        raise LockNotWritten(file=NAME, folder=Path.cwd(), reason=error.strerror or error) from error


def _tell(answers: Answers, lock: Lock, found: list[Change], report: list[Upgrade]) -> None:
    answers.object(
        {
            "lock": NAME,
            "request": list(map(need_text, lock.request)),
            "templates": [_template_facts(row) for row in lock.templates],
            "plugins": [row._asdict() for row in lock.plugins],
            "changes": [one.facts() for one in found],
            "upgrades": [one.facts() for one in report],
        }
    )
    answers.text(f"{NAME}: {_count(lock)}{'' if found else ', as before'}.", *(shown(f"  {one}") for one in found))
    for one in report:
        answers.text("", *map(shown, one.lines()))


def _count(lock: Lock) -> str:
    counted = {"template": len(lock.templates), "plugin": len(lock.plugins)}
    return " and ".join(f"{number} {word}{'s' * (number != 1)}" for word, number in counted.items())


def _template_facts(row: LockedTemplate) -> dict[str, Any]:
    required_by = [{"user": user or None, "range": wanted} for user, wanted in row.required_by]
    facts = {**row.slot._asdict(), **row._asdict(), "version": str(row.version), "required_by": required_by}
    return {key: value for key, value in facts.items() if key != "slot"}
