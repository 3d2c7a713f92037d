"""A tagger over taggers: each gives its entities with their probabilities, and together they choose.

A span with a label scores the weighted mean of the probabilities that the members give it, 0 where one does not. Those
are chosen that make the most of the sum of (score - threshold), none over another (``choice.choose``): exact, so that
two members with halves of a mention can outvote a third with the whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, inf
from pathlib import Path
from typing import Any

from coner.core.errors import ConfigError, ModelError
from coner.core.types import Entity, Sentence
from coner.decoding.select import select_spans
from coner.families import load as load_tagger
from coner.families.asking import Asking
from coner.families.manifest import CARD
from coner.families.members import place, write_with_members
from coner.families.tagger import Tagger


@dataclass(frozen=True)
class Member:
    """One that votes.

    Attributes:
        name: the base name of the folder that it was trained in.
        folder: where its files lie now.
        tagger: opened from there.
        weight: how much it counts, above 0.
    """

    name: str
    folder: Path
    tagger: Tagger
    weight: float = 1.0


class VoteTagger(Tagger):
    """Tags by vote.

    Args:
        members: at least one; their order changes nothing but the order of their folders.
        threshold: what the score of a mention must exceed.

    Raises:
        ConfigError: the members' taxonomies differ, or one asks an endpoint, which may owe an answer.
    """

    kind = "vote"

    def __init__(self, members: Sequence[Member], *, threshold: float) -> None:
        first = members[0]
        for member in members:
            if isinstance(member.tagger, Asking):
                what = f"is of kind {member.tagger.kind}, which asks an endpoint"
                raise ConfigError(f"{member.folder}: {what}; a vote cannot bound what that costs: leave it out")
            if member.tagger.taxonomy.coarse_by_fine != first.tagger.taxonomy.coarse_by_fine:
                one, two = (f"{each.folder} ({each.tagger.taxonomy.name})" for each in (first, member))
                raise ConfigError(f"{one} and {two}: two taxonomies; expected members of one: train with data.taxonomy")
        known = {label for member in members for label in member.tagger.labels}
        self.members = tuple(members)
        self.threshold = threshold
        self.taxonomy = first.tagger.taxonomy
        self.labels = tuple(label for label in self.taxonomy.labels if label in known)
        self.repaired = 0

    @property
    def computes(self) -> str:
        """As its members do."""
        return "; ".join(dict.fromkeys(m.tagger.computes for m in self.members if m.tagger.computes))

    def tag(self, sentences: Sequence[Sentence]) -> list[list[Entity]]:
        """Entities of each sentence, in order, each with its score."""
        return [select_spans(spans, self.threshold) for spans in self.votes(sentences)]

    def votes(self, sentences: Sequence[Sentence]) -> list[list[Entity]]:
        """Of each sentence every span that a member gives, with its score, by last word; they may overlap.

        One member after another goes over all sentences: what they need of memory does not add up.
        """
        shares: list[defaultdict[Entity, list[float]]] = [defaultdict(list) for _ in sentences]
        for member in self.members:
            before = member.tagger.repaired
            for given, entities in zip(shares, member.tagger.tag(sentences), strict=True):
                for entity in entities:
                    given[entity].append(member.weight * entity.score)
            self.repaired += member.tagger.repaired - before
        whole = fsum(member.weight for member in self.members)
        # fsum: the same to the last bit in whatever order the members come.
        return [
            [
                Entity(e.start, e.end, e.label, min(fsum(given[e]) / whole, 1.0))
                for e in sorted(given, key=lambda e: (e.end, e.start, e.label))
            ]
            for given in shares
        ]

    def save(self, folder: Path) -> None:
        """Write the model folder with those of the members in it, whole or not at all; ``OutputError`` if that fails.

        Raises:
            ModelError: a member's folder is gone or damaged.
        """
        card = {
            "kind": self.kind,
            "labels": list(self.labels),
            "taxonomy": self.taxonomy.as_dict(),
            "threshold": self.threshold,
            "members": [{"name": member.name, "weight": member.weight} for member in self.members],
        }
        write_with_members(folder, card, [member.folder for member in self.members])


def load(folder: Path, card: dict[str, Any]) -> VoteTagger:
    """The tagger of a model folder whose ``model.json`` is ``card``.

    Raises:
        ModelError: its members do not fit ``model.json``.
        MissingExtra: a member's kind needs packages that are not installed.
    """
    try:
        told = [(str(m["name"]), float(m["weight"])) for m in card["members"]]
        threshold = float(card["threshold"])
        if not told or not all(0 < weight < inf for _, weight in told) or not 0 <= threshold <= 1:
            raise ValueError("expected members with weights above 0, and a threshold from 0 to 1")
        places = [folder / place(number) for number in range(1, len(told) + 1)]
        members = [
            Member(name, where, load_tagger(where), weight) for where, (name, weight) in zip(places, told, strict=True)
        ]
        return VoteTagger(members, threshold=threshold)
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise ModelError(f"{folder}/{CARD}: damaged ({error}); vote again or copy the folder again") from None
