"""Backends with one defect each in what they store, refuse and list."""

from __future__ import annotations

import pickle
from dataclasses import replace

from tests.contracts.defects import MACHINE, caught_by
from tests.contracts.file_backend import FileBackend


@caught_by("it_is_a_state_backend")
class WithoutRenew(FileBackend):
    renew = None  # type: ignore[assignment] # that is the defect


@caught_by("looking_makes_nothing")
class MakesItsPlace(FileBackend):
    def __init__(self, place, lease=15.0):
        super().__init__(place, lease)
        with self.change(creates=True):
            pass


@caught_by("a_run_comes_back_as_written")
class SharesItsList(FileBackend):
    def load(self, run):
        row, records = super().load(run)
        self.list = getattr(self, "list", records)
        return row, self.list


@caught_by("times_are_kept_to_the_microsecond")
class RoundsTimes(FileBackend):
    def create(self, row, records):
        return super().create(replace(row, created_at=row.created_at.replace(microsecond=0)), records)


@caught_by("times_are_kept_to_the_microsecond")
class ForgetsTheZone(FileBackend):
    def create(self, row, records):
        return super().create(replace(row, created_at=row.created_at.replace(tzinfo=None)), records)


@caught_by("a_second_run_of_the_same_id_is_refused", MACHINE)
class OverwritesRuns(FileBackend):
    def create(self, row, records):
        with self.change() as runs:
            runs.pop(row.run, None)
        return super().create(row, records)


@caught_by("unknown_runs_are_named", MACHINE)
class NamesNoUnknownRun(FileBackend):
    def known(self, runs, run):
        return runs[run]


@caught_by("a_gap_or_a_repeat_is_refused", "every_sequence_is_accepted_once", MACHINE)
class ChecksNoSequence(FileBackend):
    def is_next(self, kept, one):
        return True


@caught_by("a_gap_or_a_repeat_is_refused", MACHINE)
class AcceptsGaps(FileBackend):
    def is_next(self, kept, one):
        return one.sequence >= len(kept.records)


@caught_by("a_gap_or_a_repeat_is_refused", MACHINE)
class ChecksNothingWithoutRecords(FileBackend):
    def is_next(self, kept, one):
        return not one.records or super().is_next(kept, one)


@caught_by("a_gap_or_a_repeat_is_refused", MACHINE)
class StoresTheStatusOfTheRefused(FileBackend):
    def take(self, runs, one):
        taken = super().take(runs, one)
        if not taken and one.run in runs:
            self.note(runs[one.run], one)
        return taken


@caught_by("an_old_epoch_is_fenced", MACHINE)
class ChecksNoEpoch(FileBackend):
    def owns(self, kept, epoch):
        return kept is not None and kept.holder == self.me


@caught_by("an_epoch_to_come_is_fenced", MACHINE)
class AcceptsEpochsToCome(FileBackend):
    def owns(self, kept, epoch):
        return kept is not None and kept.holder == self.me and kept.row.epoch <= epoch


@caught_by("an_old_epoch_is_fenced", "a_released_run_goes_to_another", MACHINE)
class KeepsTheEpoch(FileBackend):
    def give(self, kept):
        kept.row = replace(kept.row, epoch=kept.row.epoch - 1)
        return super().give(kept)


@caught_by("a_released_run_is_nobodys", "two_owners_are_kept_apart", "only_the_owner_of_an_epoch_writes", MACHINE)
class ChecksNoOwner(FileBackend):
    def owns(self, kept, epoch):
        return kept is not None and kept.row.epoch == epoch


@caught_by("a_living_owner_keeps_its_run", "two_owners_are_kept_apart", MACHINE)
class ClaimsTheLiving(FileBackend):
    def is_free(self, kept):
        return True


@caught_by("a_living_owner_keeps_its_run", MACHINE)
class ClaimsItsOwn(FileBackend):
    def is_free(self, kept):
        return kept.holder == self.me or super().is_free(kept)


@caught_by("a_refused_run_does_not_fail_its_neighbours", MACHINE)
class StopsAtTheFirstRefused(FileBackend):
    def append(self, batch):
        answers = []
        for one in batch:
            answers += super().append([one]) if all(answers) else [False]
        return answers


@caught_by("a_refused_run_does_not_fail_its_neighbours", MACHINE)
class AnswersForAll(FileBackend):
    def append(self, batch):
        answers = super().append(batch)
        return [all(answers)] * len(answers)


@caught_by("the_status_is_stored_with_its_records", MACHINE)
class StoresNoStatus(FileBackend):
    def note(self, kept, one):
        super().note(kept, one._replace(status=None))


@caught_by("the_status_is_stored_with_its_records", MACHINE)
class OwnsWhatIsOver(FileBackend):
    def settle(self, kept):
        kept.row = replace(kept.row, cancelling=False)


