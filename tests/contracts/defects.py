"""Which test of the contract must fail over which broken backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.contracts.file_backend import FileBackend

DEFECTS: dict[type[FileBackend], tuple[str, ...]] = {}
MACHINE = "any_calls_in_any_order_follow_the_model"


def caught_by(*tests):
    """Note the tests that must fail over a backend, named without their `test_`."""

    def note(kind):
        DEFECTS[kind] = tuple(f"test_{name}" for name in tests)
        return kind

    return note
