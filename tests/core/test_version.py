"""Versions and ranges: the grammar as tables, its rules as properties."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from packaging.version import Version as Pep440

from knows_core import Requirement, Version
from knows_core.errors import InvalidVersion
from knows_core.version import VersionRange

numbers = st.integers(0, 12) | st.integers(0, 10**18 - 1)
stages = st.none() | st.tuples(st.sampled_from(["alpha", "beta", "rc"]), st.integers(0, 12))


@st.composite
def texts(draw) -> str:
    stage = draw(stages)
    release = f"{draw(numbers)}.{draw(numbers)}.{draw(numbers)}"
    return f"{release}-{stage[0]}.{stage[1]}" if stage else release


versions = texts().map(Version)
near = st.builds(  # small numbers, so that a bound is often hit exactly
    lambda major, minor, patch, stage: Version(
        f"{major}.{minor}.{patch}" + (f"-{stage[0]}.{stage[1]}" if stage else "")
    ),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(0, 3),
    stages,
)
signs = st.sampled_from(["", "=", "==", "!=", ">=", "<=", "<", ">", "^", "~"])


# ------------------------------------------------------------------ versions


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("1.0", "1.0.0"), ("0.0", "0.0.0"), ("1.2.3", "1.2.3"), ("1.2.3-rc.1", "1.2.3-rc.1"), ("1.2.0-alpha.0",) * 2],
)
def test_a_version_has_one_canonical_text(text, canonical):
    """Two parts mean a patch of 0."""
    assert str(Version(text)) == canonical
    assert Version(text) == Version(canonical)
    assert hash(Version(text)) == hash(Version(canonical))


@pytest.mark.parametrize(
    "text",
    [
        "", "1", "1.", "1.2.", "1.2.3.4", "v1.2.3", "01.2.3", "1.02.3", "1.2.3-1", "1.2.3-rc1", "1.2.3-rc", "1.2-rc",
        "1.2.3-rc.01", "1.2.3-alpha.beta", "1.2.3-dev.1", "1.2.3+build.5", "1!1.2.3", "1.2.3.post1", " 1.2.3", "1.2.3 ",
        "1.2.3\n", "-1.2.3", "1.-2.3", "1,2", "\u0661.\u0662.\u0663", "1.2.\u00b3", "1.2.3-RC.1",
        "1.2.3-rc.1.2", "9" * 19 + ".0", "1." * 10**6,
    ],
)  # fmt: skip
def test_a_text_outside_the_grammar_is_refused(text):
    """The error names what was expected and cuts what was found."""
    with pytest.raises(InvalidVersion, match=r"expected N\.N") as caught:
        Version(text)
    assert isinstance(caught.value, ValueError)
    assert caught.value.exit_code == 3
    assert len(str(caught.value)) < 400


ORDERED = ("0.0.1", "0.1.0", "1.0.0-alpha.1", "1.0.0-alpha.2", "1.0.0-alpha.10", "1.0.0-beta.1", "1.0.0-rc.1", "1.0.0",
           "1.0.1-rc.1", "1.0.1", "1.1.0", "1.10.0", "2.0.0")  # fmt: skip


def test_versions_are_ordered_by_number_and_a_pre_release_comes_before_its_release():
    """The table is in order, so sorting its reverse gives it back."""
    assert [str(version) for version in sorted(map(Version, reversed(ORDERED)))] == list(ORDERED)


@given(texts())
def test_the_canonical_text_is_read_back_as_the_same_version(text):
    """For every version text t: str(Version(t)) == t for three parts, and Version survives its text and pickle."""
    assert str(Version(text)) == text
    assert pickle.loads(pickle.dumps(Version(text))) == Version(text)  # noqa: S301 - our own bytes
    assert repr(Version(text)) == f"Version('{text}')"


@given(texts(), texts())
def test_the_order_is_that_of_pep_440(one, other):
    """For all a, b in the grammar: a < b as versions exactly if a < b as PEP 440 versions."""
    assert (Version(one) < Version(other)) == (Pep440(one) < Pep440(other))
    assert (Version(one) == Version(other)) == (Pep440(one) == Pep440(other))


@given(versions, versions, versions)
def test_the_order_is_total(a, b, c):
    """Exactly one of a < b, a == b, a > b; and a <= b <= c gives a <= c."""
    assert (a < b) + (a == b) + (a > b) == 1
    low, middle, high = sorted([a, b, c])
    assert low <= middle <= high
    assert low <= high


@given(st.text())
def test_any_text_is_a_version_or_an_invalid_version(text):
    """No other error escapes, and what is accepted has a canonical text."""
    try:
        version = Version(text)
    except InvalidVersion:
        return
    assert Version(str(version)) == version


# ------------------------------------------------------------------ ranges


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("*", "0.0.0 1.2.3 99.0.0", "1.0.0-rc.1"),
        ("", "0.0.0 1.2.3", "1.0.0-rc.1"),
        ("1.2.3", "1.2.3", "1.2.2 1.2.4 1.2.3-rc.1"),
        ("=1.2", "1.2.0", "1.2.1"),
        ("==1.2.3-rc.1", "1.2.3-rc.1", "1.2.3 1.2.3-rc.2"),
        ("^1.2.3", "1.2.3 1.9.0", "1.2.2 2.0.0 2.0.0-rc.1 1.5.0-rc.1"),
        ("^1.2", "1.2.0 1.99.99", "1.1.9 2.0.0"),
        ("^1", "1.0.0 1.9.9", "0.9.9 2.0.0"),
        ("^0.2.3", "0.2.3 0.2.9", "0.2.2 0.3.0"),
        ("^0.0.3", "0.0.3", "0.0.2 0.0.4 0.1.0"),
        ("^0.0", "0.0.0 0.0.9", "0.1.0"),
        ("^0", "0.0.0 0.9.9", "1.0.0"),
        ("^1.2.3-rc.1", "1.2.3-rc.1 1.2.3-rc.2 1.2.3 1.9.0", "1.2.3-beta.9 1.3.0-rc.1 2.0.0"),
        ("~1.2.3", "1.2.3 1.2.9", "1.2.2 1.3.0"),
        ("~1.2", "1.2.0 1.2.9", "1.1.9 1.3.0"),
        ("~1", "1.0.0 1.9.9", "2.0.0"),
        (">=1.2,<2", "1.2.0 1.9.9", "1.1.9 2.0.0 2.0.0-rc.1"),
        (">1.2, <=1.4", "1.2.1 1.4.0", "1.2.0 1.4.1"),
        (">=1.2,!=1.3.1", "1.2.0 1.3.0 1.3.2", "1.3.1"),
        ("<2", "0.0.0 1.9.9", "2.0.0-rc.1 2.0.0"),
        ("<2.0.0-rc.2", "2.0.0-rc.1 1.9.9", "2.0.0-rc.2 2.0.0"),
        (">=2.0.0-rc.1", "2.0.0-rc.1 2.0.0 3.0.0", "2.0.0-beta.1 3.0.0-alpha.1"),
        ("^1.2.3,<1.5", "1.4.9", "1.5.0"),
    ],
)
def test_a_range_holds_what_its_table_says(text, inside, outside):
    """Every form of the grammar with versions on both sides of its bounds."""
    versions_range = VersionRange(text)
    assert [version for version in inside.split() if Version(version) not in versions_range] == []
    assert [version for version in outside.split() if Version(version) in versions_range] == []


@pytest.mark.parametrize(
    "text",
    [
        "latest", "1.2.x", "~=1.2", ">1.2 <2", ">=", ",", "1.2,", "^1.2 ||^2", "===1.2", "^^1", "1.0-rc", "\u0661",
        "1" * 129,
    ],
)  # fmt: skip
def test_a_range_outside_the_grammar_is_refused(text):
    """The error shows the forms."""
    with pytest.raises(InvalidVersion, match="version range"):
        VersionRange(text)


@given(near, near)
def test_comparators_mean_what_they_say_of_releases(bound, version):
    """For releases v, b: v in ">=b" exactly if v >= b, and so on for the other five."""
    assume(not bound.is_prerelease)
    assume(not version.is_prerelease)
    assert (version in VersionRange(f">={bound}")) == (version >= bound)
    assert (version in VersionRange(f">{bound}")) == (version > bound)
    assert (version in VersionRange(f"<={bound}")) == (version <= bound)
    assert (version in VersionRange(f"<{bound}")) == (version < bound)
    assert (version in VersionRange(f"=={bound}")) == (version == bound)
    assert (version in VersionRange(f"!={bound}")) == (version != bound)


@given(st.lists(st.tuples(signs, near), min_size=1, max_size=3), near)
def test_a_comma_means_and_for_releases(parts, version):
    """For a release v: v in "a,b" exactly if v in "a" and v in "b"."""
    assume(not version.is_prerelease)
    texts = [f"{sign}{bound}" for sign, bound in parts]
    assert (version in VersionRange(",".join(texts))) == all(version in VersionRange(text) for text in texts)


@given(st.lists(st.tuples(signs, near), min_size=1, max_size=3), near)
def test_a_pre_release_is_in_a_range_only_where_one_of_its_release_is_named(parts, version):
    """For a pre-release v of R in a range: some bound of the range is a pre-release of R."""
    assume(version.is_prerelease)
    if version in VersionRange(",".join(f"{sign}{bound}" for sign, bound in parts)):
        assert any(bound.is_prerelease and bound.release == version.release for _, bound in parts)


@given(near, near)
def test_caret_keeps_the_left_most_number_that_is_not_zero(bound, version):
    """For releases: v in "^b" exactly if v >= b and both agree up to the first number of b that is not 0."""
    assume(not version.is_prerelease)
    kept = next((place for place, number in enumerate(bound.release) if number), 2) + 1
    agrees = version.release[:kept] == bound.release[:kept]
    assert (version in VersionRange(f"^{bound}")) == (version >= bound and agrees)


@given(near, near)
def test_tilde_keeps_major_and_minor(bound, version):
    """For releases: v in "~b" exactly if v >= b and both agree in the first two numbers."""
    assume(not version.is_prerelease)
    agrees = version.release[:2] == bound.release[:2]
    assert (version in VersionRange(f"~{bound}")) == (version >= bound and agrees)


@given(st.text())
def test_any_text_is_a_range_or_an_invalid_version(text):
    """No other error escapes."""
    try:
        versions_range = VersionRange(text)
    except InvalidVersion:
        return
    assert VersionRange(str(versions_range)) == versions_range


@given(st.lists(st.sampled_from([" ", "\t", "\n", "\r\n", "\x0b", "\x1f"]), min_size=5, max_size=5))
def test_a_range_is_one_line_however_it_was_laid_out(blanks):
    """White space of any kind and length is one space, so that a range fits into every line that names it."""
    before, after_sign, comma, more, after = blanks
    laid_out = VersionRange(f"{before}>={after_sign}1.2,{comma}{more}<2{after}")
    assert str(laid_out) == ">= 1.2, <2"
    assert laid_out == VersionRange(">=1.2,<2")


# ------------------------------------------------------------------ requirements


@pytest.mark.parametrize(
    ("text", "name", "range_text"),
    [
        ("process_control", "process_control", "*"),
        ("process_control@^1.2", "process_control", "^1.2"),
        ("a.b-c @ >=1.2, <2", "a.b-c", ">=1.2, <2"),
        ("a@", "a", "*"),
    ],
)
def test_a_requirement_is_a_name_and_a_range(text, name, range_text):
    """Read from `name` or `name@range`; without a range it is every version."""
    requirement = Requirement.parse(text)
    assert (requirement.name, requirement.range.text) == (name, range_text)
    assert requirement == Requirement(name, range_text)
    assert hash(requirement) == hash(Requirement(name, range_text))
    assert Requirement.parse(str(requirement)) == requirement


@pytest.mark.parametrize("name", ["", "9a", "a b", "a/b", "../a", "a\n", "é", "a" * 129, "-a"])
def test_a_name_outside_the_grammar_is_refused(name):
    """A name goes into files, shells and URLs."""
    with pytest.raises(InvalidVersion, match="template name"):
        Requirement(name)
