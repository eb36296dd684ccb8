"""Write the golden histories that are not there yet: `python -m tests.golden.make`.

One that is there is never written again: it is what some version wrote, and every later one must go on with it.
"""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path

from knows_core import KnowsError, LocalEngine, MemoryBackend
from knows_core.backend import RunRow
from knows_core.run import RunStatus
from tests.golden.histories import HISTORIES, NOON, RUN
from tests.golden.recovering import RECOVERIES

LATER = NOON + timedelta(days=1)
EVERY = HISTORIES | RECOVERIES
FOLDER = Path(__file__).parent / "k1"  # by the version of the record format


def text_of(row, records, outcome):
    """A history as it stands in its file."""
    stored = {"template": row.template, "version": row.version, "status": row.status}
    stored |= {"compensated": True} if row.compensated else {}
    encoded = [base64.b64encode(record).decode() for record in records]
    return json.dumps({"row": stored, "records": encoded, "then": outcome}, indent=1) + "\n"


def loaded(text):
    """A backend with the history of a file, its records, and what becomes of it when it is resumed."""
    read = json.loads(text)
    row = read["row"]
    backend = MemoryBackend()
    records = [base64.b64decode(one) for one in read["records"]]
    status, undone = RunStatus(row["status"]), row.get("compensated", False)
    stored = RunRow(RUN, row["template"], row["version"], status, NOON, NOON, compensated=undone)
    backend.release(RUN, backend.create(stored, records))
    return backend, records, read["then"]


def outcome_of(backend, template):
    """What becomes of a history when it is resumed: in words, so that every value shows its type."""
    try:
        run = LocalEngine(backend, clock=lambda: LATER).resume(RUN, template)
    except KnowsError as refused:
        return {"refused": refused.code}
    state = dict(run.state)
    if "error" in state:  # but for its sentence, which may be worded better
        state["error"] = [state["error"][key] for key in ("type", "code", "timestamp", "step", "attempt")]
    return {
        "status": run.status,
        "result": repr(run.result),
        "state": {key: repr(one) for key, one in sorted(state.items())},
    }


def main():
    """Write what is missing."""
    FOLDER.mkdir(exist_ok=True)
    for name, history in EVERY.items():
        backend = history.made()
        row, records = backend.load(RUN)
        file = FOLDER / f"{name}.json"
        if not file.exists():
            file.write_text(text_of(row, records, outcome_of(backend, history.template())), "utf-8")
            print(f"{file.name}: {len(records)} records")


if __name__ == "__main__":
    main()
