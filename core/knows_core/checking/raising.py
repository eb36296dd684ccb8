"""The errors that a template's steps declare to raise, less those that its policies surely take away.

Only the template speaks here: what handlers of plugins answer is not in it, nor what the machine itself makes of a time
limit, a refused value or a person's no, which no step declares.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from knows_core.errors.flow import ScopeTimeout
from knows_core.flow import Part, Scope, Step
from knows_core.flows.paths import DEEPEST
from knows_core.recovery import Continue, Fallback

if TYPE_CHECKING:
    from knows_core.flow import Flow
    from knows_core.recovery import OnError

_Kinds = frozenset[type[Exception]]
_Answers = tuple["OnError | None", ...]  # of what failed and of what is around it in its template, the inner first
_NOTHING: Final[_Kinds] = frozenset()


class _Leaving(NamedTuple):
    """The errors that leave a flow: the template around it may answer the `open` ones, nobody the `final` ones."""

    open: _Kinds = _NOTHING
    final: _Kinds = _NOTHING

    def beside(self, other: _Leaving) -> _Leaving:
        """These and others."""
        return _Leaving(self.open | other.open, self.final | other.final)


def escaping(flow: Flow[Any, Any]) -> _Kinds:
    """The declared errors that may leave a flow. Those of templates that it names are known when it is linked."""
    leaving = _leaving(flow, (), 0)
    return leaving.open | leaving.final


def _leaving(node: Flow[Any, Any], around: _Answers, depth: int) -> _Leaving:
    if depth > DEEPEST:
        return _Leaving()
    if isinstance(node, Step):
        declared = frozenset(node.raises or ())
        late = frozenset(one for one in declared if issubclass(one, ScopeTimeout))  # only what is around is asked
        return _answered(declared - late, (node.on_error, *around)).beside(_answered(late, around))
    if isinstance(node, Part):  # for the flow around it, a part is one step
        inside = _leaving(node.definition.flow, (), depth + 1)
        return _answered(inside.open, around).beside(_Leaving(final=inside.final))
    if isinstance(node, Scope):
        first, *otherwise = node.inner
        inside = _leaving(first, (node.on_error, *around), depth + 1)
        return reduce(_Leaving.beside, (_leaving(one, around, depth + 1) for one in otherwise), inside)
    return reduce(_Leaving.beside, (_leaving(one, around, depth + 1) for one in node.inner), _Leaving())


def _answered(errors: _Kinds, answers: _Answers) -> _Leaving:
    """What is left of errors when the first answer has been given."""
    first = next((one for one in answers if one is not None), None)
    if first is None:
        return _Leaving(open=errors)
    if isinstance(first, Continue | Fallback):
        return _Leaving()
    # A Fail is final, a handler may say Fail, and where nobody records the run a Suspend is the end of it.
    return _Leaving(final=errors)
