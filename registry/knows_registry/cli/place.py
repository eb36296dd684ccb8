"""Where runs are recorded: the `--backend` option, the setting, or a file in the user's data folder."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from knows_core import LocalEngine
    from knows_registry.registry import Registry

backend_option = click.option("--backend", metavar="URL", help="Where runs are recorded: sqlite:///FILE, memory:, ...")


def open_engine(registry: Registry, backend: str | None, *, recorded: bool = True) -> LocalEngine:
    """An engine on the chosen place. `recorded` says that the command looks at recorded runs, whatever the settings.

    Raises ConfigError, UnknownScheme, PluginBroken, BackendError, AccessDenied.
    """
    from knows_core.engine import LocalEngine  # these rooms cost an import each; help and listing do without
    from knows_core.settings import load_settings

    settings = load_settings()
    kept = settings.state_persistence or recorded
    opened = registry.backend(backend or settings.state_backend or _default_url()) if kept else None
    limits = replace(settings.limits(), state_persistence=kept)
    return LocalEngine(opened, templates=registry, hooks=registry.plugins.pluggy, limits=limits)


def again(command: str, run: str, backend: str | None) -> str:
    """The command line that does something with a run in the same place."""
    return f"kwf {command} {run}" + (f" --backend {backend}" if backend else "")


def _default_url() -> str:
    import platformdirs  # only where nothing else names a place

    folder = platformdirs.user_data_path("knows-workflows", appauthor=False)
    return f"sqlite:///{folder / 'runs.db'}"
