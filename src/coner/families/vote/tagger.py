"""A tagger over taggers: each gives its entities with their probabilities, and together they choose.

A span with a label scores the weighted mean of the probabilities that the members give it, 0 where one does not. Those
are chosen that make the most of the sum of (score - threshold), none over another (``choice.choose``): exact, so that
two members with halves of a mention can outvote a third with the whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import fsum
from pathlib import Path

from coner.core.errors import ConfigError, ModelError
from coner.core.types import Entity, Sentence
from coner.decoding.select import select_spans
from coner.families import load as load_tagger
from coner.families.manifest import MANIFEST
from coner.families.members import place, write_with_members
from coner.families.registry import family
from coner.families.tagger import Prediction, Tagger
from coner.families.vote.settings import MemberEntry, VoteManifest


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
            if family(member.tagger.kind).asks_endpoint:
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

    @property
    def hardware(self) -> str:
        """As its members do."""
        return "; ".join(dict.fromkeys(m.tagger.hardware for m in self.members if m.tagger.hardware))

    def predict(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        """The best choice among the spans that the members predict, each with its score."""
        for sentence, (spans, repaired) in zip(sentences, self.votes(sentences), strict=True):
            yield Prediction(sentence, tuple(select_spans(spans, self.threshold)), repaired)

    def votes(self, sentences: Sequence[Sentence]) -> list[tuple[list[Entity], int]]:
        """Every span that a member predicts, with its score, by last word; and how many tags were repaired.

        Spans may overlap. One member after another tags all sentences, so that their memory does not add up.
        """
        shares: list[defaultdict[Entity, list[float]]] = [defaultdict(list) for _ in sentences]
        repaired = [0] * len(sentences)
        for member in self.members:
            for number, prediction in enumerate(member.tagger.predict(sentences)):
                repaired[number] += prediction.repaired
                for entity in prediction.entities or ():
                    shares[number][entity].append(member.weight * entity.score)
        whole = fsum(member.weight for member in self.members)
        # fsum: the same to the last bit whatever the order of the members.
        scored = [
            [
                Entity(e.start, e.end, e.label, min(fsum(given[e]) / whole, 1.0))
                for e in sorted(given, key=lambda e: (e.end, e.start, e.label))
            ]
            for given in shares
        ]
        return list(zip(scored, repaired, strict=True))

    def save(self, folder: Path) -> None:
        """Write the model folder with those of the members in it, whole or not at all; ``OutputError`` if that fails.

        Raises:
            ModelError: a member's folder is gone or damaged.
        """
        manifest = VoteManifest(
            kind=self.kind,
            labels=self.labels,
            taxonomy=self.taxonomy,
            threshold=self.threshold,
            members=tuple(MemberEntry(name=member.name, weight=member.weight) for member in self.members),
        )
        write_with_members(folder, manifest, [member.folder for member in self.members])


def load(folder: Path, manifest: VoteManifest) -> VoteTagger:
    """Open the tagger of a model folder.

    Raises:
        ModelError: its members do not fit the manifest.
        MissingExtra: a member's family needs packages that are not installed.
    """
    places = [folder / place(number) for number in range(1, len(manifest.members) + 1)]
    try:
        members = [
            Member(entry.name, where, load_tagger(where), entry.weight)
            for where, entry in zip(places, manifest.members, strict=True)
        ]
        return VoteTagger(members, threshold=manifest.threshold)
    except ConfigError as error:
        raise ModelError(f"{folder}/{MANIFEST}: damaged ({error}); vote again or copy the folder again") from None
