"""Records to chained bytes and back, and what a run is when they are folded."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest

from knows_core import RecordCorrupt, RecordTooLarge, RunStatus, RunTooLarge
from knows_core.journal import JournalWriter, Most, read, seed_of
from knows_core.journals.records import (
    Entered,
    Fingerprint,
    Joined,
    RunCreated,
    RunEnded,
    RunResumed,
    StepDone,
    StepFailed,
)
from knows_core.resuming.folding import fold
from knows_core.state import NO_CHANGES, Changes
from knows_core.values.codec import Codec

AT = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
BOUND = Fingerprint("1.0.0", [["step", "one"]], "digest", "contract", {}, {"one": "code"})
CREATED = RunCreated("etch", BOUND, None, 7, {"a": 1, "b": 2})
DONE = StepDone("one", 2, [1, 2], Changes({"a": 5, "c": b"x"}, ("b",)))


def written(*records):
    writer = JournalWriter(Codec(None), seed_of("r"))
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
    assert (resumed.error, resumed.attempts, resumed.interrupted, resumed.at_rest) == (None, {"one": 1}, 0, False)


def test_resumes_without_a_record_count_as_interrupted_tries():
    """Each resume that found no failure and no progress since the last one is one more try of the next step."""
    assert folded(RunResumed([])).interrupted == 1
    assert folded(RunResumed([]), RunResumed([])).interrupted == 2
    assert folded(RunResumed([]), DONE).interrupted == 0


def chained(*payloads):
    """Records with a right chain, whatever is in them."""
    digest, records = seed_of("r"), []
    for payload in payloads:
        digest = hashlib.sha256(digest + payload).digest()
        records.append(b"K1" + digest + payload)
    return records


def payload(kind="StepDone", at=1.0, **content):
    return json.dumps({"kind": kind, "at": at, **content}).encode()


FIRST = written(CREATED)[0][34:]
GOOD = {"path": "one", "attempt": 1, "result": None}
NO_RECORDS = {
    "no JSON": b"{",
    "no text": b"\xff",
    "no object": b"[]",
    "a number": b"1",
    "nested too deeply": b"[" * 100_000,
    "a constant that is no JSON": b'{"kind":"StepDone","at":1.0,"path":"one","attempt":1,"result":NaN}',
    "no kind": b'{"at":1.0}',
    "a kind that is no text": b'{"kind":[],"at":1.0}',
    "no time": b'{"kind":"RunResumed","edited":[]}',
    "a time that is none": payload(at="now", **GOOD),
    "a time beyond all times": payload(at=1e300, **GOOD),
    "a later version's kind": payload("StepDreamt", **GOOD),
    "a second beginning": FIRST,
    "a key short": payload(path="one", attempt=1),
    "a key more": payload(**GOOD, dreamt=True),
    "another type": payload(**{**GOOD, "attempt": "1"}),
    "a truth for a number": payload(**{**GOOD, "attempt": True}),
    "a list for the state": payload(**GOOD, set=[]),
    "a text for keys": payload(**GOOD, drop="b"),
    "an error without its kind": payload("StepFailed", path="one", attempt=1, error={"message": "no"}),
    "an end that is none": payload("RunEnded", status="running"),
    "an unknown end": payload("RunEnded", status="done"),
    "a success without a result": payload("RunEnded", status="completed"),
    "a failure without an error": payload("RunEnded", status="failed"),
    "a result of nobody": payload("RunEnded", status="completed", result_of="two"),
    "a shape that does not end": payload(
        "Rebound", difference="", **BOUND._replace(shape=[["parallel", "p"]])._asdict(), set={}
    ),
    "an entry without a path": payload("Rebound", difference="", **BOUND._replace(shape=[["step"]])._asdict(), set={}),
}


@pytest.mark.fault(58)
@pytest.mark.parametrize("what", NO_RECORDS)
def test_what_is_no_record_is_refused_although_its_checksum_is_right(what):
    """Whatever a foreign writer left: an error that names run and record, never another one."""
    with pytest.raises(RecordCorrupt, match="record 1 of run r cannot be read"):
        fold("r", read("r", chained(FIRST, NO_RECORDS[what]))[0])


def test_a_right_record_by_hand_is_read():
    """The refusals above are for what is wrong in them."""
    assert fold("r", read("r", chained(FIRST, payload(**GOOD)))[0]).results == {"one": None}


@pytest.mark.parametrize("broken", [payload(**GOOD), b'{"kind":"RunCreated","at":1.0}'])
def test_a_run_begins_with_what_it_is_bound_to(broken):
    """A first record of another kind, or without what a run is bound to, is refused."""
    with pytest.raises(RecordCorrupt, match="record 0 of run r"):
        read("r", chained(broken))


def test_the_journal_of_another_run_is_noticed():
    """The chain begins with the run's own id."""
    with pytest.raises(RecordCorrupt, match="record 0 of run s cannot be read: its checksum"):
        read("s", written(CREATED, DONE))


def limited(record=1 << 40, run=1 << 40, *, size=0):
    return JournalWriter(Codec(None), seed_of("r"), Most(record, run), size)


LARGE = {
    "step one": StepDone("one", 1, "x" * 2000, NO_CHANGES),
    "the defaults of part": Entered("part", Changes({"a": "x" * 2000}, ())),
    "the branches of a&b": Joined("a&b", Changes({"a": "x" * 2000}, ())),
    "the run's input and state": CREATED._replace(input="x" * 2000),
}


@pytest.mark.parametrize("where", LARGE)
def test_a_record_that_is_too_large_is_refused_before_it_counts(where):
    """The error tells where, how much and the limit; what is written next continues the same chain."""
    writer = limited(record=2000)
    first = [] if where.startswith("the run") else [writer.write(CREATED, AT)]
    with pytest.raises(RecordTooLarge) as caught:
        writer.write(LARGE[where], AT)
    assert str(caught.value).startswith(f"{where}: expected at most 2000 bytes in one record, found 2")
    assert caught.value.found > 2000
    first = first or [writer.write(CREATED, AT)]
    assert len(read("r", [*first, writer.write(DONE, AT)])[0]) == 2


def test_a_run_that_is_too_large_is_refused():
    """All records count, those of former tries too; the limit itself is allowed."""
    sizes = [len(one) for one in written(CREATED, DONE)]
    writer = limited(run=sum(sizes))
    writer.write(CREATED, AT)
    writer.write(DONE, AT)
    with pytest.raises(RunTooLarge, match=rf"step one: expected at most {sum(sizes)} bytes in the journal of one run"):
        writer.write(DONE, AT)
    with pytest.raises(RunTooLarge) as caught:
        limited(run=sum(sizes), size=sizes[0] + 1).write(DONE, AT)
    assert caught.value.found == sum(sizes) + 1


@pytest.mark.parametrize(
    "record",
    [
        StepFailed("one", 1, ValueError("x" * 3000)),
        RunEnded(RunStatus.FAILED, None, ValueError("x" * 3000), "one", 1),
        RunEnded(RunStatus.CANCELLED, None, ValueError("x" * 3000)),
        RunResumed(["x" * 3000]),
        Entered("x" * 3000, NO_CHANGES),
    ],
)
def test_what_a_run_needs_to_end_and_to_go_on_always_fits(record):
    """Failures, ends, resumes and entries without values are recorded whatever the limits."""
    assert len(limited(record=100, run=100).write(record, AT)) > 3000
