"""The campaigns of kills over journals on a server, and a server that is cut off in the middle of a run."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest

from knows_core import LocalEngine
from knows_postgres import PostgresBackend
from knows_postgres import testing as postgres
from knows_redis import testing as redis
from tests.crash.campaigns import judge, killed
from tests.crash.contended import STEPS, template
from tests.crash.levels import CUTS, POSTGRES_KILLS, REDIS_KILLS, bounded

STALL_SECONDS = 0.05


@pytest.fixture(scope="module")
def place():
    """The URL of an empty database on a PostgreSQL server."""
    with postgres.server() as server, postgres.database(server) as database:
        yield database


def test_kills_over_postgresql(place, tmp_path, tell):
    """After random SIGKILLs nothing recorded on the server is made again or lost, and every run ends as it should."""
    judge(killed("campaign", tmp_path, POSTGRES_KILLS, place), POSTGRES_KILLS, 0.5, tell)


def test_kills_over_redis(tmp_path, tell):
    """The same over Redis, which appends each write to its file and syncs it."""
    with redis.server() as server:
        judge(killed("campaign", tmp_path, REDIS_KILLS, server), REDIS_KILLS, 0.5, tell)


def test_cut_connections_cost_nothing(place, tell):
    """Connections cut, questions and answers lost, bytes kept back, in steps at random: all is recorded once."""
    chance, cuts, repeated, lost, runs = random.Random("cuts"), 0, 0, 0, 0
    with postgres.Proxy(place) as proxy, LocalEngine(PostgresBackend(proxy.url)) as engine:

        def stall():
            proxy.stall()
            threading.Timer(STALL_SECONDS, proxy.flow).start()

        faults: list[Any] = [proxy.cut, proxy.lose_answer, proxy.lose_question, stall]
        while cuts < CUTS:
            made = []

            def called(name, made=made):
                nonlocal cuts
                made.append(name)
                if chance.random() < 0.5:
                    cuts += 1
                    chance.choice(faults)()

            ended = engine.run(template(called), run_id=f"cut-{runs}")
            history = [one.content["path"] for one in engine.history(f"cut-{runs}") if one.kind == "StepDone"]
            repeated += len(made) - len(set(made)) + len(history) - len(set(history))
            lost += len(set(STEPS) - set(history)) + (ended.status != "completed")
            runs += 1
        tell(f"{bounded(repeated + lost, cuts, 'faults of the connection')}, in {runs} runs")
        assert proxy.connections >= CUTS // 4, "the faults do not reach the backend"
    assert (repeated, lost) == (0, 0)
