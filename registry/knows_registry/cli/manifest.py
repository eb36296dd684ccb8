"""`kwf manifest`: write what the templates of a plugin are beside its code, and check that it is still so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from knows_core import ContractError
from knows_registry.cli.answer import Answers, json_option
from knows_registry.manifests.manifest_build import built, differences, write
from knows_registry.manifests.project import project_in

if TYPE_CHECKING:
    from knows_registry.manifests.manifest_build import Built

_folder = click.option(
    "--project", default=".", show_default=True, type=click.Path(path_type=Path), help="The project folder."
)


@click.group()
def manifest() -> None:
    """Write or check the manifest of a plugin, so that others can list and lock its templates without importing it.

    Both import the templates that pyproject.toml names under [project.entry-points."knows.templates"], from the
    project folder. A version is yanked or deprecated under [tool.knows-templates."NAME@VERSION"].
    """


@manifest.command()
@_folder
@json_option
@click.pass_obj
def build(answers: Answers, project: Path) -> None:
    """Write knows-manifest.DISTRIBUTION.json into the package; the same templates give the same bytes."""
    folder = project.absolute()
    made = [(one, write(one)) for one in built(project_in(folder))]
    rows = [{"file": _place(one, folder), "templates": _templates(one), "written": fresh} for one, fresh in made]
    answers.object({"manifests": rows})
    for one, fresh in made:
        answers.text(f"{_place(one, folder)}: {'written' if fresh else 'is current'}: {', '.join(_templates(one))}")


@manifest.command()
@_folder
@json_option
@click.pass_obj
def check(answers: Answers, project: Path) -> int:
    """Say how the manifest in the project differs from what `build` would write.

    Exit code 4: it differs, or a template has problems. 3: a template cannot be imported.
    """
    folder = project.absolute()
    rows = [{"file": _place(one, folder), "differences": differences(one)} for one in built(project_in(folder))]
    stale = [row for row in rows if row["differences"]]
    answers.object({"manifests": rows, "stale": len(stale)})
    for row in rows:
        answers.text(f"{row['file']}: {'is stale' if row['differences'] else 'is current'}")
        answers.text(*(f"  {one}" for one in row["differences"]))
    if stale and not answers.json:
        answers.note("Next: `kwf manifest build` writes it anew.")
    return ContractError.exit_code if stale else 0


def _place(one: Built, folder: Path) -> str:
    return str(one.file.relative_to(folder)) if one.file.is_relative_to(folder) else str(one.file)


def _templates(one: Built) -> list[str]:
    return [f"{profile.name}@{profile.version}" for profile in one.manifest.profiles]
