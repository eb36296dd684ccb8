"""`kwf plugins --hooks`: who implements each hook, in the order in which a run calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from knows_registry.cli.answer import columns
from knows_registry.cli.list_templates import fault_lines, fault_row
from knows_registry.cli.permitted import registry_of

if TYPE_CHECKING:
    from knows_registry.cli.answer import Answers
    from knows_registry.discover import Plugin
    from knows_registry.hook_order import Calling

_BROKEN = 3
_WITH_HOOKS = ("backend", "hooks", "loader")  # a backend or loader is there for the run that asks for its key


def tell_hooks(answers: Answers) -> int:
    """Import every plugin that has hooks, each guarded, and tell the order; exit code 3 when one is broken."""
    plugins = registry_of(answers).plugins
    faults, callings = plugins.load(*_WITH_HOOKS), plugins.callings()
    broken = [fault for fault in faults if fault not in plugins.refused]
    answers.object(
        {
            "hooks": list(map(_row, callings)),
            "broken": list(map(fault_row, broken)),
            "not_permitted": list(map(fault_row, plugins.refused)),
        }
    )
    for calling in callings:
        answers.text(f"{calling.hook}: {_order(calling)}", *_lines(calling.plugins))
    answers.text(*["", *fault_lines(faults)] if faults else [])
    return _BROKEN if broken else 0


def _order(calling: Calling) -> str:
    return "first answer wins" if calling.first_answer_wins else "each is asked"


def _lines(called: list[list[Plugin]]) -> list[str]:
    cells = [
        (
            f"  {number}",
            f"{first.entry.distribution} {first.entry.distribution_version}",
            ", ".join(map(str, (first, *others))),
        )
        for number, (first, *others) in enumerate(called, 1)
    ]
    return columns(cells) if cells else ["  nobody"]


def _row(calling: Calling) -> dict[str, Any]:
    called = [
        {
            "distribution": first.entry.distribution,
            "distribution_version": first.entry.distribution_version,
            "entry": str(first),
            "also": list(map(str, others)),
        }
        for first, *others in calling.plugins
    ]
    return {"hook": calling.hook, "order": _order(calling), "plugins": called}
