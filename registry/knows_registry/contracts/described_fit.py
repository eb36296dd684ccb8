"""Whether a value of one described type may be handed to a consumer of another, told from the descriptions alone.

The rules are those of `knows_core.types`, for classes that are no longer there. What a description does not tell, such
as which class derives from which where it has no lineage, is undecided: never yes where the classes themselves would be
refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from knows_registry.contracts.described import Typed, bound_words, read, single, words
from knows_registry.contracts.described_bounds import NARROWING, UNDERSTOOD, follows, holds, length_of
from knows_registry.contracts.described_classes import class_rule, values_of
from knows_registry.contracts.described_structures import lost_in_a_dump
from knows_registry.contracts.described_verdict import YES, Answer, Verdict, all_of, any_of, each_of, no, undecided

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from knows_registry.contracts.described import Marks, Reading

_DEEPEST: Final = 50
_MOST_QUESTIONS: Final = 5_000


def fits(
    produced: Mapping[str, Any],
    consumed: Mapping[str, Any],
    produced_definitions: Mapping[str, Any],
    consumed_definitions: Mapping[str, Any],
    *,
    one_origin: bool = False,
) -> Verdict:
    """Whether every value of the produced description may be handed to a consumer that declares the other one.

    `one_origin`: both come from versions of one template, so that classes of one name and structure are one class, and
    marks that nobody understands but that are equal are one mark. A description that `described` made brings its own
    definitions. Never raises for what `knows_core.describing.descriptors` made.
    """
    comparison = Comparison(one_origin)
    target = Typed(consumed, consumed_definitions)
    found = comparison.ask(Typed(produced, produced_definitions), target)
    lost = lost_in_a_dump(target) if found is YES and comparison.converts else ""
    return undecided(f"if they are two classes, a dump would not bring back {lost}") if lost else found


class Comparison:
    """One question about two descriptions, and the questions about their parts that are still open."""

    def __init__(self, one_origin: bool) -> None:
        self.one_origin = one_origin
        self.converts = False  # whether the answer is for classes that may be two of one structure
        self._open: list[tuple[str, int, str, int]] = []
        self._questions = 0

    def ask(self, produced: Typed, consumed: Typed) -> Verdict:
        """Compare two. A pair that is asked about inside itself fits if nothing else speaks against it."""
        self._questions += 1
        if len(self._open) >= _DEEPEST or self._questions > _MOST_QUESTIONS:
            return undecided("the types are nested too deeply to compare")
        pair = (produced.text, id(produced.definitions), consumed.text, id(consumed.definitions))
        if pair in self._open:
            return YES
        self._open.append(pair)
        found = self._compare(read(produced, produced=True), read(consumed, produced=False))
        self._open.pop()
        return found

    def _compare(self, produced: Reading, consumed: Reading) -> Verdict:
        if consumed.opaque:
            return undecided(consumed.opaque)
        if consumed.kind == "all_of":  # several that take it, each in its own way
            return all_of(self._compare(produced, read(one, produced=False)) for one in consumed.args)
        takes_all = consumed.kind == "any" and not consumed.is_marked
        if takes_all or (produced.kind == "never" and not produced.opaque):
            return YES
        why = produced.opaque or self._changing(produced, consumed)
        if why:
            return undecided(why)
        if produced.kind == "union":
            return each_of(self._compare(read(one, produced=True).beside(produced), consumed) for one in produced.args)
        if produced.kind == "literal":
            return self._one_by_one(produced, produced.body.of["values"], consumed)
        return all_of([self._types(produced, consumed), self._marks(produced, consumed)])

    def _one_by_one(self, produced: Reading, values: Iterable[Mapping[str, Any]], consumed: Reading) -> Verdict:
        return each_of(self._compare(single(produced, one), consumed) for one in values)

    def _types(self, produced: Reading, consumed: Reading) -> Verdict:
        if consumed.kind == "any":
            return YES
        if consumed.kind == "union":  # one of its members may be anything
            return self._choices(produced, consumed)
        if produced.kind == "any":
            return undecided("anything may come")
        if produced.kind == "unread":
            return undecided("it is not described what comes")
        if consumed.kind == "never":
            return no("nothing may come")
        if consumed.kind == "newtype":
            return self._new_type(produced, consumed)
        if consumed.kind == "literal":
            return self._literal(produced, consumed)
        return class_rule(produced, consumed, self)

    def _new_type(self, produced: Reading, consumed: Reading) -> Verdict:
        name = consumed.body.of["class"]
        found = self._compare(produced, read(consumed.body.part(consumed.body.of["of"]), produced=False))
        may_be = found.partly or found.answer is not Answer.NO
        return found if name in produced.names else no(f"it was not made by {name.rpartition(':')[2]}", partly=may_be)

    def _choices(self, produced: Reading, consumed: Reading) -> Verdict:
        best = any_of(self._compare(produced, read(one, produced=False)) for one in consumed.args)
        best = self._split(produced, consumed, best)
        if best.answer is not Answer.NO or best.path:
            return best
        return no(f"{words(produced.body)} is none of {words(consumed.body)}", partly=best.partly)

    def _literal(self, produced: Reading, consumed: Reading) -> Verdict:
        values = consumed.body.of["values"]
        if any(one["type"] == "unread" for one in values) or produced.kind in ("class", "protocol"):
            return undecided("the values cannot be told apart")
        if produced.value:
            same = any(one == produced.value for one in values)
            return YES if same else no(f"{produced.value['value']!r} is none of {words(consumed.body)}")
        partly = any(one["type"] == produced.kind for one in values)
        return self._split(
            produced, consumed, no(f"{words(produced.body)} is none of {words(consumed.body)}", partly=partly)
        )

    def _split(self, produced: Reading, consumed: Reading, found: Verdict) -> Verdict:
        """A better verdict where a type has few values and each of them fits somewhere."""
        groups = () if produced.value or found is YES else values_of(produced)
        each = [any_of(self._compare(single(produced, one), consumed) for one in group) for group in groups]
        return any_of([found, all_of(each)]) if each else found

    def _changing(self, produced: Reading, consumed: Reading) -> str:
        """What may change or widen one of the two in a way that nobody understands, as a sentence; empty if nothing."""
        mine, wanted = list(_odd(produced)), list(_odd(consumed))
        if self.one_origin:
            both = [one for one in mine if one in wanted]
            mine = [(rule, limit) for rule, limit in mine if (rule, limit) not in both and rule not in NARROWING]
            wanted = [one for one in wanted if one not in both]
        odd = list(dict.fromkeys(rule for rule, _ in [*wanted, *mine]))
        return f"{', '.join(odd)} is not understood" if odd else ""

    def _marks(self, produced: Reading, consumed: Reading) -> Verdict:
        unknown = [one for one in consumed.unread if _is_text(one) and not (self.one_origin and one in produced.unread)]
        if unknown:
            return undecided(f"{', '.join(unknown)} is not understood")
        given = produced.bounds + length_of(produced)
        return all_of(_within(bound, produced, given) for bound in consumed.bounds if bound[0] in UNDERSTOOD)


def _odd(reading: Reading) -> Marks:
    """The marks that are more than a bound or a text."""
    rules = [one for one in reading.bounds if one[0] not in UNDERSTOOD]
    return (*rules, *((one, None) for one in reading.unread if not _is_text(one)))


def _is_text(mark: str) -> bool:
    """Whether it is a text such as `"bar"`, which narrows a type at most."""
    return mark.startswith('"')


def _within(bound: tuple[str, Any], produced: Reading, given: Marks) -> Verdict:
    answer = holds(produced.value, bound) if produced.value else follows(bound, given)
    said = bound_words(*bound)
    if answer is None:
        return undecided(f"nothing says that it is {said}")
    return YES if answer else no(f"it is not {said}")
