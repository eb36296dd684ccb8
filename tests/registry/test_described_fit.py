"""What fits what among described types: the matrix of the type check, and what only descriptions have."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from knows_core.describing.descriptors import described, described_together
from knows_core.types import Fit
from knows_registry.contracts.contract_diff import Answer, fits
from tests.core.test_types_matrix import MATRIX
from tests.registry.contract_rows import colour, list_of, model, record

OLD_CHECKS = "class with validators of the old kind"  # which a description does not tell


def verdict(produced, consumed, **options):
    sides = [described_together({"it": one}) for one in (produced, consumed)]
    return fits(*(side.types["it"] for side in sides), *(side.definitions for side in sides), **options)


@pytest.mark.parametrize(("produced", "consumed", "expected"), [pytest.param(*row, id=name) for name, *row in MATRIX])
def test_a_description_promises_nothing_that_the_annotation_does_not(produced, consumed, expected, request):
    """Yes only where the annotations fit or convert, no only where they do not; else undecided, with the reason."""
    found = verdict(produced, consumed)
    if OLD_CHECKS not in request.node.name:
        assert found.answer is not Answer.YES or expected in (Fit.FITS, Fit.CONVERTS)
    assert found.answer is not Answer.NO or expected is Fit.DOES_NOT_FIT
    assert found.reason or found.answer is Answer.YES


def test_most_of_the_matrix_is_decided():
    """Three of four pairs that fit are a yes, three of four that do not are a no."""
    found = [(expected, verdict(produced, consumed).answer) for _, produced, consumed, expected in MATRIX]
    for fit, answer in ((Fit.FITS, Answer.YES), (Fit.DOES_NOT_FIT, Answer.NO)):
        answers = [one for expected, one in found if expected is fit]
        assert answers.count(answer) > 0.75 * len(answers)


def test_the_path_leads_to_what_does_not_fit():
    """A place deep inside is named as in a contract: fields, items, keys and values."""
    parts = (model("Part", sizes=kind) for kind in (dict[str, int], dict[str, str]))
    found = verdict(*(model("Recipe", parts=list_of(part)) for part in parts))
    assert (found.answer, found.path, found.reason) == (Answer.NO, ".parts[].sizes{}", "int is no str")


@pytest.mark.parametrize("one_origin", [True, False])
def test_a_class_is_the_same_only_among_versions_of_one_template(one_origin):
    """Two plugins may have two dataclasses of one name and structure, which are not each other's."""
    pump = record("Pump", ("name", str))
    assert verdict(pump, pump | None, one_origin=one_origin).answer is (Answer.YES if one_origin else Answer.UNDECIDED)


def test_a_class_that_refers_to_itself_fits_itself():
    """The comparison ends, and a difference at the bottom is found."""
    assert verdict(Node, Node).answer is Answer.YES
    assert verdict(list[Node], list[Leaf]).answer is Answer.NO


def test_a_description_that_brings_its_definitions_along_is_understood():
    """As manifests hold it for what goes into a used template and what is wanted of its result."""
    part = model("Part", tag=str)
    assert fits(described(part), described(part), {}, {}).answer is Answer.YES
    wanted = {"kind": "all_of", "of": [described(part), described(int)]}
    found = fits(described(part), wanted, {}, {})
    assert (found.answer, found.reason) == (Answer.NO, "Part is no int")


def test_what_a_contract_does_not_tell_is_undecided():
    """A reference to nothing, a description of a later kind: never an error, never a yes."""
    for odd in ({"ref": "Gone"}, {"kind": "quantum"}, {"kind": "result of:fix"}):
        assert fits({"kind": "int"}, odd, {}, {}).answer is not Answer.YES
        assert fits(odd, {"kind": "int"}, {}, {}).answer is not Answer.YES


def test_an_enum_may_lose_no_member_on_its_way():
    """Two versions of one enum: what is produced may have fewer members."""
    assert verdict(colour("RED"), colour("RED", "BLUE")).answer is Answer.YES
    found = verdict(colour("RED", "BLUE"), colour("RED"))
    assert (found.answer, found.reason) == (Answer.NO, "Colour has no BLUE, or another")


class Node(BaseModel):
    value: int
    next: Node | None = None


class Leaf(BaseModel):
    value: str
    next: Leaf | None = None
