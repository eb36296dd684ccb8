"""A registry is a value: what is installed, what was registered, and the loading of either."""

from __future__ import annotations

from typing import Any

import pytest

from knows_core import PipelineWorkflow, Requirement, step
from knows_core.errors import ConfigError
from knows_core.errors.registry import DuplicateTemplate, TemplateBroken, TemplateNotFound
from knows_registry import Registry

TEMPLATE = """
class Template:
    def __init__(self, name, version): self.name, self.version = name, version
    def execute(self, state): return self.version
    def validate(self): return True
    def get_required_state(self): return []
"""


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
        ("class Stop(BaseException): ...\nraise Stop('here')", "Stop: here"),
        ("raise GeneratorExit", "GeneratorExit"),
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
