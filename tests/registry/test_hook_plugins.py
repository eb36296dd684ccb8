"""Hook plugins are loaded for a run, each alone and guarded, and asked in an order that can be looked up."""

from __future__ import annotations

import logging
import sys

import pytest

from knows_core import WorkflowSettings, hookimpl, pipeline

ASKED = "asked = []"
PLUGIN = """
from knows_core import hookimpl
from {calls} import asked
@hookimpl{options}
def knows_observers():
    asked.append("{name}")
    return []
"""
HEARING = """
from knows_core import hookimpl
@hookimpl
def knows_observers():
    return [print]
"""
HANDLER = """
from knows_core import Fallback, hookimpl
from {calls} import asked
@hookimpl
def knows_error_handlers(context):
    asked.append("{name}")
    return {answer}
"""
CLASS = """
from knows_core import hookimpl
class it:
    @hookimpl
    def knows_observers(self):
        return []
"""
BROKEN = {
    "raising": ("raise ValueError('the pump is missing')", "ValueError: the pump is missing"),
    "exiting": ("import sys; sys.exit(4)", "SystemExit: 4"),
    "misspelt": (HEARING.replace("observers", "observer"), "unknown hook 'knows_observer'"),
    "argued": (HEARING.replace("observers()", "observers(run)"), "Argument(s) {'run'} are declared"),
    "unmarked": (HEARING.replace("@hookimpl", ""), "expected functions marked with @hookimpl, found"),
    "async": (HEARING.replace("def k", "async def k"), "expected a plain function, found one that is"),
    "wrapping": (
        HEARING.replace("@hookimpl", "@hookimpl(wrapper=True)").replace("return", "yield"),
        "knows_observers is a wrapper",
    ),
}
WRONG_TYPES = {
    "class": (CLASS, "found the class it"),
    "number": ("it = 5", "expected functions marked with @hookimpl, found none"),
    "nothing": ("it = None", "expected functions marked with @hookimpl, found none"),
    "absent": ("", "has no attribute 'it'"),
}


def one():
    return 1


def fail():
    raise ValueError("no")


ONE = pipeline([one], name="one", version="1.0.0")


@pytest.fixture
def calls(stage, request):
    """A module in which plugins write down that they were asked; `calls.asked` once an engine was made."""
    name = f"m_calls_{abs(hash(request.node.name))}"
    (stage.site / f"{name}.py").write_text(ASKED)
    return name


@pytest.fixture
def asked(calls):
    return lambda: sys.modules[calls].asked


def install(stage, calls, distribution, **options):
    """A distribution with one hook plugin for each key, marked with the options given for it."""
    modules = {f"{calls}_{key}": PLUGIN.format(calls=calls, name=key, options=given) for key, given in options.items()}
    stage.install(distribution, plugins={f"hooks.{key}": f"{calls}_{key}" for key in options}, modules=modules)


# ------------------------------------------------------------------ order


def test_plugins_are_asked_by_distribution_then_by_key(stage, registry, calls, asked):
    """Whatever order folders have; the same order for every engine."""
    install(stage, calls, "c-dist", d="")
    install(stage, calls, "a-dist-2", c="")
    install(stage, calls, "a-dist", z="", b="")
    registry.engine(WorkflowSettings())
    assert asked() == ["b", "z", "c", "d"]
    registry.engine(WorkflowSettings())
    assert asked() == ["b", "z", "c", "d"] * 2


def test_tryfirst_and_trylast_go_over_the_order(stage, registry, calls, asked):
    """As pluggy has it."""
    install(stage, calls, "a-dist", a="(trylast=True)", b="")
    install(stage, calls, "b-dist", c="", d="(tryfirst=True)")
    registry.engine(WorkflowSettings())
    assert asked() == ["d", "b", "c", "a"]


