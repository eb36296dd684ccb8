"""`kwf release-check`: in a plugin's project, whether its version numbers are raised as far as its changes ask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from knows_core import ConfigError, ContractError, Requirement
from knows_registry.cli.answer import Answers, json_option
from knows_registry.cli.completion import templates
from knows_registry.cli.diff import lines, told, verdict
from knows_registry.cli.profiles import find_profile
from knows_registry.contracts.contract_rules import Bump
from knows_registry.contracts.release import Release, judged
from knows_registry.contracts.released import FOLDER, read_released, record, released_names
from knows_registry.manifests.project import Notice, packages_of, profiles_of, project_in
from knows_registry.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from knows_registry.manifests.profile import Profile
    from knows_registry.manifests.project import Project


@click.command("release-check")
@click.option("--project", default=".", show_default=True, type=click.Path(path_type=Path), help="The project folder.")
@click.option(
    "--released",
    type=click.Path(path_type=Path),
    help=f"The folder with the released profiles (default: {FOLDER} in the project).",
)
@click.option(
    "--against",
    multiple=True,
    shell_complete=templates,
    help="Compare with this installed version instead: NAME@RANGE.",
)
@click.option("--record", "is_recorded", is_flag=True, help="Keep the profiles of what passes, as released.")
@json_option
@click.pass_obj
def release_check(
    answers: Answers, project: Path, released: Path | None, against: Sequence[str], is_recorded: bool
) -> int:
    """Compare each template of a plugin's project with its last released version.

    Refused, with exit code 4, is a version number that is not raised as far as the rules of a release ask, one that is
    released already with another contract, shape or summary, and a released template that the project no longer offers.
    """
    found = project_in(project.absolute())
    if released is not None and not is_recorded and not released.is_dir():
        raise ConfigError(name="--released", expected="a folder with released profiles", found=str(released))
    folder = released.absolute() if released else found.folder / FOLDER
    releases = list(_judged(found, folder, _chosen(found, against)))
    files = [
        record(folder, found.distribution, one.profile) if is_recorded and not one.refused else None for one in releases
    ]
    refused = [one for one in releases if one.refused]
    gone = sorted({*released_names(folder)} - {one.name for one in found.offers})
    rows = [_row(one, file) for one, file in zip(releases, files, strict=True)]
    answers.object(
        {
            "project": found.distribution,
            "templates": rows,
            "no_longer_offered": gone,
            "refused": len(refused) + len(gone),
        }
    )
    for one, file in zip(releases, files, strict=True):
        answers.text(*_lines(one, file))
    for name in gone:
        answers.text(f"{name}: refused", "  It was released, and the project no longer offers it.")
    if not answers.json:
        answers.note(*_next(refused=bool(refused), gone=bool(gone), folder=folder))
    return ContractError.exit_code if refused or gone else 0


def _next(*, refused: bool, gone: bool, folder: Path) -> Iterator[str]:
    if refused:
        yield "Next: raise the version in the template and in pyproject.toml, or take the change back."
    if gone:
        yield f"Next: offer it again, or delete its files in {folder} if it was withdrawn on purpose."


def _chosen(project: Project, against: Sequence[str]) -> dict[str, Profile]:
    """The installed versions to compare with, by template. Raises ConfigError, TemplateNotFound, TemplateBroken."""
    names = sorted({one.name for one in project.offers})
    for text in against:
        if Requirement.parse(text).name not in names:
            raise ConfigError(name="--against", expected=f"NAME@RANGE of {', '.join(names)}", found=text)
    registry = Registry() if against else None
    return {Requirement.parse(text).name: find_profile(registry, text) for text in against if registry}


def _judged(project: Project, folder: Path, chosen: dict[str, Profile]) -> Iterator[Release]:
    profiles = [one for package, held in packages_of(project).items() for one in profiles_of(project, package, held)]
    for profile in profiles:
        # A project may offer several versions of a template, of which the older ones are what came before.
        beside = [one for one in profiles if one.name == profile.name and one is not profile]
        kept = [chosen[profile.name]] if profile.name in chosen else [*beside, *read_released(folder, profile.name)]
        signed = project.notices.get(f"{profile.name}@{profile.version}", Notice()).signed
        yield judged(profile, kept, signed=signed)


def _row(one: Release, file: Path | None) -> dict[str, Any]:
    return {
        "template": one.profile.name,
        "version": one.profile.version,
        "against": one.against or None,
        **told(one.changes),
        "required_bump": str(one.bump),
        "required_version": one.least if one.bump is not Bump.NONE else None,
        "refused": one.refused or None,
        "signed_but_unused": list(one.unused),
        "recorded": str(file) if file else None,
    }


def _lines(one: Release, file: Path | None) -> Iterator[str]:
    if not one.against:
        yield f"{one.name}: nothing is released to compare it with"
    else:
        yield f"{one.name} after {one.against}: {'refused' if one.refused else 'may be released'}"
        yield from lines(one.changes)
        yield f"  {verdict(one.changes, one.bump, one.least)}"
    if one.refused:
        yield f"  {one.refused}."
    for path in one.unused:
        yield f"  note: {path} is signed off, and nothing there needs it"
    if file is not None:
        yield f"  recorded in {file}"
