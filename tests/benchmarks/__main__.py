"""`make bench`: every benchmark in turn, as ratios to a reference measured in the same minute."""

from __future__ import annotations

import os
import platform
import sqlite3

from tests.benchmarks import checking, durable_step, in_memory, listing, resolving

print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, load {os.getloadavg()[0]:.1f}")
print(f"{'':<44} {'reference':>9} {'ours':>9}")
for benchmark in (in_memory, durable_step, checking, listing, resolving):
    for row in benchmark.main():
        print(row, flush=True)
