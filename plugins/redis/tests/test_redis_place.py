"""What a URL says, and what a server must be like before anything is written to it."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from knows_core import AccessDenied, Append, BackendError, RunStatus, SchemaTooNew, UnknownRun
from knows_redis import RedisBackend, plugin
from knows_redis.place import Place
from knows_redis.scripts import SCHEMA


def place(url):
    return Place.of(url, prefix="knows", lease=15.0, patience=30.0, check=True)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://db.example:6380/3", {"host": "db.example", "port": 6380, "db": 3}),
        ("redis://", {"host": "localhost"}),
        ("redis:///2", {"host": "localhost", "db": 2}),
        ("redis://ann:p%40ss@db.example", {"username": "ann", "password": "p@ss"}),
        ("redis:///run/redis/redis.sock?db=4", {"path": "/run/redis/redis.sock", "db": 4}),
        ("redis://:pw@/run/redis.sock", {"path": "/run/redis.sock", "password": "pw"}),
        ("redis://h?socket_timeout=2.5&max_connections=7", {"socket_timeout": 2.5, "max_connections": 7}),
        ("redis://h?decode_responses=true", {"decode_responses": False}),
    ],
)
def test_urls_name_servers(url, expected):
    """Host, port, database, user and socket file are read, and redis-py's own options handed on."""
    options = place(url).options
    assert {name: options.get(name) for name in expected} == expected


def test_every_wait_on_the_server_ends():
    """Connecting and answering have time-outs, and redis-py sends nothing again by itself."""
    options = place("rediss://h").options
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (10.0, 5.0)
    assert options["retry"].get_retries() == 0


def test_own_options_are_read_from_the_url():
    """Lease, prefix, patience and check of the URL go before the arguments."""
    opened = RedisBackend("redis://h/0?knows_lease=2.5&knows_prefix=a.b&knows_patience=3&knows_check=off", lease=9)
    assert opened.capabilities.lease == 2.5
    assert (opened._place.prefix, opened._place.patience, opened._place.check) == ("a.b", 3.0, False)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:s3cret@h/zero",
        "redis://:s3cret@h:port/0",
        "redis://ann:s3/cret@h/0",
        "redis://ann:1/s3cret@h/0",
        "redis://ann:1#s3cret@h/0",
        "redis://:s3cret@h/0?knows_lease=long",
        "redis://:s3cret@h/0?knows_lease=nan",
        "redis://:s3cret@h/0?knows_check=maybe",
        "redis://:s3cret@h/0?knows_prefix=a{b}",
        "redis://:s3cret@h/0?knows_colour=red",
        "redis://:s3cret@h/0?colour=red",
        "redis://:s3cret@h/0?socket_timeout=long",
        "memcached://:s3cret@h/0",
    ],
)
def test_a_url_that_cannot_be_used_is_refused(url):
    """The error says why and how to write one, and shows no password."""
    with pytest.raises(BackendError, match=r"cannot be used.*redis://HOST:PORT/DB") as refused:
        RedisBackend.from_url(url)
    assert "cret" not in f"{refused.value} {refused.value.facts}"


def test_the_plugin_offers_both_schemes():
    """`redis` and `rediss` open this backend."""
    assert plugin.knows_state_backends() == {"redis": RedisBackend.from_url, "rediss": RedisBackend.from_url}


def test_looking_makes_nothing(redis, open_backend):
    """Where no run was recorded there is none, and no key appears."""
    opened = open_backend()
    assert opened.rows() == opened.rows(RunStatus.RUNNING) == []
    assert opened.append([Append("r", 1, 0, (b"x",))]) == [False]
    assert opened.cancelling(["r"]) == opened.cancelling([]) == set()
    assert not opened.delete("r", 1)
    opened.release("r", 1)
    opened.renew()
    for look in (opened.load, opened.claim, opened.request_cancel):
        with pytest.raises(UnknownRun):
            look("r")
    opened.close()
    assert redis.ask("DBSIZE") == 0


@pytest.mark.fault(12)
@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("appendonly", "no", r"forgets its keys.*\(appendonly is no\).*`redis-cli config set appendonly yes`"),
        ("maxmemory-policy", "allkeys-lru", r"drops keys.*allkeys-lru.*config set maxmemory-policy noeviction`"),
        ("appendfsync", "no", r"reach the disk \(appendfsync is no\).*config set appendfsync always`"),
    ],
)
def test_a_server_that_would_lose_records_is_refused(redis, configure, open_backend, row, name, value, sentence):
    """The error names the setting and the command that corrects it, nothing is written, and corrected it works."""
    before = configure(name, value)
    opened = open_backend()
    for _ in range(2):
        with pytest.raises(BackendError, match=sentence):
            opened.create(row(), [b"0"])
    assert redis.ask("DBSIZE") == 0
    assert open_backend(check=False).create(row("unchecked"), [b"0"]) == 1
    configure(name, before)
    assert opened.create(row(), [b"0"]) == 1


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        ({"appendfsync": "always"}, []),
        ({"appendfsync": "everysec"}, ["up to one second of records may be lost"]),
        ({"no-appendfsync-on-rewrite": "yes"}, ["not synced while the file is rewritten"]),
    ],
)
def test_what_may_be_lost_is_said_once(configure, open_backend, row, caplog, settings, warned):
    """A server that syncs only now and then is used, with one warning that tells how much may be lost."""
    for name, value in settings.items():
        configure(name, value)
    opened = open_backend()
    with caplog.at_level(logging.WARNING, "knows_redis"):
        opened.create(row("a"), [b"0"])
        opened.create(row("b"), [b"0"])
    assert len(caplog.messages) == len(warned)
    assert all(part in message for part, message in zip(warned, caplog.messages, strict=True))


