"""A registry is a value: what is installed, what was registered, and the loading of either."""

from __future__ import annotations

from typing import Any

import pytest

from knows_core import PipelineWorkflow, Requirement, WorkflowSettings, step
from knows_core.errors import (
    BackendError,
    ConfigError,
    DuplicateTemplate,
    PluginBroken,
    TemplateBroken,
    TemplateNotFound,
    UnknownScheme,
)
from knows_registry import DuplicatePlugin, Registry

TEMPLATE = """
class Template:
    def __init__(self, name, version): self.name, self.version = name, version
    def execute(self, state): return self.version
    def validate(self): return True
    def get_required_state(self): return []
"""
BACKEND = """
from knows_core import hookimpl

@hookimpl
def knows_state_backends():
    return {"SCHEME": lambda url: f"opened {url}"}
"""


@pytest.fixture
def registry(stage, monkeypatch):
    monkeypatch.syspath_prepend(stage.site)
    return Registry(paths=[str(stage.site)])


class Plain:
    def execute(self, state):
        return state

    def validate(self):
        return True

    def get_required_state(self):
        return ["a"]


def workflow(**options: Any) -> PipelineWorkflow:
    return PipelineWorkflow(step(greet), **options)


def greet():
    return "hello"


# ------------------------------------------------------------------ installed templates


def test_find_loads_the_highest_version_in_the_range(stage, registry):
    """By text or by Requirement, and the same object every time."""
    source = TEMPLATE + "one, two = Template('a', '1.0.0'), Template('a', '2.0.0')"
    stage.install("d", templates={"a@1.0.0": "m_find:one", "a@2.0.0": "m_find:two"}, modules={"m_find": source})
    assert registry.find("a").execute(None) == "2.0.0"
    assert registry.find("a@^1") is registry.find(Requirement("a", "1.0.0"))
    assert [str(offer) for offer in registry.offers()] == ["a@2.0.0", "a@1.0.0"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise ValueError('first line\\nsecond')", "ValueError: first line"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("def f(:", "SyntaxError"),
        ("other = 1", "has no attribute 'it'"),
        ("it = 5", "expected a workflow template with execute, validate, get_required_state, found int"),
        (TEMPLATE + "it = Template", "found the class Template"),
        (TEMPLATE + "it = Template('a', '1.0.1')", "the entry point says a@1.0.0, the template says a@1.0.1"),
        (TEMPLATE + "it = Template('b', '1.0.0')", "the entry point says a@1.0.0, the template says b@1.0.0"),
        (TEMPLATE + "it = Template('a', 'one')", "version 'one'"),
        (TEMPLATE + "del Template.validate\nit = Template('a', '1.0.0')", "expected a workflow template with validate"),
        (
            TEMPLATE + "Template.name = property(lambda s: 1 / 0, lambda s, v: None)\nit = Template('a', '1.0.0')",
            "ZeroDivisionError",
        ),
    ],
)
def test_a_template_that_cannot_be_used_costs_only_itself(stage, registry, request, code, reason):
    """It is a TemplateBroken that names template, distribution and reason; its neighbour loads."""
    module = f"m_broken_{abs(hash(request.node.name))}"
    stage.install("bad-dist", templates={"a@1.0.0": f"{module}:it"}, modules={module: code})
    stage.install_template("good", "1.0.0", distribution="good-dist", module=f"{module}_good")
    with pytest.raises(TemplateBroken) as caught:
        registry.find("a")
    assert reason in str(caught.value)
    assert "a@1.0.0 of bad-dist 1.0.0" in str(caught.value)
    assert caught.value.exit_code == 3
    assert registry.find("good").validate()


def test_the_cause_of_a_broken_import_is_kept(stage, registry):
    """Whoever debugs the plugin gets its traceback."""
    stage.install("d", templates={"a@1.0.0": "m_cause:it"}, modules={"m_cause": "1 / 0"})
    with pytest.raises(TemplateBroken) as caught:
        registry.find("a")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_an_interrupt_while_a_plugin_is_imported_is_the_persons(stage, registry):
    """KeyboardInterrupt is no fault of the plugin."""
    stage.install("d", templates={"a@1.0.0": "m_interrupt:it"}, modules={"m_interrupt": "raise KeyboardInterrupt"})
    with pytest.raises(KeyboardInterrupt):
        registry.find("a")


# ------------------------------------------------------------------ registered templates


def test_a_registered_template_is_found_as_it_is(registry):
    """Its own name and version are used."""
    template = workflow(name="mine", version="1.0")
    registry.register(template)
    assert registry.find("mine@^1") is template
    assert [offer.source for offer in registry.offers()] == ["this process (registered at run time)"]


def test_a_registered_template_never_shadows(stage, registry):
    """Neither an installed one nor an earlier one; the same object again changes nothing."""
    stage.install("d", templates={"a@1.0.0": "m_never:it"})
    with pytest.raises(DuplicateTemplate, match=r"d 1\.0\.0"):
        registry.register(workflow(name="a", version="1.0.0"))
    template = workflow(name="a", version="1.1.0")
    registry.register(template)
    registry.register(template)
    with pytest.raises(DuplicateTemplate):
        registry.register(workflow(name="a", version="1.1.0"))
    assert registry.find("a") is template


def test_a_name_and_version_can_be_given_when_registering(registry):
    """A foreign object and an unnamed pipeline are offered under them, and carry them; the originals do not change."""
    unnamed = workflow()
    registry.register(Plain(), name="plain", version="1.0")
    registry.register(unnamed, name="named", version="2.0")
    plain, named = registry.find("plain"), registry.find("named")
    assert (plain.name, plain.version, plain.get_required_state()) == ("plain", "1.0.0", ["a"])
    assert plain.validate()
    assert plain.execute("state") == "state"
    assert (named.name, named.version) == ("named", "2.0.0")
    assert isinstance(named, PipelineWorkflow)
    assert unnamed.name == "pipeline"


