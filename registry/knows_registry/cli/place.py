"""Where runs are recorded: the `--backend` option, the setting, or a file in the user's data folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import click

from knows_registry.cli.answer import shown
from knows_registry.cli.masking import masked

if TYPE_CHECKING:
    from knows_core import LocalEngine, StateBackend, WorkflowSettings
    from knows_registry.cli.answer import Answers
    from knows_registry.cli.watch import Watch
    from knows_registry.registry import Registry

backend_option = click.option(
    "--backend",
    metavar="URL",
    help="Where runs are recorded: sqlite:///FILE, postgresql://..., redis://..., memory:, or as the setting says.",
)


def open_engine(registry: Registry, backend: str | None, *, recorded: bool = True) -> LocalEngine:
    """An engine on the chosen place. `recorded` says that the command looks at recorded runs, whatever the settings.

    Raises ConfigError, UnknownScheme, PluginBroken, BackendError, AccessDenied.
    """
    from knows_core import LocalEngine  # these rooms cost an import each; help and listing do without
    from knows_core.settings import load_settings
    from knows_registry.cli.streams import show_complaints

    show_complaints()
    settings = load_settings()
    kept = settings.state_persistence or recorded
    opened = registry.backend(_url(backend, settings)) if kept else None
    limits = replace(settings.limits(), state_persistence=kept)
    return LocalEngine(opened, templates=registry, hooks=registry.plugins.manager(), limits=limits)


def open_place(registry: Registry, backend: str | None) -> StateBackend:
    """The backend alone, for whoever lists what is there. Raises what `open_engine` raises."""
    from knows_core.settings import load_settings  # see open_engine

    return registry.backend(_url(backend, load_settings()))


def open_watched(
    answers: Answers, registry: Registry, watch: Watch, backend: str | None, *, recorded: bool = True
) -> LocalEngine:
    """An engine that drives runs: with the installed hook plugins, and watched. A broken plugin is named, no more."""
    registry.plugins.pluggy.register(watch)
    ask_plugins(answers, registry)
    engine = open_engine(registry, backend, recorded=recorded)
    answers.hide(engine.redactor)
    return engine


def ask_plugins(answers: Answers, registry: Registry) -> None:
    """Load the hook plugins and let them register templates. A broken plugin is named, no more."""
    for fault in registry.ask_plugins():
        answers.note(shown(f"kwf: plugin {fault.entry} of {fault.distribution} is left out: {fault.reason}"))
        answers.note(shown(f"Next: {fault.remedy}"))


def where(backend: str | None) -> str:
    """The place in words that can be shown to anybody."""
    from knows_core.settings import load_settings  # see open_engine

    return masked(_url(backend, load_settings()))


def is_there(backend: str | None) -> bool:
    """Whether looking at the place makes no file: a database that does not exist yet holds no runs."""
    from knows_core.settings import load_settings  # see open_engine

    scheme, _, path = _url(backend, load_settings()).partition(":///")
    return scheme != "sqlite" or Path(unquote(path.partition("?")[0])).exists()


def _url(backend: str | None, settings: WorkflowSettings) -> str:
    return backend or settings.state_backend or _default_url()


def _default_url() -> str:
    import platformdirs  # only where nothing else names a place

    folder = platformdirs.user_data_path("knows-workflows", appauthor=False)
    return f"sqlite:///{folder / 'runs.db'}"
