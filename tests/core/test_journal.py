"""Records to chained bytes and back, and what a run is when they are folded."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from knows_core import RecordCorrupt, RunStatus
from knows_core.codec import Codec
from knows_core.journal import JournalWriter, fold, read
from knows_core.records import RunCreated, RunEnded, RunResumed, StepDone, StepFailed
from knows_core.state import Changes

AT = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
CREATED = RunCreated("etch", "1.0.0", None, 7, {"a": 1, "b": 2}, [["step", "one"]], "digest", None, {}, {"one": "code"})
DONE = StepDone("one", 2, [1, 2], Changes({"a": 5, "c": b"x"}, ("b",)))


def written(*records):
    writer = JournalWriter(Codec(None))
    return [writer.write(record, AT) for record in records]


def folded(*records):
    return fold("r", read("r", written(CREATED, *records))[0])


def test_records_are_read_back_in_order():
    """Sequence, kind, time and content of every record."""
    entries, _ = read("r", written(CREATED, DONE))
    assert [(one.sequence, one.kind, one.at) for one in entries] == [(0, "RunCreated", AT), (1, "StepDone", AT)]
    assert entries[1].content["path"] == "one"


def test_the_chain_goes_on_after_reading():
    """A writer that begins with the digest of what was read continues the same chain."""
    first = written(CREATED)
    more = JournalWriter(Codec(None), read("r", first)[1]).write(DONE, AT)
    assert len(read("r", [*first, more])[0]) == 2


def test_every_flipped_byte_is_noticed():
    """A change of any byte of any record is an error that names run and record."""
    records = written(CREATED, DONE)
    for number, record in enumerate(records):
        for at in range(len(record)):
            broken = bytearray(record)
            broken[at] ^= 1
            with pytest.raises(RecordCorrupt, match=rf"record {number} of run r"):
                read("r", [*records[:number], bytes(broken), *records[number + 1 :]])


@pytest.mark.parametrize("order", [(1, 0), (0, 2), (0, 0), (), (1,)])
def test_cut_outs_repeats_and_swaps_are_noticed(order):
    """The chain binds every record to all before it."""
    records = written(CREATED, DONE, RunEnded(RunStatus.COMPLETED, 3))
    with pytest.raises(RecordCorrupt):
        read("r", [records[number] for number in order])


def test_folding_gives_state_results_and_status():
    """Deltas are applied in order; the status is the word that was stored."""
    log = folded(DONE, RunEnded(RunStatus.COMPLETED, DONE.result))
    assert log.state == {"a": 5, "c": {"$": "bytes", "base64": "eA=="}}
    assert (log.results, log.result, log.status) == ({"one": [1, 2]}, [1, 2], RunStatus.COMPLETED)


def test_a_result_that_is_the_last_steps_is_not_stored_twice():
    """The end names the step instead of repeating what it gave."""
    large = ["x" * 1000]
    records = written(CREATED, DONE._replace(result=large), RunEnded(RunStatus.COMPLETED, large))
    assert len(records[2]) < 200
    assert fold("r", read("r", records)[0]).result == large


def test_a_failed_run_keeps_its_error_until_it_is_resumed():
    """The error record has type, message, code, cause, time, step and attempt."""
    failure = ValueError("no")
    ending = (StepFailed("one", 1, failure), RunEnded(RunStatus.FAILED, None, failure, "one", 1))
    error = folded(*ending).error
    where = {"timestamp": AT, "step": "one", "attempt": 1}
    assert error == {"type": "ValueError", "message": "no", "code": None, "cause": None, **where}
    resumed = folded(*ending, RunResumed([]))
    assert (resumed.error, resumed.attempts, resumed.interrupted, resumed.failed) == (None, {"one": 1}, 0, False)


def test_resumes_without_a_record_count_as_interrupted_tries():
    """Each resume that found no failure and no progress since the last one is one more try of the next step."""
    assert folded(RunResumed([])).interrupted == 1
    assert folded(RunResumed([]), RunResumed([])).interrupted == 2
    assert folded(RunResumed([]), DONE).interrupted == 0


def test_a_record_of_a_later_version_is_refused():
    """An unknown kind of record is not skipped."""
    entries, _ = read("r", written(CREATED, DONE))
    later = entries[1]._replace(kind="StepDreamt")
    with pytest.raises(RecordCorrupt, match="this version knows no StepDreamt"):
        fold("r", [entries[0], later])
