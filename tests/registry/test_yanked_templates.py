"""A yanked version is chosen where a lock pins it or somebody wants exactly it, also if it is the only one."""

from __future__ import annotations

import json

import pytest

from knows_core import pipeline, step
from knows_registry.manifests.manifest_place import file_name
from knows_registry.manifests.manifest_text import Manifest, text_of
from knows_registry.manifests.profile import profile_of
from knows_registry.resolving.resolve import Unsatisfiable

PUMP = """
from knows_core import pipeline, step

@step
def work() -> str:
    return "pumped"

pump = pipeline(work, name="pump", version="1.0.0")
"""
FORBIDDEN = "pump 1.0.0 is yanked: It burns."
RUN = ("--backend", "memory:", "--json")


@step
def work() -> str:
    return "pumped"


@pytest.fixture
def withdrawn(stage):
    """Pump 1.0.0 and no other, which works and whose manifest says that it is yanked."""
    stage.install("acme-pump", templates={"pump@1.0.0": "acme_pump:pump"})
    package = stage.site / "acme_pump"
    package.mkdir()
    (package / "__init__.py").write_text(PUMP)
    told = profile_of(pipeline(work, name="pump", version="1.0.0").definition)._replace(yanked="It burns.")
    (package / file_name("acme-pump")).write_text(text_of(Manifest("acme-pump", (told,))))
    return stage


def run(stage, *words):
    done = stage.kwf("run", *words, *RUN)
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("asked", ["pump", "pump@^1", "pump@>=1,<2"])
def test_the_only_version_that_a_range_admits_is_refused(withdrawn, asked):
    """Exit code 3 with its reason, and the request that takes it all the same."""
    code, answer = run(withdrawn, asked)
    assert (code, answer["error"]["code"]) == (3, "unsatisfiable")
    assert FORBIDDEN in answer["error"]["message"]
    assert "`pump@1.0.0`" in answer["next"]


@pytest.mark.parametrize("asked", ["pump@1.0.0", "pump@1.0", "pump@==1.0.0"])
def test_whoever_names_it_exactly_gets_it(withdrawn, asked):
    """However the version is spelled."""
    code, answer = run(withdrawn, asked)
    assert (code, answer["result"]) == (0, "pumped")


def test_what_the_lock_pins_is_found_by_a_range(withdrawn):
    """Whoever locked it took it on purpose."""
    assert withdrawn.kwf("lock", "pump@1.0.0").returncode == 0
    for words in (["pump"], ["pump@^1", "--locked"]):
        code, answer = run(withdrawn, *words)
        assert (code, answer["result"]) == (0, "pumped")


def test_a_registry_refuses_it_like_the_command_line(registry, withdrawn):
    """`find` and `offer` alike."""
    for ask in (registry.find, registry.offer):
        with pytest.raises(Unsatisfiable, match="yanked: It burns"):
            ask("pump")
