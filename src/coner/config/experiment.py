"""What the settings of every family begin with."""

from __future__ import annotations

from coner.config.data import DataSettings
from coner.config.section import Section, Seed


class Experiment(Section):
    """One config: its family, a name, a seed, the data; each family adds its own sections."""

    kind: str
    name: str = ""
    seed: Seed = 42
    data: DataSettings = DataSettings()
