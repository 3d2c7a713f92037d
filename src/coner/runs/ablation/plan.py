"""The list of an ablation: rows that each change something in the settings of another row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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

FULL = "full"  # the row that is the config itself


class Row(BaseModel):
    """One row.

    Attributes:
        name: of the row, and of its runs' folders.
        about: what it changes, in a few words.
        against: the row that it is compared with, whose settings it starts from.
        set: what it overrides in them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.+-]*$")]
    about: str = ""
    against: str = FULL
    set: dict[str, Any] = {}


@dataclass(frozen=True)
class Plan:
    """Rows by name, in the order of the list; ``full`` first, which is compared with none."""

    rows: Mapping[str, Row]

    def choose(self, names: Sequence[str]) -> Plan:
        """Only these rows, and those that they are compared with; all of them where no name is given."""
        wanted = set[str]()
        for name in names:
            if name not in self.rows:
                raise ConfigError(f"--rows: {name!r} is not in the list; expected some of: {', '.join(self.rows)}")
            while name not in wanted:
                wanted.add(name)
                name = self.rows[name].against  # noqa: PLW2901 - from a row to what it is compared with
        return Plan({name: row for name, row in self.rows.items() if name in wanted}) if names else self

    def settings(self, base: Mapping[str, Any], name: str) -> dict[str, Any]:
        """A row's settings, unchecked: the config's, with the changes of all rows from ``full`` down to it.

        A row that sets another ``kind`` keeps the sections that this family has too.
        """
        row = self.rows[name]
        values = dict(base) if name == FULL else self.settings(base, row.against)
        if "kind" in row.set:
            sections = family(row.set["kind"]).settings.model_fields
            values = {key: value for key, value in values.items() if key in sections}
        return {**override(values, row.set), "name": name}


def load_plan(source: str) -> Plan:
    """A list by the name of a packaged one, or from a TOML file of ``[[row]]`` tables.

    Raises:
        ConfigError: it cannot be read, a name comes twice, or a row is compared with one that is not there.
    """
    packaged = resources.files(__package__) / f"{source}.toml"
    if "/" not in source and packaged.is_file():
        with resources.as_file(packaged) as path:
            return parse_plan(read_toml(path), source)
    if not Path(source).is_file():
        raise ConfigError(
            f"--plan {source!r}: no such file, nor a packaged list; expected one of: {', '.join(names())}"
        )
    return parse_plan(read_toml(Path(source)), source)


def names() -> list[str]:
    """The packaged lists."""
    files = resources.files(__package__).iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def parse_plan(values: Mapping[str, Any], source: str) -> Plan:
    """Check the values of a list's file."""
    given = values.get("row")
    if set(values) != {"row"} or not isinstance(given, list):
        raise ConfigError(f"{source}: holds {', '.join(values) or 'nothing'}; expected [[row]] tables alone")
    rows = {FULL: Row(name=FULL, about="the config as it is")}
    for number, table in enumerate(given, 1):
        row = _row(table, f"{source}: row {number}")
        if row.name in rows and row.name != FULL:
            raise ConfigError(f"{source}: row {number}: {row.name!r} is there already; expected another name")
        rows[row.name] = row
    if rows[FULL].set:
        raise ConfigError(f"{source}: row {FULL!r} is the config itself and sets nothing; give it another name")
    for row in rows.values():
        _follow(row, rows, source)
    return Plan(rows)


def check_settings(plan: Plan, base: Mapping[str, Any], source: str) -> dict[str, Experiment]:
    """Every row's settings, checked before anything is trained; ``ConfigError`` names the row of a fault."""
    return {name: parse_trainable(plan.settings(base, name), source=f"{source}: row {name!r}") for name in plan.rows}


def _row(table: object, place: str) -> Row:
    try:
        return Row.model_validate(table)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise ConfigError(
            f"{place}: {where}: {fault['msg'][0].lower()}{fault['msg'][1:]}; expected name, about, against, set"
        ) from None


def _follow(row: Row, rows: Mapping[str, Row], source: str) -> None:
    """From a row to ``full``; ``ConfigError`` where the way ends before, or goes in a circle."""
    passed: list[str] = []
    while row.name != FULL:
        passed.append(row.name)
        if row.against not in rows or row.against in passed:
            known: Iterable[str] = (name for name in rows if name not in passed)
            raise ConfigError(
                f"{source}: row {row.name!r}: against = {row.against!r} does not lead to {FULL!r}; "
                f"expected one of: {', '.join(known)}"
            )
        row = rows[row.against]