def test_hidden_settings_are_a_warning(redis, open_backend, row, caplog):
    """Where a user may not read settings, as at some providers, a warning asks to make sure."""
    redis.ask("ACL", "SETUSER", "app", "on", ">s3cret", "~*", "&*", "+@all", "-config")
    opened = open_backend(redis.url.replace("redis://", "redis://app:s3cret@"))
    assert opened.create(row(), [b"0"]) == 1
    assert "settings cannot be read" in caplog.text
    assert "s3cret" not in caplog.text
    redis.ask("ACL", "DELUSER", "app")


def test_the_documented_rights_suffice(redis, open_backend, row):
    """A user with the rights that the how-to page names can do everything."""
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "redis.md").read_text("utf-8")
    redis.ask(*re.search(r"^ACL .*", page, re.MULTILINE)[0].split())
    opened = open_backend(redis.url.replace("redis://", "redis://knows:PASSWORD@"))
    epoch = opened.create(row(), [b"0"])
    assert opened.append([Append("r", epoch, 1, (b"1",), RunStatus.FAILED)]) == [True]
    epoch = opened.claim("r")
    opened.renew()
    assert opened.request_cancel("r")
    assert opened.cancelling(["r"]) == {"r"}
    opened.release("r", epoch)
    assert (len(opened.rows()), len(opened.load("r")[1])) == (1, 2)
    assert opened.delete("r", opened.claim("r"))
    opened.close()
    redis.ask("ACL", "DELUSER", "knows")


def test_a_wrong_password_is_access_denied(redis, open_backend, row):
    """Unknown users, wrong passwords and missing rights are told without the password, and not tried again."""
    redis.ask("ACL", "SETUSER", "app", "on", ">s3cret", "~*", "+@read")
    for login, reason in (("app:other-s3cret", "invalid username"), ("app:s3cret", "no permission")):
        opened = open_backend(redis.url.replace("redis://", f"redis://{login}@"), check=False)
        with pytest.raises(AccessDenied, match=f"redis.sock may not be opened.*{reason}") as denied:
            opened.create(row(), [b"0"])
        assert "s3cret" not in f"{denied.value} {denied.value.facts}"
    redis.ask("ACL", "DELUSER", "app")


def test_the_first_layout_goes_on_until_a_later_one_is_needed(redis, open_backend, row):
    """A run of layout 1 is not compensated; the first new run, or the first compensated one, makes it today's."""
    opened, needs = open_backend(), []
    epoch = opened.create(row(), [b"0"])
    redis.ask("SET", "{knows}:schema", "1")
    for one in (
        Append("r", epoch, 1, (b"1",), RunStatus.SLEEPING, compensated=False),
        Append("r", epoch, 2, (b"2",), RunStatus.FAILED, compensated=True),
    ):
        assert opened.append([one]) == [True]
        needs.append((opened.load("r")[0].compensated, redis.ask("GET", "{knows}:schema")))
    assert needs == [(False, b"1"), (True, b"2")]
    redis.ask("SET", "{knows}:schema", "1")
    opened.create(row("s"), [b"0"])
    assert redis.ask("GET", "{knows}:schema") == b"2"
    assert {one.run: one.compensated for one in opened.rows()} == {"r": True, "s": False}


def test_a_newer_schema_is_not_touched(redis, open_backend, row):
    """What a later version wrote is refused, read and written by nobody here."""
    opened = open_backend()
    epoch = opened.create(row(), [b"0"])
    redis.ask("SET", "{knows}:schema", str(SCHEMA + 1))
    before = [redis.ask("DUMP", key) for key in sorted(redis.ask("KEYS", "{knows}:[rs]*"))]
    acts = [
        lambda: opened.create(row("s"), [b"0"]),
        lambda: opened.append([Append("r", epoch, 1, (b"1",))]),
        lambda: opened.load("r"),
        opened.rows,
        lambda: opened.claim("r"),
        lambda: opened.release("r", epoch),
        lambda: opened.delete("r", epoch),
        lambda: opened.request_cancel("r"),
    ]
    sentence = rf"version {SCHEMA + 1}, this program knows up to {SCHEMA}.*knows-redis"
    for act in acts:
        with pytest.raises(SchemaTooNew, match=sentence):
            act()
    assert [redis.ask("DUMP", key) for key in sorted(redis.ask("KEYS", "{knows}:[rs]*"))] == before


def test_another_programs_keys_are_named(redis, open_backend, row):
    """Keys of the same names that hold something else are told, with the way round them."""
    redis.ask("SET", "{knows}:records:r", "theirs")
    with pytest.raises(BackendError, match=r"another program uses keys.*\?knows_prefix=NAME"):
        open_backend().create(row(), [b"0"])
    assert redis.ask("KEYS", "*") == [b"{knows}:records:r"]


def test_prefixes_keep_journals_apart(redis, open_backend, row):
    """Two prefixes on one server are two places, and every key is behind its own."""
    first, second = open_backend(), open_backend(prefix="other")
    first.create(row(), [b"0"])
    second.create(row(), [b"other"])
    assert (first.load("r")[1], second.load("r")[1]) == ([b"0"], [b"other"])
    assert all(key.startswith((b"{knows}:", b"{other}:")) for key in redis.ask("KEYS", "*"))


def test_a_closed_backend_says_so(open_backend, row):
    """Closing twice is fine; using it then is an error with the next move."""
    opened = open_backend()
    opened.create(row(), [b"0"])
    opened.close()
    opened.close()
    with pytest.raises(BackendError, match="the backend is closed"):
        opened.rows()
