"""Which version of every template a request comes to: a solver over finite sets of versions that asks a delegate.

It knows names, versions and ranges only; what is installed, locked or yanked is the `Supply`'s to say. The same request
and the same supply give the same answer in every process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from knows_core import RegistryError
from knows_registry.resolving.derivation import core, facts_of, lines_of
from knows_registry.resolving.domains import Answers, in_order
from knows_registry.resolving.loosening import Problem, suggestion
from knows_registry.resolving.search import Refusal, search

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from knows_core import Version, VersionRange


class Slot(NamedTuple):
    """A place in a composition that one version fills.

    Everybody who uses `name` without an alias shares one; `alias` opens another for the template `user` that gave it.
    """

    name: str
    alias: str = ""
    user: str = ""

    def __str__(self) -> str:
        return f"{self.name} (as {self.alias} in {self.user})" if self.alias else self.name


class Need(NamedTuple):
    """What a template, or the request, wants in a slot."""

    slot: Slot
    range: VersionRange


class Candidate(NamedTuple):
    """A version that exists. `yanked` and `deprecated` are the reasons, empty where it is neither.

    A yanked version is chosen only where it is preferred (locked) or wanted exactly; a deprecated one only where the
    range admits no other that can be had.
    """

    version: Version
    yanked: str = ""
    deprecated: str = ""


class Supply(Protocol):
    """What the solver asks. Each answer is asked for at most once per name, or name and version, in one resolution."""

    def candidates(self, name: str) -> Sequence[Candidate]:
        """Every version of a template, in any order; none where the name is unknown."""
        ...

    def needs(self, name: str, version: Version) -> Sequence[Need]:
        """What one version uses. Asked only of versions that come into question, so that others need not be loaded."""
        ...

    def hint(self, name: str) -> str:
        """Where a template of which there is none could be had from, as a sentence; empty where nobody knows."""
        ...


class Unsatisfiable(RegistryError):
    """No versions of the templates satisfy the request. `lines` derives it, `suggestion` is the next move."""

    code = "unsatisfiable"
    sentence = "no versions satisfy the request:{derivation}"
    remedy = "{suggestion}"


def resolve(
    request: Sequence[Need], supply: Supply, *, preferred: Mapping[Slot, Version] | None = None
) -> dict[Slot, Version]:
    """The versions that satisfy the request and all that they need in turn, by slot in their order.

    `preferred` (the lock) is kept wherever it can be; else the newest version is taken. Raises Unsatisfiable.
    """
    answers, kept, wanted = Answers(supply), preferred or {}, in_order(request)
    found = search(wanted, answers, kept)
    if isinstance(found, Refusal):
        raise _refused(found, wanted, answers, kept)
    return found


def _refused(
    refusal: Refusal, request: Sequence[Need], answers: Answers, preferred: Mapping[Slot, Version]
) -> Unsatisfiable:
    domains = refusal.domains
    proof = core(refusal.proof, domains)
    facts = facts_of(proof)
    lines = lines_of(proof, domains)
    derivation = "".join(f"\n{number}. {line}" for number, line in enumerate(lines, 1))
    move = suggestion(Problem(request, answers, preferred, domains, facts))
    missing = sorted({domains.slots[fact.of].name for fact in facts if not domains.candidates[fact.of]})
    return Unsatisfiable(lines=lines, derivation=derivation, suggestion=move, missing=missing)
