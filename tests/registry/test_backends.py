"""State backends and engines of a registry: one plugin by its key, opened, and what goes wrong with it."""

from __future__ import annotations

import pytest

from knows_core import ConfigError, WorkflowSettings, pipeline
from knows_core.errors.backend import BackendError, UnknownScheme
from knows_core.errors.registry import PluginBroken
from knows_registry import DuplicatePlugin

BACKEND = """
from knows_core import MemoryBackend, hookimpl

class Opened(MemoryBackend):
    def __init__(self, url):
        super().__init__()
        self.url = url

@hookimpl
def knows_state_backends():
    return {"SCHEME": Opened}
"""
OPEN = '{"SCHEME": Opened}'


def greet():
    return "hello"


GREETING = pipeline([greet], name="greeting", version="1.0.0")


def test_the_backend_of_a_scheme_is_the_plugin_with_that_key(stage, registry):
    """Only that plugin is imported."""
    stage.install(
        "d",
        plugins={"backend.paper": "m_paper", "backend.stone": "m_stone"},
        modules={"m_paper": BACKEND.replace("SCHEME", "paper"), "m_stone": "raise RuntimeError"},
    )
    assert registry.backend("paper:///runs").url == "paper:///runs"
    assert registry.backend("PAPER:///again").url == "PAPER:///again"


def test_memory_needs_no_plugin(registry):
    """The runnable specification is always there."""
    assert type(registry.backend("memory:")).__name__ == "MemoryBackend"


def test_an_unknown_scheme_names_the_known_ones(stage, registry):
    """The sentence says what would have worked."""
    stage.install("d", plugins={"backend.paper": "m_unknown"})
    with pytest.raises(UnknownScheme, match=r"'clay' \(known: memory, paper\)"):
        registry.backend("clay://x")


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("runs.db", "sqlite:///runs.db"),
        ("/data/my runs.db", "sqlite:////data/my%20runs.db"),
        ("./a:b", "sqlite:///./a:b"),
        ("C:/runs.db", "sqlite:///C:/runs.db"),
    ],
)
def test_a_path_instead_of_a_url_is_refused_with_its_url(registry, path, url):
    """A matter of configuration: exit 2."""
    with pytest.raises(ConfigError) as caught:
        registry.backend(path)
    expected = f"state backend: expected a URL such as {url}, found {path!r}. Correct it and try again."
    assert str(caught.value) == expected


def test_two_distributions_with_one_backend_are_refused(stage, registry):
    """Both are named."""
    for side in ("left", "right"):
        stage.install(f"{side}-dist", plugins={"backend.paper": "m:x"})
    with pytest.raises(DuplicatePlugin, match=r"left-dist .* and right-dist"):
        registry.backend("paper:")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise OSError('no disk')", "OSError: no disk"),
        ("import sys; sys.exit('bye')", "SystemExit: bye"),
        (BACKEND.replace("knows_state_backends", "knows_state_backend"), "unknown hook 'knows_state_backend'"),
        (BACKEND.replace("backends()", "backends(url)"), "Argument(s) {'url'} are declared in the hookimpl"),
        ("x = 1", "expected functions marked with @hookimpl, found none"),
        (BACKEND.replace("SCHEME", "stone"), "expected a backend for 'paper' from knows_state_backends, found stone"),
        (BACKEND.replace("return", "return 1 / 0 #"), "ZeroDivisionError"),
        (BACKEND.replace("return", "return 5 #"), "AttributeError"),
        (BACKEND.replace("return", "raise SystemExit(9) #"), "SystemExit: 9"),
        (BACKEND.replace(OPEN, '{"paper": 5}'), "expected a backend for 'paper'"),
        (BACKEND.replace(OPEN, '{"paper": str}'), "expected a StateBackend from its factory, found str"),
        ("class Stop(BaseException): ...\nraise Stop", "Stop"),
    ],
)
def test_a_backend_plugin_that_cannot_be_used_costs_only_itself(stage, registry, request, code, reason):
    """It is a PluginBroken that names plugin, distribution and reason; another plugin works, before and after."""
    module = f"m_backend_{abs(hash(request.node.name))}"
    stage.install("bad-dist", plugins={"backend.paper": module}, modules={module: code})
    good = {f"{module}_good": BACKEND.replace("SCHEME", "good")}
    stage.install("good-dist", plugins={"backend.good": f"{module}_good"}, modules=good)
    for _ in range(2):
        with pytest.raises(PluginBroken) as caught:
            registry.backend("paper:")
        assert reason in str(caught.value)
        assert "plugin backend.paper of bad-dist" in str(caught.value)
        assert registry.backend("good:x").url == "good:x"


