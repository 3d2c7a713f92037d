"""The run of a vote: open the members, and choose a threshold on the dev split."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coner.core.errors import ConfigError
from coner.core.files import sha256
from coner.data import Corpus
from coner.data.splits import SplitCache, describe, read_named_splits
from coner.decoding.spans import select_spans
from coner.evaluation.score import score_sentences
from coner.families import load
from coner.families.family import Built
from coner.families.manifest import MANIFEST, read_manifest
from coner.families.recipe import Inputs, Place, Recipe
from coner.families.vote.settings import VoteExperiment, VoteMember
from coner.families.vote.tagger import Member, VoteTagger
from coner.hub import model_name


def members_of(folders: Sequence[Path], weights: Sequence[float] = ()) -> tuple[VoteMember, ...]:
    """Model folders as members of a vote.

    Args:
        folders: of trained models, each once.
        weights: one for each folder; none: equal weights.

    Raises:
        ConfigError: a folder is named twice, the number of weights is wrong, or a weight is not above 0.
        ModelError: a folder has no model, or a damaged one.
    """
    if weights and len(weights) != len(folders):
        raise ConfigError(f"--weights: got {len(weights)}; expected {len(folders)}, one for each model")
    for weight in weights:
        if not 0 < weight < math.inf:
            raise ConfigError(f"--weights: got {weight:g}; expected numbers above 0. Fix: leave that model out")
    places = [folder.resolve() for folder in folders]
    for number, place in enumerate(places):
        if place in places[:number]:
            raise ConfigError(f"{folders[number]}: got this model twice; expected it once. Fix: give it a weight")
    members = []
    for place, weight in zip(places, weights or [1.0] * len(places), strict=True):
        manifest = read_manifest(place)
        settings = (manifest.model_extra or {}).get("settings")
        seed = settings.get("seed") if isinstance(settings, dict) else None
        members.append(VoteMember(folder=place, kind=manifest.kind, seed=seed, weight=weight))
    return tuple(members)


class VoteRecipe(Recipe):
    """Writes a model folder with the members in it, and chooses a threshold if that is asked for.

    Args:
        settings: members, and the files to evaluate on; ``data.train`` only distinguishes seen and unseen mentions.
        folder: of the run; no member may be in it.

    Raises:
        ConfigError: the taxonomies differ, a member asks an endpoint, or a dev split is needed and not named.
        ModelError: a member is missing or damaged.
    """

    def __init__(self, settings: VoteExperiment, folder: Path) -> None:
        self.settings: VoteExperiment = settings
        vote = settings.vote
        if vote.threshold == "auto" and settings.data.dev is None:
            raise ConfigError("vote.threshold: got auto without a dev split. Fix: name it with --dev, or set a number")
        for member in vote.members:
            if member.folder.is_relative_to(folder.resolve()):
                raise ConfigError(f"{member.folder}: is in {folder}, which will be written. Fix: give another --out")
        members = [Member(model_name(m.folder), m.folder, load(m.folder), m.weight) for m in vote.members]
        self.tagger = VoteTagger(members, threshold=0.5 if vote.threshold == "auto" else vote.threshold)

    def read(self, cache: SplitCache) -> Inputs:
        """Read the files that are named."""
        return Inputs(read_named_splits(self.settings.data, self.tagger.taxonomy), self.tagger.taxonomy)

    def identity(self, inputs: Inputs) -> dict[str, Any]:
        """Members and their weights, thresholds, taxonomy and data; the manifests have the hashes of the models."""
        vote = self.settings.vote
        return {
            "members": sorted((sha256(member.folder / MANIFEST), member.weight) for member in vote.members),
            "threshold": vote.threshold,
            "thresholds": vote.thresholds if vote.threshold == "auto" else None,
            "taxonomy": inputs.taxonomy.as_dict(),
            "sha256": {name: split.sha256 for name, split in inputs.splits.items() if name != "test"},
        }

    def describe(self, inputs: Inputs) -> str:
        """Members and files."""
        members = [
            f"{model_name(m.folder)}: {m.kind}, seed {m.seed}, weight {m.weight:g}" for m in self.settings.vote.members
        ]
        return "\n".join([*members, *([describe(inputs.splits)] if inputs.splits else [])])

    def build(self, inputs: Inputs, place: Place) -> Built:
        """Choose the threshold and write the model folder."""
        place.claim()
        tagger = self.tagger
        trials = self._choose_threshold(inputs.splits["dev"].corpus) if self.settings.vote.threshold == "auto" else []
        for trial in trials:
            place.log("threshold {threshold:g}  dev micro {micro_f1:.4f}  macro {macro_f1:.4f}".format(**trial))
        place.log(f"threshold {tagger.threshold:g}")
        tagger.save(place.folder)
        return Built(tagger, {"threshold": tagger.threshold, "trials": trials})

    def _choose_threshold(self, dev: Corpus) -> list[dict[str, float]]:
        """Set the threshold with the best macro F1 on the dev split, the first of equal ones; return all scores."""
        votes = self.tagger.votes(dev)
        trials = []
        for threshold in self.settings.vote.thresholds:
            scores = score_sentences(dev, [select_spans(spans, threshold) for spans, _ in votes]).fine
            trials.append({"threshold": threshold, "macro_f1": scores.macro_f1, "micro_f1": scores.micro_f1})
        self.tagger.threshold = max(trials, key=lambda trial: trial["macro_f1"])["threshold"]
        return trials
