"""`kwf doctor` names distributions that can be taken for others, and code that runs at every start of Python."""

from __future__ import annotations

import json

import pytest

from knows_registry.lookalikes import OURS, likeness, lookalikes
from knows_registry.startup_lines import unknown_lines


@pytest.mark.parametrize(
    ("name", "other", "how"),
    [
        ("knowscore", "knows-core", "hyphens alone"),
        ("knows-c0re", "knows-core", "signs that look alike"),
        ("kn0ws-sq1ite", "knows-sqlite", "signs that look alike"),
        ("acrne-etch", "acme-etch", "signs that look alike"),
        ("core-knows", "knows-core", "the order of its parts"),
        ("knows-core2", "knows-core", "digits at its end"),
        ("acme-etch-2", "acme-etch-1", "digits at its end"),
        ("knows-coer", "knows-core", "two letters in the other order"),
        ("kowns-core", "knows-core", ""),
        ("knows-cor", "knows-core", "one letter"),
        ("knows-corre", "knows-core", "one letter"),
        ("knows-care", "knows-core", "one letter"),
        ("nows-core", "knows-core", "one letter"),
        ("knows-coral", "knows-core", ""),
        ("knows-core-extras", "knows-core", ""),
        ("etch", "etcd", ""),
        ("redis", "knows-redis", ""),
    ],
)
def test_names_are_alike_by_one_slip_or_one_trick(name, other, how):
    """One letter more, less or other, two exchanged, hyphens, digits, signs that look alike; and it is mutual."""
    assert likeness(name, other) == how
    assert likeness(other, name) == how


def test_ours_do_not_look_alike_to_each_other():
    """Else every installation would be full of warnings."""
    assert lookalikes(OURS, OURS) == []


def test_every_installed_name_is_held_against_ours_and_against_plugins():
    """Not libraries against each other. A pair of plugins is told once; what looks like an accepted one is too."""
    installed = {"knows-core", "knows-cor", "acme-etch", "acme-etsh", "requests", "request", "acme-etchh"}
    plugins = {"acme-etch", "acme-etsh"}
    pairs = [(name, other) for name, other, _ in lookalikes(installed, plugins)]
    assert pairs == [("acme-etchh", "acme-etch"), ("acme-etsh", "acme-etch"), ("knows-cor", "knows-core")]
    one_accepted = [(name, other) for name, other, _ in lookalikes(installed, plugins, {"acme-etsh"})]
    assert one_accepted == [("acme-etch", "acme-etsh"), *pairs[::2]]
    assert [one.name for one in lookalikes(installed, plugins, plugins)] == ["acme-etchh", "knows-cor"]


# ------------------------------------------------------------------ lines of code


def lines_in(stage):
    return [(one.line, one.owner, one.recorded) for one in unknown_lines([str(stage.site)])]


def test_paths_and_comments_are_no_code(stage):
    """Most files of this sort only name folders."""
    (stage.site / "paths.pth").write_text("/some/where\n# import nothing\n\nimportant\n")
    assert lines_in(stage) == []


def test_code_that_nobody_recorded_is_told_with_its_line(stage):
    """A file that is none of any distribution."""
    (stage.site / "zz.pth").write_text("/some/where\nimport os; os.system('id')\n")
    (stage.site / "odd.pth").write_bytes(b"\xef\xbb\xbfimport\tsys\n")
    assert lines_in(stage) == [("import\tsys", "", False), ("import os; os.system('id')", "", False)]


def test_the_owner_is_named_and_whether_it_is_as_it_was(stage):
    """A distribution that lists the file in its RECORD is not trusted for that; altered, it is told so."""
    shipped(stage, "sneaky", "import sneaky")
    assert lines_in(stage) == [("import sneaky", "sneaky", True)]
    (stage.site / "sneaky.pth").write_text("import other")
    assert lines_in(stage) == [("import other", "sneaky", False)]


def shipped(stage, name, line):
    """A distribution that brings a `.pth` file."""
    folder = stage.install(name)
    (stage.site / f"{name}.pth").write_text(line)
    (stage.site / f"{name}.py").write_text("")
    rows = [stage.row_of_record(stage.site / f"{name}.pth"), stage.row_of_record(stage.site / f"{name}.py")]
    (folder / "RECORD").write_text("".join(rows))
    return folder