def test_what_a_program_registers_itself_is_asked_before(stage, registry, calls, asked):
    """Registered before the installed ones are loaded, or after: the program's own word comes first."""
    install(stage, calls, "a-dist", a="")

    class Mine:
        @hookimpl
        def knows_observers(self):
            sys.modules[calls].asked.append("mine")
            return []

    registry.plugins.pluggy.register(Mine())
    registry.engine(WorkflowSettings())
    registry.plugins.pluggy.register(Mine())
    registry.engine(WorkflowSettings())
    assert asked() == ["mine", "a", "mine", "mine", "a"]


def test_an_object_with_two_entries_is_asked_once(stage, registry, calls, asked):
    """At the place of the first; also where it is a backend too, and was opened before."""
    backend = "\nfrom knows_core import MemoryBackend\n@hookimpl\ndef knows_state_backends():\n"
    backend += "    return {'paper': lambda url: MemoryBackend()}\n"
    source = PLUGIN.format(calls=calls, name="shared", options="") + backend
    names = {f"{kind}": f"{calls}_shared" for kind in ("hooks.a", "backend.paper", "hooks.z")}
    stage.install("b-dist", plugins=names, modules={f"{calls}_shared": source})
    install(stage, calls, "a-dist", first="")
    install(stage, calls, "c-dist", last="")
    registry.backend("paper:")
    registry.engine(WorkflowSettings(state_backend="paper:"))
    assert asked() == ["first", "shared", "last"]


def test_the_first_handler_with_an_answer_wins(stage, registry, calls, asked):
    """Those before it are asked, those behind it are not."""
    for name, answer in {"c": "Fallback('c')", "b": "Fallback('b')", "a": "None"}.items():
        source = HANDLER.format(calls=calls, name=name, answer=answer)
        module = f"{calls}_{name}"
        stage.install(f"{name}-dist", plugins={f"hooks.{name}": module}, modules={module: source})
    registry.register(pipeline([fail], name="failing", version="1.0.0"))
    assert registry.engine(WorkflowSettings()).run("failing").result == "b"
    assert asked() == ["a", "b"]


# ------------------------------------------------------------------ broken ones


@pytest.mark.parametrize("kind", [*BROKEN, *WRONG_TYPES])
def test_a_broken_plugin_is_left_out_and_told_once(stage, registry, calls, asked, caplog, kind):
    """Its neighbours are asked, the run is unharmed, and the second engine says nothing more."""
    code, reason = {**BROKEN, **WRONG_TYPES}[kind]
    module = f"{calls}_broken"
    value = f"{module}:it" if kind in WRONG_TYPES else module
    stage.install("b-dist", plugins={"hooks.bad": value}, modules={module: code})
    install(stage, calls, "a-dist", before="")
    install(stage, calls, "c-dist", after="")
    registry.register(ONE)
    for _ in range(2):
        assert registry.engine(WorkflowSettings()).run("one").result == 1
    [record] = caplog.records
    assert (record.name, record.levelno) == ("knows_registry", logging.WARNING)
    assert record.getMessage().startswith("plugin hooks.bad of b-dist is left out: ")
    assert reason in record.getMessage()
    assert asked() == ["before", "after"] * 2


def test_what_metadata_shows_to_be_broken_is_left_out_and_told_too(stage, registry, calls, asked, caplog):
    """A line that cannot be read, and a key that two distributions claim: neither of them is chosen."""
    stage.install("odd-dist", plugins={"hooks.odd": "no module"})
    install(stage, calls, "left-dist", same="")
    install(stage, calls, "right-dist", same="")
    install(stage, calls, "sound-dist", sound="")
    registry.engine(WorkflowSettings())
    odd, rivals = (record.getMessage() for record in caplog.records)
    assert odd.startswith("plugin hooks.odd = no module of odd-dist is left out: expected `name = module:attribute`")
    assert rivals.startswith("plugin hooks.same of left-dist and right-dist is left out: it is claimed by left-dist")
    assert asked() == ["sound"]
