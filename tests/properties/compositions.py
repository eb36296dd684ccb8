"""Random small compositions: templates of steps, branches and turns that share state and use each other by name."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Annotated, Any

from pydantic import BaseModel

from knows_core import (
    Continue,
    Fallback,
    PipelineWorkflow,
    Reducer,
    approval,
    case,
    each,
    parallel,
    pipeline,
    repeat,
    scope,
    step,
    use,
)
from knows_core.linking import Linker
from knows_registry.manifests.manifest_text import Manifest, manifest_in, text_of
from knows_registry.manifests.profile import profile_of
from knows_registry.told import definition_in


class Lot(BaseModel):
    serial: str
    size: int = 25


class Crate(BaseModel):
    serial: int
    heat: float = 1.0
    alarms: Annotated[list[int], Reducer(lambda one, other: one + other)] = []


KINDS: list[Any] = [int, int, int, float, str, list[int], list[str], int | str, tuple[int, str], Lot, Any]
KEYS = ["serial", "size", "heat", "alarms", "lot", "weight"]


def never(value, state):
    return False


class Manifests:
    """Templates as they come back from a manifest, each chosen for whatever uses it."""

    def __init__(self, *templates: PipelineWorkflow) -> None:
        profiles = tuple(profile_of(one.definition) for one in templates)
        manifest = manifest_in(text_of(Manifest("acme", profiles)), "acme")
        self._definitions = {one.name: definition_in(one) for one in manifest.profiles}

    def linked(self, name):
        """The definition of one, with all that it uses in its place."""
        told: Any = self._definitions[name]
        return Linker(None, composed=self).definition(told)

    def take(self, wanted, alias, user):
        return SimpleNamespace(definition=self._definitions[wanted.name])


class Shelf:
    """Templates `t0`, `t1`, ..., without problems of their own, each made of those before it; as engines find them."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._count = 0
        self.templates: list[PipelineWorkflow] = []
        while len(self.templates) < 4:
            made = self._template(f"t{len(self.templates)}")
            if made.validate():
                self.templates.append(made)

    def find(self, requirement):
        return next(one for one in self.templates if one.name == requirement.name)

    def _template(self, name):
        any_of = self._random.choice
        model = any_of([None, None, Lot, Crate])
        required = self._keys() if model is None else []
        types = any_of(["strict", "strict", "lenient", "warn", "off"])
        return pipeline([self._node(2) for _ in range(any_of([1, 2, 3]))], name=name, version="1.0", state=model,
                        required_state=required, types=types)  # fmt: skip

    def _named(self):
        self._count += 1
        return f"s{self._count}"

    def _keys(self):
        return self._random.sample(KEYS, self._random.choice([0, 0, 1, 2]))

    def _step(self):
        any_of = self._random.choice

        def function(value): ...
        def watching(value, state): ...
        def first(): ...

        made: Any = any_of([function, function, watching, first])
        made.__annotations__ = {"value": any_of(KINDS)} if made is not first else {}
        made.__annotations__ |= {"return": any_of(KINDS)} if any_of([True, True, True, False]) else {}
        on_error: Any = any_of([None] * 6 + [Continue(), Fallback(any_of([1, "a", [1]])), lambda context: None])
        reads, writes = (any_of([None, self._keys()]) for _ in range(2))
        return step(made, name=self._named(), on_error=on_error, reads=reads, writes=writes)

    def _flow(self, depth):
        nodes = [self._node(depth - 1) for _ in range(self._random.choice([1, 1, 2]))]
        return nodes[0] if len(nodes) == 1 else nodes[0] | nodes[1]

    def _used(self):
        any_of = self._random.choice
        keys = any_of([None, None, self._named(), dict(zip(self._keys(), self._random.sample(KEYS, 2), strict=False))])
        if any_of([True, True, True, False]):
            return use(any_of(self.templates).name, "^1", alias=self._named(), keys=keys)
        return use(any_of(self.templates), alias=self._named(), keys=keys)

    def _node(self, depth):
        any_of = self._random.choice
        kind = any_of(["step", "step", "use", "use", *(["around"] if depth else [])])
        if kind == "use" and self.templates:
            return self._used()
        return self._around(depth) if kind == "around" else self._step()

    def _around(self, depth):
        any_of = self._random.choice
        name = any_of([None, self._named()])
        match any_of(["parallel", "list", "case", "default", "each", "repeat", "scope", "instead", "approval"]):
            case "parallel":
                return parallel(self._flow(depth), self._flow(depth), name=name)
            case "list":
                return self._step() | [self._flow(depth), self._flow(depth)]
            case "case":
                return case((never, self._flow(depth)), name=name)
            case "default":
                return case((never, self._flow(depth)), self._flow(depth), name=name)
            case "each":
                return each(self._flow(depth), name=name)
            case "repeat":
                return repeat(self._flow(depth), until=never, max_times=2, name=name)
            case "scope":
                return scope(self._flow(depth), name=name, on_error=any_of([None, Continue(), Fallback(1)]))
            case "instead":
                return scope(self._flow(depth), name=name, on_error=Fallback(self._flow(depth)))
            case _:
                return approval(self._named(), payload=any_of(list[Any]([None, int, str])), into=any_of([None, "lot"]))
