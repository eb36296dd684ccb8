"""Flows as small trees, every edit of them, and what an edit may leave unchanged: by the tree, not by the shape.

Names of steps are unique in a tree, and so are the labels of its containers.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace

from knows_core import case, each, parallel, pipeline, repeat, scope, step, use
from knows_core.flow import Sequence


@dataclass(frozen=True)
class Tree:
    """A node: its kind, its own name where it has one, what is inside, and the words that decide which way it goes."""

    kind: str
    name: str = ""
    inside: tuple[Tree, ...] = ()
    words: tuple[str, ...] = ()


def a(name):
    return Tree("step", name)


def seq(*inside):
    return Tree("seq", "", tuple(a(one) if isinstance(one, str) else one for one in inside))


def box(kind, *inside, name="", words=()):
    return Tree(kind, name, tuple(one if one.kind == "seq" else seq(one) for one in map(_tree, inside)), words)


def _tree(one):
    return a(one) if isinstance(one, str) else one


PREDICATES = {
    "yes": lambda result, state: True,
    "no": lambda result, state: False,
    "maybe": lambda result, state: "w" in state,
}
for word, one in PREDICATES.items():
    one.__name__ = word


class Making:
    """Makes templates of trees. Steps note their calls; `broken` names one that fails."""

    def __init__(self):
        self.calls = []
        self.broken = None

    def template(self, tree, version="1.0.0", **more):
        return pipeline(self.flow(tree), name="t", version=version, **more)

    def flow(self, tree):
        inside = [self.flow(one) for one in tree.inside]
        match tree.kind:
            case "step":
                return self.step(tree.name)
            case "seq":
                return Sequence(tuple(inside))
            case "parallel":
                return parallel(*inside, name=tree.name or None)
            case "case":
                asked = [PREDICATES.get(word) for word in tree.words]
                choices = [(one, flow) if one else flow for one, flow in zip(asked, inside, strict=True)]
                return case(*choices, name=tree.name or None)
            case "each":
                return each(inside[0], name=tree.name or None)
            case "repeat":
                return repeat(inside[0], until=PREDICATES[tree.words[0]], max_times=2, name=tree.name or None)
            case "scope":
                return scope(inside[0], name=tree.name or None, timeout=60)
            case _:
                return use(pipeline(inside[0], name=tree.name, version=tree.words[0]))

    def step(self, name):
        def body(result, state):
            self.calls.append(name)
            if name == self.broken:
                raise ConnectionError(name)
            state[name] = name
            if name.startswith("list"):
                return [f"{name}{number}" for number in (1, 2)]
            return f"{name}({result})"

        return step(body, name=name)


def label(tree):
    """What a node is called in paths, as docs/reference/flows.md says."""
    if tree.kind == "seq":
        return label(tree.inside[0])
    if tree.kind in ("each", "repeat"):
        return f"{tree.name or first_name(tree.inside[0])}[]"
    if tree.name:
        return tree.name
    if tree.kind == "parallel":
        return "&".join(map(label, tree.inside))
    return label(tree.inside[0]) + {"case": "?", "scope": "@"}[tree.kind]


def first_name(tree):
    return tree.name or first_name(tree.inside[0])


# ------------------------------------------------------------------ edits


def edits(tree):
    """Every tree with one step or node inserted, renamed, removed, moved, swapped or cut off, or one word changed."""
    found = dict.fromkeys(_edits(tree))
    found.pop(tree, None)
    return list(found)


def _edits(tree):
    if tree.kind == "step":
        yield replace(tree, name="renamed")
        return
    for number, one in enumerate(tree.inside):
        for other in _edits(one):
            yield _with(tree, [*tree.inside[:number], other, *tree.inside[number + 1 :]])
    for number, word in enumerate(tree.words):
        other = {"yes": "no", "no": "yes", "maybe": "no", "1.0.0": "1.1.0"}.get(word)
        if other:
            yield replace(tree, words=(*tree.words[:number], other, *tree.words[number + 1 :]))
    if tree.kind in ("seq", "parallel", "case"):
        yield from _other_orders(tree)
    if tree.kind not in ("seq", "step"):
        yield tree.inside[0] if len(tree.inside) == 1 else seq(*tree.inside)  # what is inside, without it
        if tree.kind not in {"repeat", "each"}:
            yield replace(tree, name="renamed")


def _other_orders(tree):
    inside, words = list(tree.inside), list(tree.words) or [""] * len(tree.inside)
    pairs = list(zip(inside, words, strict=True))
    new = (a("x") if tree.kind == "seq" else seq("x"), "maybe" if tree.kind == "case" else "")
    for at in range(len(pairs) + 1):
        yield _of_pairs(tree, [*pairs[:at], new, *pairs[at:]])
    if len(pairs) > 1:
        for at in range(len(pairs)):
            yield _of_pairs(tree, [*pairs[:at], *pairs[at + 1 :]])
            yield _of_pairs(tree, pairs[: at or 1])
            for to in range(len(pairs)):
                moved = [*pairs[:at], *pairs[at + 1 :]]
                yield _of_pairs(tree, [*moved[:to], pairs[at], *moved[to:]])
    for one, other in itertools.combinations(range(len(pairs)), 2):
        swapped = list(pairs)
        swapped[one], swapped[other] = pairs[other], pairs[one]
        yield _of_pairs(tree, swapped)


def _of_pairs(tree, pairs):
    words = tuple(word for _, word in pairs) if tree.kind == "case" else tree.words
    defaults = [number for number, word in enumerate(words) if word == "else"]
    if tree.kind == "case" and defaults and defaults != [len(words) - 1]:  # only the last one may have no predicate
        pairs = [*(one for one in pairs if one[1] != "else"), *(one for one in pairs if one[1] == "else")]
        words = tuple(word for _, word in pairs)
    return replace(tree, inside=tuple(one for one, _ in pairs), words=words)


def _with(tree, inside):
    return replace(tree, inside=tuple(inside))


# ------------------------------------------------------------------ what may be accepted


class Seen:
    """What the records of a run mention, by the names and labels of nodes."""

    def __init__(self, entries):
        self.made, self.entered, self.joined, self.verdicts = set(), set(), set(), {}
        for one in entries:
            name = re.sub(r"\[\d+\]", "[]", one.content.get("path") or "").rpartition("/")[2]
            match one.kind:
                case "StepDone" | "StepFailed":
                    self.made.add(name)
                case "Entered":
                    self.entered.add(name)
                case "Joined":
                    self.joined.add(name)
                case "Decided":
                    self.verdicts[name] = one.content["verdict"]

    def touches(self, tree):
        mentioned = self.made | self.entered | self.joined | self.verdicts.keys()
        own = tree.kind != "seq" and label(tree) in mentioned
        return own or any(map(self.touches, tree.inside))


def kept(was, now, seen):
    """Whether all that is recorded of one tree is at its place in another one, and was made in the same way."""
    if not seen.touches(was):
        return True
    name = "" if was.kind == "seq" else label(was)
    if was.kind == "repeat" and name in seen.verdicts:
        return was == now  # a turn is over: what it was made of counts
    if name and name in seen.joined:
        return was == now
    if was.kind != now.kind or (name and name != label(now)):
        return False
    if was.kind == "case":
        return _kept_case(was, now, seen)
    if was.kind != "case" and was.words != now.words:
        return False
    return was.kind == "step" or _kept_up_to(was, now, seen)


def _kept_case(was, now, seen):
    taken = seen.verdicts[label(was)]
    if taken < 0:
        return was == now
    before = slice(0, taken)
    if len(now.inside) <= taken or (was.inside[before], was.words[before]) != (now.inside[before], now.words[before]):
        return False
    one, other = was.inside[taken], now.inside[taken]
    return (was.words[taken], label(one)) == (now.words[taken], label(other)) and kept(one, other, seen)


def _kept_up_to(was, now, seen):
    touched = [number for number, one in enumerate(was.inside) if seen.touches(one)]
    if not touched:
        return True
    last = touched[-1]
    if len(now.inside) <= last or was.inside[:last] != now.inside[:last]:
        return False
    one, other = was.inside[last], now.inside[last]
    if was.kind == "parallel" and (len(now.inside) == 1 or label(one) != label(other)):
        return False  # it is no branch any more, or keeps its state under another name
    return kept(one, other, seen)
