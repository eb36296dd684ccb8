"""What is said to the server: each act of the port is one statement, so that nobody can come between."""

from __future__ import annotations

from typing import Final, LiteralString, TypeAlias

from psycopg.sql import SQL, Identifier

Text: TypeAlias = LiteralString

# Alive is an owner whose lease runs and whose lock is held. The lock is tried shared and until the end of the
# statement: two who look at the same time do not take each other for the owner. Where a text says {alive} or {shown}:
_ALIVE: Final[LiteralString] = """exists (
    select from {s}.owner as holder where holder.name = run.owner and holder.lease_until > clock_timestamp()
    and not pg_try_advisory_xact_lock_shared(holder.key))"""
_SHOWN: Final[LiteralString] = """
    run.run, run.template, run.version, run.status, run.created_at, run.updated_at, run.epoch,
    case when {alive} then run.owner end, run.cancelling, run.compensated"""

CREATE: Final[LiteralString] = """
    with made as (
        insert into {s}.run values (
            %(run)s, %(template)s, %(version)s, %(status)s, %(created_at)s, %(updated_at)s, %(epoch)s, %(owner)s,
            %(cancelling)s, %(length)s, %(ticket)s, %(compensated)s
        ) on conflict (run) do nothing returning run, epoch
    ), stored as (
        insert into {s}.record select made.run, listed.place - 1, made.epoch, listed.data
        from made, unnest(%(records)b::bytea[]) with ordinality as listed (data, place)
    )
    select from made"""
MADE: Final[LiteralString] = "select from {s}.run where run = %s and ticket = %s"

# The update is the gate: it locks the row, sees what an open take-over or another append made of it, and moves the
# end of the journal. A `select` beside the insert would judge by what was there when the statement began.
APPEND_ONE: Final[LiteralString] = """
    with gate as (
        update {s}.run set length = length + 1 where run = %(run)s and epoch = %(epoch)s and owner = %(owner)s
            and length = %(sequence)s
        returning run, epoch, length
    )
    insert into {s}.record select run, length - 1, epoch, %(data)s from gate"""
APPEND_LAST: Final[LiteralString] = """
    with gate as (
        update {s}.run set
            length = length + 1,
            version = coalesce(%(version)s, version),
            status = %(status)s,
            updated_at = clock_timestamp(),
            owner = case when %(is_over)s then null else owner end,
            cancelling = cancelling and not %(is_over)s,
            compensated = coalesce(%(compensated)s, compensated)
        where run = %(run)s and epoch = %(epoch)s and owner = %(owner)s and length = %(sequence)s
        returning run, epoch, length
    )
    insert into {s}.record select run, length - 1, epoch, %(data)s from gate"""
APPEND: Final[LiteralString] = """
    with asked as (
        select * from unnest(%(runs)s::text[], %(epochs)s::bigint[], %(sequences)s::bigint[], %(counts)s::bigint[],
            %(statuses)s::text[], %(overs)s::boolean[], %(versions)s::text[], %(flags)s::boolean[])
        as asked (run, epoch, sequence, count, status, is_over, version, compensated)
    ), gate as (
        update {s}.run set
            length = run.length + asked.count,
            version = coalesce(asked.version, run.version),
            status = coalesce(asked.status, run.status),
            updated_at = case when asked.status is null then run.updated_at else clock_timestamp() end,
            owner = case when asked.is_over then null else run.owner end,
            cancelling = run.cancelling and not asked.is_over,
            compensated = coalesce(asked.compensated, run.compensated)
        from asked where run.run = asked.run and run.epoch = asked.epoch and run.length = asked.sequence
            and run.owner = %(owner)s
        returning run.run, run.epoch
    ), stored as (
        insert into {s}.record select gate.run, listed.sequence, gate.epoch, listed.data
        from unnest(%(places)s::text[], %(numbers)s::bigint[], %(records)b::bytea[]) as listed (run, sequence, data)
        join gate using (run)
    )
    select run from gate"""
READ_BACK: Final[LiteralString] = """
    select length, status, version, compensated, owner,
        array(select data from {s}.record where record.run = run.run and record.epoch = %(epoch)s
            and sequence >= %(sequence)s and sequence < %(end)s order by sequence)
    from {s}.run where run = %(run)s and epoch >= %(epoch)s"""

LOAD: Final[LiteralString] = """
    select {shown}, array(select data from {s}.record where record.run = run.run order by sequence)
    from {s}.run where run = %s"""
ROWS: Final[LiteralString] = """
    select {shown} from {s}.run where %(status)s::text is null or status = %(status)s order by created_at desc, run"""
# The owner is judged first, by one view of all tables; the epoch then tells whether it is still the one that was seen.
CLAIM: Final[LiteralString] = """
    with seen as materialized (
        select run, epoch from {s}.run
        where run = %(run)s and (owner is null or owner <> %(owner)s and not {alive})
    )
    update {s}.run set epoch = run.epoch + 1, owner = %(owner)s, updated_at = clock_timestamp(), ticket = %(ticket)s
    from seen where run.run = seen.run and run.epoch = seen.epoch returning run.epoch"""
CLAIMED: Final[LiteralString] = "select epoch from {s}.run where run = %s and ticket = %s"
CANCEL: Final[LiteralString] = """
    with seen as materialized (select run, epoch from {s}.run where run = %s and {alive})
    update {s}.run set cancelling = true
    from seen where run.run = seen.run and run.epoch = seen.epoch and run.owner is not null"""
BUSY: Final[LiteralString] = "select {shown}, run.owner, clock_timestamp() from {s}.run where run = %s"
CANCELLING: Final[LiteralString] = "select run from {s}.run where run = any(%s) and cancelling"
RELEASE: Final[LiteralString] = "update {s}.run set owner = null where run = %s and epoch = %s and owner = %s"
DELETE: Final[LiteralString] = "delete from {s}.run where run = %s and epoch = %s and owner = %s"
DELETE_RECORDS: Final[LiteralString] = "delete from {s}.record where run = %s"

# Owners of yesterday are swept away by whoever comes new.
REGISTER: Final[LiteralString] = """
    with gone as (
        delete from {s}.owner where name in (
            select name from {s}.owner where lease_until < clock_timestamp() - interval '1 day' and name <> %(name)s
            for update skip locked)
    )
    insert into {s}.owner values (%(name)s, %(key)s, clock_timestamp() + make_interval(secs => %(lease)s))
    on conflict (name) do update set key = excluded.key, lease_until = excluded.lease_until"""
RENEW: Final[LiteralString] = """
    update {s}.owner set lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
    where name = %(name)s and key = %(key)s"""
DEREGISTER: Final[LiteralString] = "delete from {s}.owner where name = %s"


class Statements:
    """The statements for one schema, made ready once."""

    def __init__(self, schema: str) -> None:
        place = Identifier(schema)
        alive = SQL(_ALIVE).format(s=place)
        self._parts = {"s": place, "alive": alive, "shown": SQL(_SHOWN).format(alive=alive)}
        self._ready: dict[str, bytes] = {}

    def __getitem__(self, text: Text) -> bytes:
        if text not in self._ready:
            self._ready[text] = SQL(text).format(**self._parts).as_bytes(None)
        return self._ready[text]
