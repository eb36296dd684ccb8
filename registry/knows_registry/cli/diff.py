"""`kwf diff`: what changed between two versions of a template, and what that asks of the version number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from knows_core import ContractError, Version
from knows_registry.cli.answer import Answers, json_option, shown
from knows_registry.cli.completion import templates
from knows_registry.cli.profiles import find_profile
from knows_registry.contracts.contract_diff import compare, is_raised, next_version, required_bump
from knows_registry.contracts.contract_rules import Bump
from knows_registry.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from knows_registry.contracts.contract_diff import Change
    from knows_registry.manifests.profile import Profile


@click.command()
@click.argument("old", shell_complete=templates)
@click.argument("new", shell_complete=templates)
@json_option
@click.pass_obj
def diff(answers: Answers, old: str, new: str) -> int:
    """Compare OLD with NEW: NAME@VERSION, FILE.py:object, or FILE.json (a manifest, a released or a printed contract).

    A contract break may make users of the old version fail, a resume break keeps its runs from going on; either is
    exit code 4. All else is compatible: exit code 0.
    """
    registry = Registry()
    was, now = find_profile(registry, old), find_profile(registry, new)
    changes = compare(was, now)
    bump = required_bump(changes)
    versions = Version(was.version), Version(now.version)
    least = next_version(versions[0], bump)
    is_enough = versions[0] == versions[1] or is_raised(*versions, bump)
    answers.object(
        {
            "old": f"{was.name}@{was.version}",
            "new": f"{now.name}@{now.version}",
            **told(changes),
            "required_bump": str(bump),
            "required_version": None if bump is Bump.NONE else str(least),
            "version_is_raised_enough": is_raised(*versions, bump),
        }
    )
    answers.text(f"{was.name}@{was.version} -> {now.name}@{now.version}")
    answers.text(*lines(changes))
    answers.text(verdict(changes, bump, least))
    if bump is not Bump.NONE and not is_enough:
        answers.text(f"{versions[1]} is not enough.")
    answers.note(*untold(now, changes))
    return ContractError.exit_code if any(one.breaks for one in changes) else 0


def untold(now: Profile, changes: Iterable[Change]) -> list[str]:
    """That a migration might take runs over a break, where nothing tells what the new version declares."""
    if now.migrations is not None or not any(one.breaks == "resume" for one in changes):
        return []
    name = f"{now.name}@{now.version}"
    return [
        f"kwf: what is told of {name} is of an older kwf and has no migrations: if it declares one, runs may go on."
    ]


def told(changes: Sequence[Change]) -> dict[str, Any]:
    """The changes for a program."""
    return {
        "changes": [one._asdict() | {"bump": str(one.bump)} for one in changes],
        "contract_breaks": sum(one.breaks == "contract" for one in changes),
        "resume_breaks": sum(one.breaks == "resume" for one in changes),
    }


def lines(changes: Iterable[Change]) -> Iterator[str]:
    """The changes for a person, those that ask for most first."""
    for one in changes:
        broken = f" {one.breaks.upper()} BREAK" if one.breaks else ""
        yield shown(f"  {one.bump}{broken}  {one}")  # the files of others hold any text
        if one.signed:
            yield shown(f"      signed off: {one.signed}")
        if one.covered:
            yield f"      the migration from {one.covered} takes runs over"


def verdict(changes: Sequence[Change], bump: Bump, least: object) -> str:
    """What the changes come to, in a sentence."""
    if not changes:
        return "No difference in contract, shape or wording."
    counts = [(name, sum(one.breaks == name for one in changes)) for name in ("contract", "resume")]
    broken = " and ".join(f"{count} {name} break{'s' * (count > 1)}" for name, count in counts if count)
    return f"{broken or 'Compatible'}: at least {least} ({bump})."
