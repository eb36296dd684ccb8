"""The registry of a command: where nothing is compared before it is imported, a person is told so once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knows_registry.cli.answer import shown
from knows_registry.registry import Registry

if TYPE_CHECKING:
    from knows_registry.cli.answer import Answers


def registry_of(answers: Answers, *, quiet: bool = False, kind: type[Registry] = Registry) -> Registry:
    """What is installed. A program, or whoever wants quiet, gets no notice."""

    def tell(sentence: str) -> None:
        answers.note(shown(f"kwf: {sentence}"))

    return kind(notice=None if quiet or answers.json else tell)
