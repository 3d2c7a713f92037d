"""The feature CRF: hand-made features, weights fitted by python-crfsuite, exact decoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from coner.core.types import Sentence
from coner.families.crf.settings import CrfExperiment, CrfManifest
from coner.families.family import Built, Family, TrainingJob
from coner.families.recipe import file_hashes
from coner.families.registry import families


@families.register
class CrfFamily(Family):
    """Declaration of the feature CRF."""

    kind = "crf"
    description = "A linear-chain CRF over hand-made features"
    settings = CrfExperiment
    manifest = CrfManifest
    configurable = True
    trains = True
    learns_sets = True
    has_chain = True
    preference = 1
    threaded = False

    def fit(self, settings: CrfExperiment, job: TrainingJob) -> Built:
        """Train a CRF; with ``crf.trials``, keep the best of several."""
        from coner.families.crf.fit import train

        splits = {"train": job.train, "dev": job.dev}
        built = train(settings, **splits, taxonomy=job.taxonomy, log=job.log, knowledge=job.knowledge)
        job.claim()
        built.tagger.save(job.folder)
        return built

    def suits(self, train: Sequence[Sentence]) -> tuple[bool, str]:
        """Any data; the reason is that of the families that do not suit."""
        return True, ""

    def quick(self, values: Mapping[str, Any], train: Sequence[Sentence]) -> dict[str, Any]:
        """Gradient descent on the few features that matter most: about a third of the time of all of them."""
        from coner.families.crf.candidates import lean_features

        return {"crf": {"algorithm": "sgd", "features": list(lean_features(train)), "clusters": []}}

    def identity(self, settings: CrfExperiment) -> dict[str, Any]:
        """The settings, and the hash of the cluster file."""
        cluster_file = settings.crf.cluster_file
        return {**super().identity(settings), "files": file_hashes([cluster_file] if cluster_file else [])}
