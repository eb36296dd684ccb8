"""The lock file: one text for what it says, whoever wrote it; anything else is refused."""

from __future__ import annotations

import os
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knows_core import Version
from knows_core.version import VersionRange
from knows_registry import LockBroken
from knows_registry.locking.lock import Lock, LockedPlugin, LockedTemplate, in_force, need_text, read, text_of, write
from knows_registry.resolving.resolve import Need, Slot

A, B = "a" * 8, "b" * 8
FROM = {"distribution": "knows-pumps", "distribution_version": "1.4.2", "artifact": f"sha256:{A}", "editable": False}


def need(name, wanted, *alias):
    return Need(Slot(name, *alias), VersionRange(wanted))


def row(name="pump", version="1.2.0", **changes):
    given = {"entry_point": "pumps:pump", "contract": A, "shape": B, "required_by": (("", "^1.2"),), **FROM}
    slot = Slot(name, changes.pop("alias", ""), changes.pop("user", ""))
    return LockedTemplate(slot, Version(version), **{**given, **changes})


LOCK = Lock(
    (need("tank", ">=2, <3"), need("pump", "^1.2"), need("pump", "<1", "old", "plant")),
    (
        row("tank", "2.0.0-rc.1", editable=True, artifact="", required_by=(("", ">=2, <3"),)),
        row(required_by=(("tank", "~1.2.0"), ("", "^1.2"))),
        row(alias="old", user="tank", version="0.9.0", required_by=(("tank", "<1"),)),
        row("made", distribution="", distribution_version="", entry_point="", artifact=""),
    ),
    (LockedPlugin("hooks.audit", "knows-audit", "1.0.0", f"sha256:{B}", False),),
)
TEXT = """\
# Written by `kwf lock`; a change by hand is refused.
lock-version = 1
request = [
    "pump@<1 (as old in plant)",
    "pump@^1.2",
    "tank@>=2, <3",
]
"""


@pytest.fixture
def file(tmp_path):
    write(LOCK, tmp_path / "knows.lock")
    return tmp_path / "knows.lock"


def sorted_lock(lock):
    """The same lock with everything in the order of the file."""
    return Lock(
        tuple(sorted(lock.request, key=need_text)),
        tuple(sorted(one._replace(required_by=tuple(sorted(one.required_by))) for one in lock.templates)),
        tuple(sorted(lock.plugins)),
    )


# ------------------------------------------------------------------ what is written


def test_the_text_is_sorted_and_readable(file):
    """The request comes first, then templates by slot, then plugins; no time stamp, no path, no host."""
    text = file.read_text("utf-8")
    assert text.startswith(TEXT)
    assert text.endswith(
        f"""
[[template]]
name = "tank"
version = "2.0.0-rc.1"
distribution = "knows-pumps"
distribution-version = "1.4.2"
editable = true
entry-point = "pumps:pump"
contract = "{A}"
shape = "{B}"
required-by = [
    "the request needs >=2, <3",
]

[[plugin]]
entry = "hooks.audit"
distribution = "knows-audit"
distribution-version = "1.0.0"
artifact = "sha256:{B}"
"""
    )
    rows = [line for line in text.splitlines() if line.startswith(("name", "alias", "user"))]
    assert rows == [
        'name = "made"',
        'name = "pump"',
        'name = "pump"',
        'alias = "old"',
        'user = "tank"',
        'name = "tank"',
    ]


def test_the_order_of_rows_makes_no_difference():
    """The same lock has the same text, in whatever order it was put together."""
    turned = Lock(LOCK.request[::-1], LOCK.templates[::-1], LOCK.plugins[::-1])
    assert text_of(turned) == text_of(LOCK)


def test_what_was_written_is_read(file):
    """Slots, aliases, ranges with spaces, editable installs and templates without a distribution come back."""
    assert read(file) == sorted_lock(LOCK)
    assert in_force(file.parent) == read(file)


def test_a_folder_without_a_lock_has_none_in_force(tmp_path):
    """None, while a link that leads nowhere is a broken lock."""
    assert in_force(tmp_path) is None
    (tmp_path / "knows.lock").symlink_to(tmp_path / "gone")
    with pytest.raises(LockBroken, match="cannot be read"):
        in_force(tmp_path)


def test_a_lock_replaces_the_old_one_at_once(file):
    """The file is never half written: a reader holds the old one or the new one; a link and the mode stay."""
    file.chmod(0o640)
    link = file.parent / "link.lock"
    link.symlink_to(file)
    with file.open("rb") as reader:
        before = file.read_bytes()
        write(LOCK._replace(plugins=()), link)
        assert reader.read() == before
    assert read(file).plugins == ()
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o640
    assert {one.name for one in file.parent.iterdir()} == {"knows.lock", "link.lock"}


def test_a_failed_write_leaves_the_old_lock_alone(file, monkeypatch):
    """No half of a file and no rest of one is left behind."""

    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    before = file.read_bytes()
    with pytest.raises(OSError, match="No space"):
        write(LOCK._replace(plugins=()), file)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


# ------------------------------------------------------------------ what is refused


def judge(content, file):
    """Whether a changed file is refused; the one that is not must mean the same."""
    file.write_bytes(content)
    try:
        lock = read(file)
    except LockBroken:
        return True
    assert lock == sorted_lock(LOCK)
    return False


