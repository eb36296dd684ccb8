"""Templates made at run time: decorators, and plugins that register what they make."""

from __future__ import annotations

import pytest

from knows_core import ConfigError, DuplicateTemplate, hookimpl, pipeline, step
from knows_registry import Registry


@pytest.fixture
def registry():
    return Registry(paths=[], lock=None)


def test_a_function_is_registered_by_a_decorator(registry):
    """As the only step of a template; it stays a function."""

    @registry.register(name="double", version="1.0")
    def twice(value: int) -> int:
        """Double a value."""
        return value * 2

    assert twice(4) == 8
    template = registry.find("double@^1")
    assert registry.engine().run(template, input=4).result == 8
    assert template.definition.summary == "Double a value."


def test_a_class_of_templates_is_registered_by_a_decorator(registry):
    """An instance of it is offered, and the class stays what it was."""

    @registry.register
    class Greeting:
        name = "greeting"
        version = "1.0.0"

        def execute(self, state):
            return "hello"

        def validate(self):
            return True

        def get_required_state(self):
            return []

    assert isinstance(registry.find("greeting"), Greeting)
    assert registry.engine().run("greeting").result == "hello"


def test_a_flow_is_registered_with_a_name(registry):
    """It needs no `pipeline` around it."""
    registry.register(step(lambda: 1, name="one") | step(lambda value: value + 1, name="two"), "sum", "2.0")
    assert registry.engine().run("sum").result == 2


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (lambda: 1, "expected an object with execute"),  # a function without a name and a version
        (int, "expected a class with execute, validate, get_required_state"),
        (7, "expected an object with execute"),
    ],
)
def test_what_cannot_be_a_template_is_named(registry, thing, words):
    """A configuration error."""
    with pytest.raises(ConfigError, match=words):
        registry.register(thing)


def test_a_class_that_needs_arguments_is_refused(registry):
    """Nobody could give them."""

    class Needy:
        def __init__(self, pump):
            self.pump = pump

        execute = validate = get_required_state = lambda self: None

    with pytest.raises(ConfigError, match="a class that needs no arguments"):
        registry.register(Needy, "needy", "1.0")


def test_a_decorator_shadows_nothing(registry):
    """Name and version are taken; the first stays."""
    registry.register(pipeline([step(lambda: 1, name="one")], name="one", version="1.0"))
    with pytest.raises(DuplicateTemplate):
        registry.register(name="one", version="1.0")(lambda: 2)
    assert registry.engine().run("one").result == 1


# ------------------------------------------------------------------ the hook


MAKER = """
from knows_core import hookimpl, pipeline, step

@hookimpl
def knows_templates(registry):
    for size in (1, 2):
        registry.register(made(size), f"size_{size}", "1.0")

def made(size):
    return pipeline([step(lambda: size, name="tell")])
"""


def test_plugins_register_what_they_make(stage):
    """A run finds it by name, as if it were installed; listing imports nothing and does not know it."""
    stage.install("makers", plugins={"hooks.sizes": "makers"}, modules={"makers": MAKER})
    assert stage.answer("run", "size_2", "--backend", "memory:")["result"] == 2
    assert stage.answer("list")["templates"] == []


def test_a_plugin_is_asked_once(registry):
    """Per registry, however often it is looked for."""
    asked = []

    class Maker:
        @hookimpl
        def knows_templates(self, registry):
            asked.append(registry)

    registry.plugins.pluggy.register(Maker())
    registry.engine()
    registry.engine()
    assert asked == [registry]


def test_a_plugin_may_look_for_templates_while_it_registers(registry):
    """It does not ask itself again."""

    class Maker:
        @hookimpl
        def knows_templates(self, registry):
            registry.register(lambda: 1, "base", "1.0")
            assert registry.find("base").version == "1.0.0"
            with pytest.raises(LookupError):
                registry.find("absent")

    registry.plugins.pluggy.register(Maker())
    assert registry.engine().run("base").result == 1


SHADOWS = """
from knows_core import hookimpl

@hookimpl
def knows_templates(registry):
    registry.register(lambda: "mine", "early", "1.0")
    registry.register(lambda: "mine", "taken", "1.0")
"""


def test_a_plugin_that_would_shadow_is_left_out(stage):
    """It is named with its reason; what it registered before stays, what was there is what runs."""
    stage.install_template("taken", "1.0", distribution="first", module="m_taken")
    stage.install("shades", plugins={"hooks.shades": "shades"}, modules={"shades": SHADOWS})
    done = stage.kwf("run", "taken", "--backend", "memory:")
    assert done.returncode == 0
    assert "hello" in done.stdout
    assert "plugin hooks.shades of shades is left out: its knows_templates() raised DuplicateTemplate" in done.stderr
    assert stage.answer("run", "early", "--backend", "memory:")["result"] == "mine"
