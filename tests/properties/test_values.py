"""Values through the codec alone: quick, and shrunk to the smallest value that fails."""

from __future__ import annotations

import contextlib
import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knows_core import NotStorable, TooDeep
from knows_core.testing.value_strategy import recordable
from knows_core.testing.values import CODEC, SAMPLES
from knows_core.values.codec import Codec, UnreadableValue
from knows_core.values.sameness import same
from knows_core.values.traits import is_immutable, private_copy


def text_of(value, codec=CODEC):
    return json.dumps(codec.encode(value), allow_nan=False)


@pytest.mark.fault(47, 50)
@given(recordable())
def test_what_is_recorded_comes_back_the_same(value):
    """decode(encode(x)) is x, by type and bits."""
    assert same(CODEC.decode(json.loads(text_of(value))), value)


@given(recordable())
def test_the_text_is_canonical(value):
    """encode(decode(encode(x))) is encode(x), byte for byte."""
    text = text_of(value)
    assert text_of(CODEC.decode(json.loads(text))) == text


@given(recordable())
def test_a_private_copy_is_the_same(value):
    """A copy is the value, by type and bits; what may be shared is not copied."""
    made = private_copy(value)
    assert same(made, value)
    assert same(copy.deepcopy(value), value)
    assert (made is value) or not is_immutable(value)


@given(recordable(), recordable())
def test_two_values_are_the_same_when_they_are_written_the_same(one, other):
    """same(x, y) if and only if encode(x) = encode(y)."""
    assert same(one, other) == (text_of(one) == text_of(other))


@given(recordable())
def test_without_the_template_every_value_can_be_read(value):
    """Objects are data then, and no value is too odd for that; the rest is as it was."""
    Codec(None).decode(json.loads(text_of(value)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)
WORDS = [
    "text",
    "int",
    "float",
    "bytes",
    "bytearray",
    "complex",
    "range",
    "decimal",
    "uuid",
    "datetime",
    "date",
    "time",
]
TAGS = st.sampled_from(
    [*WORDS, "timedelta", "zone", "dict", "map", "tuple", "set", "frozenset", "enum", "object", "os.system"]
)
FIELDS = st.sampled_from(["of", "text", "hex", "bits", "base64", "at", "zone", "fold", "id", "name", "parts", "safe"])
IDS = st.sampled_from([*(CODEC._types or {}), "os:system", "builtins:dict"])


@pytest.mark.fault(56)
@given(st.dictionaries(FIELDS, JSON | IDS, max_size=6), TAGS)
def test_crafted_data_is_a_value_or_one_error(data, tag):
    """Whatever stands in a record: it decodes, or UnreadableValue says that it does not."""
    for codec in (CODEC, Codec(None)):
        with contextlib.suppress(UnreadableValue):
            codec.decode({**data, "$": tag})


@pytest.mark.fault(46, 47, 48, 49, 50, 51)
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda one: one.name)
def test_the_matrix(sample):
    """Each value of the matrix comes back as the same type and bits, or is refused as it says."""
    if sample.becomes == "same":
        value = sample.make()
        assert same(CODEC.decode(json.loads(text_of(value))), value)
    else:
        with pytest.raises(TooDeep if sample.becomes == "too-deep" else NotStorable) as caught:
            CODEC.encode(sample.make(), "result of a")
        assert caught.value.code == sample.becomes
