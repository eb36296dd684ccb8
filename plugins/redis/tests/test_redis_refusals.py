"""What a server may answer when it cannot take a record: full, at work, a replica, told to forget, damaged."""

from __future__ import annotations

import threading
import time

import pytest
from redis import Redis
from redis.exceptions import MovedError, ResponseError

from knows_core import (
    Append,
    BackendBusy,
    BackendError,
    BackendFull,
    BackendUnavailable,
    RecordCorrupt,
    RunBusy,
    RunStatus,
)
from knows_redis.refusals import is_passing, translated


def test_full_memory_is_named_and_what_is_there_is_safe(redis, configure, open_backend, row):
    """A batch is refused as a whole with BackendFull; with room it is accepted, at the same sequence."""
    opened = open_backend()
    epochs = [opened.create(row(run), [b"0"]) for run in "ab"]
    configure(
        "maxmemory", redis.ask("INFO", "memory")["used_memory"] + 8_000_000
    )  # the server's own needs vary by some
    written = 0

    def fill():
        nonlocal written
        for at in range(1, 1_000):
            batch = [Append(run, epoch, at, (b"x" * 50_000,)) for run, epoch in zip("ab", epochs, strict=True)]
            assert opened.append(batch) == [True, True]
            written = at

    with pytest.raises(BackendFull, match=r"redis.sock: .*maxmemory.*Make room and resume"):
        fill()
    assert written > 1
    assert [len(opened.load(run)[1]) for run in "ab"] == [written + 1, written + 1]
    configure("maxmemory", 1)
    with pytest.raises(BackendFull):
        opened.create(row("c"), [b"0"])
    assert [len(opened.load(run)[1]) for run in "ab"] == [written + 1, written + 1]
    assert len(opened.rows()) == len(opened.rows(RunStatus.RUNNING)) == 2
    with pytest.raises(RunBusy):
        opened.claim("a")
    assert opened.cancelling("ab") == set()
    opened.renew()
    opened.release("b", epochs[1])
    configure("maxmemory", 0)
    assert opened.append([Append("a", epochs[0], written + 1, (b"end",), RunStatus.COMPLETED)]) == [True]
    assert {one.run for one in opened.rows()} == {"a", "b"}


def test_scripts_are_sent_again_when_forgotten(redis, open_backend, row):
    """A server that lost its scripts gets them again."""
    opened = open_backend()
    epoch = opened.create(row(), [b"0"])
    redis.ask("SCRIPT", "FLUSH")
    assert opened.append([Append("r", epoch, 1, (b"1",))]) == [True]
    assert opened.load("r")[1] == [b"0", b"1"]


def test_a_replica_is_waited_for_and_named(redis, open_backend, row):
    """Where only reading is allowed, as after a fail-over, a write waits, and then says so."""
    opened = open_backend(patience=0.2)
    epoch = opened.create(row(), [b"0"])
    redis.ask("REPLICAOF", "127.0.0.1", "1")
    try:
        with pytest.raises(BackendUnavailable, match="read only replica"):
            opened.append([Append("r", epoch, 1, (b"1",))])
    finally:
        redis.ask("REPLICAOF", "NO", "ONE")
    assert opened.append([Append("r", epoch, 1, (b"1",))]) == [True]


def test_a_server_at_work_is_waited_for_and_named(redis, configure, open_backend, row):
    """Another program's endless script is BackendBusy when patience ends; afterwards all is well."""
    opened = open_backend(patience=0.3)
    epoch = opened.create(row(), [b"0"])
    configure("lua-time-limit", 10)

    def spin():
        with pytest.raises(ResponseError):
            redis.ask("EVAL", "while true do end", 0)

    spinning = threading.Thread(target=spin)
    spinning.start()

    def append():
        for _ in range(10_000):  # until the script has begun
            opened.append([Append("nobody", 1, 0, (b"x",))])

    try:
        with pytest.raises(BackendBusy, match="busy running a script"):
            append()
    finally:
        redis.ask("SCRIPT", "KILL")
        spinning.join()
    assert opened.append([Append("r", epoch, 1, (b"1",))]) == [True]


