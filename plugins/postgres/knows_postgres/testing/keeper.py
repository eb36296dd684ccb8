"""Runs a server for as long as the other end of standard input is held, and ends it by its process id.

A file to be run by itself, with the standard library only: it must end the server also when a test run is killed.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any


def keep(folder: str, user: str, command: list[str]) -> int:
    """Start the command in the folder, as that user if there is one; end it and remove the folder when asked."""
    rights: dict[str, Any] = {"user": int(user), "group": int(user), "extra_groups": []} if user else {}
    log = (Path(folder) / "log").open("ab")
    server = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **rights)  # noqa: S603 - what we are here for
    try:
        while server.poll() is None:
            if select.select([0], [], [], 0.5)[0] and not os.read(0, 1):
                break
    finally:
        for ending in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # PostgreSQL: fast, at once, the hard way
            if server.poll() is not None:
                break
            server.send_signal(signal.SIGCONT)
            server.send_signal(ending)
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                continue
        log.close()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(keep(sys.argv[1], sys.argv[2], sys.argv[3:]))
