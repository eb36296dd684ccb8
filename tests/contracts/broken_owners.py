"""Backends with one defect each in what they do beside others: threads, processes, leases, deaths and forks."""

from __future__ import annotations

import fcntl
import os
import time

from knows_core.backend import Append, Capabilities
from tests.contracts.defects import MACHINE, caught_by
from tests.contracts.file_backend import FileBackend


@caught_by("one_of_many_claims_wins", "one_of_many_processes_wins")
class ClaimsInTwoActs(FileBackend):
    def claim(self, run):
        kept = self.known(self.look(), run)
        if not self.is_free(kept):
            raise self.refusal(kept)
        time.sleep(0.01)
        with self.change() as runs:
            return self.give(runs[run])


@caught_by("every_sequence_is_accepted_once")
class AppendsInTwoActs(FileBackend):
    def append(self, batch):
        runs = self.look()
        answers = [self.take(runs, one) for one in batch]
        time.sleep(0.001)
        with self.change() as now:
            for one in batch:
                now[one.run] = runs[one.run]
        return answers


@caught_by("threads_do_not_disturb_each_other", "many_writers_are_all_served")
class WritesWhatItHadRead(FileBackend):
    def append(self, batch):
        runs = self.look()
        answers = [self.take(runs, one) for one in batch]
        with self.change():
            pass
        with self.change() as now:
            now.update(runs)
        return answers


@caught_by("many_writers_are_all_served")
class RefusesWhereItWouldWait(FileBackend):
    def append(self, batch):
        with self._file.with_name("lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return [False] * len(batch)
            time.sleep(0.001)
        return super().append(batch)


@caught_by("the_contract_is_the_one_that_is_declared")
class DeclaresTooLittle(FileBackend):
    def __init__(self, place, lease=15.0):
        super().__init__(place, lease)
        self.capabilities = Capabilities(durable=True, shared=False, notices_death=False, lease=lease)


@caught_by("what_is_kept_is_declared", "journals_outlive_the_backend")
class KeepsNothing(FileBackend):
    def close(self):
        super().close()
        self._file.unlink(missing_ok=True)


@caught_by("whoever_is_refused_hears_of_the_owner")
class NamesNobody(FileBackend):
    def refusal(self, kept):
        busy = super().refusal(kept)
        return type(busy)(run=busy.run, owner=self.me, since=busy.since, age=busy.age)


@caught_by("a_released_run_goes_to_another", MACHINE)
class ReleasesNothing(FileBackend):
    def release(self, run, epoch):
        pass


@caught_by("an_old_epoch_is_fenced", "two_owners_are_kept_apart", MACHINE)
class ReleasesForAnybody(FileBackend):
    def release(self, run, epoch):
        with self.change() as runs:
            if run in runs:
                runs[run].holder = None


@caught_by("a_closed_owner_is_gone_at_once", "journals_outlive_the_backend", MACHINE)
class FreesNothing(FileBackend):
    def close(self):
        pass


@caught_by("a_closed_owner_is_gone_at_once", MACHINE)
class FreesEverything(FileBackend):
    def close(self):
        with self.change() as runs:
            for kept in runs.values():
                kept.holder = None


@caught_by("the_lease_is_declared")
class DeclaresAnotherLease(FileBackend):
    def __init__(self, place, lease=15.0):
        super().__init__(place, 15.0)


@caught_by("a_lease_that_ran_out_ends_the_ownership", "a_dead_owners_run_can_be_claimed")
class LeasesForEver(FileBackend):
    def until(self):
        return time.time() + 1000


@caught_by("a_lease_that_ran_out_ends_the_ownership", "a_renewed_lease_does_not_run_out")
class LeasesTooShort(FileBackend):
    def until(self):
        return time.time() + self.capabilities.lease / 20


@caught_by("a_renewed_lease_does_not_run_out")
class RenewsNothing(FileBackend):
    def renew(self):
        pass


@caught_by("renewing_brings_nothing_back", MACHINE)
class RenewsWhatItLost(FileBackend):
    had = frozenset[str]()

    def create(self, row, records):
        self.had |= {row.run}
        return super().create(row, records)

    def renew(self):
        with self.change() as runs:
            for run in self.had & runs.keys():
                runs[run].holder, runs[run].until = self.me, self.until()


@caught_by("a_dead_owners_run_can_be_claimed")
class NoticesNoDeath(FileBackend):
    def __init__(self, place, lease=15.0):
        super().__init__(place, lease)
        self.capabilities = Capabilities(durable=True, shared=True, notices_death=True, lease=lease)


@caught_by("a_run_comes_back_as_written", "a_killed_owner_loses_nothing_it_was_promised", MACHINE)
class AnswersTooEarly(FileBackend):
    held = tuple[Append, ...]()

    def append(self, batch):
        held, self.held = self.held, tuple(batch)
        super().append(held)
        return [True] * len(batch)


@caught_by("a_killed_owner_loses_nothing_it_was_promised")
class TearsRuns(FileBackend):
    def append(self, batch):
        return [all(self.parts(one)) for one in batch]

    def parts(self, one):
        for at, record in enumerate(one.records, one.sequence):
            time.sleep(0.001)
            yield from super().append([one._replace(sequence=at, records=(record,))])


@caught_by("a_killed_owner_loses_nothing_it_was_promised")
class TearsBatches(FileBackend):
    def append(self, batch):
        answers = []
        for one in batch:
            answers += super().append([one])
            time.sleep(0.001)
        return answers


@caught_by("a_fork_owns_nothing")
class ForksItsName(FileBackend):
    @property
    def me(self):
        return self._name


@caught_by("a_fork_does_not_keep_the_dead_alive")
class ForksItsProof(FileBackend):
    """Its owners are alive while a file is locked, by whoever inherited the lock."""

    def create(self, row, records):
        epoch = super().create(row, records)
        self.proof = os.open(self._file.with_name(self._name), os.O_CREAT | os.O_RDWR)
        fcntl.flock(self.proof, fcntl.LOCK_EX)
        return epoch

    def is_free(self, kept):
        with self._file.with_name(kept.holder.split()[0]).open() as proof:
            try:
                fcntl.flock(proof, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True
