"""Several trained models that vote: weighted confidences of spans, and the best choice among them."""

from __future__ import annotations

from coner.families.family import Family
from coner.families.registry import families
from coner.families.vote.settings import VoteExperiment, VoteManifest


@families.register
class VoteFamily(Family):
    """The declaration of the family."""

    kind = "vote"
    description = "A vote of several trained models"
    settings = VoteExperiment
    manifest = VoteManifest
    extra = "encoder"  # of most members