@caught_by("a_version_is_stored_with_its_records", MACHINE)
class StoresNoVersion(FileBackend):
    def note(self, kept, one):
        super().note(kept, one._replace(version=None))


@caught_by("a_compensated_failure_is_told_from_a_plain_one", "journals_outlive_the_backend", MACHINE)
class StoresNoFlag(FileBackend):
    def note(self, kept, one):
        super().note(kept, one._replace(compensated=None))


@caught_by("a_compensated_failure_is_told_from_a_plain_one", MACHINE)
class FlagsEveryFailure(FileBackend):
    def note(self, kept, one):
        super().note(kept, one._replace(compensated=one.status == "failed" or one.compensated))


@caught_by("the_compensated_flag_stays_until_another_is_given", MACHINE)
class ForgetsTheFlag(FileBackend):
    def give(self, kept):
        kept.row = replace(kept.row, compensated=False)
        return super().give(kept)


@caught_by("the_compensated_flag_stays_until_another_is_given", MACHINE)
class TakesNoFlagBack(FileBackend):
    def note(self, kept, one):
        super().note(kept, one._replace(compensated=one.compensated or None))


@caught_by("runs_are_listed_newest_first", MACHINE)
class ListsTheOldestFirst(FileBackend):
    def rows(self, status=None):
        return super().rows(status)[::-1]


@caught_by("a_deleted_run_leaves_nothing", "a_run_that_another_deleted_is_gone")
class LeavesRecords(FileBackend):
    def delete(self, run, epoch):
        records = self.look()[run].records if run in self.look() else []
        deleted = super().delete(run, epoch)
        if deleted:
            self._file.with_name(f"grave-{run}").write_bytes(pickle.dumps(records))
        return deleted

    def create(self, row, records):
        grave = self._file.with_name(f"grave-{row.run}")
        return super().create(row, [*(pickle.loads(grave.read_bytes()) if grave.exists() else []), *records])  # noqa: S301


@caught_by("an_old_epoch_is_fenced", "two_owners_are_kept_apart", MACHINE)
class DeletesForAnybody(FileBackend):
    def delete(self, run, epoch):
        with self.change() as runs:
            return runs.pop(run, None) is not None


@caught_by("closing_twice_is_closing")
class ClosesOnce(FileBackend):
    def close(self):
        assert not hasattr(self, "closed"), "closed twice"
        self.closed = True
        super().close()


@caught_by("a_request_reaches_the_owner", MACHINE)
class HearsNoRequest(FileBackend):
    def cancelling(self, runs):
        return set()


@caught_by("a_request_reaches_the_owner")
class TellsOfAllRequests(FileBackend):
    def cancelling(self, runs):
        return {run for run, kept in self.look().items() if kept.row.cancelling}


@caught_by("a_request_ends_nothing_by_itself", MACHINE)
class ReleasesOnRequest(FileBackend):
    def request_cancel(self, run):
        is_alive = super().request_cancel(run)
        with self.change() as runs:
            runs[run].holder = None
        return is_alive


@caught_by("only_the_living_can_be_asked", MACHINE)
class AsksTheDead(FileBackend):
    def request_cancel(self, run):
        with self.change() as runs:
            self.known(runs, run).row = replace(runs[run].row, cancelling=True)
        return True


@caught_by("a_request_survives_a_take_over", "anybody_may_ask_the_owner_to_stop", MACHINE)
class ForgetsRequests(FileBackend):
    def give(self, kept):
        kept.row = replace(kept.row, cancelling=False)
        return super().give(kept)


@caught_by("the_end_settles_a_request", MACHINE)
class RequestsForEver(FileBackend):
    def settle(self, kept):
        kept.holder = None


@caught_by("odd_bytes_come_back_equal", "any_bytes_come_back_equal", MACHINE)
class StripsZeros(FileBackend):
    def load(self, run):
        row, records = super().load(run)
        return row, [one.rstrip(b"\0") for one in records]


@caught_by("odd_bytes_come_back_equal")
class ReturnsViews(FileBackend):
    def load(self, run):
        row, records = super().load(run)
        return row, [memoryview(one) for one in records]


@caught_by("a_big_record_comes_back_equal")
class CutsAtAMegabyte(FileBackend):
    def load(self, run):
        row, records = super().load(run)
        return row, [one[:1_000_000] for one in records]


@caught_by("ten_thousand_records_come_back_in_order")
class OrdersByText(FileBackend):
    def load(self, run):
        row, records = super().load(run)
        return row, [records[at] for at in sorted(range(len(records)), key=str)]


@caught_by("every_run_id_is_a_run_of_its_own")
class KnowsNoCase(FileBackend):
    def create(self, row, records):
        return super().create(replace(row, run=row.run.lower()), records)


@caught_by("every_run_id_is_a_run_of_its_own")
class CutsIds(FileBackend):
    def create(self, row, records):
        return super().create(replace(row, run=row.run[:127]), records)
