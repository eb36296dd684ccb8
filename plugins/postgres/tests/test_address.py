"""URLs: what is ours, what is libpq's, and that a password is shown nowhere."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime

import pytest

from knows_core import AccessDenied, BackendError, BackendUnavailable, KnowsError, RunRow, RunStatus
from knows_postgres import PostgresBackend, plugin
from knows_postgres.address import read_address, split_options


@pytest.mark.parametrize(
    ("url", "rest", "options"),
    [
        ("postgresql:///db", "postgresql:///db", {}),
        ("postgresql://h/db?knows_schema=s", "postgresql://h/db", {"schema": "s"}),
        ("postgres://h/db?a=1&knows_lease=2.5&b=%20", "postgres://h/db?a=1&b=%20", {"lease": "2.5"}),
        ("postgresql://h/db?knows_schema=a&knows_lease=1", "postgresql://h/db", {"schema": "a", "lease": "1"}),
    ],
)
def test_our_options_are_taken_out_of_the_url(url, rest, options):
    """What begins with knows_ is ours, and libpq gets everything else letter by letter."""
    assert split_options(url) == (rest, options)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:hunter2@h:5433/db?sslmode=require", "postgresql://me:***@h:5433/db"),
        ("postgres://h/db?password=hunter2&user=me", "postgresql://me:***@h/db"),
        ("postgresql:///db?host=/run/pg", "postgresql:///db?host=/run/pg"),
        ("postgresql://me:hunter%402@a:1,b:2/db", "postgresql://me:***@a,b:1,2/db"),
        ("host=h dbname=db password=hunter2", "postgresql://h/db"),
    ],
)
def test_an_address_is_shown_without_its_password(url, shown):
    """User, host, port and database tell a person which place is meant."""
    address = read_address(url, "knows")
    assert address.shown == shown
    assert "hunter" not in repr(address)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://h/db?knows_color=red", "no option knows_color"),
        ("postgresql://h/db?knows_lease=long", "knows_lease is no number"),
        ("postgresql://h/db?knows_lease=-1", "a lease of -1.0 s is none"),
        ("postgresql://h/db?knows_lease=inf", "a lease of inf s is none"),
        ("postgresql://h/db?knows_schema=No", "'No' is no name for a schema"),
        ("postgresql://h/db?knows_schema=pg_mine", "'pg_mine' is no name for a schema"),
        ("postgresql://h/db?wrong=1", 'invalid URI query parameter: "wrong"'),
        ("postgresql:me:hunter2@h/db", "the URL cannot be read"),
        ("postgresql://me:hunter2%zz@h/db", "the URL cannot be read"),
        ("postgresql://me:x@hunter2@h/db", "Write @ as %40"),
        ("postgresql://me:x/hunter2@h/db", "Write @ as %40"),
        ("postgresql://me:1/hunter2@h/db", "Write @ as %40"),
        ("host=h password=hunter2 nonsense", "the URL cannot be read"),
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_its_password(url, words):
    """The sentence tells what is wrong, and neither it nor the traceback shows the password."""
    with pytest.raises(BackendError) as caught:
        PostgresBackend.from_url(url)
    assert words in str(caught.value)
    assert "hunter" not in "".join(traceback.format_exception(caught.value)).replace(url, "")


def told_by(url):
    backend = PostgresBackend(url, patience=0.2)
    with pytest.raises(KnowsError) as caught:
        backend.rows()
    backend.close()
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    return caught.value


def test_a_server_that_is_not_there_is_named_at_once():
    """The first use raises BackendUnavailable with the place and no password."""
    error = told_by("postgresql://me:hunter2@127.0.0.1:1/db")
    assert isinstance(error, BackendUnavailable)
    assert "postgresql://me:***@127.0.0.1:1/db" in str(error)


def test_a_missing_database_tells_how_to_make_it(url):
    """It is a BackendError with createdb as the next move."""
    error = told_by(url.replace("/knows_", "/missing_").replace("postgres@", "postgres:hunter2@"))
    assert "does not exist" in str(error)
    assert "createdb" in str(error)


def test_a_role_that_may_not_is_told_so(url, sql):
    """Without the right to make a schema the first run is refused with AccessDenied, and looking is free."""
    sql("create role stranger login")
    try:
        backend = PostgresBackend(url.replace("postgres@", "stranger:hunter2@"))
        assert backend.rows(RunStatus.RUNNING) == []
        row = RunRow("r", "t", "1.0.0", RunStatus.RUNNING, datetime.now(UTC), datetime.now(UTC))
        with pytest.raises(AccessDenied, match="permission denied") as caught:
            backend.create(row, [b"0"])
        assert "hunter2" not in "".join(traceback.format_exception(caught.value))
        backend.close()
    finally:
        sql("drop role stranger")


def test_an_unknown_role_is_denied(url):
    """A role that the server does not know is AccessDenied, not a server that is away."""
    assert isinstance(told_by(url.replace("postgres@", "nobody_here:hunter2@")), AccessDenied)


def test_both_schemes_are_offered(url):
    """`postgresql` and `postgres` open the same backend, which shows itself without a password."""
    offered = plugin.knows_state_backends()
    assert set(offered) == {"postgresql", "postgres"}
    backend = offered["postgres"](url.replace("postgres@", "postgres:hunter2@"))
    assert backend.rows() == []
    assert "hunter2" not in repr(backend)
    backend.close()