@pytest.mark.parametrize("template", [Plain(), workflow(), object(), Plain])
def test_what_has_no_name_or_is_no_template_cannot_be_registered(registry, template):
    """The error says what was expected."""
    with pytest.raises(ConfigError, match="expected"):
        registry.register(template)


def test_a_registry_does_not_see_what_another_one_registered(registry):
    """There is no registry but the one that was made."""
    registry.register(workflow(name="mine", version="1.0.0"))
    with pytest.raises(TemplateNotFound):
        Registry(paths=[]).find("mine")


def test_faults_of_metadata_are_known_without_loading(broken_stage):
    """Malformed entries, invalid versions and rivals, at once."""
    faults = Registry(paths=[str(broken_stage.site)]).faults()
    assert {fault.distribution for fault in faults} == {
        "malformed-dist", "version-dist", "left-dist and right-dist",
    }  # fmt: skip


# ------------------------------------------------------------------ backends


def test_the_backend_of_a_scheme_is_the_plugin_with_that_key(stage, registry):
    """Only that plugin is imported."""
    stage.install(
        "d",
        plugins={"backend.paper": "m_paper", "backend.stone": "m_stone"},
        modules={"m_paper": BACKEND.replace("SCHEME", "paper"), "m_stone": "raise RuntimeError"},
    )
    assert registry.backend("paper:///runs") == "opened paper:///runs"
    assert registry.backend("PAPER:///again") == "opened PAPER:///again"


def test_memory_needs_no_plugin(registry):
    """The runnable specification is always there."""
    assert type(registry.backend("memory:")).__name__ == "MemoryBackend"


def test_an_unknown_scheme_names_the_known_ones(stage, registry):
    """The sentence says what would have worked."""
    stage.install("d", plugins={"backend.paper": "m_unknown"})
    with pytest.raises(UnknownScheme, match=r"'clay' \(known: memory, paper\)"):
        registry.backend("clay://x")


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
        assert registry.backend("good:x") == "opened good:x"


def test_one_plugin_may_serve_two_keys(stage, registry):
    """The same object under two names is registered once."""
    source = BACKEND.replace('{"SCHEME": ', '{"postgresql": str, "postgres": ')
    stage.install("d", plugins={"backend.postgres": "m_two", "backend.postgresql": "m_two"}, modules={"m_two": source})
    assert registry.backend("postgres:x") == "opened postgres:x"
    assert registry.backend("postgresql:x") == "postgresql:x"


@pytest.mark.parametrize(
    ("url", "reason"), [("paper:/runs", "paper: OSError: paper:/runs"), ("paper://me:secret@host", "paper: OSError")]
)
def test_a_factory_that_raises_is_a_backend_error_that_keeps_secrets(stage, registry, request, url, reason):
    """A foreign error may quote the URL, which may hold a password; then only its type is told."""
    module = f"m_factory_{abs(hash(request.node.name))}"
    source = BACKEND.replace("SCHEME", "paper").replace('f"opened {url}"', "refuse(url)")
    source += "\ndef refuse(url): raise OSError(url)\n"
    stage.install("d", plugins={"backend.paper": module}, modules={module: source})
    with pytest.raises(BackendError) as caught:
        registry.backend(url)
    assert str(caught.value) == f"{reason}. Correct the URL, or see `kwf doctor`."


def test_a_named_error_of_a_factory_passes_as_it_is(stage, registry):
    """The backend knows best."""
    source = BACKEND.replace("SCHEME", "paper").replace('f"opened {url}"', "refuse(url)") + (
        "\nfrom knows_core.errors import AccessDenied\n"
        "def refuse(url): raise AccessDenied(path='/runs', reason='it is locked')\n"
    )
    stage.install("d", plugins={"backend.paper": "m_named"}, modules={"m_named": source})
    with pytest.raises(PermissionError, match="/runs may not be opened"):
        registry.backend("paper:")


# ------------------------------------------------------------------ engines


ENGINE_BACKEND = """
from knows_core import MemoryBackend, hookimpl

class Paper(MemoryBackend):
    pass

@hookimpl
def knows_state_backends():
    return {"paper": lambda url: Paper()}
"""


def test_an_engine_runs_installed_templates_on_the_backend_of_its_settings(stage, registry):
    """Only the plugin of that scheme is imported; a template is named by name and range."""
    stage.install(
        "d",
        plugins={"backend.paper": "m_engine", "backend.stone": "m_stone_engine"},
        modules={"m_engine": ENGINE_BACKEND, "m_stone_engine": "raise RuntimeError"},
    )
    registry.register(workflow(name="greeting", version="1.0.0"))
    engine = registry.engine(WorkflowSettings(state_backend="paper:"))
    run = engine.run("greeting@^1")
    assert (run.template, run.result) == ("greeting", "hello")
    assert registry.plugins.pluggy.list_name_plugin()[0][0] == "d:backend.paper"


@pytest.mark.parametrize(
    "settings", [{"state_backend": "clay:", "state_persistence": False}, {"state_backend": "memory:"}, {}]
)
def test_an_engine_without_a_place_of_its_own_needs_no_plugin(registry, settings):
    """No persistence, memory, or nothing said."""
    registry.register(workflow(name="greeting", version="1.0.0"))
    assert registry.engine(WorkflowSettings(**settings)).run("greeting").result == "hello"


def test_an_engine_on_an_unknown_scheme_is_refused_when_it_is_made(registry):
    """Not at the first run."""
    with pytest.raises(UnknownScheme):
        registry.engine(WorkflowSettings(state_backend="clay:"))
