"""Settings that every config has."""

from __future__ import annotations

from coner.config.data import DataSettings
from coner.config.section import Section, Seed


class Experiment(Section):
    """Base class of the settings of a family, which adds its own sections."""

    kind: str
    name: str = ""
    seed: Seed = 42
    data: DataSettings = DataSettings()
