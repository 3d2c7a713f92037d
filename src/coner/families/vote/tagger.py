"""A tagger over taggers: each predicts entities with a confidence, and together they vote.

The score of a labelled span is the weighted mean of the members' confidences, 0 for a member without that span. The
spans that do not overlap and have the highest sum of (score - threshold) are chosen (``decoding.spans``). That choice
is exact: two members with the halves of a mention can outvote a third with the whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from pathlib import Path

from coner.core.errors import ConfigError, ModelError
from coner.core.types import Entity, Sentence
from coner.decoding.spans import select_spans
from coner.families import load as load_tagger
from coner.families.manifest import MANIFEST
from coner.families.members import place, write_with_members
from coner.families.registry import family
from coner.families.tagger import Prediction, Tagger
from coner.families.vote.settings import MemberEntry, VoteManifest


@dataclass(frozen=True)
class Member:
    """One tagger of a vote.

    Attributes:
        name: base name of the folder that it was trained in.
        folder: of its model now.
        tagger: opened from there.
        weight: in the mean, above 0.
    """

    name: str
    folder: Path
    tagger: Tagger
    weight: float = 1.0


class VoteTagger(Tagger):
    """Tags by vote.

    Args:
        members: at least one; their order does not change the result.
        threshold: a mention needs a higher score.

    Raises:
        ConfigError: the taxonomies differ, or a member asks an endpoint.
    """

    kind = "vote"

    def __init__(self, members: Sequence[Member], *, threshold: float) -> None:
        first = members[0]
        for member in members:
            if family(member.tagger.kind).asks_endpoint:
                raise ConfigError(
                    f"{member.folder}: got a model of kind {member.tagger.kind}, which asks an endpoint; a vote cannot "
                    "limit its cost. Fix: leave it out"
                )
            if member.tagger.taxonomy.coarse_by_fine != first.tagger.taxonomy.coarse_by_fine:
                one, two = (f"{each.folder} ({each.tagger.taxonomy.name})" for each in (first, member))
                raise ConfigError(
                    f"{one}, {two}: got different taxonomies; expected one. Fix: train with data.taxonomy"
                )
        known = {label for member in members for label in member.tagger.labels}
        self.members = tuple(members)
        self.threshold = threshold
        self.taxonomy = first.tagger.taxonomy
        self.labels = tuple(label for label in self.taxonomy.labels if label in known)

    @property
    def hardware(self) -> str:
        """That of the members."""
        return "; ".join(dict.fromkeys(m.tagger.hardware for m in self.members if m.tagger.hardware))

    def predict(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        """The best choice among the spans that the members predict, each with its score."""
        for sentence, (spans, repaired) in zip(sentences, self.votes(sentences), strict=True):
            yield Prediction(sentence, tuple(select_spans(spans, self.threshold)), repaired)

    def votes(self, sentences: Sequence[Sentence]) -> list[tuple[list[Entity], int]]:
        """For each sentence all spans that members predict, sorted by last word, and the number of repaired tags.

        Spans may overlap. The members tag one after another, so that their memory does not add up.
        """
        confidences: list[defaultdict[Entity, list[float]]] = [defaultdict(list) for _ in sentences]
        repaired = [0] * len(sentences)
        for member in self.members:
            for number, prediction in enumerate(member.tagger.predict(sentences)):
                repaired[number] += prediction.repaired
                for entity in prediction.entities or ():
                    confidences[number][entity].append(member.weight * entity.score)
        return [(self._scored(spans), count) for spans, count in zip(confidences, repaired, strict=True)]

    def _scored(self, confidences: Mapping[Entity, Sequence[float]]) -> list[Entity]:
        total = fsum(member.weight for member in self.members)  # fsum does not depend on the order of the members
        return [
            Entity(e.start, e.end, e.label, min(fsum(confidences[e]) / total, 1.0))
            for e in sorted(confidences, key=lambda e: (e.end, e.start, e.label))
        ]

    def save(self, folder: Path) -> None:
        """Write the model folder with all members in it, all of it or nothing; ``OutputError`` if that fails.

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
        raise ModelError(f"{folder}/{MANIFEST}: damaged: {error}. Fix: copy the folder again") from None
