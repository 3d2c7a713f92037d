"""Settings and manifest of a vote of trained models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from coner.config.experiment import Experiment
from coner.config.section import Fraction, Positive, Section, Seed
from coner.families.manifest import Manifest


class VoteMember(Section):
    """One model of a vote."""

    folder: Path = Field(description="folder of a trained model")
    kind: str
    seed: Seed | None = Field(None, description="seed of its training, if it has one")
    weight: Positive = 1.0


class VoteSettings(Section):
    """How models vote."""

    members: Annotated[tuple[VoteMember, ...], Field(min_length=1)]
    threshold: Fraction | Literal["auto"] = Field(
        0.5, description="a mention needs a higher score; auto: the best of thresholds on the dev split"
    )
    thresholds: Annotated[tuple[Fraction, ...], Field(min_length=1)] = Field(
        (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6),
        description="candidates for auto; the one with the best macro F1 on the dev split is chosen",
    )


class VoteExperiment(Experiment):
    """The settings of ``coner vote``: not read from a config, but recorded like those of every run."""

    kind: Literal["vote"] = "vote"
    seed: Seed = Field(0, description="not used: voting is deterministic; the members have their own seeds")
    vote: VoteSettings


class MemberEntry(Section):
    """A member in ``model.json``: the name of its run, and its weight in the vote."""

    name: str
    weight: Positive


class VoteManifest(Manifest):
    """``model.json`` of a vote."""

    threshold: Fraction
    members: Annotated[tuple[MemberEntry, ...], Field(min_length=1)]
