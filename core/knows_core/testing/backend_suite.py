"""The contract of a state backend as tests: subclass it, give one factory, and pytest runs all of it.

class TestMine(SharedBackendContract):
def open_backend(self, place: Path, lease: float = 15.0) -> StateBackend:
return MyBackend(place / "journals", lease=lease)

Which class it is follows from what the backend declares of itself; a test holds the one against the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from knows_core.backend import Capabilities
from knows_core.testing.suite_behaviour import BehaviourContract
from knows_core.testing.suite_cancelling import CancellingContract
from knows_core.testing.suite_contention import ContentionContract, ThreadsContract
from knows_core.testing.suite_crash import CrashContract
from knows_core.testing.suite_machine import MachineContract
from knows_core.testing.suite_opening import row
from knows_core.testing.suite_ownership import OwnershipContract
from knows_core.testing.suite_records import RecordsContract
from knows_core.testing.value_suite import ValueContract

if TYPE_CHECKING:
    from pathlib import Path


class BackendContract(
    BehaviourContract, CancellingContract, RecordsContract, ThreadsContract, ValueContract, MachineContract
):
    """What every state backend promises; by itself for one whose journals go with its process."""

    def test_the_contract_is_the_one_that_is_declared(self, tmp_path: Path) -> None:
        """A durable backend is held to DurableBackendContract, one that is shared as well to SharedBackendContract."""
        opened = self.open_backend(tmp_path)
        declared = opened.capabilities
        opened.close()
        assert isinstance(declared, Capabilities)
        chosen = (isinstance(self, DurableBackendContract), isinstance(self, SharedBackendContract))
        assert chosen == (declared.durable, declared.durable and declared.shared), declared
        assert declared.durable or not declared.shared, "what several processes use outlives each of them"

    def test_what_is_kept_is_declared(self, tmp_path: Path) -> None:
        """After closing, the same place has its journals where they are durable, and none where they are not."""
        first = self.open_backend(tmp_path)
        first.create(row(), [b"0"])
        first.close()
        second = self.open_backend(tmp_path)
        assert [one.run for one in second.rows()] == ["r"] * second.capabilities.durable
        second.close()


class DurableBackendContract(CrashContract, BackendContract):
    """What a backend promises besides, whose journals outlive its process."""


class SharedBackendContract(OwnershipContract, ContentionContract, DurableBackendContract):
    """What a durable backend promises besides, whose place several owners in processes of their own may use at once."""
