"""``coner convert``: round trips through every format, and a report that counts every entity once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coner.data import read, write_conll
from coner.data.formats import all_formats, formats
from helpers import SAMPLE
from helpers.shell import Completed, World, head, refusal

pytest.importorskip("spacy")
pytest.importorskip("datasets")
Coner = Callable[..., Completed]

# The name of the output, and further arguments.
OUTPUTS: dict[str, tuple[str, list[str]]] = {
    format.name: ("x" + (*format.suffixes, *format.output_suffixes)[0], ["--to", format.name])
    for format in all_formats()
    if format.reader and format.writes
}
OUTPUTS |= {f"{name}, a folder": ("folder", ["--to", name]) for name in OUTPUTS if formats[name].folder}
EMPTY = ["repaired", "unreadable", "converted"]


def report(coner: Coner, *arguments: object) -> dict[str, Any]:
    done = coner("convert", *arguments, "--json")
    assert (done.code, done.err) == (0, ""), done
    found: dict[str, Any] = json.loads(done.out)
    return found


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "sample.conll"
    path.write_text(head(SAMPLE / "dev.conll", 40), encoding="utf-8")
    return path


def contents(path: Path, **options: Any) -> list[tuple[object, ...]]:
    return [(s.words, s.entities, s.id) for s in read(path, **options)]


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_round_trip_keeps_what_both_formats_hold(coner: Coner, sample: Path, out: Path, name: str) -> None:
    file, more = OUTPUTS[name]
    format = formats[name.partition(",")[0]]
    fitting = [sentence for sentence in read(sample) if format.unfit(sentence, labelled=True) is None]
    if len(fitting) < 40:
        with sample.open("w", encoding="utf-8", newline="") as handle:
            write_conll(fitting, handle)
    there = report(coner, sample, out / file, *more)
    entities = sum(len(s.entities or ()) for s in read(sample))
    assert there["input"] == {**there["output"], "file": str(sample), "format": "conll"}
    assert there["entities"] == {"kept": entities, "snapped": 0, "refused": {}}
    assert [there[key] for key in EMPTY] == [0, 0, 0]
    assert there["faults"] == []
    assert there["not_held"].get("headers") == (None if "headers" in format.holds else len(fitting))
    assert sorted(path.name for path in out.iterdir()) == sorted({file, file.replace(".ann", ".txt")})
    back = out / "back.conll"
    report(coner, out / file, back, "--words", "spaces")
    expected = contents(sample)
    if "ids" in there["not_held"]:
        expected = [
            (words, found, f"x-{i}" if name == "brat" else None) for i, (words, found, _) in enumerate(expected, 1)
        ]
    if "labels" in there["not_held"]:
        assert there["not_held"]["labels"] == entities
        expected = [(words, None, id) for words, _, id in expected]
    assert contents(back) == expected
    if name == "conll":
        assert (out / file).read_bytes() == sample.read_bytes() == back.read_bytes()


def test_schemes_and_comments(coner: Coner, out: Path, tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text("% one\nada I-P\nbob B-P\nmet O\nann I-P\nlee I-P\n")
    source = [tmp_path / "a.conll", "--scheme", "iob1", "--comment", "%", "--tags", "bioes"]
    report(coner, *source, out / "a.conll")
    assert (out / "a.conll").read_text() == "% one\nada S-P\nbob S-P\nmet O\nann B-P\nlee E-P\n"
    report(coner, *source, out / "a.parquet")
    assert report(coner, out / "a.parquet", out / "b.conll", "--scheme", "bioes")["entities"]["kept"] == 3


def test_losses_are_counted(coner: Coner, out: Path, tmp_path: Path) -> None:
    entity = {"start": 0, "end": 3, "label": "P", "score": 0.5}
    rows = [{"id": "a\tb", "text": "ada  met", "entities": [entity]}, {"words": ["U.S.", "\u00a0"], "entities": []}]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    expected: dict[str, dict[str, int]] = {
        "conll": {"ids": 1, "scores": 1, "white space": 1},
        "jsonl": {},
        "text": {"ids": 1, "labels": 1, "scores": 1, "word borders": 1},
        "brat": {"ids": 1, "scores": 1, "word borders": 1},
        "labelstudio": {},
        "spacy": {"scores": 1, "white space": 1},
        "datasets": {"scores": 1, "white space": 1},
    }
    for name, lost in expected.items():
        file, more = OUTPUTS[name]
        assert report(coner, tmp_path / "x.jsonl", out / file, *more)["not_held"] == lost, name
    (tmp_path / "y.conll").write_text("# id 7\tx\na NN B-P\n\nb NN O\n")
    assert report(coner, tmp_path / "y.conll", out / "y.jsonl")["not_held"] == {"headers": 1, "middle columns": 2}


def test_sentences_that_a_format_cannot_hold_are_left_out_and_counted(coner: Coner, out: Path, tmp_path: Path) -> None:
    rows = [{"words": ["new york"], "entities": []}, {"text": "ada", "entities": []}, {"text": "bob"}]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, rows)))
    message = refusal(coner("convert", tmp_path / "x.jsonl", out / "x.conll"))
    assert (
        "x.jsonl:1: a sentence cannot be written as conll: 'new york' cannot be a word there. Fix: write JSONL"
        in message
    )
    found = report(coner, tmp_path / "x.jsonl", out / "x.conll", "--repair")
    assert found["unwritten"] == {"sentences": 2, "words": 2, "entities": 0}
    assert [fault["line"] for fault in found["faults"]] == [1, 3]
    assert [s.words for s in read(out / "x.conll")] == [("ada",)]
    assert read(out / "x.conll")[0].entities == ()


FAULTY = [
    "T1\tP 9 20\tda lovelace",
    "T2\tP 12 20\tlovelace",
    "T5\tP 26 34\tnew york",
    "T3\tP 0 3;12 20\tshe lovelace",
    "T4\tP 12 34\tlovelace. in new york",
    "R1\tKnows Arg1:T1 Arg2:T2",
]


def brat(folder: Path, annotations: list[str]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "doc.txt").write_text("she met ada lovelace.\n\nin new york with bob\n")
    (folder / "doc.ann").write_text("\n".join(annotations))
    return folder


def test_the_report_is_a_table(coner: Coner, out: Path, tmp_path: Path) -> None:
    folder = brat(tmp_path / "brat", FAULTY)
    assert "doc.ann:4: entity T3" in refusal(coner("convert", folder, out / "x.conll"))
    assert list(out.iterdir()) == []
    done = coner("convert", folder, out / "x.conll", "--repair")
    assert (done.code, done.out) == (0, "")
    lines = [line.strip("│ ") for line in done.err.splitlines()]
    table = {name.strip(): count.strip() for name, bar, count in (line.partition("│") for line in lines) if bar}
    assert table == {
        "entities kept as they are": "1",
        "entities extended to whole words": "1",
        "entities left out: across sentences": "1",
        "entities left out: discontinuous": "1",
        "entities left out: nested": "1",
        "conll cannot hold: white space": "1",
    }
    assert "line 4: doc.ann: entity T3 'P 0 3;12 20': got 2 pieces" in done.err
    assert "  not read: relations 1\n" in done.err


SPANS = st.tuples(st.integers(-2, 50), st.integers(-2, 50))


@given(spans=st.lists(SPANS, max_size=8))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_entity_is_counted_once(coner: Coner, tmp_path: Path, spans: list[tuple[int, int]]) -> None:
    folder = brat(tmp_path / "brat", [f"T{i}\tP {a} {b}" for i, (a, b) in enumerate(spans, 1)])
    found = report(coner, folder, tmp_path / "x.jsonl", "--repair")
    entities = found["entities"]
    duplicates = found["not_read"].get("duplicate entities", 0)
    assert entities["kept"] + entities["snapped"] + sum(entities["refused"].values()) + duplicates == len(spans)
    assert found["output"]["entities"] == entities["kept"] + entities["snapped"]
    assert len(found["faults"]) == entities["snapped"] + sum(entities["refused"].values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x.conll", "OUT/x.json"], "x.json: got the ambiguous ending '.json'. Fix: --to with one of: jsonl, lab"),
        (["x.conll", "OUT/x"], "x: got a name that belongs to no format. Fix: --to with one of: brat, conll"),
        (["x.conll", "-"], "-: expected the name of a file or folder to write, such as /dev/stdout"),
        (["x.conll", "x.conll"], "x.conll: is the input itself. Fix: choose another output"),
        (["no.conll", "OUT/x.jsonl"], "no.conll: no such file"),
        (["plain", "OUT/x.jsonl"], "is a folder; expected a file, a folder with .ann files, or a folder of datasets"),
        (["x.conll", "OUT/no/x.spacy"], "the folder 'OUT/no' does not exist; create it first"),
        (["x.conll", "OUT/no/x", "--to", "brat"], "the folder 'OUT/no' does not exist. Fix: create it first"),
        (["x.conll", "plain", "--to", "datasets"], "exists already. Fix: choose another name, or remove it first"),
        (["x.conll", "/", "--to", "brat"], "/: cannot be created or replaced; expected the name of a new folder"),
        (["x.conll", "OUT/x.jsonl", "--from", "spacy"], "x.conll: spaCy "),
        (["x.conll", "OUT/x.jsonl", "--from", "datasets"], "x.conll: cannot be read: ArrowInvalid"),
        (["x.conll", "OUT/x.jsonl", "--format", "brat"], "is not brat; expected a folder, or a file that ends"),
        (["x.conll", "OUT/x.jsonl", "--from", "labelstudio"], "x.conll:1: not JSON"),
        (
            ["-", "OUT/x.jsonl"],
            "got standard input, whose format is unknown. Fix: name a file, or --from with one of: conll",
        ),
        (["blank.jsonl", "OUT/x.spacy"], "a sentence cannot be written as spacy: ' ' cannot be a word there"),
        (["spaced.jsonl", "OUT/x.conll", "--repair"], "got no sentence that can be written as conll"),
    ],
)
def test_wrong_use_is_one_line(coner: Coner, tmp_path: Path, out: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "x.conll").write_text("a B-P\n")
    (tmp_path / "spaced.jsonl").write_text('{"words": ["a b"]}\n')
    (tmp_path / "blank.jsonl").write_text('{"words": ["a", " "]}\n')
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "readme").write_text("x")
    first, second, *more = (argument.replace("OUT", str(out)) for argument in arguments)
    place = [first if first == "-" else tmp_path / first, second if second == "-" else tmp_path / second]
    assert message.replace("OUT", str(out)) in refusal(coner("convert", *place, *more))
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "target"), [("c.txt", "c.ann"), ("d/doc.ann", "d/doc.txt"), ("d", "d/doc.ann"), ("d", "d/doc.txt")]
)
def test_no_file_of_a_pair_is_overwritten_by_its_conversion(
    coner: Coner, tmp_path: Path, source: str, target: str
) -> None:
    (tmp_path / "c.txt").write_text("ada B-P\n\nbob O\n")
    brat(tmp_path / "d", [])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert "is the input itself. Fix: choose another output" in refusal(
        coner("convert", tmp_path / source, tmp_path / target, *(["--to", "brat"] if source == "d" else []))
    )
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_other_files_in_a_brat_folder_may_be_overwritten(coner: Coner, tmp_path: Path) -> None:
    folder = brat(tmp_path / "d", [])
    for _ in range(2):
        assert coner("convert", folder, folder / "all.jsonl").code == 0


def test_the_current_folder_is_not_replaced(
    coner: Coner, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.conll").write_text("a B-P\n")
    monkeypatch.chdir(out)
    for format in ("brat", "datasets"):
        message = refusal(coner("convert", tmp_path / "x.conll", ".", "--to", format))
        assert ".: cannot be created or replaced; expected the name of a new folder" in message
    assert list(out.iterdir()) == []


def test_other_commands_read_all_formats(coner: Coner, world: World, out: Path) -> None:
    assert coner("convert", world.dev, out / "gold", "--to", "brat").code == 0
    assert coner("convert", world.dev, out / "gold.parquet").code == 0
    gold = json.loads(coner("evaluate", world.dev, world.model, "--json").out)["fine"]
    assert json.loads(coner("evaluate", out / "gold.parquet", world.model, "--json").out)["fine"] == gold
    assert json.loads(coner("evaluate", out / "gold", out / "gold", "--json").out)["fine"]["micro_f1"] == 1
    assert coner("tag", world.model, out / "gold.parquet", "-o", out / "x.conll").code == 0
    assert [s.words for s in read(out / "x.conll")] == [s.words for s in read(world.dev)]
    shown = json.loads(coner("data", "stats", out / "gold", "--json").out)
    assert shown["mentions"] == sum(len(s.entities or ()) for s in read(world.dev))
    settings = ["--set", f"data.train={out / 'gold'}", "--set", f"data.dev={out / 'gold.parquet'}"]
    assert coner("train", world.config, *settings, "--out", out / "run").code == 0
    record = json.loads((out / "run" / "record.json").read_text())
    assert len(record["data"]["train"]["sha256"]) == 64


def test_the_digest_of_brat_covers_the_text(tmp_path: Path) -> None:
    from coner.data.files import digest

    folder = brat(tmp_path / "brat", [])
    before = digest(folder), digest(folder / "doc.ann")
    (folder / "doc.txt").write_text("else")
    assert digest(folder) != before[0]
    assert digest(folder / "doc.ann") != before[1]


def test_entities_of_sentences_that_are_left_out_are_not_kept(coner: Coner, tmp_path: Path) -> None:
    objects = [{"text": "Ana", "entities": [{"start": 0, "end": 3, "label": label}]} for label in ("P", "a b")]
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(item) + "\n" for item in objects))
    found = report(coner, tmp_path / "x.jsonl", tmp_path / "x.conll", "--repair")
    assert (found["entities"]["kept"], found["output"]["entities"], found["unwritten"]["entities"]) == (1, 1, 1)
