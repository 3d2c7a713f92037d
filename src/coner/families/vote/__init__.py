"""Several trained models that vote: weighted confidences of spans, and the best choice among them."""

from __future__ import annotations

from pathlib import Path

from coner.families.family import Family
from coner.families.registry import families
from coner.families.tagger import Tagger
from coner.families.vote.settings import VoteExperiment, VoteManifest


@families.register
class VoteFamily(Family):
    """The declaration of the family."""

    kind = "vote"
    description = "A vote of several trained models"
    settings = VoteExperiment
    manifest = VoteManifest

    def load(self, folder: Path, manifest: VoteManifest) -> Tagger:
        """Open a vote with its members."""
        from coner.families.vote.tagger import load

        return load(folder, manifest)
