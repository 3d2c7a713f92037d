"""What is read from each kind of source."""

from __future__ import annotations

import bz2
import gzip
import json
import os
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from coner.core.errors import DataError
from coner.knowledge import dump as dumps
from coner.knowledge.build import BuildSettings, build
from coner.knowledge.entry import Candidate, Entry
from coner.knowledge.folder import FolderKnowledge
from coner.knowledge.source import SourceSettings, detect, sources
from coner.report.knowledge import candidates_grid
from helpers import SAMPLE
from helpers.names import claim, dump, item

ITEMS = [
    item("Q1", {"en": "Miles Davis", "de": "Miles"}, aliases=["Davis"], types=["Q5"], occupations=["Q7"], links=3),
    item("Q2", {"de": "Köln"}, types=["Q515"], links=9),
    item("Q5", {"en": "human"}),
    {"type": "property", "id": "P31", "labels": {}, "claims": {}},
    item("Q6", {"fr": "Rien"}),
    "{broken",
    '{"type": "item", "id": "Q9", "labels": {"en": {}}}',
]
BAND = "<http://dbpedia.org/resource/Sigur_R%C3%B3s>"
TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
LABEL = "<http://www.w3.org/2000/01/rdf-schema#label>"
REDIRECTS, COMMENT = "<http://dbpedia.org/ontology/wikiPageRedirects>", "<http://www.w3.org/2000/01/rdf-schema#comment>"
TRIPLES = rf"""# started 2022-12-01T00:00:00Z
{BAND} {TYPE} <http://dbpedia.org/ontology/Band> .
{BAND} {TYPE} <http://www.w3.org/2002/07/owl#Thing> .
{BAND} {LABEL} "Sigur R\u00F3s"@en .
{BAND} {LABEL} "Sigur Rós (Band)"@de .
<http://dbpedia.org/resource/Victory_Rose_(band)> {REDIRECTS} {BAND} .
{BAND} {COMMENT} "An \"Icelandic\" band."@en .
<http://dbpedia.org/resource/Nameless> {TYPE} <http://dbpedia.org/ontology/Band> .
no triple
"""  # the layout of the files of 2022


def entries(path: Path, kind: str, **settings: object) -> tuple[list[Entry], Counter[str]]:
    found, skipped = list[Entry](), Counter[str]()
    options = SourceSettings.model_validate(settings)
    for batch in sources[kind].batches(path, options, after=0, processes=1):
        found += batch.entries
        skipped += batch.skipped
    return found, skipped


def write(path: Path, text: str) -> Path:
    content = text.encode()
    packed = {".gz": gzip.compress, ".bz2": bz2.compress}.get(path.suffix, bytes)
    path.write_bytes(packed(content))
    return path


@pytest.mark.parametrize("name", ["w.json", "w.json.gz", "w.json.bz2"])
def test_items_of_wikidata_have_names_types_and_sitelinks(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, dump(ITEMS))
    assert detect(path).name == "wikidata"
    found, skipped = entries(path, "wikidata", languages=["en", "de"])
    assert found == [
        Entry(("Miles Davis", "Miles", "Davis"), {"Q5": 1.0, "Q7": 1.0}, "", 3.0, "Q1"),
        Entry(("Köln",), {"Q515": 1.0}, "", 9.0, "Q2"),
        Entry(("human",), {}, "", 0.0, "Q5"),
    ]
    assert skipped == {"not an item": 1, "no name in these languages": 1, "not a valid item": 2}


def test_deprecated_statements_and_unknown_values_give_no_type(tmp_path: Path) -> None:
    one = item("Q1", {"en": "One"}, types=["Q5"])
    one["claims"]["P31"] += [
        claim("P31", "Q8", rank="deprecated"),
        {"mainsnak": {"snaktype": "somevalue"}, "rank": "normal"},
    ]
    found, _ = entries(write(tmp_path / "w.json", dump([one])), "wikidata")
    assert [entry.types for entry in found] == [{"Q5": 1.0}]


def test_a_type_is_shown_by_the_name_of_its_item(tmp_path: Path) -> None:
    build([write(tmp_path / "w.json", dump(ITEMS))], tmp_path / "kb", BuildSettings(processes=1))
    [davis] = FolderKnowledge(tmp_path / "kb").lookup("miles davis")
    assert davis.types == {"Q5": 1.0, "Q7": 1.0}
    assert davis.titles == {"Q5": "human"}
    assert candidates_grid([davis]).rows[0][3] == "human (Q5), Q7"


