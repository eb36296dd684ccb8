"""A hundred installed distributions of which five are broken, each in its own way: the others do not notice."""

from __future__ import annotations

import json

import pytest

from tests.registry.conftest import TEMPLATE

SOUND = 95
BROKEN = {
    "raising-dist": "raising@1.0.0",
    "exiting-dist": "exiting@1.0.0",
    "other-dist": "other@1.0.0",
    "malformed-dist": "malformed@1.0.0 = not a module:it",
    "unversioned-dist": "unversioned@1.x = sound_0:greeting",
}
USE_ALL = """
import json
from knows_core import KnowsError, WorkflowState
from knows_registry import Registry
registry, used, refused = Registry(), [], {}
for offer in registry.offers():
    try:
        used += [offer.name] if registry.find(f"{offer.name}@^1").execute(WorkflowState()) == "hello" else []
    except KnowsError as error:
        refused[offer.name] = error.code
print(json.dumps([used, refused]))
"""


@pytest.fixture
def hundred(stage):
    """95 that work, and 5 that raise, exit, are another template, or cannot even be read."""
    for number in range(SOUND):
        stage.install_template(f"sound_{number}", "1.0.0", distribution=f"sound-{number}", module=f"sound_{number}")
    for name, code in {
        "raising": "raise ValueError('the pump is missing')",
        "exiting": "raise SystemExit(4)",
        "other": TEMPLATE.format(name="other", version="2.0.0") + "it = Greeting()",
    }.items():
        stage.install(f"{name}-dist", templates={f"{name}@1.0.0": f"{name}_it:it"}, modules={f"{name}_it": code})
    stage.install("malformed-dist", templates={"malformed@1.0.0": "not a module:it"})
    stage.install("unversioned-dist", templates={"unversioned@1.x": "sound_0:greeting"})
    return stage


def test_95_are_usable_and_5_are_named(hundred):
    """All in one process: those that work run, the others are refused by an error or were named by the metadata."""
    used, refused = json.loads(hundred.python(USE_ALL).stdout)
    assert sorted(used) == sorted(f"sound_{number}" for number in range(SOUND))
    assert refused == dict.fromkeys(("exiting", "other", "raising"), "template-broken")
    named = {fault["distribution"]: fault["entry"] for fault in hundred.answer("list", "--broken")["broken"]}
    assert named == {name: BROKEN[name] for name in ("malformed-dist", "unversioned-dist")}
    checked = hundred.kwf("plugins", "check", "--json")
    broken = json.loads(checked.stdout)["broken"]
    assert (checked.returncode, {fault["distribution"]: fault["entry"] for fault in broken}) == (3, BROKEN)
    listed = hundred.answer("list")
    assert sum(row["status"] == "ok" for row in listed["templates"]) == SOUND
    assert listed["broken"] == len(BROKEN)
