"""The tables: where they are, how they came to be, and that a newer program's are left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, LiteralString

from psycopg.sql import SQL, Identifier

from knows_core import BackendError, SchemaTooNew

if TYPE_CHECKING:
    from psycopg.sql import Composed

    from knows_postgres.address import Address
    from knows_postgres.connections import Session

# One entry per version of the schema: what leads to it from the one before. A released entry is never changed.
MIGRATIONS: tuple[tuple[LiteralString, ...], ...] = (
    (
        "create table {s}.knows_schema (version integer not null)",
        "insert into {s}.knows_schema values (0)",
        """create table {s}.owner (
            name text collate "C" primary key, key bigint not null, lease_until timestamptz not null
        )""",
        # `length`: how many records there are, so that one update checks and claims the next place in the journal.
        # `ticket`: by which a creation or a claim recognises itself, if its answer was lost.
        # The free space on each page lets updates stay beside the row they replace, without a new index entry.
        """create table {s}.run (
            run text collate "C" primary key, template text not null, version text not null, status text not null,
            created_at timestamptz not null, updated_at timestamptz not null, epoch bigint not null,
            owner text collate "C", cancelling boolean not null, length bigint not null, ticket uuid not null
        ) with (fillfactor = 60)""",
        # No foreign key: every insert passes the row of its run in the same statement.
        """create table {s}.record (
            run text collate "C" not null, sequence bigint not null, epoch bigint not null, data bytea not null,
            primary key (run, sequence)
        )""",
    ),
    ("alter table {s}.run add column compensated boolean not null default false",),
)
_FIND: Final = """
    select to_regclass(format('%%I.knows_schema', %(schema)s::text)) is not null,
        exists (select from pg_class where relnamespace = spaces.oid)
    from (select 1) as one left join pg_namespace as spaces on nspname = %(schema)s"""


def is_ready(session: Session, schema: str, address: Address) -> bool:
    """Whether our tables are there. Looks only; an older schema is brought up to date.

    Raises SchemaTooNew, and BackendError for a schema of another program.
    """
    version = _version(session, schema, address)
    if 0 < version < len(MIGRATIONS):
        create(session, schema, address)
    return version > 0


def create(session: Session, schema: str, address: Address) -> None:
    """Make the tables or bring them up to date: one process at a time, in one transaction."""
    with session.transaction():
        session.execute("select pg_advisory_xact_lock(hashtextextended('knows schema ' || %s, 0))", (schema,))
        version = _version(session, schema, address)
        known = session.execute("select from pg_namespace where nspname = %s", (schema,)).fetchone()
        if known is None:
            session.execute(_in(schema, "create schema {s}"))
        for migration in MIGRATIONS[version:]:
            for statement in migration:
                session.execute(_in(schema, statement))
        session.execute(_in(schema, "update {s}.knows_schema set version = %s"), (len(MIGRATIONS),))


def _version(session: Session, schema: str, address: Address) -> int:
    """The version of our tables, 0 where there are none."""
    found = session.execute(_FIND, {"schema": schema}).fetchone()
    is_ours, holds_something = found or (False, False)
    if not is_ours:
        if holds_something:
            hint = "Name another one with ?knows_schema=; this one was not touched."
            reason = f"the schema {schema!r} belongs to another program"
            raise BackendError(backend=address.shown, reason=reason, hint=hint)
        return 0
    row = session.execute(_in(schema, "select version from {s}.knows_schema")).fetchone()
    version = int(row[0]) if row else 0
    if version > len(MIGRATIONS):
        raise SchemaTooNew(backend=address.shown, found=version, known=len(MIGRATIONS), package="knows-postgres")
    return version


def _in(schema: str, text: LiteralString) -> Composed:
    return SQL(text).format(s=Identifier(schema))
