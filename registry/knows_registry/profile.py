"""What is known of a template version without running it: what its manifest tells, or its definition once imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from knows_core.records import Shape
    from knows_core.template import Definition


class Used(NamedTuple):
    """One use of another template by name: where it stands, the wanted range, the alias or an empty text.

    `given` and `taken` describe (see `knows_core.descriptors`) what comes into it there and what is wanted of its
    result; None where the flow does not say. `keys` is the mapping of state keys, or the name space as a text.
    """

    path: str
    name: str
    range: str
    alias: str = ""
    given: Mapping[str, Any] | None = None
    taken: Mapping[str, Any] | None = None
    keys: Mapping[str, str] | str = ""


class Profile(NamedTuple):
    """A template version as data: everything that listing, showing, locking and checking across plugins need.

    `contract` and `shape` are those of the template before its uses are linked; `uses` names them.
    """

    name: str
    version: str
    summary: str
    contract: Mapping[str, Any]
    contract_digest: str
    shape: Shape
    shape_digest: str
    uses: tuple[Used, ...] = ()
    yanked: str = ""
    deprecated: str = ""
    successor: str = ""


def profile_of(definition: Definition) -> Profile:
    """The profile of a template at hand, nothing linked. Notices are not in it: a manifest carries those."""
    raise NotImplementedError(definition)
