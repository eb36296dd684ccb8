"""A full disk stops a run with an error that says so, and costs nothing that was recorded."""

from __future__ import annotations

import pytest

from knows_core import BackendFull, LocalEngine, PipelineWorkflow, UnknownRun, step
from knows_core.testing.suite_children import Child
from tests.crash.small_disk import Pages, Tmpfs, can_mount
from tests.crash.sweep import integrity

RUN = "r"
STEPS = [f"s{number}" for number in range(10)]
ROOMS = [0, 5_000, 30_000, 70_000, 120_000, 160_000]  # bytes; ten results of 20 kB need more
TEXT = "x" * 20_000


def template(called):
    def body(name):
        def run(result, state):
            called.append(name)
            state[name] = TEXT
            return name

        return step(run, name=name)

    return PipelineWorkflow([body(name) for name in STEPS], name="large", version="1.0.0")


def attempt(disk, called):
    """Go on with the run, or begin it; what came of it, and which steps the journal held before."""
    try:
        with LocalEngine(disk.open_backend()) as engine:
            try:
                recorded = [one.content["path"] for one in engine.history(RUN) if one.kind == "StepDone"]
            except UnknownRun:
                return engine.run(template(called), run_id=RUN), []
            return engine.resume(RUN, template(called)), recorded
    except BackendFull as full:
        return full, []


def on_a_full_disk(wire, kind, folder, room):
    """Fill the disk, go on while it is full, make room, and go on; tell what happened."""
    disk, called = kind(folder, room), []
    (first, _), (second, _) = attempt(disk, called), attempt(disk, called)
    before = len(called)
    disk.make_room()
    ended, recorded = attempt(disk, called)
    wire.send(
        {
            "errors": [
                (type(one).__name__, str(getattr(one, "path", "")), getattr(one, "free", None), str(one))
                for one in (first, second)
            ],
            "ended": (str(ended.status), ended.result),
            "recorded": recorded,
            "made": called[before:],
            "integrity": integrity(folder / "journals.db"),
        }
    )


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("kind", ["a disk", "a file"])
def test_a_full_disk_costs_nothing(kind, room, tmp_path, tell):
    """BackendFull names the place and the bytes free, twice; with room the run goes on after its recorded steps."""
    folder = tmp_path / "small"
    folder.mkdir()
    small = Tmpfs if kind == "a disk" and can_mount(folder) else Pages
    with Child(lambda wire: on_a_full_disk(wire, small, folder, room)) as child:
        found = child.hear()
    tell(f"{small.__name__}, {room} bytes: {len(found['recorded'])} of {len(STEPS)} steps were recorded")
    for name, path, free, text in found["errors"]:
        assert (name, path.startswith(str(folder)), isinstance(free, int)) == ("BackendFull", True, True), text
        assert small is Pages or free < 1_000_000
    assert found["ended"] == ("completed", STEPS[-1])
    assert [*found["recorded"], *found["made"]] == STEPS
    assert found["integrity"] == "ok"