def test_a_server_that_cannot_save_is_named(redis, configure, open_backend, row):
    """A server that refuses writes since it failed to write its own files is a BackendError with its words."""
    opened = open_backend()
    opened.create(row("before"), [b"0"])
    (redis.folder / "dump.rdb" / "in the way").mkdir(parents=True)
    configure("save", "100000 100000")
    redis.ask("BGSAVE")
    end = time.monotonic() + 20
    while redis.ask("INFO", "persistence")["rdb_last_bgsave_status"] != "err":
        assert time.monotonic() < end
        time.sleep(0.01)
    with pytest.raises(BackendError, match=r"MISCONF.*server's log"):
        opened.create(row(), [b"0"])
    (redis.folder / "dump.rdb" / "in the way").rmdir()
    (redis.folder / "dump.rdb").rmdir()


@pytest.mark.parametrize(
    ("error", "kind", "passing"),
    [
        (ResponseError("MISCONF Errors writing to the AOF file: No space left on device"), BackendFull, False),
        (ResponseError("Error running script: @user_script:3: -READONLY You can't write"), BackendUnavailable, True),
        (MovedError("3999 127.0.0.1:6381"), BackendError, False),
        (ResponseError("CLUSTERDOWN Hash slot not served"), BackendUnavailable, True),
    ],
)
def test_answers_that_are_hard_to_provoke(error, kind, passing):
    """Full disks, nodes of a cluster and words inside a script's error are told apart."""
    assert type(translated(error, "redis://h/0")) is kind
    assert is_passing(error) is passing


def test_damage_is_told_by_run_and_place(redis, open_backend, row):
    """A record cut short, and a row that lost a field, are RecordCorrupt; listing shows the others."""
    opened = open_backend()
    for run in "abc":
        opened.create(row(run), [b"first", b"second"])
    redis.ask("LSET", "{knows}:records:a", 1, "short")
    with pytest.raises(RecordCorrupt, match="record 1 of run a cannot be read: it is cut short"):
        opened.load("a")
    redis.ask("HDEL", "{knows}:run:b", "status")
    with pytest.raises(RecordCorrupt, match="of run b cannot be read"):
        opened.load("b")
    assert {one.run for one in opened.rows()} == {"a", "c"}


def test_a_run_is_never_given_an_expiry(redis, open_backend, row):
    """Only the proof of life runs out; what is recorded stays until it is deleted."""
    opened = open_backend()
    epoch = opened.create(row(), [b"0"])
    opened.append([Append("r", epoch, 1, (b"1",), RunStatus.COMPLETED)])
    expiring = {key for key in redis.ask("KEYS", "*") if redis.ask("PTTL", key) != -1}
    assert [key.split(b":")[1] for key in expiring] == [b"owner"]
    epoch = opened.claim("r")
    assert opened.delete("r", epoch)
    assert {key.split(b":")[1] for key in redis.ask("KEYS", "*")} == {b"owner", b"schema"}


@pytest.mark.parametrize("protocol", [2, 3])
def test_both_protocols_are_spoken(redis, open_backend, row, protocol):
    """The answers of RESP2 and RESP3 are read alike."""
    opened = open_backend(f"{redis.url}?protocol={protocol}")
    epoch = opened.create(row(), [b"0"])
    other = open_backend(f"{redis.url}?protocol={protocol}")
    assert opened.append([Append("r", epoch, 1, (bytes(range(256)),))]) == [True]
    found, records = other.load("r")
    assert (found.epoch, records) == (epoch, [b"0", bytes(range(256))])
    assert [one.run for one in other.rows()] == ["r"]
    assert other.request_cancel("r")
    assert other.cancelling(["r", "s"]) == {"r"}


def test_a_large_batch_is_taken_as_a_whole(open_backend, row):
    """Five thousand records of one run and twenty megabytes of another go in one call."""
    opened = open_backend()
    epochs = [opened.create(row(run), [b"0"]) for run in "ab"]
    many, large = tuple(b"%d" % at for at in range(5_000)), (b"x" * 20_000_000,)
    assert opened.append([Append("a", epochs[0], 1, many), Append("b", epochs[1], 1, large)]) == [True, True]
    assert opened.append([Append("a", epochs[0], 5_001, large), Append("b", epochs[1], 2, large)]) == [True, True]
    assert opened.load("a")[1] == [b"0", *many, *large]


def test_the_server_holds_what_was_accepted(redis, open_backend, row):
    """What a second look past the backend finds is the record behind sixteen bytes of its request."""
    opened = open_backend()
    opened.create(row(), [b"record"])
    with Redis(unix_socket_path=redis.url.removeprefix("redis://")) as client:
        assert client.lindex("{knows}:records:r", 0)[16:] == b"record"
