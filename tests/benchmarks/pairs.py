"""Two things measured in turn in one process: medians, and the median of the paired ratios."""

from __future__ import annotations

import gc
import statistics
import time


def seconds(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def paired(reference, candidate, rounds):
    """Run both in turn; the median seconds of each and the median ratio of a round."""
    reference(), candidate()
    gc.collect()
    gc.disable()
    try:
        times = [(seconds(reference), seconds(candidate)) for _ in range(rounds)]
    finally:
        gc.enable()
    ratios = sorted(ours / theirs for theirs, ours in times)
    return (
        statistics.median(theirs for theirs, _ in times),
        statistics.median(ours for _, ours in times),
        statistics.median(ratios),
    )


def line(name, unit, factor, measured, goal):
    theirs, ours, ratio = measured
    verdict = "reached" if ratio <= goal else "MISSED"
    return f"{name:<44} {theirs * factor:9.3f} {ours * factor:9.3f} {unit:<8} {ratio:6.2f}x   goal {goal}x {verdict}"
