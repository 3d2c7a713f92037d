"""CoNLL: exact round trips, faults with file and line, constant memory."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.errors import DataError, OutputError
from coner.core.tags import Scheme, tags_from_entities
from coner.core.types import Entity, Sentence
from coner.data.formats._conll_reader import ConllReader
from coner.data.formats.conll import write_conll
from coner.data.reading.layout import ConllLayout
from helpers import ROOT

SHARED = ROOT.parent / "shared" / "data" / "multiconer2"
SAMPLE = Path(str(resources.files("coner.data"))) / "sample"


def read(path: Path, text: str | bytes, **options: Any) -> list[Sentence]:
    file = path / "file.conll"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(ConllReader(file, **options))


def again(path: Path, **options: Any) -> bytes:
    """The file after reading and writing, sentence by sentence."""
    reader = ConllReader(path, **options)
    handle = io.StringIO(newline="")
    write_conll(reader, handle, lambda: reader.layout, options.get("scheme", "iob2"))
    return handle.getvalue().encode()


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_the_sample_is_written_as_it_was_read(split: str) -> None:
    path = SAMPLE / f"{split}.conll"
    assert again(path) == path.read_bytes()


@pytest.mark.parametrize("name", ["en-train", "zh-train", "zh-dev", "hi-dev", "bn-dev"])
def test_official_files_are_written_as_they_were_read(name: str) -> None:
    path = SHARED / f"{name}.conll"
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    assert again(path) == path.read_bytes()


@pytest.mark.parametrize(
    "content",
    [
        "\n# id 1\tdomain=en\na _ _ B-X\nb _ _ I-X\n\n\n# id 2\nc _ _ O\n\n",
        "a\tO\nb\tB-X\n\nc\tO",
        "a O\r\n\r\nb B-X\r\n\r\n\r\n",
        "\ufeff\n\n# id x\na NN _ B-X\n\t\nb VB _ O\n \n\t\n",
        "a\t_ NN  O\nb\t_ VB  B-X\n",
        "# id 7\tdomain=en\na _ _\nb _ _\n\n",  # test files of the task: no column of tags
        "a\nb\n\nc\n",
        "a _\nb _\n",
        "a NN _ _\nb VB _ _\n",
        "#hashtag O\n# O\n## B-X\n#\tO\n".replace("\t", " "),
        "ক্ষ\u200d _ _ O\na\u200bb _ _ B-X\n\ufeff _ _ I-X\n\ufe0f _ _ O\n",
        "a\xa0b\u3000 O\n\u2028 O\nx\x85y\x0bz\x0c\x1c O\na\rb B-X\n",
        "-DOCSTART- -X- O O\n\nEU NNP I-NP B-ORG\n\n",
    ],
)
def test_regular_files_are_written_as_they_were_read(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.conll"
    path.write_bytes(content.encode())
    assert again(path) == content.encode()
    (tmp_path / "x.gz").write_bytes(gzip.compress(content.encode()))
    assert again(tmp_path / "x.gz") == content.encode()


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=" \t\n\r\0\ufeff#"), min_size=1, max_size=5)


@st.composite
def sentences(draw: st.DrawFn) -> Sentence:
    words = tuple(draw(st.lists(WORDS, min_size=1, max_size=6)))
    entities, at = [], 0
    while at < len(words) and draw(st.booleans()):
        start = draw(st.integers(at, len(words) - 1))
        at = draw(st.integers(start + 1, len(words)))
        entities.append(Entity(start, at, draw(st.sampled_from(["X", "Y-z", "M/V"]))))
    return Sentence(words, tuple(entities))


@pytest.mark.parametrize("scheme", ["iob2", "bioes"])
@given(
    given=st.lists(sentences(), min_size=1, max_size=4),
    layout=st.builds(
        ConllLayout,
        separators=st.lists(st.text(" \t", min_size=1, max_size=2), min_size=1, max_size=4).map(tuple),
        beginning=st.sampled_from(["", "\n", "\n\n"]),
        between=st.sampled_from(["\n", "\n\n", "\t\n"]),
        ending=st.sampled_from(["", "\n", "\n\n"]),
        bom=st.booleans(),
    ),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, scheme: Scheme, given: list[Sentence], layout: ConllLayout
) -> None:
    path = tmp_path_factory.getbasetemp() / f"{scheme}.conll"
    given = [replace(s, id=str(i)) for i, s in enumerate(given)]
    with path.open("w", encoding="utf-8", newline="") as handle:
        write_conll(given, handle, layout, scheme)
    reader = ConllReader(path, scheme=scheme)
    read_back = list(reader)
    assert [(s.words, s.entities, s.id) for s in read_back] == [(s.words, s.entities, s.id) for s in given]
    assert reader.layout == (layout if len(given) > 1 else replace(layout, between=reader.layout.between))


def test_words_columns_tags_and_headers_are_read(tmp_path: Path) -> None:
    text = "\n# id s1\tdomain=en\nnew NNP x B-Loc\n york\tNNP \ty  I-Loc \nrocks VBZ z O\n \t\n# id s2\nok UH x O"
    first, second = read(tmp_path, text)
    assert first == Sentence(
        ("new", "york", "rocks"),
        (Entity(0, 2, "Loc"),),
        id="s1",
        header=("# id s1\tdomain=en",),
        columns=(("NNP", "x"), ("NNP", "y"), ("VBZ", "z")),
    )
    assert (first.line, second.line, second.id, second.entities) == (2, 7, "s2", ())


def test_iob1_and_bioes_are_read(tmp_path: Path) -> None:
    (iob1,) = read(tmp_path, "a I-X\nb I-X\nc B-X\nd O\ne I-Y\n", scheme="iob1")
    (bioes,) = read(tmp_path, "a B-X\nb E-X\nc S-X\nd O\ne S-Y\n", scheme="bioes")
    assert iob1.entities == bioes.entities == (Entity(0, 2, "X"), Entity(2, 3, "X"), Entity(4, 5, "Y"))


@pytest.mark.parametrize(
    ("text", "columns", "written"),
    [
        ("a\nb\n", (), "a B-X\nb O\n"),
        ("a _ _\nb _ _\n", (("_", "_"), ("_", "_")), "a _ _ B-X\nb _ _ O\n"),
        ("a _\nb _\n", (), "a B-X\nb O\n"),
        ("a NN _ _\nb VB _ _\n", (("NN", "_"), ("VB", "_")), "a NN _ B-X\nb VB _ O\n"),
    ],
)
def test_predictions_are_written_into_a_file_without_tags(
    tmp_path: Path, text: str, columns: tuple[Any, ...], written: str
) -> None:
    reader = ConllReader(tmp_path / "file.conll")
    (sentence,) = read(tmp_path, text)
    assert (sentence.entities, sentence.columns) == (None, columns)
    list(reader)
    handle = io.StringIO()
    write_conll([replace(sentence, entities=(Entity(0, 1, "X"),))], handle, reader.layout)
    assert handle.getvalue() == written


def test_the_default_layout_is_that_of_the_shared_task() -> None:
    handle = io.StringIO()
    write_conll([Sentence(("a", "b"), (Entity(0, 2, "X"),), id="1"), Sentence(("c",), ())], handle)
    assert handle.getvalue() == "\n# id 1\na _ _ B-X\nb _ _ I-X\n\n\nc _ _ O\n\n"


@pytest.mark.parametrize("id", ["7\nzzz", "7\r", "a\tb", " a", "a ", "a\0"])
def test_an_id_that_would_be_read_as_another_is_refused(id: str) -> None:
    with pytest.raises(OutputError, match=r"got id .*, which CoNLL cannot hold\. Fix: write JSONL"):
        write_conll([Sentence(("a",), (), id)], io.StringIO())


@pytest.mark.parametrize("word", ["", "new york", "a\tb", "a\nb"])
def test_a_word_that_conll_cannot_hold_is_refused(word: str) -> None:
    with pytest.raises(OutputError, match=r"sentence s1: got word .* write JSONL"):
        write_conll([Sentence(("x", word), (), id="s1")], io.StringIO())


@pytest.mark.parametrize("label", ["Human Settlement", "a\tb", "a\nb"])
def test_a_label_that_cannot_be_read_back_is_refused(label: str) -> None:
    with pytest.raises(OutputError, match=r"sentence s1: got label .*, which CoNLL cannot hold\. Fix: write JSONL"):
        write_conll([Sentence(("basel",), (Entity(0, 1, label),), id="s1")], io.StringIO())


FAULTS = {
    "stray": ("a B-X\n\nb O\nc I-X\n", {}, ":4: tag 'I-X' after O is not valid iob2. Fix: .*--repair"),
    "at start": ("a I-X\nb O\nc B-X\n", {}, ":1: tag 'I-X' after the start"),
    "other label": ("a B-X\nb I-Y\n", {}, ":2: tag 'I-Y' after B-X"),
    "bioes in iob2": ("a S-X\n", {"scheme": "iob2"}, ":1: got tags 'S-X' 1, .*look like bioes"),
    "no end": ("a O\nb B-X\n", {"scheme": "bioes"}, ":2: tag 'B-X' at the end of the sentence is not valid bioes"),
    "iob2 in iob1": (
        "a O\nb B-X\n",
        {"scheme": "iob1"},
        ":2: tag 'B-X' after O is not valid iob1; the tags of the file look like iob2",
    ),
    "iob2 in bioes": (
        "a B-X\nb O\n",
        {"scheme": "bioes"},
        ":2: tag 'O' after B-X is not valid bioes; the tags of the file look like iob2",
    ),
    "malformed": ("a O\nb Q-X\n", {}, ":2: got tags 'Q-X' 1, of which 1 of 1 are not valid"),
    "too few": ("a _ _ O\nb O\n", {}, ":2: got 2 columns; expected 4"),
    "too few, tab": ("a\tO\n\tO\n", {}, ":2: got 1 column; expected 2"),
    "too many": ("a O\n\nnew york O\n", {}, ":3: got 3 columns; expected 2"),
    "a tab hides a column": ("a x O\nb\ty x O\n", {}, ":2: got 4 columns; expected 3"),
    "too few in the first line": ("a O\nb _ _ O\nc _ _ O\n", {}, ":1: got 2 columns; expected 4"),
    "a tag column with a hole": ("a O\n\nb _\n", {}, ":3: got tags '_' 1, of which"),
    "tags after none": ("a _\n\nb O\n", {}, ":3: got 'O' as tag; expected '_', as the file starts without tags"),
    "unknown label": (
        "a O\nb B-Artst\n",
        {"labels": ["Artist", "Food"]},
        ":2: got label 'Artst'.*Fix: write 'Artist'",
    ),
    "no-break space": ("a\u00a0O\nb O\nc O\n", {}, r":1: got 1 column, 'a\\xa0O'; expected 2"),
    "zero-width space": ("a O\n\u200b\nb O\n", {}, r":2: got 1 column, '\\u200b'; expected 2"),
    "header inside": ("# id 1\na O\n# id 2\nb O\n", {}, ":3: got a header inside a sentence"),
    "header alone": ("# id 1\n\n# id 2\nb O\n", {}, ":1: got header '# id 1' without a word"),
    "header at the end": ("a O\n\n# id 2\n", {}, ":3: got header '# id 2' without a word"),
    "encoding": (b"a O\ncaf\xe9 O\n", {}, ":2: byte 4 of the line is 0xe9, which is not UTF-8"),
    "binary": (b"\x89PNG\r\n\x1a\n\0\0", {}, ":3: contains a zero byte"),
    "empty": ("", {}, "got no sentence; expected a word per line"),
    "blank": ("\n\t\n \n", {}, "got no sentence"),
    "no gold": ("a _ _\n", {"gold": True}, ":1: got only '_' in the last column: no tags; expected"),
    "no gold, words only": ("\na\n", {"gold": True}, ":2: got one column: no tags; expected"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_one_line_with_its_place(tmp_path: Path, name: str) -> None:
    text, options, message = FAULTS[name]
    with pytest.raises(DataError, match=r"file\.conll" + (message if message[0] == ":" else ": " + message)) as caught:
        read(tmp_path, text, **options)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_one_line(tmp_path: Path) -> None:
    for path, message in ((tmp_path / "no", "no such file"), (tmp_path, "is a folder")):
        with pytest.raises(DataError, match=message):
            list(ConllReader(path))


REPAIRED: dict[str, tuple[str | bytes, list[tuple[list[str], list[Entity]]], int, int]] = {
    "stray": ("a B-X\nb O\nc I-X\nd I-X\n", [(list("abcd"), [Entity(0, 1, "X"), Entity(2, 4, "X")])], 1, 0),
    "malformed": ("a X\nb B-X\n", [(["a", "b"], [Entity(1, 2, "X")])], 1, 0),
    "too few, tag there": ("a _ _ O\nb B-X\n", [(["a", "b"], [Entity(1, 2, "X")])], 1, 0),
    "too few, no tag": ("a _ _ B-X\nb\n", [(["a", "b"], [Entity(0, 1, "X")])], 1, 0),
    "too many": ("a O\nnew york B-X\n", [(["a", "new"], [Entity(1, 2, "X")])], 1, 0),
    "too few, twice": ("a _ O\nb O\nc _ O\nd O\ne _ O\n", [(list("abcde"), [])], 2, 0),
    "too many, middle": ("a x O\nb y z B-X\n", [(["a", "b"], [Entity(1, 2, "X")])], 1, 0),
    "too few in the first line": ("a\nb _ O\nc _ B-X\n", [(["a", "b", "c"], [Entity(2, 3, "X")])], 1, 0),
    "header inside": ("# id 1\na O\n# id 2\nb O\n", [(["a"], []), (["b"], [])], 1, 0),
    "header alone": ("# id 1\n\n# id 2\nb O\n", [(["b"], [])], 0, 1),
    "encoding": (b"caf\xe9 O\nb\xff\xfe O\n", [(["caf\ufffd", "b\ufffd\ufffd"], [])], 2, 0),
}


@pytest.mark.parametrize("name", REPAIRED)
def test_repairs_are_counted_and_reported(tmp_path: Path, name: str) -> None:
    text, expected, repaired, skipped = REPAIRED[name]
    path, lines = tmp_path / "file.conll", list[int]()
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    reader = ConllReader(path, repair=True, on_fault=lambda line, _: lines.append(line))
    sentences_ = list(reader)
    assert [(list(s.words), list(s.entities or ())) for s in sentences_] == expected
    assert (reader.repaired, reader.skipped) == (repaired, skipped)
    assert len(lines) == repaired + skipped
    with path.open("w", encoding="utf-8", newline="") as handle:
        write_conll(sentences_, handle, reader.layout)
    assert [(s.words, s.entities, s.columns) for s in ConllReader(path)] == [
        (s.words, s.entities, s.columns) for s in sentences_
    ]


def test_a_repaired_file_without_tags_has_no_labels(tmp_path: Path) -> None:
    (sentence,) = read(tmp_path, "a _\nb\nc _\n", repair=True)
    assert (sentence.words, sentence.entities) == (("a", "b", "c"), None)


@pytest.mark.parametrize(
    ("text", "between"),
    [
        ("a O\n\nb O\n\n\nc O\n", "\n"),
        ("# id 1\na O\n# id 2\nb O\n\t\nc O\n\n\nd O\n", "\t\n"),
        ("a O\n", "\n\n"),
        ("a O\r\n", "\r\n\r\n"),
    ],
)
def test_the_first_gap_is_the_one_that_is_written(tmp_path: Path, text: str, between: str) -> None:
    path = tmp_path / "file.conll"
    path.write_bytes(text.encode())
    reader = ConllReader(path, repair=True)
    assert len(list(reader)) == text.count(" O")
    assert reader.layout.between == between


def test_an_unknown_label_is_not_repaired(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not in the taxonomy"):
        read(tmp_path, "a B-Z\n", labels=["X"], repair=True)


def test_lines_with_the_comment_mark_are_headers(tmp_path: Path) -> None:
    text = "# text = a\na O\n\n# only a note\n\nb O\n"
    assert read(tmp_path, "%x O\n", comment="#")[0].words == ("%x",)
    reader = ConllReader(tmp_path / "file.conll", comment="# ")
    (tmp_path / "file.conll").write_text(text)
    assert [(s.header, s.words) for s in reader] == [(("# text = a",), ("a",)), (("# only a note", ""), ("b",))]
    assert (reader.repaired, reader.skipped) == (0, 0)
    assert again(tmp_path / "file.conll", comment="# ") == text.encode()


def test_long_words_and_long_sentences_are_read(tmp_path: Path) -> None:
    words = ["x" * 10_000, *(f"w{i}" for i in range(5_000))]
    entities = [Entity(0, 5_001, "X")]
    text = "".join(f"{w} _ _ {t}\n" for w, t in zip(words, tags_from_entities(entities, 5_001), strict=True))
    (sentence,) = read(tmp_path, text)
    assert (list(sentence.words), list(sentence.entities or ())) == (words, entities)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "big.conll"
    block = "".join(f"# id {i}\n" + "word _ _ O\nada _ _ B-X\n" * 8 + "\n" for i in range(500))
    peaks = []
    for times in (15, 50):
        path.write_text(block * times)
        reader = ConllReader(path)
        tracemalloc.start()
        assert sum(1 for _ in reader) == 500 * times
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert path.stat().st_size > 4_000_000
    assert peaks[1] < 1.2 * peaks[0]


def test_the_cache_of_columns_may_overflow(tmp_path: Path) -> None:
    text = "".join(f"w{i} lemma{i} O\n" for i in range(70_000))
    (sentence,) = read(tmp_path, text)
    assert sentence.columns[69_999] == ("lemma69999",)
