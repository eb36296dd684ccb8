"""A server of its own for all tests of this plugin, an empty one for each, and something to write."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from knows_core import RunRow, RunStatus
from knows_redis import RedisBackend
from knows_redis.settings import value_of
from knows_redis.testing import OwnServer


@pytest.fixture(scope="session")
def running():
    with OwnServer() as own:
        yield own


@pytest.fixture
def redis(running):
    """The server, without a key."""
    running.ask("FLUSHALL")
    return running


@pytest.fixture
def configure(redis):
    """Changes a setting of the server until the test is over; the former value is the answer."""
    former = {}

    def change(name, value):
        now = value_of(redis.ask("CONFIG", "GET", name))
        former.setdefault(name, now)
        redis.ask("CONFIG", "SET", name, value)
        return now

    yield change
    for name, value in former.items():
        redis.ask("CONFIG", "SET", name, value)


@pytest.fixture
def open_backend(redis):
    """Opens backends on the server, and closes them in the end."""
    opened = []

    def open_one(url=redis.url, **options):
        opened.append(RedisBackend(url, **options))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def row():
    """Makes the row of a run that begins."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return lambda run="r": RunRow(run, "etch", "1.0.0", RunStatus.RUNNING, moment, moment)
