"""What changed between two versions of a template, and which part of the version that raises.

Works on profiles alone: neither version need be importable. `fits`, which tells whether one described type may be
handed to another, is public here for everybody who compares described types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from knows_core import Version, VersionRange
from knows_registry.contracts.contract_rules import (
    OTHER_RULES,
    TYPE_RULES,
    Bump,
    is_raised,
    largest,
    lowered,
    next_version,
)
from knows_registry.contracts.contract_walk import Side, differences, shown
from knows_registry.contracts.described import Typed, words
from knows_registry.contracts.described_fit import fits
from knows_registry.contracts.described_verdict import Answer, Verdict
from knows_registry.contracts.shape_diff import covering, is_resumable, shape_changes
from knows_registry.contracts.version_ranges import is_within

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from knows_registry.manifests.profile import Profile

__all__ = ["Answer", "Bump", "Change", "Verdict", "compare", "fits", "is_raised", "next_version", "required_bump"]

CONTRACT: Final = "contract"
RESUME: Final = "resume"
UNDECIDED: Final = "undecided"
_PATCHES: Final = ("step-appended", "wording")


class Change(NamedTuple):
    """One difference between two versions.

    `breaks` is `contract` where users of the old version may fail, `resume` where its runs cannot go on, else empty.
    `signed` is the reason with which the author declares a change compatible that cannot be compared, and `covered`
    the range of the declared migration that takes runs over.
    """

    path: str
    rule: str
    says: str
    was: str
    now: str
    bump: Bump
    breaks: str = ""
    why: str = ""
    signed: str = ""
    covered: str = ""

    def __str__(self) -> str:
        told = " -> ".join(part for part in (self.was, self.now) if part)
        why = f" ({self.why})" if self.why else ""
        return f"{self.path}: {self.says}{': ' if told else ''}{told}{why}"


def compare(old: Profile, new: Profile, *, signed: Mapping[str, str] | None = None) -> list[Change]:
    """Every change from one version to another, those that ask for most first.

    `signed` maps paths of changes that cannot be compared to the reason why they are compatible. A new version whose
    migrations are not known counts as one that declares none. Before 1.0.0 a rule asks for one part less.
    """
    found = [*_contract_changes(old, new), *_use_changes(old, new), *_shape_changes(old, new)]
    if not found and old.contract_digest != new.contract_digest:
        found.append(_plain("contract", UNDECIDED, "", ""))
    if old.name != new.name:
        found.append(_plain("name", "name-changed", old.name, new.name))
    if old.summary != new.summary and _is_whole(old, new):
        found.append(_plain("summary", "wording", old.summary, new.summary))
    version = Version(old.version)
    settled = [_signed(one, signed or {}) for one in dict.fromkeys(found)]
    return sorted(
        (one._replace(bump=lowered(one.bump, version)) for one in settled),
        key=lambda one: (-one.bump.weight, one.path),
    )


def _is_whole(*profiles: Profile) -> bool:
    """Whether all tell more than a contract: one that was printed alone has neither shape nor summary."""
    return all(one.shape for one in profiles)


def required_bump(changes: Iterable[Change]) -> Bump:
    """The part of the version that the changes ask to be raised."""
    return largest(one.bump for one in changes)


def _signed(change: Change, signed: Mapping[str, str]) -> Change:
    reason = signed.get(change.path, "")
    if change.rule != UNDECIDED or not reason:
        return change
    return change._replace(bump=Bump.MINOR, breaks="", signed=reason)


# ------------------------------------------------------------------ the contract


def _contract_changes(old: Profile, new: Profile) -> Iterator[Change]:
    was, now = ({**one.contract, "definitions": one.definitions} for one in (old, new))
    yield from _typed(was, now, was["input"], now["input"], "input", Side.IN)
    yield from _typed(was, now, was["output"], now["output"], "output", Side.OUT)
    yield from _taken_keys(was, now)
    yield from _defaults(old, new)
    yield from _produced_keys(was, now)
    yield from _errors(old, new)
    yield from _decisions(was, now)
    yield from _classes(was, now)


def _typed(
    was: Mapping[str, Any],
    now: Mapping[str, Any],
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    path: str,
    side: Side,
) -> Iterator[Change]:
    for one in differences(Typed(old, was["definitions"]), Typed(new, now["definitions"]), path, side):
        rule = TYPE_RULES[one.rule]
        bump = rule.going_in if side is Side.IN else rule.coming_out
        yield Change(one.path, one.rule, rule.says, one.was, one.now, bump, _breaks(bump), one.why)


def _plain(path: str, rule: str, was: str, now: str) -> Change:
    says, bump = OTHER_RULES[rule]
    return Change(path, rule, says, was, now, bump, _breaks(bump))


def _breaks(bump: Bump) -> str:
    return CONTRACT if bump is Bump.MAJOR else ""


def _taken_keys(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    before, after = was["state_in"], now["state_in"]
    for key in sorted({*before, *after}):
        path, old, new = f"state_in.{key}", before.get(key), after.get(key)
        if old is None:
            rule = "key-new-required" if new["required"] else "key-new-optional"
            yield _plain(path, rule, "", _words(new["type"], now))
        elif new is None:
            yield _plain(path, "key-no-longer-read", _words(old["type"], was), "")
        else:
            if old["required"] != new["required"]:
                yield _plain(path, "key-now-required" if new["required"] else "key-now-optional", "", "")
            yield from _typed(was, now, old["type"], new["type"], path, Side.IN)


def _produced_keys(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    """Keys that the template leaves behind; one that it requires is its caller's, whatever becomes of it."""
    given, needed = _required(was), _required(now)
    before, after = was["state_out"], now["state_out"]
    for key in sorted({*before, *after} - given):
        path = f"state_out.{key}"
        if key in before and key in after:
            yield from _typed(was, now, before[key], after[key], path, Side.OUT)
        elif key in before:
            yield _plain(path, "key-no-longer-produced", _words(before[key], was), "")
        elif key not in needed:
            yield _plain(path, "key-newly-produced", "", _words(after[key], now))


