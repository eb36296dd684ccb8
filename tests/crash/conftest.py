"""The figures of the crash tests, told at the end of the run whether its tests passed or not."""

from __future__ import annotations

import pytest

FIGURES = pytest.StashKey()


@pytest.fixture
def tell(request):
    """Say a figure that a test is there to show."""
    figures = request.config.stash.setdefault(FIGURES, [])

    def say(figure):
        figures.append(f"{request.node.name}: {figure}")

    return say


def pytest_terminal_summary(terminalreporter, config):
    figures = config.stash.get(FIGURES, [])
    if figures:
        terminalreporter.section("figures of the crash tests")
        for figure in figures:
            terminalreporter.write_line(figure)
