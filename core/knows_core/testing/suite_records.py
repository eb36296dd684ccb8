"""Records are opaque: whatever bytes go in come out, of any size and number, under every id a run may have."""

from __future__ import annotations

import itertools
import string
from typing import TYPE_CHECKING, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from knows_core.backend import Append
from knows_core.testing.suite_opening import QUIET, Level, OpensBackends, row

if TYPE_CHECKING:
    from knows_core.backend import StateBackend

_ODD: Final = (
    b"",
    b"\0",
    b"\0" * 100,
    b"\\x00",
    b"'; drop table run; --",
    b"null",
    b'{"a": [1, 2',
    b"\xff\xfe\xc3\x28",
    "\N{BYTE ORDER MARK}ä\N{PILE OF POO}".encode(),
    "lone \ud800".encode("utf-16", "surrogatepass"),
    b"*3\r\n$3\r\nDEL\r\n",
    b"line\nline\r\nline\x1a",
    bytes(range(256)),
)
_BYTES: Final = st.binary(max_size=300) | st.sampled_from(_ODD)
# The longest, all of the alphabet, and those that differ by case or by a sign that means something elsewhere.
_IDS: Final = (
    *("r", "R", "r.", "r_", "r-", "r:", "r.a", "r_a", "r:a", "0", "00", "r:record", "r:records", "r:0", "null", "1e3"),
    (string.ascii_letters + string.digits + "._:-" * 32)[:128],
    "x" * 127,
    "x" * 128,
)


class RecordsContract(OpensBackends):
    """That a backend understands no record, and changes none."""

    def test_odd_bytes_come_back_equal(self, backend: StateBackend) -> None:
        """What looks like the end of a text, like a command or like broken text is only bytes."""
        epoch = backend.create(row(), _ODD)
        assert list(backend.append([Append("r", epoch, len(_ODD), _ODD)])) == [True]
        records = backend.load("r")[1]
        assert records == [*_ODD, *_ODD]
        assert {type(one) for one in records} == {bytes}

    def test_any_bytes_come_back_equal(self, backend: StateBackend) -> None:
        """For all lists of bytes: what was created with them and appended is what is loaded, in order."""
        numbers = itertools.count()

        @settings(max_examples=Level().examples, deadline=None, suppress_health_check=QUIET)
        @given(st.lists(_BYTES, min_size=1, max_size=4), st.lists(_BYTES, max_size=4))
        def check(first: list[bytes], more: list[bytes]) -> None:
            run = f"r{next(numbers)}"
            epoch = backend.create(row(run), first)
            assert list(backend.append([Append(run, epoch, len(first), tuple(more))])) == [True]
            assert backend.load(run)[1] == first + more

        check()

    def test_a_big_record_comes_back_equal(self, backend: StateBackend) -> None:
        """A megabyte in one record, and beside it a small one."""
        big = bytes(range(256)) * 4096
        epoch = backend.create(row(), [big])
        assert list(backend.append([Append("r", epoch, 1, (b"small", big[::-1]))])) == [True]
        assert backend.load("r")[1] == [big, b"small", big[::-1]]

    def test_ten_thousand_records_come_back_in_order(self, backend: StateBackend) -> None:
        """The order is by number, not by text, and the last sequence is still checked."""
        epoch = backend.create(row(), [b"0"])
        for start in range(1, 10_000, 909):
            records = tuple(b"%d" % at for at in range(start, start + 909))
            assert list(backend.append([Append("r", epoch, start, records)])) == [True]
        assert backend.load("r")[1] == [b"%d" % at for at in range(10_000)]
        answers = backend.append([Append("r", epoch, 9_999, (b"x",)), Append("r", epoch, 10_000, (b"10000",))])
        assert list(answers) == [False, True]

    def test_every_run_id_is_a_run_of_its_own(self, backend: StateBackend) -> None:
        """Ids of up to 128 letters, digits and `._:-` are kept apart, by case too."""
        epochs = {run: backend.create(row(run), [run.encode()]) for run in _IDS}
        for run, epoch in epochs.items():
            assert list(backend.append([Append(run, epoch, 1, (run[::-1].encode(),))])) == [True]
        assert {one.run for one in backend.rows()} == set(_IDS)
        for run in _IDS:
            found, records = backend.load(run)
            assert (found.run, records) == (run, [run.encode(), run[::-1].encode()])
        assert backend.request_cancel("r") is True
        assert backend.cancelling(_IDS) == {"r"}
        assert backend.delete("r", epochs["r"]) is True
        assert {one.run for one in backend.rows()} == set(_IDS) - {"r"}
        assert all(backend.load(run)[1][0] == run.encode() for run in _IDS if run != "r")
