"""A tagger over two: the first one's mentions, and a language model's labels for those that it is not sure of.

Boundaries are what encoders are good at, and asking only about doubtful mentions costs a fraction of asking about every
sentence. A mention without an answer keeps its label. The score stays that of the first model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from coner.core.errors import ConfigError, ModelError
from coner.core.types import Entity, Sentence
from coner.families import load as load_tagger
from coner.families.asking import LEDGER, Asking
from coner.families.hybrid.settings import Candidates
from coner.families.llm.account import Account
from coner.families.llm.prompts.messages import Failure
from coner.families.llm.settings import Budget
from coner.families.llm.span_typer import SpanTyper
from coner.families.llm.tagger import LlmTagger
from coner.families.manifest import CARD
from coner.families.members import place, write_with_members
from coner.families.tagger import Tagger


class HybridTagger(Asking):
    """Finds mentions with one model, and lets another choose the labels of the doubtful ones.

    Args:
        first: finds the mentions.
        llm: is asked for labels, with its examples and its endpoint.
        folders: of both.
        below: confidence of the first one below which the other is asked.
        candidates: which labels it may choose from.

    Raises:
        ConfigError: the taxonomies differ.
    """

    kind = "hybrid"
    unit = "span"
    together = 1

    def __init__(
        self, first: Tagger, llm: LlmTagger, *, folders: tuple[Path, Path], below: float, candidates: Candidates
    ) -> None:
        if first.taxonomy.coarse_by_fine != llm.taxonomy.coarse_by_fine:
            one, two = (
                f"{folder} ({tagger.taxonomy.name})" for folder, tagger in zip(folders, (first, llm), strict=True)
            )
            raise ConfigError(f"{one} and {two}: two taxonomies; expected models of one: train with data.taxonomy")
        self.first = first
        self.llm = llm
        self.folders = folders
        self.below = below
        self.candidates = candidates
        self.taxonomy = first.taxonomy
        self.labels = first.taxonomy.labels
        self.model = llm.model
        self.repaired = 0
        self._typer = SpanTyper(llm.taxonomy, llm.settings.prompt, llm.examples)
        self._failures: Counter[Failure] = Counter()

    @property
    def computes(self) -> str:
        """As its first tagger does."""
        return self.first.computes

    def allow(self, budget: Budget, ledger: Path | None = None) -> None:
        """Bound all calls, and keep answers in this ledger."""
        self.llm.allow(budget, ledger)

    def tag(self, sentences: Sequence[Sentence]) -> list[list[Entity]]:
        """Entities of each sentence, in order."""
        return [entities or [] for entities in self.answers(sentences)]

    def answers(self, sentences: Iterable[Sentence]) -> Iterator[list[Entity] | None]:
        """Entities of each sentence, in order; of none there is no answer."""
        given = list(sentences)
        before = self.first.repaired
        found = self.first.tag(given)
        self.repaired += self.first.repaired - before
        doubtful = [
            (sentence, entity, self._labels(entity))
            for sentence, entities in zip(given, found, strict=True)
            for entity in entities
            if entity.score < self.below
        ]
        labels = iter(list(self._typer(doubtful, self.llm.complete())) if doubtful else [])
        for entities in found:
            yield [self._labelled(e, next(labels)) if e.score < self.below else e for e in entities]

    def account(self) -> Account:
        """What was asked so far."""
        asked = self.llm.account()
        return replace(asked, counts=Counter(self._typer.counts), failures=Counter(self._failures))

    def save(self, folder: Path) -> None:
        """Write the model folder with those of both in it, whole or not at all.

        Raises:
            ModelError: one of the folders is gone or damaged.
            OutputError: it cannot be written.
        """
        card = {
            "kind": self.kind,
            "labels": list(self.labels),
            "taxonomy": self.taxonomy.as_dict(),
            "below": self.below,
            "candidates": self.candidates,
        }
        write_with_members(folder, card, self.folders)

    def _labels(self, entity: Entity) -> list[str]:
        """To choose from; its own first, which is taken where the answer names none."""
        group = self.taxonomy.groups[self.taxonomy.coarse_of(entity.label)]
        others = self.taxonomy.labels if self.candidates == "all" else tuple(group)
        return [entity.label, *(label for label in others if label != entity.label)]

    def _labelled(self, entity: Entity, label: str | Failure) -> Entity:
        if isinstance(label, str):
            return replace(entity, label=label)
        self._failures[label] += 1
        return entity


def load(folder: Path, card: dict[str, Any]) -> HybridTagger:
    """The tagger of a model folder whose ``model.json`` is ``card``.

    Raises:
        ModelError: its members do not fit ``model.json``.
        MissingExtra: a member's kind needs packages that are not installed.
    """
    folders = (folder / place(1), folder / place(2))
    try:
        below, candidates = float(card["below"]), card["candidates"]
        first, llm = (load_tagger(each) for each in folders)
        if not isinstance(llm, LlmTagger) or candidates not in ("all", "group") or not 0 <= below <= 1:
            raise ValueError("expected a language model, all or group as its candidates, and below from 0 to 1")
        llm.allow(Budget(), folder / LEDGER)
        return HybridTagger(first, llm, folders=folders, below=below, candidates=candidates)
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise ModelError(f"{folder}/{CARD}: damaged ({error}); make it again or copy the folder again") from None
