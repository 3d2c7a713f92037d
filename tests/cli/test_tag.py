"""``coner tag``: every word tagged, and all that is not a tag left as it was."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Callable
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
    """What the tagger says when it is asked by itself."""
    return load(world.model).tag(read(path or world.dev))


def predicted_tags(world: World, path: Path) -> list[str]:
    """The same as tags, of all sentences in a row."""
    pairs = zip(predicted(world, path), read(path), strict=True)
    return [tag for entities, sentence in pairs for tag in tags_from_entities(entities, len(sentence))]


def written(coner: Coner, *arguments: object) -> str:
    done = coner("tag", *arguments)
    assert done.code == 0, done.err
    return done.out


def test_conll_keeps_all_but_the_tags(coner: Coner, world: World) -> None:
    given = world.dev.read_text(encoding="utf-8").split("\n")
    lines = written(coner, world.model, world.dev).split("\n")
    assert sum(line.startswith("# id ") for line in given) == 40
    for before, after in zip_longest(given, lines):
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


def test_odd_files_keep_their_looks(coner: Coner, world: World, tmp_path: Path) -> None:
    path = tmp_path / "odd.conll"
    text = "\ufeff\r\n# id 1\tx=y\r\nshe\tPRP\t{}\r\nsang\tVB\t{}\r\n\r\n\r\nhe\tPRP\t{}"
    path.write_bytes(text.format("O", "O", "O").encode())
    assert coner("tag", world.model, path, "-o", tmp_path / "out.conll").code == 0
    assert (tmp_path / "out.conll").read_bytes() == text.format(*predicted_tags(world, path)).encode()


def test_words_alone_get_a_column(coner: Coner, world: World, tmp_path: Path) -> None:
    path = tmp_path / "words.conll"
    path.write_text("she\nsang\n\nhe\n")
    assert written(coner, world.model, path) == "she {}\nsang {}\n\nhe {}\n".format(*predicted_tags(world, path))


@pytest.mark.parametrize("kind", ["jsonl", "text"])
def test_spans_slice_back_to_the_words(coner: Coner, world: World, tmp_path: Path, kind: str) -> None:
    sentences = read(world.train)
    # Spaces in disorder and letters beyond the first plane: spans count characters, not bytes or words.
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
        # The splitter may part words that the file keeps together: then no spaces stand between them.
        assert [span.replace(" ", "") for span in spans] == [word.replace(" ", "") for word in words]
        assert [e["label"] for e in row["entities"]] == [e.label for e in entities]
        assert all(0 < e["score"] <= 1 for e in row["entities"])
        count += len(entities)
    assert count > 20


def test_task_form_is_a_tag_a_line(coner: Coner, world: World) -> None:
    text = written(coner, world.model, world.dev, "--format", "task")
    blocks = text.removesuffix("\n\n").split("\n\n")
    assert [len(block.split("\n")) for block in blocks] == [len(sentence) for sentence in read(world.dev)]
    assert [entities_from_tags(block.split("\n")) for block in blocks] == predicted(world)


def test_bioes_says_the_same(coner: Coner, world: World, tmp_path: Path) -> None:
    text = written(coner, world.model, world.dev, "--format", "task", "--tags", "bioes")
    blocks = [block.split("\n") for block in text.removesuffix("\n\n").split("\n\n")]
    assert {tag[0] for block in blocks for tag in block} == set("BIESO")
    assert [entities_from_tags(block, "bioes") for block in blocks] == predicted(world)


def test_packed_in_and_out(coner: Coner, world: World, tmp_path: Path) -> None:
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


def test_standard_input_is_text_unless_told(world: World) -> None:
    done = process("tag", world.model, "-", stdin="она пела.\n\nsão paulo\n".encode())
    assert [json.loads(line)["text"] for line in done.out.splitlines()] == ["она пела.", "são paulo"]


def test_reader_that_goes_early_is_no_error(world: World, tmp_path: Path) -> None:
    path = tmp_path / "long.conll"
    path.write_text("word O\n\n" * 30_000)
    tagger = subprocess.Popen(
        command("tag", world.model, path, "--format", "task"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert tagger.stdout is not None
    assert tagger.stderr is not None
    assert tagger.stdout.readline() == b"O\n"
    tagger.stdout.close()
    assert tagger.stderr.read() == b""
    tagger.stderr.close()
    assert tagger.wait() == 0


def test_missing_folder_is_one_line_and_nothing_is_written(coner: Coner, world: World, out: Path) -> None:
    message = refusal(coner("tag", world.model, world.dev, "-o", out / "missing" / "x.conll"))
    assert f"the folder '{out / 'missing'}' does not exist" in message
    assert not list(out.iterdir())


def test_fault_in_the_middle_leaves_the_old_file(coner: Coner, world: World, out: Path, tmp_path: Path) -> None:
    path = tmp_path / "in.conll"
    path.write_bytes(b"word O\n\n" * 5000 + b"broken \xff O\n")
    (out / "x.conll").write_text("old")
    message = refusal(coner("tag", world.model, path, "-o", out / "x.conll"))
    line = len(path.read_bytes().splitlines())
    assert f"{path}:{line}: byte 8 of the line is 0xff" in message
    assert [(path.name, path.read_text()) for path in out.iterdir()] == [("x.conll", "old")]


@pytest.mark.parametrize(("source", "target"), [("in.conll", "in.conll"), ("x.ann", "x.txt"), (".", "x.ann")])
def test_no_input_is_replaced_by_what_was_found_in_it(
    coner: Coner, world: World, tmp_path: Path, source: str, target: str
) -> None:
    """Gold labels would be gone, or the text that they count in."""
    for name, content in {
        "in.conll": world.dev.read_bytes(),
        "x.txt": b"ada\n",
        "x.ann": b"T1\tArtist 0 3\tada\n",
    }.items():
        (tmp_path / name).write_bytes(content)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    said = refusal(coner("tag", world.model, tmp_path / source, "-o", tmp_path / target))
    assert f"{target}: is the input itself; name another output" in said
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_was_mended_in_the_input_is_told(coner: Coner, world: World, tmp_path: Path) -> None:
    path = tmp_path / "in.conll"
    path.write_bytes(b"she O\nsang I-Artist\n")
    done = coner("tag", world.model, path, "--repair")
    assert done.code == 0
    assert done.err.startswith("1 sentences, ")
    assert done.err.endswith(" entities, 1 repaired in the input\n")


def test_tags_of_the_input_are_read_as_it_is_said_and_replaced(coner: Coner, world: World, tmp_path: Path) -> None:
    source = tmp_path / "iob1.conll"
    source.write_text("ada I-OtherPER\nlovelace I-OtherPER\n\n; a remark\nwrote O\n")
    options = ("--scheme", "iob1", "--comment", ";")
    rows = written(coner, world.model, source, *options).split("\n")
    assert [row.split(" ")[0] for row in rows] == ["ada", "lovelace", "", ";", "wrote", ""]
