"""`kwf show` and `kwf check`: what a template is, and what is wrong with it."""

from __future__ import annotations

import json
import shlex

from knows_registry.cli import main


def test_show_draws_a_template(kwf, here, typed):
    """Name, summary, state with optional keys in brackets, steps with their types."""
    (here / "wf.py").write_text(typed)
    code, text = kwf("show", "wf.py:w")
    assert code == 0
    assert text.splitlines() == [
        "typed@2.1.0  Tells what it was given.",
        "state: serial, day, [size], [tags]",
        "└─ tell  (Recipe) -> dict",
    ]
    answer = kwf("show", "wf.py:w", "--json")[1]
    assert (answer["required_state"], answer["steps"]) == (["serial", "day"], ["tell"])


def test_show_tells_the_schema(kwf, here, typed):
    """JSON Schema of state and input, the same for a person and a program."""
    (here / "wf.py").write_text(typed)
    answer = kwf("show", "wf.py:w", "--schema", "--json")[1]
    assert answer["state"]["required"] == ["serial", "day"]
    assert answer["input"]["properties"]["steps"] == {"items": {"type": "integer"}, "title": "Steps", "type": "array"}
    assert json.loads(kwf("show", "wf.py:w", "--schema")[1]) == answer


def test_check_tells_everything_at_once(kwf, here, steps):
    """Exit 4 with every problem and its remedy; 0 without; the file is not run."""
    assert kwf("check", "wf.py:w") == (0, "demo@1.0.0: no problems\n")
    broken = steps + "def e(x, limit): return x\ndef f(x: 'Nowhere'): return x\n"
    (here / "wf.py").write_text(broken + 'w = pipeline([a, a, e, f, lambda x: x], name="bad", version="1.0")\n')
    code, answer = kwf("check", "wf.py:w", "--json")
    assert (code, answer["problems"]) == (4, 4)
    assert {one["where"] for one in answer["checked"][0]["problems"][:3]} >= {"bad/e", "bad/f"}
    text = kwf("check", "wf.py:w")[1]
    assert "bad@1.0.0: 4 problems" in text
    assert 'Next: Tell them apart by a name: step(a, name="...").' in text
    assert kwf("run", "wf.py:w", "--json")[1]["error"]["code"] == "definition"


def test_check_goes_over_all_that_is_installed(kwf):
    """Without a name every installed template is checked."""
    code, answer = kwf("check", "--json")
    assert code == 0
    assert "knowledge_ingestion@1.0.0" in [one["template"] for one in answer["checked"]]


def test_check_of_several_goes_on_after_one_that_cannot_be_had(kwf):
    """The one that cannot be loaded is a row; exit 3."""
    code, answer = kwf("check", "wf.py:w", "absent.py:w", "--json")
    assert (code, [len(one["problems"]) for one in answer["checked"]]) == (3, [0, 1])


def test_check_of_a_file_takes_all_its_templates(kwf, here, flow, plain_template):
    """A file without an object stands for every template in it; a broken one costs only its own row, exit 3."""
    more = 'v = pipeline(a | b, name="other", version="1.0")\nraising, silent = Plain(), Plain()\n'
    more += "raising.validate = lambda: 1 / 0\nsilent.get_required_state = lambda: None\n"
    (here / "wf.py").write_text(flow + plain_template + more)
    code, answer = kwf("check", "wf.py", "--json")
    assert code == 3
    told = {one["template"]: [problem["what"] for problem in one["problems"]] for one in answer["checked"]}
    assert list(told) == ["demo@1.0.0", "other@1.0.0", "wf.py:raising", "wf.py:silent"]
    assert "ZeroDivisionError" in told["wf.py:raising"][0]
    assert "TypeError" in told["wf.py:silent"][0]


def test_check_of_installed_templates_goes_on_after_one_whose_methods_raise(stage):
    """`kwf plugins check` finds it too, and both say why."""
    stage.install_template("good", "1.0.0", distribution="good-dist", module="good_module")
    stage.install_template("bad", "1.0.0", distribution="bad-dist", module="bad_module")
    module = stage.site / "bad_module.py"
    module.write_text(module.read_text() + "greeting.validate = lambda: 1 / 0\n")
    done = stage.kwf("check")
    assert done.returncode == 3
    assert "good@1.0.0: no problems" in done.stdout
    assert "validate() or get_required_state() cannot be used: ZeroDivisionError" in done.stdout
    checked = stage.kwf("plugins", "check")
    assert (checked.returncode, "ZeroDivisionError" in checked.stdout) == (3, True)


def test_advised_commands_name_the_place(here, capfd):
    """What a failure advises can be typed as it stands: with the backend, quoted for a shell; memory offers nothing."""
    place = ["--backend", "sqlite:///with blank.db"]
    assert main(["run", "wf.py:w", "--run-id", "r", "--json", *place]) == 1
    advised = json.loads(capfd.readouterr().out)["next"]
    assert shlex.split(advised.split("`")[1])[1:] == ["resume", "r", *place]
    for words in (["run", "wf.py:w", "--run-id", "r"], ["resume", "nobody"]):
        assert main([*words, "--json", *place]) == 2
        command = json.loads(capfd.readouterr().out)["next"].split("`")[1]
        assert shlex.split(command)[-2:] == place
    assert main(["run", "wf.py:w", "--json", "--backend", "memory:"]) == 1
    assert json.loads(capfd.readouterr().out)["next"] == "remove the cause and run it again"


def test_a_mistyped_place_stays_empty(here, capfd):
    """runs, history and resume make neither file nor folder."""
    place = ["--backend", "sqlite:///no/such/x.db"]
    assert [main([*words, *place]) for words in (["runs"], ["history", "r"], ["resume", "r"])] == [0, 2, 2]
    assert not (here / "no").exists()
