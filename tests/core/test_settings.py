"""Settings from arguments, environment and files, and the limits that they give."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from pydantic import ValidationError

from knows_core import BackendError, ConfigError, Limits, LocalEngine, MemoryBackend, UnknownScheme, WorkflowSettings
from knows_core.settings import load_settings

PROPOSED = {
    "state_persistence": True, "state_ttl": 3600, "max_retries": 3, "retry_delay": 5, "max_concurrent_workflows": 10,
    "workflow_timeout": 300,
}  # fmt: skip
FURTHER = {"max_steps": 10_000, "max_record_bytes": 16_000_000, "max_run_bytes": 64_000_000, "max_recoveries": 10}


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_proposals_six_settings_and_their_defaults():
    """Names and defaults are the proposal's; the backend is left open."""
    settings = WorkflowSettings()
    assert settings.model_dump() == {**PROPOSED, **FURTHER, "state_backend": None, "plugins": None}
    assert asdict(settings.limits()) == {**PROPOSED, **FURTHER}
    assert settings.limits() == Limits()


def test_the_strongest_source_wins(own_folder, monkeypatch):
    """Argument over environment over knows.toml over [tool.knows]."""
    (own_folder / "pyproject.toml").write_text("[tool.knows]\nmax_retries = 1\nstate_ttl = 1\nretry_delay = 1\n")
    (own_folder / "knows.toml").write_text("max_retries = 2\nstate_ttl = 2\n")
    monkeypatch.setenv("KNOWS_WORKFLOW_MAX_RETRIES", "7")
    settings = WorkflowSettings(workflow_timeout=9)
    assert (settings.max_retries, settings.state_ttl, settings.retry_delay, settings.workflow_timeout) == (7, 2, 1, 9)


@pytest.mark.parametrize("name", [name for name in PROPOSED if name != "state_persistence"])
def test_a_bad_value_names_setting_variable_and_rule(name, monkeypatch):
    """The error says what was expected, and does not show the value."""
    monkeypatch.setenv(f"KNOWS_WORKFLOW_{name.upper()}", "-1")
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert f"setting {name} (KNOWS_WORKFLOW_{name.upper()}, knows.toml or [tool.knows])" in str(caught.value)
    assert "greater than" in str(caught.value)


def test_unknown_and_unreadable_settings_are_refused(own_folder):
    """A misspelt key in a file is not ignored, and broken TOML is named."""
    (own_folder / "knows.toml").write_text("max_retry = 2\n")
    with pytest.raises(ConfigError, match="max_retry"):
        load_settings()
    (own_folder / "knows.toml").write_text("max_retries = = 2\n")
    with pytest.raises(ConfigError, match=r"knows\.toml.*expected TOML"):
        load_settings()


def test_a_backends_url_is_not_shown():
    """It may hold a password."""
    assert "hunter2" not in repr(WorkflowSettings(state_backend="postgresql://me:hunter2@host/db"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_concurrent_workflows": 0},
        {"max_concurrent_workflows": 2.5},
        {"retry_delay": float("nan")},
        {"state_ttl": -1},
        {"state_ttl": 10**400},
        {"max_retries": "3"},
        {"max_retries": True},
    ],
)
def test_limits_are_validated_without_pydantic(wrong):
    """A limit that cannot be meant is refused where it is made."""
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))}: expected a (finite|whole) number"):
        Limits(**wrong)


def test_settings_are_frozen():
    """An engine's settings do not change under it."""
    with pytest.raises(ValidationError):
        WorkflowSettings().max_retries = 5  # type: ignore[misc]


def test_an_engine_from_settings_opens_memory_and_nothing_unknown():
    """`memory:` opens without plugins, other schemes need one, and state_persistence=False means no backend."""
    assert LocalEngine.from_settings(WorkflowSettings()).backend is None
    opened = LocalEngine.from_settings(WorkflowSettings(state_backend="memory:", max_retries=8))
    assert isinstance(opened.backend, MemoryBackend)
    assert opened.limits.max_retries == 8
    off = WorkflowSettings(state_backend="sqlite:///x.db", state_persistence=False)
    assert LocalEngine.from_settings(off).backend is None
    with pytest.raises(
        UnknownScheme, match=r"no state backend for 'sqlite' \(known: memory\).*Registry\(\)\.engine\(\)"
    ):
        LocalEngine.from_settings(WorkflowSettings(state_backend="sqlite:///x.db"))


def test_hooks_open_their_schemes_and_their_faults_are_the_plugins():
    """A plugin's factory gets the URL; what it raises becomes a backend error with the cause."""
    import pluggy

    from knows_core import hookimpl, hooks

    class Plugin:
        @hookimpl
        def knows_state_backends(self):
            return {"mine": lambda url: MemoryBackend(), "bad": lambda url: 1 / 0}

    manager = pluggy.PluginManager("knows")
    manager.add_hookspecs(hooks)
    manager.register(Plugin())
    opened = LocalEngine.from_settings(WorkflowSettings(state_backend="mine:somewhere"), hooks=manager)
    assert isinstance(opened.backend, MemoryBackend)
    with pytest.raises(BackendError, match="its plugin failed with ZeroDivisionError"):
        LocalEngine.from_settings(WorkflowSettings(state_backend="bad:x"), hooks=manager)


def test_a_broken_neighbour_does_not_hide_a_backend():
    """A plugin whose hook raises costs only itself; asked for its own, it is named; what is no backend is refused."""
    import pluggy

    from knows_core import hookimpl, hooks

    class Broken:
        @hookimpl
        def knows_state_backends(self):
            raise RuntimeError("neighbour")

    class Sound:
        @hookimpl
        def knows_state_backends(self):
            return {"mine": lambda url: MemoryBackend(), "five": lambda url: 5}

    manager = pluggy.PluginManager("knows")
    manager.add_hookspecs(hooks)
    manager.register(Sound())
    manager.register(Broken())
    assert LocalEngine.from_settings(WorkflowSettings(state_backend="mine:x"), hooks=manager).backend is not None
    for scheme, reason in (("five", "gave a int, which is no state backend"), ("other", "RuntimeError: neighbour")):
        with pytest.raises(BackendError, match=reason):
            LocalEngine.from_settings(WorkflowSettings(state_backend=f"{scheme}:x"), hooks=manager)