def _required(contract: Mapping[str, Any]) -> set[str]:
    return {key for key, one in contract["state_in"].items() if one["required"]}


def _words(of: Mapping[str, Any], contract: Mapping[str, Any]) -> str:
    return words(Typed(of, contract["definitions"]))


def _defaults(old: Profile, new: Profile) -> Iterator[Change]:
    """Defaults of state keys, where both versions tell them: what a caller gets who leaves the key out."""
    before, after = old.defaults or {}, new.defaults or {}
    says, bump, _ = TYPE_RULES["default-changed"]
    for key in sorted(before.keys() & after.keys()):
        if before[key] != after[key]:
            told = shown(before[key]), shown(after[key])
            yield Change(f"state_in.{key}", "default-changed", says, *told, bump, _breaks(bump))


def _errors(old: Profile, new: Profile) -> Iterator[Change]:
    """Errors that callers must expect; whoever is ready for a class is ready for those that derive from it."""
    before, after = ([str(one) for one in profile.contract["errors"]] for profile in (old, new))
    for one in after:
        classes = set(new.lineage.get(one, ()))
        if one not in before:
            expected = next((other for other in before if classes.issuperset(old.lineage.get(other, (other,)))), "")
            yield _plain("errors", "error-narrower" if expected else "error-new", expected, one)
        elif lost := [base for base in old.lineage.get(one, ()) if classes and base not in classes]:
            yield _plain("errors", "error-base-lost", f"{one} was a {lost[0]}", "")
    yield from (_plain("errors", "error-gone", one, "") for one in before if one not in after)


def _decisions(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    before, after = ({one["path"]: one for one in contract["decisions"]} for contract in (was, now))
    for name in dict.fromkeys([*before, *after]):
        path, old, new = f"decisions.{name}", before.get(name), after.get(name)
        if old is None or new is None:
            yield _plain(path, "decision-new" if old is None else "decision-gone", "", "")
            continue
        if old["role"] != new["role"]:
            rule = "decision-role" if new["role"] else "decision-any-role"
            yield _plain(path, rule, old["role"] or "anybody", new["role"] or "anybody")
        if (old["payload"] is None) != (new["payload"] is None):
            told = ("nothing" if one["payload"] is None else "a value" for one in (old, new))
            yield _plain(path, "decision-payload", *told)
        elif old["payload"] is not None:
            yield from _typed(was, now, old["payload"], new["payload"], path, Side.IN)


def _classes(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    """Classes whose recorded values the new version does not take: those with other fields."""
    before, after = was["definitions"], now["definitions"]
    for name in sorted(before.keys() & after.keys()):
        old, new = (_outline(one[name]) for one in (before, after))
        if old != new and old and new:
            yield _plain(f"classes.{name}", "class-changed", ", ".join(old), ", ".join(new))


def _outline(definition: Mapping[str, Any]) -> list[str]:
    return [f"{one['name']}: {words(Typed(_bare(one['type']), {}))}" for one in definition.get("fields", ())]


def _bare(of: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: one for key, one in of.items() if key not in ("bounds", "unread", "field")}


# ------------------------------------------------------------------ what it uses


def _use_changes(old: Profile, new: Profile) -> Iterator[Change]:
    before, after = _uses(old), _uses(new)
    for name in sorted({*before, *after}):
        path, was, now = f"uses.{name}", before.get(name), after.get(name)
        if was is None or now is None or was.name != now.name:
            yield from [_plain(path, "use-gone", str(was), "")] if was is not None else []
            yield from [_plain(path, "use-new", "", str(now))] if now is not None else []
            continue
        if not is_within(VersionRange(was.range), VersionRange(now.range)):
            yield _plain(path, "use-narrower", was.range, now.range)
        elif not is_within(VersionRange(now.range), VersionRange(was.range)):
            yield _plain(path, "use-wider", was.range, now.range)
        if was.keys != now.keys:
            yield _plain(path, "use-keys", str(was.keys), str(now.keys))


class _Use(NamedTuple):
    name: str
    range: str
    keys: Any = None

    def __str__(self) -> str:
        return f"{self.name}@{self.range}"


def _uses(profile: Profile) -> dict[str, _Use]:
    """What it uses by name and what is built into it, by path."""
    built_in = {path: _Use(name, wanted) for path, (name, wanted) in profile.contract["uses"].items()}
    return built_in | {one.path: _Use(one.name, one.range, one.keys) for one in profile.uses}


# ------------------------------------------------------------------ runs under way


def _shape_changes(old: Profile, new: Profile) -> Iterator[Change]:
    if not _is_whole(old, new):
        return
    covered = covering(old.shape, new.shape, old.version, new.migrations or ())
    breaks = "" if covered or is_resumable(old.shape, new.shape) else RESUME
    for rule, was, now in shape_changes(old.shape, new.shape):
        stops = breaks if rule not in _PATCHES else ""
        yield _plain("shape", rule, was, now)._replace(breaks=stops, covered=covered if rule not in _PATCHES else "")
