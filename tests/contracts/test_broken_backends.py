"""The backend contract can fail: each of its tests does, over a backend that has the defect it is there for."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import Phase, settings

from knows_core import KnowsError, RunStatus
from knows_core.testing import suite_crash, suite_machine, suite_ownership
from knows_core.testing.backend_suite import SharedBackendContract
from tests.contracts import broken_backends, broken_owners
from tests.contracts.defects import DEFECTS, MACHINE
from tests.contracts.file_backend import FileBackend

CAUGHT = (AssertionError, KnowsError, KeyError, pytest.fail.Exception)
QUICK = settings(
    max_examples=300, stateful_step_count=50, deadline=None, database=None, derandomize=True,
    phases=[Phase.generate], report_multiple_bugs=False, print_blob=False,
)  # fmt: skip


class TestSound(SharedBackendContract):
    """Without a defect nothing is caught."""

    @pytest.fixture(autouse=True)
    def _few_values(self, monkeypatch):
        monkeypatch.setenv("KNOWS_TEST_VALUES", "50")  # they are compared over the backends that people use

    def open_backend(self, place, lease=15.0):
        return FileBackend(place, lease)


def run(kind, name, place):
    """Run one test of the contract over a kind of backend."""

    class Case(SharedBackendContract):
        def open_backend(self, place, lease=15.0):
            place.mkdir(parents=True, exist_ok=True)
            return kind(place, lease)

    case, test = Case(), getattr(Case, name)
    if name == f"test_{MACHINE}":
        suite_machine.run_machine(lambda: case.open_backend(place), QUICK)
        return
    known = {
        "backend": lambda: case.open_backend(place),
        "pair": lambda: (case.open_backend(place), case.open_backend(place)),
        "tmp_path": lambda: place,
        "status": lambda: RunStatus.FAILED,
        "records": lambda: (b"1",),
    }
    test(case, **{word: known[word]() for word in inspect.signature(test).parameters if word != "self"})


@pytest.mark.parametrize(
    ("kind", "name"),
    [pytest.param(kind, name, id=f"{kind.__name__}-{name[5:]}") for kind, names in DEFECTS.items() for name in names],
)
def test_a_defect_is_caught(kind, name, tmp_path, monkeypatch):
    """The test of the contract fails over the backend that has its defect, and over the sound one it does not."""
    for room in (suite_crash, suite_ownership):
        monkeypatch.setattr(room, "GRACE", 0.3)  # what never comes need not be waited for
        monkeypatch.setattr(room, "AT_ONCE", 0.3, raising=False)
    monkeypatch.setenv("KNOWS_TEST_KILLS", "12")
    with pytest.raises(CAUGHT):
        run(kind, name, tmp_path / "place")


def test_every_test_of_the_contract_can_fail():
    """There is no test in the rooms of the contract without a defect that it catches."""
    assert {kind.__module__ for kind in DEFECTS} == {broken_backends.__name__, broken_owners.__name__}
    tests = {
        name
        for name, function in inspect.getmembers(SharedBackendContract, inspect.isfunction)
        if name.startswith("test_") and "value" not in function.__module__.rpartition(".")[2]
    }
    assert tests - {name for names in DEFECTS.values() for name in names} == set()