def test_known_tools_and_editable_installations_are_left_alone(stage):
    """As long as their files are as recorded; virtualenv records none, and is known by its only line."""
    shipped(stage, "setuptools", "import os; enabled and __import__('_distutils_hack').add_shim();")
    (stage.site / "_virtualenv.pth").write_text("import _virtualenv")
    editable = shipped(stage, "mine", "import __editable___mine_finder; __editable___mine_finder.install()")
    (editable / "direct_url.json").write_text('{"dir_info": {"editable": true}}')
    assert lines_in(stage) == []
    (stage.site / "_virtualenv.pth").write_text("import _virtualenv; import more")
    (stage.site / "setuptools.pth").write_text("import more")
    assert lines_in(stage) == [("import _virtualenv; import more", "", False), ("import more", "setuptools", False)]


# ------------------------------------------------------------------ the command


def test_doctor_tells_both_as_worth_a_look(stage):
    """With the next move; nothing is broken by them, so the exit code stays."""
    stage.install_template("etch", "1.2.0", distribution="acme-etch", module="m_a")
    stage.install_template("etch", "1.3.0", distribution="acme-etsh", module="m_b")
    stage.install("knows-c0re")
    shipped(stage, "sneaky", "import sneaky")
    done = stage.kwf("doctor")
    assert done.returncode == 0
    assert "Worth a look:" in done.stdout
    assert "its name differs from acme-etch, which is another plugin's, by one letter" in done.stdout
    assert "`kwf plugins allow acme-etsh` if it is the right one." in done.stdout
    assert "its name differs from knows-core, which is ours, by signs that look alike" in done.stdout
    assert "it runs at every start of Python (`import sneaky`); sneaky 1.0.0 brought it" in done.stdout
    told = {row["distribution"]: row for row in stage.answer("doctor")["warnings"]}
    assert set(told) == {"acme-etsh", "knows-c0re", "sneaky"}
    assert told["sneaky"]["entry"] == str(stage.site / "sneaky.pth")


def test_what_a_person_permitted_is_not_told_again(stage):
    """It was looked at; a list that cannot be read is broken."""
    stage.install_template("etch", "1.2.0", distribution="acme-etch", module="m_a")
    stage.install_template("etch", "1.3.0", distribution="acme-etsh", module="m_b")
    assert stage.kwf("plugins", "allow", "acme-etsh", "acme-etch").returncode == 0
    assert stage.answer("doctor")["warnings"] == []
    (file,) = stage.cache.rglob("allowed-plugins.json")
    file.write_text("{")
    done = stage.kwf("doctor", "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, [row["entry"] for row in answer["broken"]]) == (3, [str(file)])
    assert answer["broken"][0]["next"].startswith("Correct the file, or remove it")


# ------------------------------------------------------------------ files


@pytest.mark.parametrize("mode", ["any", "allow"])
def test_doctor_names_files_that_are_not_as_they_were_installed(stage, monkeypatch, mode):
    """Broken where they keep the distribution from being imported, else worth a look; with the line that mends it."""
    monkeypatch.setenv("KNOWS_WORKFLOW_PLUGINS", mode)
    for name in ("etch", "coat"):
        stage.install_template(name, "1.0.0", distribution=f"{name}-dist", module=f"m_{name}", recorded=True)
    stage.kwf("plugins", "allow", "etch-dist", "coat-dist")
    assert stage.kwf("doctor").returncode == 0
    (stage.site / "m_etch.py").write_text("")
    done = stage.kwf("doctor", "--json")
    answer = json.loads(done.stdout)
    found, others = (answer["warnings"], answer["broken"]) if mode == "any" else (answer["broken"], answer["warnings"])
    assert (done.returncode, others) == (0 if mode == "any" else 3, [])
    [row] = found
    assert row["distribution"] == "etch-dist"
    assert row["reason"].endswith("expected the files of its RECORD, found m_etch.py missing or altered")
    assert row["reason"].startswith("it is not imported" if mode == "allow" else "expected")
    assert row["next"] == "`pip install --force-reinstall --no-deps 'etch-dist==1.0.0'` brings them back."


def test_doctor_names_what_is_another_artifact_than_the_permitted_one(stage, monkeypatch):
    """As a run would refuse it."""
    monkeypatch.setenv("KNOWS_WORKFLOW_PLUGINS", "allow")
    folder = stage.install_template("etch", "1.0.0", distribution="etch-dist", module="m_etch", recorded=True)
    stage.kwf("plugins", "allow", "etch-dist")
    (stage.site / "more.py").write_text("")
    with (folder / "RECORD").open("a") as record:
        record.write(stage.row_of_record(stage.site / "more.py"))
    [row] = stage.answer("doctor")["broken"]
    assert row["reason"].startswith(
        "it is not imported, since it is not what the list of permitted distributions names"
    )
    assert row["next"] == "`kwf plugins allow etch-dist` permits what is there now, if you trust it."
