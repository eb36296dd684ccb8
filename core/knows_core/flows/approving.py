"""`approval`: a place in a flow where the run waits for a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from knows_core.errors import ContractError
from knows_core.flow import Flow, I_contra, O_co
from knows_core.flows.stepping import seconds

if TYPE_CHECKING:
    from typing import TypeVar, overload

    T = TypeVar("T")

NOTHING_MORE: Final = None


@dataclass(frozen=True, slots=True, eq=False)
class Approval(Flow[I_contra, O_co]):
    """A decision that a person makes on what comes in.

    `expires` is in seconds from when it is asked for. `payload` is the type of the value that the person gives along,
    `into` the state key that keeps who decided.
    """

    name: str
    role: str | None = None
    expires: float | None = None
    payload: Any = NOTHING_MORE
    into: str | None = None
    kind: ClassVar[str] = "approval"


if TYPE_CHECKING:

    @overload
    def approval(
        name: str, *, role: str | None = None, expires: float | None = None, payload: type[T], into: str | None = None
    ) -> Flow[Any, T]: ...
    @overload
    def approval(
        name: str, *, role: str | None = None, expires: float | None = None, into: str | None = None
    ) -> Flow[Any, Any]: ...


def approval(
    name: str,
    *,
    role: str | None = None,
    expires: float | None = None,
    payload: Any = NOTHING_MORE,
    into: str | None = None,
) -> Flow[Any, Any]:
    """Let the run wait, driven by nobody, until a person approves what comes in.

    In `plan | approval("apply") | apply`, what `plan` made is shown, recorded and handed on; an answer counts for
    exactly that. `role` is what the person must decide as, `expires` how many seconds the question stands. With
    `payload`, the person gives a value of that type along, which is handed on instead. `into` names a state key that
    gets `by`, `role`, `at`, `note` and the digest of what was `shown`. A rejected or expired approval is
    a failure at its path. Raises ContractError.
    """
    for option, text in (("name", name), ("role", role), ("into", into)):
        if text is not None and (not isinstance(text, str) or not text):
            raise ContractError(f"approval: {option}: expected a text, found {text!r}")
    return Approval(name, role, seconds(expires, "approval: expires"), payload, into)