def test_a_lock_edited_by_one_byte_anywhere_is_refused_or_means_the_same(file):
    """Every byte replaced by five others, taken out, and with one of five before it: only CR before LF passes."""
    content, passed = file.read_bytes(), []
    for place, byte in enumerate(content):
        others = [bytes([other]) for other in {byte ^ 1, byte ^ 32, *b'\n"\xff'} if other != byte]
        longer = [bytes([other, byte]) for other in (*b"\n\r 0", byte)]
        edited = {edit: content[:place] + edit + content[place + 1 :] for edit in (b"", *others, *longer)}
        passed += [(place, edit) for edit, text in edited.items() if not judge(text, file)]
    assert passed == [(place, b"\r\n") for place, byte in enumerate(content) if byte == ord("\n")]


@given(st.data())
def test_no_byte_of_any_value_gets_through(tmp_path_factory, data):
    """Any byte anywhere: the rule above, with values that nobody thought of."""
    content = text_of(LOCK).encode()
    place = data.draw(st.integers(0, len(content) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[place]))
    file = tmp_path_factory.mktemp("lock") / "knows.lock"
    assert judge(content[:place] + bytes([other]) + content[place + 1 :], file)


def test_line_ends_of_another_system_mean_the_same(file):
    """Version control may write CRLF."""
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert read(file) == sorted_lock(LOCK)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('version = "0.9.0"', 'version = "0.8.0"', "line 9: the rest was changed, its digest would be"),
        ('"pump@^1.2"', '"pump@^1.3"', "line 8: the request was changed, its request-digest would be"),
        ('name = "made"', 'colour = "red"\nname = "made"', "line 12: expected 'name = \"made\"', found 'colour"),
        ('version = "0.9.0"', 'version = "0.9"', "line 38: expected 'version = \"0.9.0\"', found 'version = \"0.9\"'"),
        ("lock-version = 1", "lock-version = 2", "expected lock-version = 1, found 2"),
        ("lock-version = 1", "<<<<<<< ours\nlock-version = 1", "line 2 is the mark of a merge that is not done"),
        ('shape = "', "shape = 5 # ", "template 1: expected a text as shape, found 5"),
        ('version = "0.9.0"', 'version = "zero"', "template 3: version 'zero': expected N.N"),
        ("editable = true", "editable = 1", "template 4: expected true or false as editable"),
        ("the request needs", "the request likes", "expected `USER needs RANGE` in required-by"),
        ('    "the request needs ^1.2",\n', "    5,\n", "expected a list of texts as required-by"),
        ('alias = "old"\nuser = "tank"\n', "", "two of its templates fill one slot"),
        ("[[plugin]]", "[[plugin]]\n[[plugin]]", "plugin 1: expected a text as entry, found None"),
        ("request = [", "template = [1]\nrequest = [", "cannot be trusted: Cannot"),
        ("# Written", "\ufeff# Written", "Invalid"),
        ("\n[[plugin]]", "\n\n[[plugin]]", "expected '[[plugin]]', found an empty line"),
    ],
)
def test_a_refusal_tells_what_differs(file, before, after, told):
    """The line that differs first, the digest that does not match, or why it cannot be read at all."""
    file.write_text(file.read_text("utf-8").replace(before, after, 1), "utf-8")
    with pytest.raises(LockBroken) as caught:
        read(file)
    assert told in str(caught.value)


def test_a_lock_cut_short_is_refused(file):
    """However much is missing from its end."""
    content = file.read_bytes()
    assert all(judge(content[:end], file) for end in range(0, len(content), 7))


# ------------------------------------------------------------------ any lock


NAMES = st.text(string.ascii_letters + string.digits + "_.-", min_size=1, max_size=8).map("n".__add__)
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
ROWS = st.builds(
    row,
    NAMES,
    st.sampled_from(["1.0.0", "0.1.0-rc.3", "10.20.30"]),
    alias=st.just(""),
    user=st.just(""),
    contract=TEXTS,
    shape=TEXTS,
    entry_point=TEXTS,
    artifact=TEXTS,
    editable=st.booleans(),
    required_by=st.lists(st.tuples(NAMES | st.just(""), st.sampled_from(["*", "^1", ">1, <=2.5"])), unique=True).map(
        tuple
    ),
)
PLUGINS = st.builds(LockedPlugin, TEXTS, NAMES, NAMES, TEXTS, st.booleans())
LOCKS = st.builds(
    Lock,
    st.lists(st.builds(need, NAMES, st.sampled_from(["*", "^1.2", "<3"])), unique_by=need_text).map(tuple),
    st.lists(ROWS, max_size=4, unique_by=lambda one: one.slot).map(tuple),
    st.lists(PLUGINS, max_size=3, unique=True).map(tuple),
)


@given(LOCKS)
def test_any_lock_comes_back_as_it_was(tmp_path_factory, lock):
    """Whatever texts are in it."""
    file = tmp_path_factory.mktemp("lock") / "knows.lock"
    write(lock, file)
    assert read(file) == sorted_lock(lock)
    assert file.read_text("utf-8") == text_of(read(file))
