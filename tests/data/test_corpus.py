"""Reading any format, and data in memory."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from coner.core.errors import DataError
from coner.core.types import Entity
from coner.data import detect, read, stream

CONLL = "ada _ _ B-Scientist\nmet _ _ O\nbob _ _ B-OtherPER\n\nok _ _ O\n"
JSONL = '{"text": "ada met bob", "entities": [{"start": 0, "end": 3, "label": "Scientist"}]}\n'
TEXT = "ada met bob\nand that was it\n"


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("a.conll", TEXT, "conll"),
        ("a.iob2.gz", TEXT, "conll"),
        ("a.jsonl", TEXT, "jsonl"),
        ("a.JSON.gz", TEXT, "jsonl"),
        ("a.json", "[]", "json"),
        ("a.jsonl", "[]", "json"),
        ("a.JSONL.gz", "[]", "json"),
        ("a.txt", CONLL, "conll"),
        ("a.txt", "# id 1\n\n" + CONLL, "conll"),
        ("a.txt", "# of its own\n# and another\n# id 1\nok O\n", "conll"),
        ("a.txt", "a _ _\nb _ _\n", "conll"),
        ("a.txt", CONLL + "a line with a fault\n", "conll"),
        ("a.txt", JSONL, "jsonl"),
        ("a.txt", "\n" + JSONL, "jsonl"),
        ("a.txt", TEXT, "text"),
        ("a", TEXT, "text"),
        ("a.txt", "#hashtag alone\n", "text"),
        ("a.txt", "", "conll"),
        ("a.csv", TEXT, "csv"),
        ("a.tsv", "Word\tTag\nada\tO\n", "csv"),
        ("a.tsv", "ada\tO\nmet\tO\n", "conll"),
        ("a.tsv", "#FORMAT=WebAnno TSV 3.2\n", "webanno"),
        ("a.txt", "Sentence #,Word,POS,Tag\n1,ada,_,O\n", "csv"),
        ("a.conllu", TEXT, "conllu"),
        ("a.tag", CONLL, "conll"),
    ],
)
def test_the_format_is_detected_by_name_then_by_content(tmp_path: Path, name: str, content: str, format: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    assert detect(path) == format


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.a1", "T1\tProtein 0 3\tada\n", r"got \.a1 data, which is not read\. Fix: rename NAME\.a1 to NAME\.ann"),
        ("a.XML.gz", TEXT, r"got \.xml data, which is not read\. Fix: export it as brat"),
        ("a.txt", "<?xml version='1.0'?>\n<a/>\n", r"got \.xml data"),
        ("a.py", 'DATA = [("ada", {})]', r"got \.py data, which is not read\. Fix: write the data as JSON"),
        ("a.xlsx", "PK\3\4", r"got \.xlsx data, which is not read\. Fix: save it as CSV in UTF-8"),
        (
            "a.tag",
            TEXT,
            r"got no columns with tags; expected them, as its name says\. Fix: name it \.conll, with --col",
        ),
        (
            "a.txt",
            "Ana/PERSON met/O Bob/PERSON\n",
            r"got words with their tags, such as 'Ana/PERSON'; expected plain text",
        ),
        ("a.txt", "Ana_B-PER met_O\n", r"got words with their tags, such as 'Ana_B-PER'"),
        ("a.txt", "she met <PER>Ana</PER>\n", r"got \.muc data, which is not read\. Fix: convert it"),
    ],
)
def test_a_known_name_never_falls_through_to_plain_text(tmp_path: Path, name: str, content: str, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    with pytest.raises(DataError, match=message):
        detect(path)


@pytest.mark.parametrize("name", ["a.gz", "a.json.gz", "a.jsonl.gz", "a.conll.gz"])
def test_a_damaged_gzip_file_is_one_line_whatever_its_name(tmp_path: Path, name: str) -> None:
    packed = gzip.compress(CONLL.encode())
    for damaged in (packed[:-12], packed[:-8] + bytes(8)):
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(DataError, match=rf"{name}: cannot be read: .*; copy the file again") as caught:
            read(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_every_format_gives_the_same_words(tmp_path: Path) -> None:
    for name, content in {"a.conll": CONLL, "a.jsonl": JSONL, "a.txt": TEXT}.items():
        (tmp_path / name).write_text(content)
        assert read(tmp_path / name)[0].words == ("ada", "met", "bob")


def test_a_corpus_has_counts_and_a_repr(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text(CONLL.replace("met _ _ O", "met _ _ I-Food"))
    corpus = read(tmp_path / "a.conll", repair=True)
    assert (len(corpus), corpus.words, corpus.repaired, corpus.skipped) == (2, 4, 1, 0)
    assert corpus.labels == ("Food", "OtherPER", "Scientist")
    assert corpus[0].entities == (Entity(0, 1, "Scientist"), Entity(1, 2, "Food"), Entity(2, 3, "OtherPER"))
    assert [s.words for s in corpus[1:]] == [("ok",)]
    assert corpus.layout is not None
    path = str(tmp_path / "a.conll")
    assert repr(corpus) == f"Corpus({path!r}: 2 sentences, 4 words, 3 entities, 3 labels, 1 repaired)"


def test_a_stream_yields_sentences_before_a_fault(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text(CONLL + "\nbad _ _ X\n")
    sentences = iter(stream(tmp_path / "a.conll"))
    assert next(sentences).words == ("ada", "met", "bob")
    next(sentences)
    with pytest.raises(DataError, match=r"a\.conll:7"):
        next(sentences)


def test_plain_text_has_no_gold_labels(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    with pytest.raises(DataError, match="got plain text, which has no labels"):
        read(tmp_path / "a.txt", gold=True)


def test_standard_input_needs_a_format() -> None:
    message = (
        r"got standard input, whose format is unknown\. Fix: name a file, or --from with one of: conll, conllu, csv, "
    )
    with pytest.raises(DataError, match=message):
        stream("-")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_needs_a_format(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match=r"pipe: is a pipe or device, .* --from with one of: conll, conllu, csv, "):
        read(tmp_path / "pipe")


def test_text_may_have_slashes_and_elements(tmp_path: Path) -> None:
    for text in ("he and/or she used TCP/IP on 1/2 of A/B tests\n", "the <b>bold</b> and <PER>\n", "AC/DC\n"):
        (tmp_path / "a.txt").write_text(text)
        assert detect(tmp_path / "a.txt") == "text"


def test_a_file_in_another_format_than_its_name_says_is_read_as_what_it_is(tmp_path: Path) -> None:
    for name, content in {
        "a.conllu": "0\tAna\tB-PER\n1\tmet\tO\n\n0\tI\tO\n",
        "b.conll": "word,tag\nAna,B-PER\n",
    }.items():
        (tmp_path / name).write_text(content)
        corpus = read(tmp_path / name)
        assert [s.surface(e) for s in corpus for e in s.entities or ()] == ["Ana"]


def test_text_in_utf_16_says_how_to_convert_it(tmp_path: Path) -> None:
    for name in ("a.txt", "a", "a.json", "a.conll"):
        (tmp_path / name).write_text("Ana\tB-PER\n", encoding="utf-16")
        with pytest.raises(DataError, match=r"UTF-16; expected UTF-8\. Fix: .*iconv -f UTF-16 -t UTF-8"):
            read(tmp_path / name)


def test_a_folder_of_files_says_what_to_name_instead(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "a.txt").write_text("Ana")
    (folder / "inner" / "a.ann").write_text("T1\tPER 0 3\tAna\n")
    with pytest.raises(DataError, match=r"Fix: name one of its folders, such as .*inner"):
        detect(folder)
    (folder / "a.json").write_text("[]")
    with pytest.raises(DataError, match=r"Fix: name one of its files, such as .*a\.json"):
        detect(folder)
    (folder / "a.a1").write_text("")
    with pytest.raises(DataError, match=r"Fix: rename NAME\.a1 to NAME\.ann"):
        detect(folder)
