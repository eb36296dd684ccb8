"""One line without `=` in any distribution's entry points costs that distribution and nobody else.

pydantic reads the entry points of everything that is installed, with a reader that fails on such a line.
"""

from __future__ import annotations

import json

import pytest

WORKFLOW = """
from pydantic import BaseModel
from knows_core import pipeline, step

class Lot(BaseModel):
    serial: str = "x"

@step
def tell(state: Lot) -> str: return state.serial

w = pipeline([tell], name="typed", version="1.0.0", state=Lot)
"""


@pytest.fixture
def marred(stage):
    """A stage with such a line, and a template with a pydantic model."""
    stage.install("typed-dist", templates={"typed@1.0.0": "typed_module:w"}, modules={"typed_module": WORKFLOW})
    folder = stage.install("marred-dist")
    (folder / "entry_points.txt").write_text("[knows.templates]\nfoo bar\n")
    return stage


def test_the_line_is_what_ends_pydantic(marred):
    """Without the guard everybody fails who defines a model: this is what it is for."""
    assert marred.python("import typed_module").returncode == 1


@pytest.mark.parametrize(
    "words", [["show", "typed"], ["run", "typed", "--backend", "memory:"], ["check"], ["runs", "--backend", "memory:"]]
)
def test_commands_work_beside_it(marred, words):
    """Exit 0, as without the line."""
    done = marred.kwf(*words)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr


def test_the_check_blames_no_innocent_template(marred):
    """Only the line is broken."""
    done = marred.kwf("plugins", "check", "--json")
    answer = json.loads(done.stdout)
    assert [row["reason"] for row in answer["checked"]] == [None]
    assert [row["distribution"] for row in answer["broken"]] == ["marred-dist"]


@pytest.mark.parametrize("words", [["list", "--broken"], ["doctor"]])
def test_the_line_is_named(marred, words):
    """With its distribution and what was expected."""
    told = marred.kwf(*words).stdout
    assert "marred-dist: foo bar: expected `name = module:attribute`, found 'foo bar'" in told


LOAD = "import os; from knows_registry import Registry; print(Registry().find('typed').validate());"


def test_a_registry_in_a_persons_program_works_beside_it(marred):
    """Finding and running a template in Python."""
    assert marred.python(LOAD).stdout == "True\n"
    assert marred.python("from knows_registry import Registry; print(Registry().engine().limits and 1)").stdout == "1\n"


def test_a_registry_leaves_the_plugins_of_pydantic_alone(stage):
    """Without such a line nothing is switched off in a person's program."""
    stage.install("typed-dist", templates={"typed@1.0.0": "typed_module:w"}, modules={"typed_module": WORKFLOW})
    done = stage.python(LOAD + "print(os.environ.get('PYDANTIC_DISABLE_PLUGINS'))")
    assert done.stdout == "True\nNone\n"
