"""The run of a vote: open the members, and choose a threshold on the dev split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from coner.core.errors import ConfigError
from coner.core.files import sha256
from coner.data import Corpus
from coner.data.splits import Inputs
from coner.decoding.spans import select_spans
from coner.evaluation.own_labels import dev_f1
from coner.families.family import Built, Place
from coner.families.manifest import MANIFEST, read_manifest
from coner.families.members import Combination
from coner.families.vote.settings import VoteExperiment, VoteMember
from coner.families.vote.tagger import Member, VoteTagger
from coner.hub import model_name


def members_of(folders: Sequence[Path], weights: Sequence[float]) -> tuple[VoteMember, ...]:
    """Model folders as members of a vote.

    Raises:
        ConfigError: a folder is named twice.
        ModelError: a folder has no model, or a damaged one.
    """
    members: dict[Path, VoteMember] = {}
    for folder, weight in zip(folders, weights, strict=True):
        if (place := folder.resolve()) in members:
            raise ConfigError(f"{folder}: got this model twice; expected it once. Fix: give it a weight")
        manifest = read_manifest(place)
        settings = (manifest.model_extra or {}).get("settings")
        seed = settings.get("seed") if isinstance(settings, dict) else None
        members[place] = VoteMember(folder=place, kind=manifest.kind, seed=seed, weight=weight)
    return tuple(members.values())


class VoteRecipe(Combination):
    """Writes a model folder with the members in it; with ``vote.threshold`` = auto it chooses the threshold on dev.

    Raises:
        ConfigError: the taxonomies differ, a member calls an endpoint, or a dev split is needed and not set.
        ModelError: a member is missing or damaged.
    """

    tagger: VoteTagger

    def __init__(self, settings: VoteExperiment, folder: Path) -> None:
        self.vote = vote = settings.vote
        if vote.threshold == "auto" and settings.data.dev is None:
            raise ConfigError("vote.threshold: got auto without a dev split. Fix: name it with --dev, or set a number")
        super().__init__(settings, folder, [member.folder for member in vote.members])
        named = zip(vote.members, self.members, strict=True)
        members = [Member(model_name(m.folder), m.folder, tagger, m.weight) for m, tagger in named]
        self.tagger = VoteTagger(members, threshold=0.5 if vote.threshold == "auto" else vote.threshold)

    def identity(self, inputs: Inputs) -> dict[str, Any]:
        """Members and their weights, thresholds, taxonomy and data; the manifests have the hashes of the models."""
        return {
            "members": sorted((sha256(member.folder / MANIFEST), member.weight) for member in self.vote.members),
            "threshold": self.vote.threshold,
            "thresholds": self.vote.thresholds if self.vote.threshold == "auto" else None,
            "taxonomy": inputs.taxonomy.as_dict(),
            "sha256": {name: split.sha256 for name, split in inputs.splits.items() if name != "test"},
        }

    def describe(self, inputs: Inputs) -> str:
        members = (f"{model_name(m.folder)}: {m.kind}, seed {m.seed}, weight {m.weight:g}" for m in self.vote.members)
        return "\n".join([*members, super().describe(inputs)])

    def build(self, inputs: Inputs, place: Place) -> Built:
        trials = self._choose_threshold(inputs.splits["dev"].corpus) if self.vote.threshold == "auto" else []
        for trial in trials:
            place.log("threshold {threshold:g}  dev micro {micro_f1:.4f}  macro {macro_f1:.4f}".format(**trial))
        place.log(f"threshold {self.tagger.threshold:g}")
        facts = {"threshold": self.tagger.threshold, "trials": trials}
        return replace(super().build(inputs, place), facts=facts)

    def _choose_threshold(self, dev: Corpus) -> list[dict[str, float]]:
        """Set the threshold with the best macro F1, the first one if tied; return all scores."""
        votes = [spans for spans, _ in self.tagger.votes(dev)]
        trials = [
            {"threshold": threshold, **dev_f1(dev, [select_spans(spans, threshold) for spans in votes])}
            for threshold in self.vote.thresholds
        ]
        self.tagger.threshold = max(trials, key=lambda trial: trial["macro_f1"])["threshold"]
        return trials
