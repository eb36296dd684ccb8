"""Records whose checksum is right and whose content is not: every kind, every key, every type in its place."""

from __future__ import annotations

import hashlib
import json
from typing import get_args

import pytest

from knows_core import KnowsError, LocalEngine, MemoryBackend, RecordCorrupt
from knows_core.backend import RunRow
from knows_core.journal import read, seed_of
from knows_core.journals.contents import _FORMS, fault_in
from knows_core.journals.records import Record
from knows_core.resuming.folding import fold
from tests.golden.histories import NOON, RUN
from tests.golden.make import EVERY, FOLDER, loaded
from tests.golden.recovering import RECOVERIES

OTHERS = [None, True, 7, 1.5, "text", [], ["text"], {}, {"key": 1}]
WRONG = [
    ("RunCreated", "origin", ["earlier"]),
    ("RunCreated", "origin", "earlier"),
    ("RunCreated", "copied", "2"),
    ("StepIntended", "attempt", True),
    ("StepRetried", "attempt", "1"),
    ("StepFailed", "until", "soon"),
    ("StepFailed", "until", 1e300),
    ("Settled", "how", None),
    ("Settled", "set", []),
    ("Asked", "question", 1),
    ("Asked", "expires", "soon"),
    ("Asked", "role", 1),
    ("Answered", "choice", None),
    ("Answered", "by", 1),
    ("Answered", "note", []),
    ("Compensating", "error", {"type": "ValueError"}),
    ("Compensating", "path", 1),
    ("RunEnded", "compensated", 1),
    ("RunEnded", "status", "suspending"),
]


def payloads(name):
    """The contents of a golden history, which every version must read."""
    records = loaded((FOLDER / f"{name}.json").read_text("utf-8"))[1]
    return [json.loads(record[34:]) for record in records]


def chained(contents):
    digest, records = seed_of(RUN), []
    for content in contents:
        text = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
        digest = hashlib.sha256(digest + text).digest()
        records.append(b"K1" + digest + text)
    return records


ALL = {name: payloads(name) for name in EVERY}
KINDS = [kind.__name__ for kind in get_args(Record)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_believed_only_with_what_it_must_hold(kind):
    """Without a key that it must have, or with one that nobody knows, it is no record of its kind."""
    must, _ = _FORMS[kind]
    samples = [one for contents in ALL.values() for one in contents if one["kind"] == kind]
    assert samples
    for sample in samples:
        content = {key: value for key, value in sample.items() if key not in ("kind", "at")}
        assert fault_in(kind, content) is None
        assert fault_in(kind, {**content, "dreamt": 1}) == f"a {kind}: it holds the unknown dreamt"
        for key in must:
            assert fault_in(kind, {one: content[one] for one in content if one != key}) == f"a {kind}: it lacks {key}"


@pytest.mark.parametrize(("kind", "key", "value"), WRONG)
def test_a_value_that_its_place_cannot_have_is_told(kind, key, value):
    """A type, a word or a moment that no version has ever written there."""
    sample = next(one for contents in ALL.values() for one in contents if one["kind"] == kind and key in one)
    content = {one: value for one, value in sample.items() if one not in ("kind", "at")}
    assert fault_in(kind, {**content, key: value}) == f"a {kind}: of the wrong type is {key}"


@pytest.mark.parametrize("name", ALL)
def test_no_content_breaks_its_reader(name):
    """With a value of any other type in any place: it is read and looked at, or refused by an error of the project."""
    refused = 0
    for number, content in enumerate(ALL[name]):
        for key, was in content.items():
            for other in OTHERS:
                if type(other) is not type(was):
                    records = chained([*ALL[name][:number], {**content, key: other}, *ALL[name][number + 1 :]])
                    refused += looked_at(records, name)
    assert refused > 0


def looked_at(records, name):
    """Whether the journal is refused. Raises what is no error of the project."""
    try:
        log = fold(RUN, read(RUN, records)[0])
    except RecordCorrupt:
        return True
    backend = MemoryBackend()
    template = EVERY[name].template()
    row = RunRow(RUN, template.name, str(template.version), log.status, NOON, NOON, compensated=log.compensated)
    backend.release(RUN, backend.create(row, records))
    try:
        LocalEngine(backend).result(RUN, template)
    except KnowsError:
        return True
    return False


@pytest.mark.parametrize("name", RECOVERIES)
def test_every_flipped_byte_is_noticed(name):
    """One bit of any byte of any record is another: an error that names the record."""
    records = loaded((FOLDER / f"{name}.json").read_text("utf-8"))[1]
    for number, record in enumerate(records):
        for at in range(len(record)):
            flipped = bytearray(record)
            flipped[at] ^= 1 << at % 8
            with pytest.raises(RecordCorrupt) as caught:
                read(RUN, [*records[:number], bytes(flipped), *records[number + 1 :]])
            assert caught.value.sequence == number
