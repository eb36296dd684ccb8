"""The grammar beside SemVer 2.0 and PEP 440: where both agree it follows them, where they differ it takes no side."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion as NotPep440
from packaging.version import Version as Pep440

from knows_core import Version
from knows_core.errors import InvalidVersion
from knows_core.version import VersionRange

# The pattern that semver.org suggests, with its named groups.
SEMVER = re.compile(
    r"(?P<major>0|[1-9]\d*)\.(?P<minor>0|[1-9]\d*)\.(?P<patch>0|[1-9]\d*)"
    r"(?:-(?P<pre>(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+(?P<build>[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?"
)
small = st.integers(0, 3)
stages = st.none() | st.tuples(st.sampled_from(["alpha", "beta", "rc"]), st.integers(0, 12))
texts = st.builds(
    lambda major, minor, patch, stage: f"{major}.{minor}.{patch}" + (f"-{stage[0]}.{stage[1]}" if stage else ""),
    small, small, small, stages,
)  # fmt: skip
comparators = st.builds(lambda sign, text: f"{sign}{text}", st.sampled_from(["==", "!=", ">=", "<=", ">", "<"]), texts)


def semver_key(text):
    """Precedence by item 11 of SemVer 2.0.0, from its words.

    "Precedence MUST be calculated by separating the version into major, minor, patch and pre-release identifiers";
    "a pre-release version has lower precedence than the associated normal version"; "identifiers consisting of only
    digits are compared numerically", those with letters "lexically in ASCII sort order", "numeric identifiers always
    have lower precedence than non-numeric identifiers", and "a larger set of pre-release fields has a higher
    precedence than a smaller set, if all of the preceding identifiers are equal".
    """
    found = SEMVER.fullmatch(text)
    assert found, text
    identifiers = found["pre"].split(".") if found["pre"] else []
    pre = [(0, int(one), "") if one.isdigit() else (1, 0, one) for one in identifiers]
    return int(found["major"]), int(found["minor"]), int(found["patch"]), not identifiers, pre


@given(texts, texts)
@example("1.0.0-rc.2", "1.0.0-rc.10")
@example("1.0.0-rc.1", "1.0.0")
def test_the_order_is_that_of_semver(one, other):
    """For all a, b of three parts: a < b exactly if SemVer gives a the lower precedence."""
    assert (Version(one) < Version(other)) == (semver_key(one) < semver_key(other))
    assert (Version(one) <= Version(other)) == (semver_key(one) <= semver_key(other))
    assert (Version(one) > Version(other)) == (semver_key(one) > semver_key(other))
    assert (Version(one) >= Version(other)) == (semver_key(one) >= semver_key(other))


@given(texts)
def test_every_canonical_text_is_valid_in_both(text):
    """What Version writes SemVer reads, and PEP 440 reads as the same three numbers and stage."""
    canonical = str(Version(text))
    assert SEMVER.fullmatch(canonical)
    assert Pep440(canonical).release == Version(text).release
    assert Pep440(canonical).is_prerelease == Version(text).is_prerelease


@pytest.mark.parametrize(
    ("text", "semver", "pep440", "because"),
    [
        ("1.2.3-1", "older than 1.2.3", "newer than 1.2.3", "a pre-release there, a post-release here"),
        ("1.2.3+build.5", "equal to 1.2.3", "newer than 1.2.3", "build metadata there, a local version here"),
        ("1.2.3-x.7", "older than 1.2.3", "invalid", "SemVer takes any identifier"),
        ("1.2.3-alpha.beta", "older than 1.2.3", "invalid", "SemVer takes any number of identifiers"),
        ("1.2.3-0.3.7", "older than 1.2.3", "invalid", "SemVer takes numbers alone"),
        ("1.2.3-dev.1", "older than 1.2.3", "older than 1.2.3", "below alpha in PEP 440, above beta in SemVer"),
        ("1.2.3rc1", "invalid", "older than 1.2.3", "the spelling of PEP 440"),
        ("1.2.3.post1", "invalid", "newer than 1.2.3", "SemVer has no post-releases"),
        ("1!1.2.3", "invalid", "newer than 1.2.3", "SemVer has no epochs"),
        ("1.2.3.4", "invalid", "newer than 1.2.3", "SemVer has three numbers"),
        ("v1.2.3", "invalid", "equal to 1.2.3", "PEP 440 leaves the v out"),
        ("01.2.3", "invalid", "equal to 1.2.3", "PEP 440 leaves zeros out"),
    ],
)
def test_what_the_two_read_differently_is_refused(text, semver, pep440, because):
    """A text that one of them reads otherwise than the other, or not at all, is no version here."""
    assert SEMVER.fullmatch(text) is not None or semver == "invalid"
    if semver != "invalid":
        mine, release = semver_key(text), semver_key("1.2.3")
        assert semver == ("older than 1.2.3" if mine < release else "equal to 1.2.3")
    try:
        theirs = Pep440(text)
    except NotPep440:
        assert pep440 == "invalid"
    else:
        word = "older than" if theirs < Pep440("1.2.3") else "newer than" if theirs > Pep440("1.2.3") else "equal to"
        assert pep440 == f"{word} 1.2.3"
    with pytest.raises(InvalidVersion):
        Version(text)


def test_dev_is_left_out_because_the_two_order_it_differently():
    """PEP 440: "dev" sorts before "alpha"; SemVer: "in ASCII sort order", so after it."""
    assert Pep440("1.0.0.dev1") < Pep440("1.0.0-alpha.1")
    assert semver_key("1.0.0-dev.1") > semver_key("1.0.0-alpha.1")


# ------------------------------------------------------------------ ranges


def is_named(version, versions_range):
    """Whether a range names a pre-release of the same three numbers, as node-semver asks."""
    named = [Version(one) for one in re.findall(r"\d+\.\d+\.\d+-\w+\.\d+", str(versions_range))]
    return any(one.release == version.release for one in named)


@given(st.lists(comparators, min_size=1, max_size=3).map(",".join), texts)
@example("<2.0.0", "2.0.0-rc.1")
@example("<2.0.0-rc.2", "2.0.0-rc.1")
@example(">2.0.0-rc.1", "2.0.0")
@example("<=2.0.0", "2.0.0-rc.1")
def test_comparators_are_those_of_pep_440(text, version):
    """For comparators C and a version v: v in C exactly if PEP 440 has it in C, and names it if it is a pre-release.

    PEP 440: "The exclusive ordered comparison <V MUST NOT allow a pre-release of the specified version unless the
    specified version is itself a pre-release." SemVer has an order only, in which 2.0.0-rc.1 lies below 2.0.0.
    """
    theirs = SpecifierSet(text).contains(version, prereleases=True)
    ours, read = VersionRange(text), Version(version)
    assert (read in ours) == (theirs and (not read.is_prerelease or is_named(read, text)))


@pytest.mark.parametrize(
    ("text", "version", "pep440", "ours", "because"),
    [
        (">=2.0.0-rc.1", "3.0.0-alpha.1", True, False, "a pre-release of other numbers is not named"),
        ("<2.0.0-rc.1", "1.5.0-rc.1", True, False, "PEP 440 allows all pre-releases once one is named"),
        ("==1.2", "1.2.0", True, True, "both fill up with zeros"),
        (">1.2", "1.2.1", True, True, "both compare numbers"),
        ("<2", "2.0.0-rc.1", False, False, "both leave out a pre-release of the bound"),
        ("<=2.0.0", "2.0.0-rc.1", True, False, "it lies below, but nobody named it"),
    ],
)
def test_pre_releases_are_narrower_than_in_pep_440(text, version, pep440, ours, because):
    """As in node-semver a range admits those of the three numbers that it names, and no other."""
    assert SpecifierSet(text).contains(version, prereleases=True) == pep440
    assert (Version(version) in VersionRange(text)) == ours


@pytest.mark.parametrize("text", ["~=1.2", "~=1.2.3", "===1.2.3", "==1.2.*", "!=1.*"])
def test_forms_of_pep_440_that_have_a_clearer_one_are_refused(text):
    """`~=1.2` admits 1.9 and `~=1.2.0` does not: `^1.2` and `~1.2` say which is meant."""
    assert SpecifierSet(text)
    with pytest.raises(InvalidVersion):
        VersionRange(text)


@given(texts, texts)
def test_caret_and_tilde_are_two_comparators(bound, version):
    """For b and v: "^b" is ">=b,<c" with c the next version of its first number that is not 0; "~b" of its minor."""
    major, minor, patch = Version(bound).release
    caret = (
        f"{major + 1}.0.0" if major else f"0.{minor + 1}.0" if minor else f"0.0.{patch + 1}"
    )  # fmt: skip
    assert (Version(version) in VersionRange(f"^{bound}")) == (Version(version) in VersionRange(f">={bound},<{caret}"))
    tilde = f"{major}.{minor + 1}.0"
    assert (Version(version) in VersionRange(f"~{bound}")) == (Version(version) in VersionRange(f">={bound},<{tilde}"))


# ------------------------------------------------------------------ the version that a range names exactly


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("1.2.3", "1.2.3"), ("=1.2", "1.2.0"), ("==1.2.3-rc.1", "1.2.3-rc.1"), (">=1,==1.2.3", "1.2.3"),
        ("1.2.3,==1.2.3", "1.2.3"), ("*", None), ("^1.2.3", None), ("~1.2.3", None), (">=1.2.3,<=1.2.3", None),
        ("1.2.3,1.2.4", None), ("1.2.3,!=1.2.3", None), ("==1.2.3,>=2", None),
    ],
)  # fmt: skip
def test_a_range_tells_the_version_that_it_names(text, exact):
    """Only where it is spelled out: a range that happens to hold one version names none."""
    assert VersionRange(text).exact == (Version(exact) if exact else None)


@given(st.lists(comparators | texts, min_size=1, max_size=3).map(",".join), texts)
def test_an_exact_range_holds_that_version_alone(text, version):
    """For a range R with R.exact = x: v in R exactly if v == x."""
    if (exact := VersionRange(text).exact) is not None:
        assert exact in VersionRange(text)
        assert (Version(version) in VersionRange(text)) == (Version(version) == exact)
