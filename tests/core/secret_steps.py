"""Steps that look secrets up in a process of their own."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor

from knows_core import PermanentError


def measure(value, context):
    return len(context.secret("secret:vault:door"))


def measure_many(value, context):
    with ThreadPoolExecutor(4) as threads:
        return sorted(map(len, threads.map(context.secret, ["vault:door", "vault:roof"] * 10)))


def give_back(value, context):
    return {"login": ["me", context.secret("vault:door")]}


def blame(value, context):
    raise PermanentError(f"{'x' * value}{context.secret('vault:door')} does not open")


def miss(value, context):
    return context.secret("vault:window")


def shout_and_die(value, context):
    sys.stderr.write(f"{context.secret('vault:door')} {'- ' * 20}")
    sys.stderr.flush()
    os._exit(3)
