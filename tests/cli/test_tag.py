"""``coner tag``: every word is tagged, and everything except the tags stays as it is."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from collections.abc import Callable
from html import unescape
from itertools import zip_longest
from pathlib import Path

import pytest

from coner.core.tags import entities_from_tags, tags_from_entities
from coner.core.types import Entity
from coner.data import read
from coner.families import load
from helpers.shell import Completed, World, command, process, refusal

Coner = Callable[..., Completed]


def predicted(world: World, path: Path | None = None) -> list[list[Entity]]:
    """What the tagger predicts when it is called directly."""
    return load(world.model).tag(read(path or world.dev))


def predicted_tags(world: World, path: Path) -> list[str]:
    """The same as tags, of all sentences in one list."""
    pairs = zip(predicted(world, path), read(path), strict=True)
    return [tag for entities, sentence in pairs for tag in tags_from_entities(entities, len(sentence))]


def written(coner: Coner, *arguments: object) -> str:
    done = coner("tag", *arguments)
    assert done.code == 0, done.err
    return done.out


def test_conll_keeps_everything_except_the_tags(coner: Coner, world: World) -> None:
    original = world.dev.read_text(encoding="utf-8").split("\n")
    lines = written(coner, world.model, world.dev).split("\n")
    assert sum(line.startswith("# id ") for line in original) == 40
    for before, after in zip_longest(original, lines):
        if before.startswith("# id "):
            assert after == before
        else:
            assert after.rpartition(" ")[0] == before.rpartition(" ")[0]
    tags = [
        [line.rpartition(" ")[2] for line in block.split("\n")[1:]]
        for block in "\n".join(lines).strip("\n").split("\n\n\n")
    ]
    found = [entities_from_tags(row) for row in tags]
    assert found == predicted(world)
    assert sum(map(len, found)) > 20


def test_files_with_unusual_layouts_keep_them(coner: Coner, world: World, tmp_path: Path) -> None:
    path = tmp_path / "odd.conll"
    text = "\ufeff\r\n# id 1\tx=y\r\nshe\tPRP\t{}\r\nsang\tVB\t{}\r\n\r\n\r\nhe\tPRP\t{}"
    path.write_bytes(text.format("O", "O", "O").encode())
    assert coner("tag", world.model, path, "-o", tmp_path / "out.conll").code == 0
    assert (tmp_path / "out.conll").read_bytes() == text.format(*predicted_tags(world, path)).encode()


@pytest.mark.parametrize(
    "text",
    [
        "#\thttp://example.org\n1\tshe\t{}\tO\n2\tmet\t{}\tO\n3\tada\t{}\tB-X\n\n1\the\t{}\tO\n2\tleft\t{}\tO\n",
        "-DOCSTART- -X- O\n\nshe PRP {}\nmet VB {}\n\n-DOCSTART- -X- O\n\n#ada NN {}\n",
        "{}\tshe\n{}\tmet\n{}\tada\n\n{}\the\n",
        "en:she {}\nen:met {}\nen:ada {}\n",
        "# sent_id = 1\nshe\t{}\t\tx\nmet new york\t{}\ty\t\n",
    ],
)
def test_only_the_tags_of_other_columns_change(coner: Coner, world: World, tmp_path: Path, text: str) -> None:
    path, out = tmp_path / "in.conll", tmp_path / "out.conll"
    count = text.count("{}")
    path.write_text(text.format(*["B-Artist"], *["O"] * (count - 1)))
    assert coner("tag", world.model, path, "-o", out).code == 0
    assert out.read_text() == text.format(*predicted_tags(world, path))


def test_a_file_of_words_alone_gets_a_column_of_tags(coner: Coner, world: World, tmp_path: Path) -> None:
    path = tmp_path / "words.conll"
    path.write_text("she\nsang\n\nhe\n")
    assert written(coner, world.model, path) == "she {}\nsang {}\n\nhe {}\n".format(*predicted_tags(world, path))


@pytest.mark.parametrize("kind", ["jsonl", "text"])
def test_spans_select_the_words_of_the_text(coner: Coner, world: World, tmp_path: Path, kind: str) -> None:
    sentences = read(world.train)
    # Irregular spaces and characters beyond the first plane: spans count characters, not bytes or words.
    texts = ["\U0001f3b5  " + "  ".join(sentence.words) for sentence in sentences]
    path = tmp_path / f"in.{'jsonl' if kind == 'jsonl' else 'txt'}"
    rows = [json.dumps({"id": str(i), "text": text}) for i, text in enumerate(texts)] if kind == "jsonl" else texts
    path.write_text("".join(row + "\n" for row in rows), encoding="utf-8")
    found = [json.loads(line) for line in written(coner, world.model, path).splitlines()]
    assert [row["text"] for row in found] == texts
    assert [row.get("id") for row in found] == [str(i) if kind == "jsonl" else None for i in range(60)]
    count = 0
    for row, sentence, entities in zip(found, read(path), predicted(world, path), strict=True):
        words = ["  ".join(sentence.words[e.start : e.end]) for e in entities]
        spans = [row["text"][e["start"] : e["end"]] for e in row["entities"]]
        # The splitter may split words of the file; then no spaces are between them.
        assert [span.replace(" ", "") for span in spans] == [word.replace(" ", "") for word in words]
        assert [e["label"] for e in row["entities"]] == [e.label for e in entities]
        assert all(0 < e["score"] <= 1 for e in row["entities"])
        count += len(entities)
    assert count > 20


def test_the_task_format_is_a_tag_per_line(coner: Coner, world: World) -> None:
    text = written(coner, world.model, world.dev, "--to", "task")
    blocks = text.removesuffix("\n\n").split("\n\n")
    assert [len(block.split("\n")) for block in blocks] == [len(sentence) for sentence in read(world.dev)]
    assert [entities_from_tags(block.split("\n")) for block in blocks] == predicted(world)


def test_bioes_tags_are_the_same_entities(coner: Coner, world: World, tmp_path: Path) -> None:
    text = written(coner, world.model, world.dev, "--to", "task", "--tags", "bioes")
    blocks = [block.split("\n") for block in text.removesuffix("\n\n").split("\n\n")]
    assert {tag[0] for block in blocks for tag in block} == set("BIESO")
    assert [entities_from_tags(block, "bioes") for block in blocks] == predicted(world)


@pytest.mark.parametrize("arguments", [["-o", "page.html"], ["-o", "page.txt", "--to", "html"]])
def test_a_page_shows_every_mention(coner: Coner, world: World, tmp_path: Path, arguments: list[str]) -> None:
    page = tmp_path / arguments[1]
    assert coner("tag", world.model, world.dev, "-o", page, *arguments[2:]).code == 0
    text = page.read_text(encoding="utf-8")
    mentions = [
        (s.surface(e), e.label) for s, found in zip(read(world.dev), predicted(world), strict=True) for e in found
    ]
    assert [(unescape(a), b) for a, b in re.findall(r'<mark class="m\d"[^>]*>(.*?)<small> (\S+)', text)] == mentions
    assert "<li><mark" in text[: text.index("<details")]  # the legend
    assert text.count("<bdi>") == 40


def test_gzip_input_and_output(coner: Coner, world: World, tmp_path: Path) -> None:
    packed = tmp_path / "in.conll.gz"
    packed.write_bytes(gzip.compress(world.dev.read_bytes()))
    for name in ("a.conll.gz", "b.conll", "c.jsonl.gz"):
        assert coner("tag", world.model, packed, "-o", tmp_path / name).code == 0
    plain = written(coner, world.model, world.dev)
    assert gzip.decompress((tmp_path / "a.conll.gz").read_bytes()).decode() == plain
    assert (tmp_path / "b.conll").read_text(encoding="utf-8") == plain
    first = json.loads(gzip.decompress((tmp_path / "c.jsonl.gz").read_bytes()).splitlines()[0])
    assert first["id"] == "sample-0001"


def test_standard_input_to_standard_output(coner: Coner, world: World) -> None:
    done = process("tag", world.model, "-", "--from", "conll", stdin=world.dev.read_bytes())
    assert (done.code, done.out) == (0, written(coner, world.model, world.dev))
    entities = sum(map(len, predicted(world)))
    assert done.err == f"40 sentences, {entities} entities\n"


def test_standard_input_is_text_by_default(world: World) -> None:
    done = process("tag", world.model, "-", stdin="она пела.\n\nsão paulo\n".encode())
    assert [json.loads(line)["text"] for line in done.out.splitlines()] == ["она пела.", "são paulo"]


def test_a_closed_pipe_is_not_an_error(world: World, tmp_path: Path) -> None:
    path = tmp_path / "long.conll"
    path.write_text("word O\n\n" * 30_000)
    tagger = subprocess.Popen(
        command("tag", world.model, path, "--to", "task"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert tagger.stdout is not None
    assert tagger.stderr is not None
    assert tagger.stdout.readline() == b"O\n"
    tagger.stdout.close()
    assert tagger.stderr.read() == b""
    tagger.stderr.close()
    assert tagger.wait() == 0


def test_a_missing_output_folder_is_one_line_and_nothing_is_written(coner: Coner, world: World, out: Path) -> None:
    message = refusal(coner("tag", world.model, world.dev, "-o", out / "missing" / "x.conll"))
    assert f"the folder '{out / 'missing'}' does not exist" in message
    assert not list(out.iterdir())


def test_a_fault_in_the_middle_keeps_the_old_file(coner: Coner, world: World, out: Path, tmp_path: Path) -> None:
    path = tmp_path / "in.conll"
    path.write_bytes(b"word O\n\n" * 5000 + b"broken \xff O\n")
    (out / "x.conll").write_text("old")
    message = refusal(coner("tag", world.model, path, "-o", out / "x.conll"))
    line = len(path.read_bytes().splitlines())
    assert f"{path}:{line}: byte 8 of the line is 0xff" in message
    assert [(path.name, path.read_text()) for path in out.iterdir()] == [("x.conll", "old")]


@pytest.mark.parametrize(("source", "target"), [("in.conll", "in.conll"), ("x.ann", "x.txt"), (".", "x.ann")])
def test_an_output_never_replaces_its_input(
    coner: Coner, world: World, tmp_path: Path, source: str, target: str
) -> None:
    """The gold labels would be lost, or the text that their offsets refer to."""
    for name, content in {
        "in.conll": world.dev.read_bytes(),
        "x.txt": b"ada\n",
        "x.ann": b"T1\tArtist 0 3\tada\n",
    }.items():
        (tmp_path / name).write_bytes(content)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    message = refusal(coner("tag", world.model, tmp_path / source, "-o", tmp_path / target))
    assert f"{target}: is the input itself. Fix: choose another output" in message
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_repairs_of_the_input_are_reported(coner: Coner, world: World, tmp_path: Path) -> None:
    path = tmp_path / "in.conll"
    path.write_bytes(b"she B-Artist\nalso O\nsang I-Artist\n")
    done = coner("tag", world.model, path, "--repair")
    assert done.code == 0
    assert done.err.startswith("1 sentence, ")
    assert done.err.endswith(" entities, 1 repaired in the input\n")


def test_tags_of_the_input_are_read_in_the_given_scheme_and_replaced(
    coner: Coner, world: World, tmp_path: Path
) -> None:
    source = tmp_path / "iob1.conll"
    source.write_text("ada I-OtherPER\nlovelace I-OtherPER\n\n; a remark\nwrote O\n")
    options = ("--scheme", "iob1", "--comment", ";")
    rows = written(coner, world.model, source, *options).split("\n")
    assert [row.split(" ")[0] for row in rows] == ["ada", "lovelace", "", ";", "wrote", ""]


def test_format_is_a_hidden_alias_of_to(coner: Coner, world: World) -> None:
    renamed = written(coner, world.model, world.dev, "--format", "task")
    assert renamed == written(coner, world.model, world.dev, "--to", "task")
    assert "--format" not in coner("tag", "--help").out
    message = refusal(coner("tag", world.model, world.dev, "--format", "spacy"))
    expected = "conll, csv, doccano, html, jsonl, task"
    assert f"got 'spacy', which is not written sentence by sentence; expected one of: {expected}" in message


@pytest.mark.parametrize("column", ["tokens", "text"])
def test_a_parquet_file_is_tagged_the_same_into_a_file_and_into_a_folder(
    coner: Coner, world: World, tmp_path: Path, column: str
) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pytest.importorskip("datasets")
    words = [list(sentence.words) for sentence in read(world.train)]
    source = tmp_path / "in.parquet"
    pq.write_table(pa.table({column: words if column == "tokens" else [" ".join(row) for row in words]}), source)
    for out in (f"{tmp_path}/folder/", tmp_path / "file.conll"):
        assert coner("tag", world.model, source, "-o", out).code == 0
    rows, sentences = read(tmp_path / "folder/in.parquet"), read(tmp_path / "file.conll")
    assert sum(len(sentence.entities or ()) for sentence in sentences) > 20
    assert [(s.words, s.entities) for s in rows] == [(s.words, s.entities) for s in sentences]
    message = refusal(coner("tag", world.model, source, "-o", tmp_path / "out.parquet"))
    assert "out.parquet: Parquet is only written into a folder. Fix: -o FOLDER/" in message


@pytest.mark.parametrize("name", ["out.conllu", "out.ann", "out.spacy"])
def test_an_output_named_like_another_format_is_refused(coner: Coner, world: World, tmp_path: Path, name: str) -> None:
    message = refusal(coner("tag", world.model, world.dev, "-o", tmp_path / name))
    assert "is not written sentence by sentence. Fix: -o NAME.jsonl, then coner convert" in message
    assert not (tmp_path / name).exists()