def test_one_plugin_may_serve_two_keys(stage, registry):
    """The same object under two names is registered once."""
    source = BACKEND.replace(OPEN, '{"postgresql": Opened, "postgres": Opened}')
    stage.install("d", plugins={"backend.postgres": "m_two", "backend.postgresql": "m_two"}, modules={"m_two": source})
    assert registry.backend("postgres:x").url == "postgres:x"
    assert registry.backend("postgresql:x").url == "postgresql:x"


@pytest.mark.parametrize(
    ("url", "reason"), [("paper:/runs", "paper: OSError: paper:/runs"), ("paper://me:secret@host", "paper: OSError")]
)
def test_a_factory_that_raises_is_a_backend_error_that_keeps_secrets(stage, registry, request, url, reason):
    """A foreign error may quote the URL, which may hold a password; then only its type is told."""
    module = f"m_factory_{abs(hash(request.node.name))}"
    source = BACKEND.replace(OPEN, '{"paper": refuse}')
    source += "\ndef refuse(url): raise OSError(url)\n"
    stage.install("d", plugins={"backend.paper": module}, modules={module: source})
    with pytest.raises(BackendError) as caught:
        registry.backend(url)
    assert str(caught.value) == f"{reason}. Correct the URL, or see `kwf doctor`."


def test_a_factory_that_ends_the_program_is_a_backend_error(stage, registry):
    """sys.exit in a plugin ends nothing but the opening."""
    source = BACKEND.replace(OPEN, '{"paper": lambda url: exit(3)}')
    stage.install("d", plugins={"backend.paper": "m_leaving"}, modules={"m_leaving": source})
    with pytest.raises(BackendError, match="paper: SystemExit: 3"):
        registry.backend("paper:")


def test_a_named_error_of_a_factory_passes_as_it_is(stage, registry):
    """The backend knows best."""
    source = BACKEND.replace(OPEN, '{"paper": refuse}') + (
        "\nfrom knows_core.errors import AccessDenied\n"
        "def refuse(url): raise AccessDenied(path='/runs', reason='it is locked')\n"
    )
    stage.install("d", plugins={"backend.paper": "m_named"}, modules={"m_named": source})
    with pytest.raises(PermissionError, match="/runs may not be opened"):
        registry.backend("paper:")


# ------------------------------------------------------------------ engines


def test_an_engine_runs_installed_templates_on_the_backend_of_its_settings(stage, registry):
    """Only the plugin of that scheme is imported; a template is named by name and range."""
    stage.install(
        "d",
        plugins={"backend.paper": "m_engine", "backend.stone": "m_stone_engine"},
        modules={"m_engine": BACKEND.replace("SCHEME", "paper"), "m_stone_engine": "raise RuntimeError"},
    )
    registry.register(GREETING)
    engine = registry.engine(WorkflowSettings(state_backend="paper:"))
    run = engine.run("greeting@^1")
    assert (run.template, run.result) == ("greeting", "hello")
    names = [name for name, _ in registry.plugins.manager().list_name_plugin()]
    assert sorted(names) == ["d:backend.paper", "knows-registry:secrets"]


@pytest.mark.parametrize(
    "settings", [{"state_backend": "clay:", "state_persistence": False}, {"state_backend": "memory:"}, {}]
)
def test_an_engine_without_a_place_of_its_own_needs_no_plugin(registry, settings):
    """No persistence, memory, or nothing said."""
    registry.register(GREETING)
    assert registry.engine(WorkflowSettings(**settings)).run("greeting").result == "hello"


def test_an_engine_on_an_unknown_scheme_is_refused_when_it_is_made(registry):
    """Not at the first run."""
    with pytest.raises(UnknownScheme):
        registry.engine(WorkflowSettings(state_backend="clay:"))
