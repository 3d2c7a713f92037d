"""A tagger that combines taggers by a vote on their entities and confidences.

The score of a labelled span is the weighted mean of the members' confidences, 0 for a member without that span. The
disjoint spans with the highest sum of (score - threshold) are selected (``decoding.spans``). The selection is exact:
two members that each predict half of a mention can outvote a third that predicts all of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from pathlib import Path

from coner.core.errors import ConfigError
from coner.core.types import Entity, Sentence
from coner.decoding.spans import select_spans
from coner.families import load as load_tagger
from coner.families.members import saved_members, shared_taxonomy, write_with_members
from coner.families.registry import family
from coner.families.tagger import Prediction, Tagger
from coner.families.vote.settings import MemberEntry, VoteManifest


@dataclass(frozen=True)
class Member:
    """One tagger of a vote."""

    name: str  # base name of the folder that it was trained in
    folder: Path  # of its model now
    tagger: Tagger
    weight: float = 1.0  # above 0


class VoteTagger(Tagger):
    """Tags by a vote of one or more members, whose order does not matter; a mention needs more than ``threshold``.

    Raises:
        ConfigError: the taxonomies differ, or a member calls an endpoint.
    """

    kind = "vote"

    def __init__(self, members: Sequence[Member], *, threshold: float) -> None:
        for member in members:
            if family(member.tagger.kind).calls_endpoint:
                raise ConfigError(
                    f"{member.folder}: got a model of kind {member.tagger.kind}, which calls an endpoint; "
                    "voting cannot limit its cost. Fix: leave it out"
                )
        known = {label for member in members for label in member.tagger.labels}
        self.members = tuple(members)
        self.threshold = threshold
        self.taxonomy = shared_taxonomy([m.tagger for m in members], [m.folder for m in members])
        self.labels = tuple(label for label in self.taxonomy.labels if label in known)

    @property
    def hardware(self) -> str:
        return "; ".join(dict.fromkeys(m.tagger.hardware for m in self.members if m.tagger.hardware))

    def predict_raw(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        """The best disjoint set of the spans that the members predict, each with its score."""
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
        """Write the model folder with all members in it; ``ModelError`` if the folder of one is gone or damaged."""
        entries = tuple(MemberEntry(name=member.name, weight=member.weight) for member in self.members)
        manifest = VoteManifest(
            kind=self.kind,
            labels=self.labels,
            taxonomy=self.taxonomy,
            threshold=self.threshold,
            members=entries,
            operating_point=self.operating_point,
        )
        write_with_members(folder, manifest, [member.folder for member in self.members])


def load(folder: Path, manifest: VoteManifest) -> VoteTagger:
    """Open the tagger of a model folder; ``ConfigError`` if its members do not fit together."""
    folders = saved_members(folder, manifest, len(manifest.members))
    members = [Member(e.name, f, load_tagger(f), e.weight) for e, f in zip(manifest.members, folders, strict=True)]
    return VoteTagger(members, threshold=manifest.threshold)
