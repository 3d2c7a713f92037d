"""WebAnno TSV 3: layers, annotations of several tokens, stacked ones, pieces of tokens, escapes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.errors import DataError
from coner.core.types import Sentence
from coner.data import detect, read, stream
from coner.data.reading.words import raw_text
from helpers.awkward import sentences
from helpers.spans import mentions

Write = Callable[..., Path]
HEAD = "#FORMAT=WebAnno TSV 3.3\n"
ENTITY = "#T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value\n"
POS = "#T_SP=de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS|PosValue\n"
ROWS = [
    ("1-1", "0-3", "Die", "DET", "_", "_"),
    ("1-2", "4-9", "Stadt", "NOUN", "*", "LOC"),
    ("1-3", "11-14", "New", "PROPN", "http://x|*[3]", "LOC[2]|ORG[3]"),
    ("1-4", "15-23", "York-Bar", "PROPN", "*[3]", "ORG[3]"),
    ("1-5", "23-24", ".", "PUNCT", "_", "_"),
]
TEXT = "\n#Sentence.id=s1\n#Text=Die Stadt  New York-Bar.\n" + "".join("\t".join(row) + "\t\n" for row in ROWS)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str, name: str = "x.tsv") -> Path:
        (tmp_path / name).write_bytes(text.encode())
        return tmp_path / name

    return write


def test_the_values_of_named_entities_are_read(write: Write) -> None:
    path = write(HEAD + POS + ENTITY + "\n" + TEXT)
    assert detect(path) == detect(path.rename(path.with_suffix(".conll"))) == "webanno"
    reader = stream(path.with_suffix(".conll"))
    [sentence] = reader
    assert sentence.words == ("Die", "Stadt", "New", "York-Bar", ".")
    assert [(sentence.surface(e), e.label) for e in sentence.entities or ()] == [
        ("Stadt", "LOC"),
        ("New York-Bar", "ORG"),
    ]
    assert (sentence.id, sentence.text, sentence.line) == ("s1", "Die Stadt  New York-Bar.", 8)
    assert reader.faults == {"nested": 1}  # of stacked annotations the longer one is kept
    assert reader.ignored == {"layer POS.PosValue": 1, "layer NamedEntity.identifier": 1}


def test_an_annotation_that_cuts_a_token_is_a_fault(write: Write) -> None:
    path = write(HEAD + ENTITY + "\n#Text=Rombesuch\n1-1\t0-9\tRombesuch\t_\t_\t\n1-1.1\t0-3\tRom\t*\tLOC\t\n")
    with pytest.raises(DataError, match=r"x.tsv:6: entity 0-3 'LOC' starts or ends inside a word; expected 0-9"):
        read(path)
    assert mentions(path, repair=True) == [(("Rombesuch",), ["LOC: Rombesuch"])]


def test_stacked_annotations_without_numbers_are_several(write: Write) -> None:
    path = write(HEAD + "#T_SP=custom.Thing|kind\n\n#Text=a b\n1-1\t0-1\ta\tX\\|\\_1\\[\n1-2\t2-3\tb\tY\t\n")
    assert mentions(path) == [(("a", "b"), ["X|_1[: a", "Y: b"])]
    with pytest.raises(DataError, match=r"x.tsv:4: .*second label"):
        read(write(HEAD + "#T_SP=custom.Thing|kind\n\n1-1\t0-1\ta\tX|Y\t\n"))


def test_layers_can_be_named(write: Write) -> None:
    layers = "#T_SP=custom.Person|role|value\n#T_SP=custom.Place|kind\n#T_RL=custom.Link|type|BT_custom.Place\n"
    path = write(HEAD + layers + "\n#Text=Rom\n1-1\t0-3\tRom\tboss\tPER\tcity\t_\t_\t\n")
    with pytest.raises(DataError, match=r"x.tsv:1: got the layers Person.role, Person.value, Place.kind; .*--columns"):
        read(path)
    assert (
        mentions(path, columns="tag=Place") == mentions(path, columns="tag=Place.kind") == [(("Rom",), ["city: Rom"])]
    )
    assert mentions(path, columns="tag=Person") == [(("Rom",), ["PER: Rom"])]
    with pytest.raises(DataError, match=r"expected one of entities"):
        read(path, columns="tag=Event")


def test_a_file_without_layers_of_spans_has_no_labels(write: Write) -> None:
    slots = "#T_SP=custom.Verb|ROLE_custom.Verb:args_custom.Link|custom.Noun\n"
    path = write(HEAD + POS + slots + "\n#Text=Rom\n1-1\t0-3\tRom\tX\targ\t1-1\t\n")
    assert mentions(path) == [(("Rom",), None)]
    with pytest.raises(DataError, match=r"x.tsv:1: got POS.PosValue, .* none of them with spans; expected gold labels"):
        read(path, gold=True)


def test_a_text_of_several_lines_and_escapes_is_one_sentence(write: Write) -> None:
    path = write(
        HEAD + ENTITY + "\n#Text=a\\tb\n#Text=c\\\\d\n1-1\t0-1\ta\t_\t_\n1-2\t2-3\tb\t_\t_\n1-3\t4-7\tc\\d\t*\tX\n"
    )
    [sentence] = read(path)
    assert (sentence.text, sentence.words) == ("a\tb\nc\\d", ("a", "b", "c\\d"))


def escaped(value: str) -> str:
    return "".join(f"\\{character}" if character in "\\[]|_;*" else character for character in value)


@given(given=st.lists(sentences(scores=False, unlabelled=False), min_size=1, max_size=3), numbered=st.booleans())
def test_random_sentences_are_read_as_written(
    tmp_path_factory: pytest.TempPathFactory, given: list[Sentence], numbered: bool
) -> None:
    text, number, begin = HEAD + ENTITY + "\n", 0, 0
    for count, sentence in enumerate(given, 1):
        raw, offsets = raw_text(sentence)
        lines = raw.replace("\\", "\\\\").replace("\t", "\\t").split("\n")
        text += "\n" + "".join(f"#Text={line}\n" for line in lines)
        cells = ["_"] * len(sentence)
        for entity in sentence.entities or ():
            number += 1
            tail = f"[{number}]" if numbered or entity.end - entity.start > 1 else ""
            for at in range(entity.start, entity.end):
                cells[at] = escaped(entity.label) + tail
        for at, (word, (start, end), cell) in enumerate(zip(sentence.words, offsets, cells, strict=True), 1):
            text += f"{count}-{at}\t{begin + start}-{begin + end}\t{word}\t_\t{cell}\t\n"
        begin += len(raw) + 1
    path = tmp_path_factory.mktemp("webanno") / "x.tsv"
    path.write_bytes(text.encode())
    assert [(s.words, s.entities, s.text) for s in read(path)] == [(s.words, s.entities, raw_text(s)[0]) for s in given]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + ENTITY + "\n1-1\t0-3\tRom\tLOC\n", r"x.tsv:4: got 4 columns, .*; expected 5, as the layers have"),
        (HEAD + ENTITY + "\n1\t0-3\tRom\t_\tLOC\n", r"x.tsv:4: got 5 columns, .* from the number and the offsets"),
        (HEAD + ENTITY + "\n1-1\t0-3\tRom\t_\t*\n", r"x.tsv:4: got annotation '\*' without a value"),
        (
            HEAD + ENTITY + "\n1-1\t0-3\tRom\t_\tLOC[x]\n",
            r"x.tsv:4: got 'LOC\[x\]'; expected labels like PER or PER\[1\]",
        ),
        (HEAD + ENTITY + "\n1-1.1\t0-3\tRom\t_\tLOC\n", r"x.tsv:4: got 1-1.1, a piece of a token; expected a token"),
        (HEAD + ENTITY + "\n1-1\t0-1\ta\t_\tX[1]\n\n2-1\t2-3\tb\t_\tX[1]\n", r"x.tsv:6: got 'X' as in the sentence"),
        (HEAD, r"x.tsv: got no sentence"),
        (
            "# de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity | value\n#id=1\n#text=Rom\n1-1\tRom\tB-LOC\n",
            r"x.tsv:1: got '# de.tud.*'; expected #FORMAT=WebAnno TSV 3.1 or later. Fix: export it as WebAnno TSV 3",
        ),
    ],
)
def test_faults_are_one_line_with_their_place(write: Write, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(write(text))
    assert "\n" not in str(caught.value)


def test_empty_lines_above_the_format_are_skipped(write: Write) -> None:
    path = write("\n \n" + HEAD + POS + ENTITY + "\n" + TEXT)
    assert detect(path) == "webanno"
    assert [e.label for s in read(path) for e in s.entities or ()] == ["LOC", "ORG"]
