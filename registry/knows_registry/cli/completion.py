"""What can stand where a person presses the tabulator: templates, versions, runs, files, distributions.

Commands name these functions beside their arguments. Whatever they need is imported when a shell asks, so that naming
them costs nothing. They raise what goes wrong; `shells` turns that into no answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Iterable, Iterator

    import click
    from click.shell_completion import CompletionItem

    from knows_core import RunRow
    from knows_registry.catalog import Catalog

    Completing = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

_MOST = 100  # runs that are shown: nobody reads more, and another letter brings the others
_SIGNS = "^~="  # those before a version that a shell lets pass
_SUFFIX = ".py"
_LARGEST = 1_000_000  # bytes of a file that is looked into
_MAKERS = ("pipeline", "compose", "PipelineWorkflow")


# ------------------------------------------------------------------ templates


def templates(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """`NAME`, after `@` its versions, `FILE.py`, after `:` the templates in it. No file is run, no plugin imported."""
    file, colon, name = incomplete.rpartition(":")
    if colon and file.endswith(_SUFFIX):
        return _items((f"{file}:{one}", "") for one in _objects(file) if one.startswith(name))
    if "@" in incomplete:
        return _items(_versions(*incomplete.partition("@")[::2]))
    found = [*template_names(context, parameter, incomplete), *_items((one, "") for one in _files(incomplete))]
    return found or files(context, parameter, incomplete)


def template_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of installed templates, each with its versions, the newest first."""
    del context, parameter
    versions: dict[str, list[str]] = {}
    for offer in _catalog().offers():
        if offer.name.startswith(incomplete):
            versions.setdefault(offer.name, []).append(str(offer.version))
    return _items((name, " ".join(dict.fromkeys(found))) for name, found in versions.items())


def _versions(name: str, text: str) -> Iterator[tuple[str, str]]:
    begun = text.lstrip(_SIGNS)
    sign = text.removesuffix(begun)
    for offer in _catalog().offers():
        if offer.name == name and str(offer.version).startswith(begun):
            entry = offer.entry
            yield f"{name}@{sign}{offer.version}", f"{entry.distribution} {entry.distribution_version}" if entry else ""


def distributions(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The distributions that bring templates or plugins."""
    del context, parameter
    catalog = _catalog()
    entries = [one.entry for one in catalog.offers() if one.entry] + [one.entry for one in catalog.plugins()]
    found = {one.distribution: one.distribution_version for one in entries if one.distribution.startswith(incomplete)}
    return _items(sorted(found.items()))


def _catalog() -> Catalog:
    from knows_registry.catalog import Catalog
    from knows_registry.discover import discover

    return Catalog(discover())


# ------------------------------------------------------------------ files


def files(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Whatever files the shell itself finds."""
    from click.shell_completion import CompletionItem

    del context, parameter
    return [CompletionItem(incomplete, type="file")]


def _files(incomplete: str) -> list[str]:
    """The Python files of the working folder; those of others are found by the shell."""
    import os

    if "/" in incomplete:
        return []
    with os.scandir() as entries:
        return sorted(one.name for one in entries if one.name.startswith(incomplete) and one.name.endswith(_SUFFIX))


def _objects(file: str) -> list[str]:
    """The variables of a file that hold templates, as far as its text tells: nothing of it is run."""
    import ast
    from pathlib import Path

    path = Path(file).expanduser()
    if path.stat().st_size > _LARGEST:
        return []
    body = ast.parse(path.read_bytes()).body
    makers = {*_MAKERS, *(one.name for one in body if isinstance(one, ast.ClassDef) and _has_execute(one))}
    return [name for one in body for name, value in _assigned(one) if _called(value) in makers]


def _has_execute(node: ast.ClassDef) -> bool:
    return any(getattr(one, "name", None) == "execute" for one in node.body)


def _assigned(node: ast.stmt) -> list[tuple[str, Any]]:
    """The variables that a statement sets, and to what."""
    targets: list[Any] = getattr(node, "targets", None) or [getattr(node, "target", None)]
    value = getattr(node, "value", None)
    return [(one.id, value) for one in targets if hasattr(one, "id")] if value is not None else []


def _called(node: Any) -> str | None:
    """The last name of what an expression calls: `compose` of `knows_core.compose(...)`."""
    function = getattr(node, "func", None)
    return getattr(function, "id", None) or getattr(function, "attr", None)


# ------------------------------------------------------------------ runs


def runs_where(fits: Callable[[RunRow, click.Context], bool]) -> Completing:
    """What completes the ids of runs at the place that the command names, the newest first."""

    def completed(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from datetime import UTC, datetime

        from knows_registry.cli.place import open_place
        from knows_registry.cli.rows import age, readable_age, told_status
        from knows_registry.registry import Registry

        del parameter
        backend = open_place(Registry(), context.params.get("backend"))
        try:
            rows = [row for row in backend.rows() if row.run.startswith(incomplete) and fits(row, context)]
        finally:
            backend.close()
        now = datetime.now(UTC)
        return _items(
            (row.run, f"{told_status(row)} {row.template}@{row.version} {readable_age(age(row, now))} ago")
            for row in rows[:_MOST]
        )

    return completed


def _is_resumable(row: RunRow, context: click.Context) -> bool:
    """Not over for good, nor anybody's; a new run may begin `--from` any."""
    if context.params.get("step") is not None:
        return True
    may_have_owner = row.owner is None or bool(context.params.get("wait"))
    return may_have_owner and not row.compensated and row.status != "completed"


def _is_cancellable(row: RunRow, _: click.Context) -> bool:
    return not row.compensated and row.status not in ("completed", "cancelled")


recorded = runs_where(lambda _row, _context: True)
resumable = runs_where(_is_resumable)
cancellable = runs_where(_is_cancellable)
waiting = runs_where(lambda row, _: row.status == "suspended")


def _items(found: Iterable[tuple[str, str]]) -> list[CompletionItem]:
    """Words with what a shell may show beside them."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(value, help=told or None) for value, told in found]
