"""A registry for whoever goes over everything: what cannot be imported costs itself alone, however it dies."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from knows_core import TemplateBroken
from knows_registry.registry import Registry
from knows_registry.verdict import LIMIT, Verdict, remedy, remember, remembered

if TYPE_CHECKING:
    from knows_core import WorkflowTemplate
    from knows_registry.discover import Entry, Offer


class FoundBroken(TemplateBroken):
    """A template that could not be imported apart, so that it is not imported here."""

    remedy = "{hint}"


class CheckedRegistry(Registry):
    """It imports what came through an import apart, in the last `kwf plugins check` or else right before.

    Raises FoundBroken for the rest. The verdicts are remembered.
    """

    def load(self, offer: Offer) -> WorkflowTemplate:
        """The template of an offer."""
        if offer.entry and offer not in self._loaded:
            self.permission.demand(offer.entry)
            if reason := self._verdict(offer.entry).reason:
                reference = f"{offer} of {offer.entry.source}"
                raise FoundBroken(reference=reference, reason=reason, hint=remedy(offer.entry))
        return super().load(offer)

    @cached_property
    def _verdicts(self) -> dict[Entry, Verdict]:
        return remembered(self.catalog.entries())

    def _verdict(self, entry: Entry) -> Verdict:
        if entry not in self._verdicts:
            from knows_registry.probe import probe  # subprocesses, for what nobody has checked

            fresh, _ = probe([entry], self.permission, limit=LIMIT, now=time.time)
            self._verdicts.update(fresh)
            with suppress(OSError):  # then the next check imports it apart once more
                remember(fresh)
        return self._verdicts[entry]