def test_triples_of_dbpedia_are_merged_by_resource(tmp_path: Path) -> None:
    path = write(tmp_path / "d.ttl.bz2", TRIPLES)
    assert detect(path).name == "dbpedia"
    description = build([path], tmp_path / "kb", BuildSettings(processes=1))
    kb = FolderKnowledge(tmp_path / "kb")
    [band] = kb.lookup("victory rose")
    assert (band.name, band.description, dict(band.types)) == ("Sigur Rós", 'An "Icelandic" band.', {"Band": 1.0})
    assert [one.id for one in kb.lookup("sigur rós")] == [band.id] == ["http://dbpedia.org/resource/Sigur_R%C3%B3s"]
    assert description.sources[0].skipped == {"another property, class or language": 2, "not a triple": 1}
    assert description.dropped == {"without a name": 1}


def test_what_several_files_of_dbpedia_say_is_merged(tmp_path: Path) -> None:
    lines = TRIPLES.splitlines(keepends=True)
    files = [write(tmp_path / f"{n}.ttl", "".join(lines[n::2])) for n in (1, 0)]
    build(files, tmp_path / "kb", BuildSettings(processes=1))
    build([write(tmp_path / "all.ttl", TRIPLES)], tmp_path / "one", BuildSettings(processes=1))
    several, one = (FolderKnowledge(tmp_path / name).lookup("victory rose") for name in ("kb", "one"))
    assert [vars_of(each) for each in several] == [vars_of(each) for each in one]


def vars_of(candidate: Candidate) -> dict[str, object]:
    return {**asdict(candidate), "source": ""}


BAD_TRIPLES = [
    rf'{BAND} {LABEL} "\UFFFFFFFF"@en .',
    rf'{BAND} {LABEL} "a\uD800"@en .',
    rf'{BAND} {LABEL} "a\u0000b"@en .',
]
BAD_ITEMS = [
    '{"type": "item", "id": "Q1", "labels": {"en": {"value": "a\\ud800"}}}',
    '{"type": "item", "id": ["Q2"], "labels": {"en": {"value": "a"}}}',
    '{"type": "item", "id": "Q3", "labels": {"en": {"value": "a"}}, "descriptions": {"en": {"value": null}}}',
    "[1]",
    "1",
    "[" * 9999,
]


@pytest.mark.parametrize(("kind", "lines"), [("dbpedia", BAD_TRIPLES), ("wikidata", BAD_ITEMS)])
def test_every_faulty_line_of_a_dump_is_counted(tmp_path: Path, kind: str, lines: list[str]) -> None:
    path = tmp_path / "dump"
    path.write_bytes("\n".join(lines).encode() + b"\n\xff\n")
    found, skipped = entries(path, kind)
    assert (found, skipped.total()) == ([], len(lines) + 1)


@pytest.mark.parametrize("name", ["w.json.bz2", "w.json.gz"])
def test_a_dump_that_is_cut_off_is_an_error(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, dump(ITEMS * 300))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="cannot be read: compressed file ended"):
        build([path], tmp_path / "kb", BuildSettings(processes=1))
    assert not (tmp_path / "kb/kb.json").exists()


def test_several_processes_give_the_entries_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dumps, "LINES", 3)
    path = write(tmp_path / "w.json", dump(ITEMS * 5))
    settings = SourceSettings(languages=("en",))
    one, two = (list(sources["wikidata"].batches(path, settings, after=2, processes=n)) for n in (1, 2))
    assert one == two
    assert len(one) > 5


