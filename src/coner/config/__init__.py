"""Typed settings: a TOML file, then dotted overrides; an unknown key is an error.

A config holds only what differs from the defaults here, so that it reads as what the experiment is about.
"""

from __future__ import annotations

from coner.config.crf import Algorithm, CrfSettings
from coner.config.data import DataSettings, ExtraFile, NoiseSettings
from coner.config.encoder import AuxiliarySettings, EncoderSettings, HeadSettings
from coner.config.experiment import (
    CrfExperiment,
    EncoderExperiment,
    Experiment,
    Fitted,
    parse_experiment,
    parse_fitted,
)
from coner.config.hybrid import HybridExperiment, HybridSettings
from coner.config.llm import (
    DEFAULT_KEY,
    Budget,
    Endpoint,
    ExampleSettings,
    LlmExperiment,
    Prices,
    PromptSettings,
)
from coner.config.load import load_experiment, load_values, override, read_toml
from coner.config.section import Count, Fraction, Rate, Section, Seed
from coner.config.train import GroupSettings, TrainSettings
from coner.config.vote import VoteExperiment, VoteMember, VoteSettings

__all__ = [
    "DEFAULT_KEY",
    "Algorithm",
    "AuxiliarySettings",
    "Budget",
    "Count",
    "CrfExperiment",
    "CrfSettings",
    "DataSettings",
    "EncoderExperiment",
    "EncoderSettings",
    "Endpoint",
    "ExampleSettings",
    "Experiment",
    "ExtraFile",
    "Fitted",
    "Fraction",
    "GroupSettings",
    "HeadSettings",
    "HybridExperiment",
    "HybridSettings",
    "LlmExperiment",
    "NoiseSettings",
    "Prices",
    "PromptSettings",
    "Rate",
    "Section",
    "Seed",
    "TrainSettings",
    "VoteExperiment",
    "VoteMember",
    "VoteSettings",
    "load_experiment",
    "load_values",
    "override",
    "parse_experiment",
    "parse_fitted",
    "read_toml",
]
