"""What every test here gets: a PostgreSQL server for the session, an empty database for each test."""

from __future__ import annotations

import psycopg
import pytest

from knows_postgres.testing import database, server


@pytest.fixture(scope="session")
def postgres():
    with server() as url:
        yield url if "?" in url else f"{url}?application_name=tests"  # so that tests can add parameters with &


@pytest.fixture
def url(postgres):
    with database(postgres) as fresh:
        yield fresh


@pytest.fixture
def sql(url):
    """Asks the database behind the backend's back."""
    with psycopg.connect(url, autocommit=True) as session:
        yield lambda text, *values: session.execute(text, values or None)
