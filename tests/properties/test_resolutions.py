"""Random registries: what the resolver says is what trying everything says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from knows_core import VersionRange
from knows_registry.resolving.clauses import Board
from knows_registry.resolving.domains import Domains, Withdrawn
from knows_registry.resolving.resolve import Unsatisfiable, resolve
from tests.properties import peers
from tests.properties.registries import Case, hard, small, told

ROOT = Path(__file__).parents[2]
REGISTRIES, CHUNK = int(os.environ.get("KNOWS_TEST_REGISTRIES", "3000")), 250


def admits(case, need, candidate):
    """The rule on ranges, pre-releases and yanked versions, as docs/explanation/resolution.md states it."""
    named = [one.range.exact for one in [need, *(one for one in case.request if one.slot == need.slot)]]
    kept = candidate.version in (case.preferred.get(need.slot), *named)
    return candidate.version in need.range and (kept or not candidate.yanked)


def first_found(case, agenda, chosen):
    """Any choice that meets a list of needs and all that follows from it, by trying everything; None if none does."""
    if not agenda:
        return chosen
    need, *rest = agenda
    for candidate in case.stock.candidates(need.slot.name):
        version = candidate.version
        if not admits(case, need, candidate) or chosen.get(need.slot, version) != version:
            continue
        new = [] if need.slot in chosen else case.stock.rows[need.slot.name][version][1]
        found = first_found(case, [*rest, *new], {**chosen, need.slot: version})
        if found is not None:
            return found
    return None


def faults(case, chosen):
    """What is wrong with a solution: needs that are not met, and slots that nobody wants."""
    agenda, reached, found = [*case.request], set(), []
    while agenda:
        need = agenda.pop()
        version = chosen.get(need.slot)
        rows = case.stock.rows.get(need.slot.name, {})
        if version not in rows or not admits(case, need, rows[version][0]):
            found.append(f"{need} has {version}")
        elif need.slot not in reached:
            reached.add(need.slot)
            agenda += rows[version][1]
    return found + [f"{slot} is wanted by nobody" for slot in chosen if slot not in reached]


def verdict(case):
    """The answer, after it was found to be valid; or None."""
    try:
        chosen = resolve(case.request, case.stock, preferred=case.preferred)
    except Unsatisfiable:
        return None
    assert faults(case, chosen) == []
    assert list(chosen) == sorted(chosen)
    return chosen


@pytest.mark.parametrize("first", range(0, REGISTRIES, CHUNK))
def test_the_verdict_is_that_of_trying_everything(first):
    """For every registry: there is an answer exactly if the oracle finds one, and each answer is valid."""
    for seed in range(first, min(first + CHUNK, REGISTRIES)):
        case = small(seed)
        assert (verdict(case) is None) == (first_found(case, case.request, {}) is None), seed


def test_the_verdict_is_that_of_pubgrub_py():
    """On 3,000 registries, many of either sort; slots with an alias are packages there, yanked versions excluded."""
    cases = [small(seed) for seed in range(peers.REGISTRIES)]
    registries = [peers.as_packages(case) for case in cases]
    theirs = peers.recorded(registries)
    assert sum(theirs) > 1000 < theirs.count(False)
    if peers.is_here():
        assert [found is not None for found, _ in peers.asked(registries)] == theirs
    assert [verdict(case) is not None for case in cases] == theirs


def test_an_answer_that_is_locked_comes_back():
    """For every answer: with it as the lock, the same answer, whatever else there is."""
    for seed in range(500):
        case = small(seed)
        if chosen := verdict(case):
            assert verdict(case._replace(preferred=chosen)) == chosen, seed


def test_the_move_that_an_explanation_suggests_is_enough():
    """Where another range is suggested for the request, that request has an answer with the versions that are told."""
    moves = 0
    for seed in range(1000):
        case = small(seed)
        found = re.search(r"Ask for `(\w+)@(\S+)` instead of `\w+@(\S+)`: it comes to (.+)\.$", told(case))
        if found is None:
            continue
        name, new, old, versions = found.groups()
        changed = {(name, old): VersionRange(new)}
        request = [
            need._replace(range=changed.get((need.slot.name, need.range.text), need.range)) for need in case.request
        ]
        answer = told(case._replace(request=request)).split(", ")
        assert set(re.split(r", | and ", versions)) <= set(answer), seed
        moves += 1
    assert moves > 100


def everything_told():
    """What becomes of many small registries and some large ones."""
    for seed in range(300):
        yield told(small(seed))
    for seed in range(3):
        stock, request = hard(seed, templates=300)
        yield told(Case(stock, request, {}))
        yield told(Case(stock, [need._replace(range=VersionRange(">=4.4")) for need in request], {}))


def test_answers_and_explanations_do_not_depend_on_the_process():
    """Three processes with different hash seeds say the same, word for word."""
    script = "from tests.properties.test_resolutions import everything_told\nprint(*everything_told(), sep='\\n')"
    said = []
    for seed in ("0", "1", "4242"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", script]
        said.append(
            subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
        )
    assert said[0].count("no versions satisfy") > 100
    assert said[0] == said[1] == said[2]


# ------------------------------------------------------------------ broken resolvers must be noticed


def admit_one_more(monkeypatch):
    real = Domains.admitted
    monkeypatch.setattr(Domains, "admitted", lambda *given: real(*given) | 0b10)


def learn_too_much(monkeypatch):
    def resolved(self, terms, others, variable):
        return tuple(term for term in sorted({*terms, *others}) if term[0] != variable)

    monkeypatch.setattr(Board, "_resolved", resolved)


def forget_what_versions_use(monkeypatch):
    monkeypatch.setattr(Domains, "needs", lambda *_: ())


def decide_against_the_needs(monkeypatch):
    monkeypatch.setattr(Board, "propagate", lambda self: None)


def take_yanked_versions(monkeypatch):
    real = Domains.clause
    monkeypatch.setattr(Domains, "clause", lambda self, fact: None if isinstance(fact, Withdrawn) else real(self, fact))


@pytest.mark.parametrize(
    "mutant",
    [admit_one_more, learn_too_much, forget_what_versions_use, decide_against_the_needs, take_yanked_versions],
)
def test_a_broken_resolver_is_noticed(mutant, monkeypatch):
    """With a part of it broken on purpose, some registry shows it: the comparison can fail."""
    mutant(monkeypatch)
    noticed = 0
    for seed in range(300):
        case = small(seed)
        try:
            noticed += (verdict(case) is None) != (first_found(case, case.request, {}) is None)
        except (AssertionError, IndexError, KeyError, ValueError, RecursionError):
            noticed += 1
        if noticed:
            break
    assert noticed
