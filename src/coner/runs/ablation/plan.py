"""The plan of an ablation: rows that each change something in the settings of another row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coner.config.experiment import Experiment
from coner.config.load import override, read_toml
from coner.core.errors import ConfigError
from coner.families.registry import family
from coner.families.settings import parse_trainable

FULL = "full"  # the row with the config as it is


class PlanRow(BaseModel):
    """One row of a plan."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.+-]*$")]  # also of the folders of its runs
    about: str = ""  # what it changes, in a few words
    against: str = FULL  # the row that it is compared with, and whose settings it changes
    set: dict[str, Any] = {}


@dataclass(frozen=True)
class Plan:
    """Rows by name, in the order of the file; the first is ``full``, which is compared with none."""

    rows: Mapping[str, PlanRow]

    def choose(self, names: Sequence[str]) -> Plan:
        """The plan with these rows and those that they are compared with; all rows if ``names`` is empty."""
        wanted = set[str]()
        for name in names:
            if name not in self.rows:
                raise ConfigError(f"--rows: got {name!r}; expected any of: {', '.join(self.rows)}")
            while name not in wanted:
                wanted.add(name)
                name = self.rows[name].against  # noqa: PLW2901 - follows the rows up to full
        return Plan({name: row for name, row in self.rows.items() if name in wanted}) if names else self

    def settings(self, base: Mapping[str, Any], name: str) -> dict[str, Any]:
        """The unchecked settings of a row: the config with the changes of all rows from ``full`` down to it.

        A row that sets another ``kind`` keeps the sections that this family has too.
        """
        row = self.rows[name]
        values = dict(base) if name == FULL else self.settings(base, row.against)
        if "kind" in row.set:
            sections = family(row.set["kind"]).settings.model_fields
            values = {key: value for key, value in values.items() if key in sections}
        return {**override(values, row.set), "name": name}


def load_plan(source: str) -> Plan:
    """Load a packaged plan by its name, or a TOML file of ``[[row]]`` tables.

    Raises:
        ConfigError: it cannot be read, two rows have one name, or a row is compared with an unknown one.
    """
    if source in names():
        with resources.as_file(resources.files(__package__) / f"{source}.toml") as path:
            return parse_plan(read_toml(path), source)
    if not Path(source).is_file():
        known = ", ".join(names())
        raise ConfigError(f"--plan: got {source!r}, which is not a file; expected a TOML file, or one of: {known}")
    return parse_plan(read_toml(Path(source)), source)


def names() -> list[str]:
    """Names of the packaged plans."""
    files = resources.files(__package__).iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def parse_plan(values: Mapping[str, Any], source: str) -> Plan:
    """Check the values of a plan's file; ``ConfigError`` names the faulty row."""
    tables = values.get("row")
    if set(values) != {"row"} or not isinstance(tables, list):
        raise ConfigError(f"{source}: got {', '.join(values) or 'nothing'}; expected only [[row]] tables")
    rows = {FULL: PlanRow(name=FULL, about="the config as it is")}
    for number, table in enumerate(tables, 1):
        try:
            row = PlanRow.model_validate(table)
        except ValidationError as error:
            first = error.errors()[0]
            key, message = ".".join(map(str, first["loc"])), first["msg"][0].lower() + first["msg"][1:]
            expected = "expected name, about, against, set"
            raise ConfigError(f"{source}: row {number}: {key}: {message}; {expected}") from None
        if row.name in rows and row.name != FULL:
            raise ConfigError(f"{source}: row {number}: got {row.name!r} twice; expected another name")
        rows[row.name] = row
    if rows[FULL].set:
        raise ConfigError(f"{source}: row {FULL!r}: got changes; expected none, as it is the config itself")
    for row in rows.values():
        _follow(row, rows, source)
    return Plan(rows)


def check_settings(plan: Plan, base: Mapping[str, Any], source: str) -> dict[str, Experiment]:
    """The checked settings of every row, before defaults for the data; ``ConfigError`` names the faulty row."""
    return {name: parse_trainable(plan.settings(base, name), source=f"{source}: row {name!r}") for name in plan.rows}


def _follow(row: PlanRow, rows: Mapping[str, PlanRow], source: str) -> None:
    """``ConfigError`` if following ``against`` from a row does not lead to ``full``."""
    visited: list[str] = []
    while row.name != FULL:
        visited.append(row.name)
        if row.against not in rows or row.against in visited:
            known = ", ".join(name for name in rows if name not in visited)
            got = f"against: got {row.against!r}, which does not lead to {FULL!r}"
            raise ConfigError(f"{source}: row {row.name!r}: {got}; expected one of: {known}")
        row = rows[row.against]
