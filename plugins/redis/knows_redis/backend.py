"""The state backend on Redis: every write is one script, which checks the owner's epoch where the records are."""

from __future__ import annotations

import logging
import os
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self

from redis.exceptions import ResponseError

from knows_core import Append, Capabilities, RecordCorrupt, RunExists, RunRow, RunStatus, UnknownRun
from knows_redis.owners import Owner, is_dead, notices_death
from knows_redis.place import Place
from knows_redis.rows import microseconds, moment, pairs, records_of, row_of, texts
from knows_redis.scripts import APPEND, CANCEL, CLAIM, CREATE, DELETE, LOAD, RELEASE, RENEW, SCHEMA, TOO_NEW
from knows_redis.server import Server

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from knows_redis.server import Client

_PAGE: Final = 500  # rows that are asked for at once; the server does nothing else meanwhile
_BATCH_BYTES: Final = 32_000_000  # of records in one script, unless one run alone has more


class RedisBackend:
    """Journals on a Redis server, for many threads, processes and hosts. A cluster of servers is not supported.

    The lease is by the server's clock. An owner whose lease ran out keeps what nobody took meanwhile: renewing puts its
    key back, and what somebody took has a greater epoch, which refuses everything the former owner still writes.
    Connects at the first use. `lease` and `patience` are seconds; options of the URL (`knows_lease`, `knows_prefix`,
    `knows_patience`, `knows_check=off`) go before the arguments.
    """

    def __init__(
        self, url: str, *, lease: float = 15.0, prefix: str = "knows", patience: float = 30.0, check: bool = True
    ) -> None:
        self._place = Place.of(url, lease=lease, prefix=prefix, patience=patience, check=check)
        self._server = Server(self._place)
        self._owner = Owner()
        death = notices_death()
        self.capabilities = Capabilities(durable=True, shared=True, notices_death=death, lease=self._place.lease)
        _start_over_in_children(self)

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Open `redis://[[USER]:PASSWORD@]HOST:PORT/DB`, `rediss://…`, or `redis:///PATH/OF/SOCKET`."""
        return cls(url)

    def create(self, row: RunRow, records: Sequence[bytes]) -> int:
        """Store a new run with its first records."""
        token = self._owner.token()
        told = (row.template, row.version, row.status, microseconds(row.created_at), microseconds(row.updated_at))
        stored = [token + one for one in records]
        if not self._server.write(CREATE, row.run, row.epoch, *self._proof(), token, *told, len(stored), *stored):
            raise RunExists(run=row.run)
        self._owner.gain(row.run, row.epoch)
        return row.epoch

    def append(self, batch: Sequence[Append]) -> Sequence[bool]:
        """Add records to many runs in one commit, or in several where they would be too large for one."""
        answers: list[int] = []
        for part in _parts(batch):
            words = [word for one in part for word in self._words(one)]
            answers += self._server.write(APPEND, self._owner.name, *words)
        for one, answer in zip(batch, answers, strict=True):
            if answer < 0 or (answer > 0 and one.status is not None and one.status.is_over):
                self._owner.lose(one.run, one.epoch)
        return [answer > 0 for answer in answers]

    def _words(self, one: Append) -> Iterable[str | int | bytes]:
        token = self._owner.token()
        status, over = (one.status, int(one.status.is_over)) if one.status is not None else ("", 0)
        compensated = "" if one.compensated is None else int(one.compensated)
        yield from (one.run, one.epoch, one.sequence, token, status, over, one.version or "", compensated)
        yield len(one.records)
        for record in one.records:
            yield token + record

    def load(self, run: str) -> tuple[RunRow, list[bytes]]:
        """Return a run and its records."""
        row, records = self._server.run(LOAD, run)
        if not row:
            raise UnknownRun(run=run, where=self._place.shown)
        return self._shown([row_of(run, pairs(row))])[0], records_of(run, records)

    def claim(self, run: str) -> int:
        """Take the ownership of a run that nobody alive owns."""
        dead = self._dead_owner(run)
        answer = self._server.write(CLAIM, run, *self._proof(), self._owner.token(), dead)
        if answer[0] == 0:
            raise UnknownRun(run=run, where=self._place.shown)
        if answer[0] != 1:
            raise row_of(run, pairs(answer[2])).busy(moment(answer[1]))
        epoch = int(answer[1])
        self._owner.gain(run, epoch)
        return epoch

    def renew(self) -> None:
        """Prolong the lease, or begin a new one where it ran out."""
        if self._owner.owns_any():
            self._server.write(RENEW, *self._proof())

    def release(self, run: str, epoch: int) -> None:
        """Give the ownership up."""
        self._server.write(RELEASE, run, epoch, self._owner.name)
        self._owner.lose(run, epoch)

    def request_cancel(self, run: str) -> bool:
        """Ask the owner of a run to stop."""
        answer = self._server.write(CANCEL, run, self._dead_owner(run))
        if answer < 0:
            raise UnknownRun(run=run, where=self._place.shown)
        return bool(answer)

    def cancelling(self, runs: Collection[str]) -> set[str]:
        """Those of the runs that somebody asked to stop."""
        asked = list(runs)

        def act(client: Client) -> Any:
            commands = client.pipeline(transaction=False)
            for run in asked:
                commands.hexists(self._key(f"run:{run}"), "cancel")
            return commands.execute()

        return {run for run, found in zip(asked, self._server.ask(act), strict=True) if found} if asked else set()

    def delete(self, run: str, epoch: int) -> bool:
        """Delete a run with all its records."""
        # Without a run there is none of the caller's, unless the answer to an attempt of its own was lost.
        answer = self._server.write(DELETE, run, epoch, self._owner.name)
        is_mine = answer == 1 or (answer < 0 and self._owner.owns(run, epoch))
        self._owner.lose(run, epoch)
        return is_mine

    def rows(self, status: RunStatus | None = None) -> list[RunRow]:
        """List the runs, newest first."""
        index = self._key("runs" if status is None else f"status:{status}")

        def listed(client: Client) -> Any:
            asked = client.pipeline(transaction=False)
            asked.get(self._key("schema"))
            asked.zrevrange(index, 0, -1)
            return _readable(asked.execute())[1]

        runs = texts(*self._server.ask(listed))
        found: list[RunRow] = []
        for at in range(0, len(runs), _PAGE):
            found += self._page(runs[at : at + _PAGE])
        return [row for row in self._shown(found) if status in (None, row.status)]

    def close(self) -> None:
        """Close the connections; whatever this backend still owned may be claimed by others."""
        self._server.close(self._key(f"owner:{self._owner.name}") if self._owner.is_announced else None)

    def _proof(self) -> tuple[str, str, int]:
        self._owner.is_announced = True
        return self._owner.name, self._owner.life, round(self._place.lease * 1000)

    def _page(self, runs: list[str]) -> list[RunRow]:
        def act(client: Client) -> Any:
            asked = client.pipeline(transaction=False)
            for run in runs:
                asked.hgetall(self._key(f"run:{run}"))
            return asked.execute()

        readable: list[RunRow] = []
        for run, stored in zip(runs, self._server.ask(act), strict=True):
            try:
                if stored:  # otherwise it was deleted meanwhile
                    readable.append(row_of(run, stored))
            except RecordCorrupt as error:  # one damaged row must not hide the others
                logging.getLogger("knows_redis").warning("%s", error)
        return readable

    def _shown(self, rows: list[RunRow]) -> list[RunRow]:
        """The rows as they are shown: a dead owner is none."""
        owners = sorted({row.owner for row in rows if row.owner is not None})
        if not owners:
            return rows
        keys = [self._key(f"owner:{owner}") for owner in owners]
        lives = self._server.ask(lambda client: client.execute_command("MGET", *keys))
        gone = {owner for owner, life in zip(owners, lives, strict=True) if life is None or is_dead(*texts(life))}
        return [replace(row, owner=None) if row.owner in gone else row for row in rows]

    def _dead_owner(self, run: str) -> str:
        """The owner of a run whose lease goes on but whose process, on this host, is gone; else an empty text."""
        key = self._key(f"run:{run}")
        owner = self._server.ask(lambda client: client.execute_command("HGET", key, "owner"))
        if owner is None:
            return ""
        (name,) = texts(owner)
        life = self._server.ask(lambda client: client.execute_command("GET", self._key(f"owner:{name}")))
        return name if life is not None and is_dead(*texts(life)) else ""

    def _key(self, name: str) -> bytes:
        return f"{{{self._place.prefix}}}:{name}".encode("utf-8", "surrogatepass")

    def _start_over(self) -> None:
        self._owner = Owner()
        self._server.start_over()


def _start_over_in_children(backend: RedisBackend) -> None:
    """Make a forked child another owner with connections of its own; the parent's are not touched."""
    known = weakref.ref(backend)  # the hook stays for ever and must not keep the backend

    def start_over() -> None:
        alive = known()
        if alive is not None:
            alive._start_over()

    if hasattr(os, "register_at_fork"):  # where processes fork at all
        os.register_at_fork(after_in_child=start_over)


def _readable(answer: list[Any]) -> list[Any]:
    """The answers to a reader that asked for the schema first. Raises what a script raises for a newer one."""
    schema = answer[0]
    if schema is not None and not (schema.isdigit() and int(schema) <= SCHEMA):
        raise ResponseError(f"{TOO_NEW} {schema.decode('utf-8', 'replace')}")
    return answer


def _parts(batch: Sequence[Append]) -> Iterable[list[Append]]:
    part: list[Append] = []
    size = 0
    for one in batch:
        more = sum(map(len, one.records))
        if part and size + more > _BATCH_BYTES:
            yield part
            part, size = [], 0
        part.append(one)
        size += more
    if part:
        yield part
