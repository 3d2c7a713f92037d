"""The models that are installed as Python packages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from coner.core.errors import ConerError, DataError
from coner.families import model_folder
from coner.families.manifest import read_manifest
from coner.hub import installed_packages
from coner.records.record import read_record
from coner.report.grid import DASH, Grid


@dataclass(frozen=True)
class InstalledModel:
    """A package with a model; without a kind and a folder if it cannot be used, for the reason in ``error``."""

    name: str
    version: str
    kind: str | None = None
    labels: tuple[str, ...] = ()
    split: str | None = None  # which the scores are on: test if there is one, else dev
    micro_f1: float | None = None
    macro_f1: float | None = None
    folder: Path | None = None
    error: str | None = None


def installed_models() -> Iterator[InstalledModel]:
    """Every installed model, by name; its files are checked as when it is opened."""
    for name, version in installed_packages().items():
        try:
            folder = model_folder(name)
            manifest = read_manifest(folder)
        except ConerError as error:
            yield InstalledModel(name, version, error=str(error))
            continue
        split, micro, macro = _scores(folder)
        yield InstalledModel(name, version, manifest.kind, manifest.labels, split, micro, macro, folder)


def models_table(models: list[InstalledModel]) -> Grid:
    """One row per model that can be used."""

    def f1(value: float | None) -> str:
        return DASH if value is None else f"{value:.3f}"

    heading = ["model", "version", "kind", "labels", "micro F1", "macro F1", "on"]
    rows = [
        [m.name, m.version, m.kind, str(len(m.labels)), f1(m.micro_f1), f1(m.macro_f1), m.split or DASH]
        for m in models
        if m.kind is not None
    ]
    return Grid(heading, rows)


def _scores(folder: Path) -> tuple[str | None, float | None, float | None]:
    with suppress(DataError):  # no record, or one of a newer version
        scores = read_record(folder).scores
        for split in ("test", "dev"):
            if split in scores:
                return split, scores[split].fine.micro_f1, scores[split].fine.macro_f1
    return None, None, None
