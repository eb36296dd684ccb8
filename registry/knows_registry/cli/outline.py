"""A template in short, as its profile tells it: what it takes, its steps, what it uses, what it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from knows_registry.contracts.described import Typed, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from knows_core.journals.records import Shape
    from knows_registry.discover import Offer
    from knows_registry.manifests.profile import Profile, Used

_CLOSED = "end of "


def short(offer: Offer, profile: Profile) -> tuple[dict[str, Any], list[str]]:
    """The facts for a program, and the lines for a person."""
    contract = profile.contract
    taken, given = (words(Typed(contract[end], contract["definitions"])) for end in ("input", "output"))
    notices = {name: getattr(profile, name) for name in ("yanked", "deprecated", "successor")}
    facts = {
        "summary": profile.summary,
        "source": offer.source,
        **{name: one or None for name, one in notices.items()},
        "required_state": profile.required_state,
        "input": taken,
        "output": given,
        "errors": contract["errors"],
        "steps": [path for kind, path, *_ in profile.shape if kind == "step"],
        "parts": [{"path": path, "template": own[0]} for kind, path, *own in profile.shape if kind == "template"],
        "uses": [{"path": one.path, "template": one.name, "range": one.range} for one in profile.uses],
    }
    lines = [
        f"{profile.name}@{profile.version}" + (f"  {profile.summary}" if profile.summary else ""),
        f"from: {offer.source}",
        *(f"{name}: {one}" for name, one in notices.items() if one),
        f"state: {', '.join(_state(contract)) or 'nothing required'}",
        f"input: {taken}",
        f"output: {given}",
        *(f"raises: {one}" for one in contract["errors"]),
        *_outlined(profile.shape, {one.path: one for one in profile.uses}),
    ]
    return facts, lines


def _state(contract: Mapping[str, Any]) -> list[str]:
    """Required keys, then those with a default in brackets."""
    keys = contract["state_in"].items()
    required = [key for key, one in keys if one["required"]]
    return [*required, *(f"[{key}]" for key, one in keys if not one["required"])]


def _outlined(shape: Shape, uses: Mapping[str, Used]) -> Iterator[str]:
    """The nodes below each other, those inside another one further in, those in one of its branches one more."""
    around: list[int] = []  # for each open node how much further in its inner nodes lie
    for kind, path, *deciding in shape:
        if kind.startswith(_CLOSED):
            around.pop()
        elif kind == "branch":
            around[-1] = 2
            yield f"{'  ' * (sum(around) - 1)}- {f'if {deciding[0]}' if deciding else 'branch'}"
        else:
            yield f"{'  ' * sum(around)}- {_titled(kind, path.rpartition('/')[2], deciding, uses.get(path))}"
            if kind != "step":
                around.append(1)


def _titled(kind: str, name: str, deciding: list[str], used: Used | None) -> str:
    if used is not None:
        return f"use {used.name} {used.range}" + (f" as {used.alias}" if used.alias else "")
    if kind == "step":
        return name
    if kind == "template":
        return f"{name} = {deciding[0]}" if name != deciding[0].partition("@")[0] else deciding[0]
    return f"{kind} {name}" + (f" until {deciding[0]}" if deciding else "")
