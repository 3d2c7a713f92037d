"""A vote of trained models: spans get weighted mean confidences, and the best disjoint set of them is selected."""

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
