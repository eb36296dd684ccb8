"""Templates of three distributions, composed by name and range, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import knows_sqlite

PREPARE = """
from knows_core import pipeline, step

@step(writes=["lot"])
def load(state) -> int:
    state["lot"] = "L1"
    return 3

prepare = pipeline([load], name="prepare", version="1.0.0")
"""
ETCH = """
from pathlib import Path
from knows_core import PermanentError, pipeline, step

@step(reads=["lot", "recipe"])
def etch(wafers: int, state) -> float:
    if not Path("ok").exists():
        raise PermanentError("there is no ok")
    return wafers * 1.5

etching = pipeline([etch], name="etch", version="2.0.0", required_state=["lot", "recipe"])
"""
MEASURE = """
from knows_core import pipeline, step

@step
def judge(depth: float) -> str:
    return f"{depth} by VERSION"

measure = pipeline([judge], name="measure", version="VERSION")
"""
LINE = """
from knows_core import compose

line = compose(PARTS, name="line", version="1.0.0")
"""
SOUND = ["prepare@^1.0", "etch@^2.0", "measure@^1.0"]
PLACE = ["--backend", "sqlite:///runs.db"]
RECIPE = ["--set", "recipe=deep"]


@pytest.fixture
def site(stage):
    """The stage with three distributions, the SQLite backend, and the composition `line` in a file."""
    stage.install("store", plugins={"backend.sqlite": "knows_sqlite:plugin"})
    (stage.site / "knows_sqlite").symlink_to(Path(knows_sqlite.__file__).parent)
    stage.install("p", templates={"prepare@1.0.0": "m_prepare:prepare"}, modules={"m_prepare": PREPARE})
    stage.install("e", templates={"etch@2.0.0": "m_etch:etching"}, modules={"m_etch": ETCH})
    offer(stage, "1.0.0")
    composed(stage, SOUND)
    (stage.site / "ok").touch()
    return stage


def offer(stage, version):
    """Install a version of the template `measure`."""
    module = f"m_measure_{version.replace('.', '_')}"
    source = MEASURE.replace("VERSION", version)
    stage.install(
        f"m{version}", version, templates={f"measure@{version}": f"{module}:measure"}, modules={module: source}
    )


def composed(stage, parts):
    (stage.site / "line.py").write_text(LINE.replace("PARTS", repr(parts)))


def told(done):
    return done.returncode, json.loads(done.stdout)


def run(stage, *words):
    return told(stage.kwf("run", "line.py:line", "--json", *PLACE, *words))


def runs(stage):
    return stage.answer("runs", *PLACE)["runs"]


def test_a_sound_composition_runs(site):
    """The parts work on one state, the highest versions in range; what an earlier part provides is not required."""
    offer(site, "1.4.0")
    assert site.answer("show", "line.py:line")["required_state"] == ["recipe"]
    code, answer = run(site, *RECIPE)
    assert (code, answer["result"], answer["error"]) == (0, "4.5 by 1.4.0", None)
    assert answer["state"] == {"recipe": "deep", "lot": "L1"}
    assert site.kwf("check", "line.py").stdout.startswith("line@1.0.0: no problems, required state: recipe\n")


@pytest.mark.fault(57)
def test_a_wrong_type_names_both_ends_before_anything_runs(site):
    """Exit 4 from `run` and `check`: template, version, step and type of both; no run is recorded."""
    composed(site, ["prepare", "measure", "etch"])
    module = site.site / "m_measure_1_0_0.py"
    module.write_text(module.read_text().replace("depth: float", "depth: list[float]"))
    produced, consumed = "prepare@1.0.0 prepare/load (int)", "measure@1.0.0 measure/judge (list[float])"
    code, answer = run(site, *RECIPE)
    assert (code, answer["run"], answer["error"]["code"]) == (4, None, "definition")
    assert f"{produced} does not fit {consumed}" in answer["error"]["message"]
    code, answer = told(site.kwf("check", "line.py:line", "--json"))
    problems = answer["checked"][0]["problems"]
    assert (code, [one["where"] for one in problems]) == (4, ["measure/judge", "etch/etch"])
    assert f"{produced} does not fit {consumed}" in problems[0]["what"]
    assert runs(site) == []


def test_a_missing_key_names_who_needs_it(site):
    """Exit 4; no run is recorded."""
    code, answer = run(site)
    assert (code, answer["run"], answer["error"]["code"]) == (4, None, "missing-state")
    assert "recipe (needed by etch@2.0.0)" in answer["error"]["message"]
    assert runs(site) == []


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        (["prepare", "etch@^9", "measure"], "unsatisfiable"),
        (["prepare", "absent", "measure"], "unsatisfiable"),
        (["inner", "measure@<1.0"], "unsatisfiable"),
    ],
)
def test_versions_that_cannot_be_had(site, parts, code):
    """Exit 3 from `run`, `check` and `show`: no version in range, none of the name, or two ranges without one."""
    inner = 'from knows_core import compose\ninner = compose(["measure"], name="inner", version="1.0.0")\n'
    site.install("i", templates={"inner@1.0.0": "m_inner:inner"}, modules={"m_inner": inner})
    composed(site, parts)
    for words in (["run", *RECIPE, *PLACE], ["check"], ["show"]):
        failed, answer = told(site.kwf(words[0], "line.py:line", "--json", *words[1:]))
        assert (failed, answer["error"]["code"]) == (3, code), words
        assert answer["next"]
    assert runs(site) == []


def test_templates_that_use_each_other_are_refused(site):
    """Exit 3, with the whole circle."""
    for name, other in (("one", "two"), ("two", "one")):
        text = f'from knows_core import compose\nmade = compose(["{other}"], name="{name}", version="1.0.0")\n'
        site.install(name, templates={f"{name}@1.0.0": f"m_{name}:made"}, modules={f"m_{name}": text})
    code, answer = told(site.kwf("check", "one", "--json"))
    assert (code, answer["error"]["code"]) == (3, "circular-use")
    assert "one@1.0.0 -> two@1.0.0 -> one@1.0.0" in answer["error"]["message"]
    code, answer = told(site.kwf("check", "one", "prepare", "--json"))
    assert (code, [len(row["problems"]) for row in answer["checked"]]) == (3, [1, 0])


def test_a_resumed_composition_keeps_its_versions(site):
    """What its first record holds is used, although a newer version was installed meanwhile; a new run takes that."""
    (site.site / "ok").unlink()
    code, answer = run(site, *RECIPE, "--run-id", "r")
    assert (code, answer["error"]["step"]) == (1, "etch/etch")
    offer(site, "1.4.0")
    (site.site / "ok").touch()
    code, answer = told(site.kwf("resume", "r", "--json", *PLACE))
    assert (code, answer["result"]) == (0, "4.5 by 1.0.0")
    created = site.answer("history", "r", *PLACE)["records"][0]
    assert [one[:3] for one in created["linked"]][-1] == ["measure", "measure", "1.0.0"]
    assert run(site, *RECIPE)[1]["result"] == "4.5 by 1.4.0"


def test_a_part_that_is_gone_refuses_to_resume(site):
    """Exit 7 naming run and version; with it back the run goes on."""
    (site.site / "ok").unlink()
    run(site, *RECIPE, "--run-id", "r")
    offer(site, "1.4.0")
    folder = site.site / "m1.0.0-1.0.0.dist-info"
    folder.rename(site.site / "away")
    code, answer = told(site.kwf("resume", "r", "--json", *PLACE))
    assert (code, answer["error"]["code"]) == (7, "template-version-missing")
    assert "run r " in answer["error"]["message"]
    assert "measure@" in answer["error"]["message"]
    (site.site / "away").rename(folder)
    (site.site / "ok").touch()
    assert told(site.kwf("resume", "r", "--json", *PLACE))[1]["result"] == "4.5 by 1.0.0"


def test_progress_tells_the_paths_of_parts(site):
    """In a pipe each step of each part is a line, also when the run goes on."""
    assert "[2/3] etch/etch done" in site.kwf("run", "line.py:line", *RECIPE, *PLACE).stderr
    (site.site / "ok").unlink()
    site.kwf("run", "line.py:line", *RECIPE, "--run-id", "r", *PLACE)
    (site.site / "ok").touch()
    lines = site.kwf("resume", "r", *PLACE).stderr
    assert ("[1/3]" in lines, "[2/3] etch/etch done" in lines, "[3/3] measure/judge done" in lines) == (
        False, True, True,
    )  # fmt: skip