def test_the_names_of_labelled_data_are_its_mentions_with_counts(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.conll",
        "the O\nJazz B-Music\nPub B-Place\n\njazz B-Music\n\nJazz B-Place\nPub I-Place\n\nJazz B-Music\n",
    )
    assert detect(path).name == "corpus"
    found, skipped = entries(path, "corpus")
    assert [sum(entry.mentions.values()) for entry in found] == [entry.prior for entry in found]
    assert [replace(entry, mentions={}) for entry in found] == [
        Entry(("Jazz",), {"Music": 2.0}, "", 2.0),
        Entry(("Pub",), {"Place": 1.0}, "", 1.0),
        Entry(("jazz",), {"Music": 1.0}, "", 1.0),
        Entry(("Jazz Pub",), {"Place": 1.0}, "", 1.0),
    ]
    assert not skipped


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "name;types\nKöln;City\n"),
        ("a.tsv", "name\ttypes\nKöln\tCity\n"),
        ("a.csv", "\ufeffName,Types\r\n\r\nKöln,City\r\n"),
        ("a.csv", 'types,name\nCity,"Köln"\n'),
        ("a.jsonl", '{"name": "Köln", "types": ["City"]}\n'),
        ("a.jsonl", '\n{"name": "Köln", "types": {"City": 1}, "prior": null}\n'),
    ],
)
def test_tables_have_a_header_or_keys(tmp_path: Path, name: str, text: str) -> None:
    path = write(tmp_path / name, text)
    assert detect(path).name == "table"
    assert entries(path, "table")[0] == [Entry(("Köln",), {"City": 1.0})]


@pytest.mark.parametrize(
    "rest", [', "prior": 1e400}', ', "aliases": ' + "[" * 999, ', "id": "' + "x" * (1 << 17) + '"}']
)
def test_a_table_is_recognised_by_a_first_object_that_cannot_be_parsed(tmp_path: Path, rest: str) -> None:
    assert detect(write(tmp_path / "a.jsonl", f'{{"name": "A"{rest}\n')).name == "table"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,types\nA,x\n ,x\n", "t:3: got a row without a name"),
        ('name\n"a\nb"\n\n""\n', "t:5: got a row without a name"),
        ("name,id\nA,1\nB,1\n", "t:3: got the id '1' of line 2 again"),
        ('name,types\nA,"x, y"\n', "t:2: types: got 'x, y' with a comma; expected types separated by |"),
        ('{"name": "A", "types": {"x, y": 1}}\n', "t:1: types: got 'x, y' with a comma"),
        ("name,prior\nA,-1\n", "t:2: prior: got '-1'; expected a number from 0"),
        ("name,prior\nA,nan\n", "t:2: prior: got 'nan'; expected a number from 0"),
        ("name,kind\nA,x\n", "t:1: got the column 'kind'; expected only name, aliases, types, description, prior, id"),
        ("name,types\nA\n", "t:2: got 1 cell; expected 2, as the header has"),
        ("name,name\nA,B\n", "t:1: got a column twice"),
        ('name\n"A\n', "t:2: is not valid CSV"),
        ('{"name": "A"}\n{"name": ""}\n', "t:2: got a row without a name"),
        ('{"name": "A"}\n[1]\n', "t:2: got '[1]'; expected an object with a name"),
        ('{"name": "A"}\n{"name"\n', "t:2: not valid JSON"),
        (
            '{"name": "A", "types": {"x": 0}}\n',
            "t:1: types: got {'x': 0}; expected names of types with weights",
        ),
        ('{"name": "A", "aliases": [1]}\n', "t:1: aliases: got [1]; expected texts"),
        ('{"name": "A", "prior": true}\n', "t:1: prior: got True; expected a number from 0"),
        ('{"name": 7}\n', "t:1: name: got 7; expected a text"),
        ('{"name": "a\\ud800"}\n', "with a lone surrogate"),
        ('{"name": "a", "prior": 1e300}\n', "t:1: prior: got 1e+300; expected a number from 0 to 1e+12"),
        ("name,types\rA,B\r", "t:1: got CR alone as line end"),
    ],
)
def test_a_faulty_row_is_an_error_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t").write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as error:
        entries(tmp_path / "t", "table")
    assert message in str(error.value).replace(f"{tmp_path}/", "")


def test_the_sample_is_labelled_data() -> None:
    assert detect(SAMPLE / "dev.conll").name == "corpus"


def test_labelled_data_may_begin_with_the_word_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.conll", "Name\tO\nof\tO\nRome\tB-City\n")
    assert detect(path).name == "corpus"


def test_text_without_labels_is_not_a_source(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "plain text\n")
    with pytest.raises(DataError, match=r"a\.txt"):
        build([path], tmp_path / "kb", BuildSettings())


def test_a_pipe_is_refused_as_it_can_be_read_once_only(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="pipe: got a folder, a pipe or a device; expected a regular file"):
        build([tmp_path / "pipe"], tmp_path / "kb", BuildSettings())


def test_an_object_with_text_is_labelled_data_although_it_has_a_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", json.dumps({"name": "doc 1", "text": "x", "entities": []}) + "\n")
    assert detect(path).name == "corpus"
