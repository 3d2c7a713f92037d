"""Columns of CoNLL files: named or recognised, in any order, written again byte for byte."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.errors import ConfigError, DataError, OutputError
from coner.core.tags import tags_from_entities
from coner.core.types import Entity, Sentence
from coner.data import detect, read
from coner.data.convert import convert
from coner.data.formats._conll_reader import ConllReader
from coner.data.formats.conll import write_conll
from coner.data.noise import Noise, load_keyboard
from coner.data.noisy_file import write_noisy
from coner.data.reading.columns import columns_for, parse_columns
from coner.data.reading.layout import ConllLayout


def reader_of(path: Path, text: str, **options: Any) -> ConllReader:
    file = path / "file.conll"
    file.write_text(text, encoding="utf-8", newline="")
    return ConllReader(file, **options)


def written(reader: ConllReader) -> str:
    """The file after reading and writing, sentence by sentence."""
    handle = io.StringIO(newline="")
    write_conll(reader, handle, lambda: reader.layout)
    return handle.getvalue()


def mentions(sentences: Any) -> list[tuple[str, str]]:
    return [(s.surface(e), e.label) for s in sentences for e in s.entities or ()]


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=" \t\n\r\0\ufeff#"), min_size=1, max_size=5)
CELLS = st.text("abcXYZ1-_.:é", min_size=1, max_size=4)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[list[list[str]]], list[Sentence]]:
    """Sentences as rows of word, tag and other cells; and what they say."""
    others = draw(st.integers(0, 3))
    rows, sentences = [], []
    for _ in range(draw(st.integers(1, 4))):
        words = tuple(draw(st.lists(WORDS, min_size=1, max_size=6)))
        cuts = sorted(set(draw(st.lists(st.integers(0, len(words)), max_size=4))))
        entities = tuple(
            Entity(a, b, draw(st.sampled_from(["X", "Y-z"]))) for a, b in zip(cuts[::2], cuts[1::2], strict=False)
        )
        more = [draw(st.lists(CELLS, min_size=others, max_size=others)) for _ in words]
        tags = tags_from_entities(entities, len(words))
        rows.append([[word, tag, *cells] for word, tag, cells in zip(words, tags, more, strict=True)])
        sentences.append(Sentence(words, entities, columns=tuple(map(tuple, more)) if others else ()))
    return rows, sentences


@given(table=tables(), seed=st.integers(0, 999), separator=st.sampled_from([" ", "\t", "  ", " \t"]), end=st.booleans())
def test_columns_in_any_order_are_read_and_written_as_they_were(
    tmp_path_factory: pytest.TempPathFactory,
    table: tuple[list[list[list[str]]], list[Sentence]],
    seed: int,
    separator: str,
    end: bool,
) -> None:
    rows, expected = table
    order = list(range(len(rows[0][0])))
    random.Random(seed).shuffle(order)
    word, tag = order.index(0), order.index(1)
    text = "\n\n".join("\n".join(separator.join(row[at] for at in order) for row in lines) for lines in rows)
    text += "\n" * end
    for named in (f"word={word + 1},tag={tag + 1}", f" tag={tag - len(order)}, word={word - len(order)}"):
        reader = reader_of(tmp_path_factory.getbasetemp(), text, columns=named)
        sentences = list(reader)
        assert [(s.words, s.entities) for s in sentences] == [(s.words, s.entities) for s in expected]
        others = [at - 2 for at in order if at > 1]
        cells = [tuple(tuple(row[at] for at in others) for row in s.columns) for s in expected]
        assert [s.columns for s in sentences] == cells
        handle = io.StringIO(newline="")
        write_conll(sentences, handle, reader.layout)
        assert handle.getvalue() == text


GERMEVAL = (
    "#\thttp://example.org/1\t[2010-07-04]\n1\tWien\tB-LOC\tO\n2\tist\tO\tO\n3\tgroß\tO\tO\n\n"
    "#\thttp://example.org/2\t[2010-07-05]\n1\tUni\tB-ORG\tO\n2\tWien\tI-ORG\tB-LOC\n\n"
)
POS_AND_CHUNKS = "EU NNP B-NP B-ORG\nrejects VBZ B-VP O\nGerman JJ B-NP B-MISC\ncalls NNS I-NP O\n"
WORD = "word={},tag={}".format


@pytest.mark.parametrize(
    ("text", "word", "tag", "found"),
    [
        (GERMEVAL, 2, 3, [("Wien", "LOC"), ("Uni Wien", "ORG")]),
        (GERMEVAL.replace("\tO\n", "\n").replace("\tB-LOC\n\n", "\n\n"), 2, 3, [("Wien", "LOC"), ("Uni Wien", "ORG")]),
        ("0 Ana PER\n1 met O\n2 Bo PER\n", 2, 3, [("Ana", "PER"), ("Bo", "PER")]),
        (
            "O\tthe\nB-ACTOR\ttom\nI-ACTOR\thanks\n\nO\tof\nB-TITLE\tbig\n",
            2,
            1,
            [("tom hanks", "ACTOR"), ("big", "TITLE")],
        ),
        ("O\tthe\nO\tbig\nO\tshort\n", 2, 1, []),
        (POS_AND_CHUNKS, 1, 4, [("EU", "ORG"), ("German", "MISC")]),
        ("EU B-ORG I-NP\nrejects O I-VP\ncalls O I-NP\n", 1, 2, [("EU", "ORG")]),
        ("EU B-ORG NNP\nrejects O VBZ\n", 1, 2, [("EU", "ORG")]),
        ("EU B-ORG _\nrejects O _\n", 1, 2, [("EU", "ORG")]),
        ("EU O B-ORG\nrejects O O\n", 1, 3, [("EU", "ORG")]),
        ("EU B-NP\nrejects B-VP\ncalls O\n", 1, 2, [("EU", "NP"), ("rejects", "VP")]),
        ("a/1 0 0 Ana B-PER\na/1 0 1 met O\na/1 0 2 Bo B-PER\n\n" * 4, 4, 5, [("Ana", "PER"), ("Bo", "PER")] * 4),
        ("New York\tB-LOC\nis\tO\nlarge\tO\n", 1, 2, [("New York", "LOC")]),
        ("Ana _ B-PER\nmet I-x O\nBo _ B-PER\n", 1, 3, [("Ana", "PER"), ("Bo", "PER")]),
        ("New York\tNNP\t\tB-LOC\nis\t\tbe\tO\n", 1, 4, [("New York", "LOC")]),
    ],
)
def test_columns_are_recognised(tmp_path: Path, text: str, word: int, tag: int, found: list[tuple[str, str]]) -> None:
    reader = reader_of(tmp_path, text)
    sentences = list(reader)
    assert mentions(sentences) == found
    assert sentences == list(reader_of(tmp_path, text, columns=WORD(word, tag)))
    usual = word == 1 and reader.layout.tag == -1
    assert (
        usual
        or reader.notes[0] == f"words are read from column {word} of {reader.layout.width}, tags from column {tag}"
    )
    assert "B-" not in text or written(reader_of(tmp_path, text)) == text


def test_inner_mentions_are_noted(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, GERMEVAL)
    assert [len(sentence) for sentence in reader] == [3, 2]
    assert "column 4 holds inner mentions, which are not read" in reader.notes
    assert reader.ignored == {"inner mentions": 1}
    assert "comments, which start with '#' and cannot be words: 2" in reader.notes
    assert mentions(reader_of(tmp_path, GERMEVAL, columns="word=2,tag=4")) == [("Wien", "LOC")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "Ana B-PER B-PER\nmet O O\nBo B-PER O\n",
            r":1: got tags in columns 2 and 3.*--columns word=1,tag=2; .*gold=2",
        ),
        (
            "1 Ana B-PER B-PER\n2 met O O\n3 Bo B-PER B-PER\n",
            r":1: got tags in columns 3 and 4.*--columns word=2,tag=3",
        ),
        ("Ana B-PER O\nmet O O\nBo B-PER O\n", r":1: got tags in columns 2 and 3"),
        (
            "\n1 O\n2 O\n3 B-X\n",
            r":2: got words in column 1 that count 1, 2, 3 in every sentence.*--columns word=2,tag=4",
        ),
        (
            "d1 x1 Ana B-PER\nd1 x2 met O\n" * 5,
            r":1: got words in column 1 that are the same throughout every sentence",
        ),
        ("B-PER x Ana NNP\nO y met VBD\nO z us PRP\n", r":1: got words in column 1 that look like tags"),
        ("Ana NNP\nmet VBD\n", r":1: got tags .* Fix: name .* column of the tags with --columns"),
    ],
)
def test_columns_that_cannot_be_known_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=r"file\.conll" + message):
        list(reader_of(tmp_path, text))


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ("word=1,tag=5", DataError, r":1: got 2 columns, where --columns has tag=5"),
        ("word=-3", DataError, "got 2 columns, where --columns has word=-3"),
        ("word=2,tag=2", DataError, "got column 2 for words and tags"),
        ("word=0", ConfigError, "columns: got 'word=0'"),
        ("wrd=1", ConfigError, "columns: got 'wrd=1'; expected .* such as word=2,tag=4"),
        ("word=1,word=2", ConfigError, "columns: got 'word=2'"),
        ("word=Word", ConfigError, "columns: got word=Word; expected a number"),
        ("word=1,gold=2", ConfigError, "columns: got gold=2, which is for coner evaluate"),
    ],
)
def test_wrong_columns_are_an_error(tmp_path: Path, columns: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        list(reader_of(tmp_path, "Ana B-PER\nmet O\n", columns=columns))


def test_columns_are_parsed() -> None:
    assert parse_columns(" word=2, tag=-1") == {"word": 2, "tag": -1}
    assert parse_columns(None) == {}
    assert columns_for("word=1,gold=2,predicted=3", "gold") == "word=1,tag=2"
    assert columns_for("word=1,gold=2,predicted=3", "predicted") == "word=1,tag=3"
    assert columns_for("word=1,gold=2,predicted=3", "train") == "word=1"
    assert columns_for("tag=3", "gold") == "tag=3"
    with pytest.raises(ConfigError, match="tag= beside gold="):
        columns_for("tag=3,gold=2", "gold")


def test_an_index_before_words_without_tags_gets_a_column_of_tags(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, "1\tAna\n2\tmet\n3\tBo\n")
    (sentence,) = reader
    assert (sentence.words, sentence.entities, sentence.columns) == (
        ("Ana", "met", "Bo"),
        None,
        (("1",), ("2",), ("3",)),
    )
    handle = io.StringIO()
    write_conll([Sentence(sentence.words, (Entity(0, 1, "PER"),), columns=sentence.columns)], handle, reader.layout)
    assert handle.getvalue() == "1\tAna\tB-PER\n2\tmet\tO\n3\tBo\tO\n"
    with pytest.raises(DataError, match="got no column of tags; expected a file with gold tags"):
        list(reader_of(tmp_path, "1\tAna\n2\tmet\n3\tBo\n", gold=True))


def test_a_prefix_of_every_word_is_not_part_of_it(tmp_path: Path) -> None:
    text = "en:Sioux B-ORG\nen:Falls I-ORG\n\nen:: O\n"
    reader = reader_of(tmp_path, text)
    assert [sentence.words for sentence in reader] == [("Sioux", "Falls"), (":",)]
    assert reader.notes == ["every word starts with 'en:', which is not read as part of the words"]
    assert written(reader_of(tmp_path, text)) == text
    for other in ("en:a O\nen:b O\nc O\n", "en:a O\nen: O\nen:b O\n", "http://a O\nhttp://b O\nhttp://c O\n"):
        assert [word for s in reader_of(tmp_path, other) for word in s.words] == [
            row.split()[0] for row in other.splitlines()
        ]
    late = "en:a O\n" * 4000 + "b O\n"
    with pytest.raises(DataError, match=r":4001: got word 'b'; expected one that starts with 'en:'"):
        list(reader_of(tmp_path, late))


def test_words_with_spaces_need_tabs_to_be_written(tmp_path: Path) -> None:
    source = tmp_path / "a.tsv"
    source.write_text("New York\tB-LOC\nis\tO\nlarge\tO\n")
    convert(str(source), tmp_path / "b.conll")
    assert (tmp_path / "b.conll").read_text() == source.read_text()
    with pytest.raises(OutputError, match="got word 'New York', which CoNLL cannot hold"):
        write_conll(read(source), io.StringIO())


def test_lines_with_tabs_missing_are_faults(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r":5: got 3 columns; expected 2 as before, separated by tabs"):
        list(reader_of(tmp_path, "New York\tB-LOC\nis\tO\nso\tO\nso so\tO\nnew york O\n"))
    (sentence,) = reader_of(tmp_path, "1\tNew York\tB-LOC\n2\tis\tO\n3\tso so\tO\n4\tbig\n", repair=True)
    assert sentence.words == ("New York", "is", "so so", "big")


@pytest.mark.parametrize(
    "text", [GERMEVAL, "O\tden\nB-X\tann\n", "x:n O\nx:nn B-N\nx:mn O\n", "n n\tO\nm\tO\nmm\tB-X\n"]
)
def test_noise_changes_words_only(tmp_path: Path, text: str) -> None:
    source, out = tmp_path / "a.tsv", tmp_path / "b.tsv"
    source.write_text(text)
    noise = Noise(load_keyboard("qwerty"), rate=1, words=1)
    assert write_noisy(source, out, noise)["noisy"]
    clean, noisy = read(source), read(out, columns=WORD(*(at % 9 for at in places(source))))
    assert noisy.sentences == tuple(noise(clean))
    changed = zip(source.read_text().splitlines(), out.read_text().splitlines(), strict=True)
    assert sum(a != b for a, b in changed) == sum(
        a.words[i] != b.words[i] for a, b in zip(clean, noisy, strict=True) for i in range(len(a))
    )


def places(path: Path) -> tuple[int, int]:
    layout = read(path).layout
    assert layout is not None
    return layout.word + 1, layout.tag % layout.width + 1


@pytest.mark.parametrize(
    "text",
    [
        "Ana U-PER\nvan B-LOC\nYork L-LOC\n",
        "Ana S-PER\nvan B-LOC\nvan M-LOC\nYork E-LOC\n",
        "Ana b-per\nmet o\n",
        "Ana B_PER\nmet O\n",
        "Ana PER-B\nmet O\nBo PER-B\n",
        "Ana PERSON\nMaria PERSON\nmet O\nRome LOCATION\n",
        "Ana B\nMaria I\nmet O\n",
        "Ana B-PER\nmet 0\n",
        "O met\nB-PER Ana\nI-PER Maria\n",
        "1 Ana B-PER _\n2 met O _\n3 us O _\n",
        "en:Ana\tB-PER\nen:Maria\tI-PER\nen:Bo\tB-PER\n",
    ],
)
def test_files_without_a_known_name_are_recognised(tmp_path: Path, text: str) -> None:
    for name in ("train", "train.txt"):
        (tmp_path / name).write_text(text)
        assert detect(tmp_path / name) == "conll"
    assert mentions(read(tmp_path / "train"))[0][0].startswith(("Ana", "van"))


@pytest.mark.parametrize(
    "text", ["Ana met Bo.\nHe left.\n", "one two\nthree four\n", "I am\nO no\nYou are\n", "- a\n- b\n"]
)
def test_plain_text_stays_text(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    assert detect(tmp_path / "a.txt") == "text"


@pytest.mark.parametrize(
    ("text", "word", "tag"),
    [
        ("1\tEcce\tB-OTH\n2\thomo\tI-OTH\n", 1, 2),  # two words are enough
        ("0 Ecce X B-OTH\n1 homo X I-OTH\n", 1, 3),
        ("1-1\tEcce\tB-OTH\n1-2\thomo\tI-OTH\n1-3\tx\tO\n", 1, 2),  # WebAnno TSV 1 and 2
        ("1\t1\tEcce\tB-OTH\n1\t2\thomo\tI-OTH\n\n2\t1\tx\tO\n", 2, 3),
    ],
)
def test_indices_of_few_words_and_of_sentences_are_recognised(tmp_path: Path, text: str, word: int, tag: int) -> None:
    reader = reader_of(tmp_path, text)
    sentences = list(reader)
    assert mentions(sentences) == [("Ecce homo", "OTH")]
    assert (reader.layout.word, reader.layout.tag % reader.layout.width) == (word, tag)
    assert written(reader_of(tmp_path, text)) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Ana,B-PER\nlives,O\n", "got words with their tags, such as 'Ana,B-PER'; expected two columns"),
        ("Ana\u00a0B-PER\nlives\u00a0O\n", "got words with their tags, such as"),
        ("Token POS NER\nAna NNP B-PER\n", "got a line with the names of columns, 'Token POS NER'. Fix: delete it"),
        ("Ana B-PER\n#text=Ana lives\n", "got tag 'lives'; expected O, or a label. Fix: .* --comment '#'"),
        ("Ana B-PER\n\u00a0\nBob B-PER\n", r"got 1 column, '\\xa0'; expected 2"),
        ("Ana B-PER\rlives O\r", "got CR alone as line end; expected LF or CRLF. Fix: tr"),
    ],
)
def test_what_would_be_misread_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        list(reader_of(tmp_path, text))


def test_empty_tags_are_outside_if_nothing_else_is(tmp_path: Path) -> None:
    text = "Ana\tB-PER\nlives\t\n\nin\t\n"
    assert [s.entities for s in reader_of(tmp_path, text)] == [(Entity(0, 1, "PER"),), ()]
    with pytest.raises(DataError, match=r"file\.conll:2: got tags '' 2, 'B-PER' 1, of which 2 of 3 are not valid"):
        list(reader_of(tmp_path, text + "now\tO\n"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Ana/B-PER lives/O in/O Rome/B-LOC\n", "got words with their tags, such as 'Ana/B-PER'"),
        ("Ana,B-PER\nlives,O\n", "got words with their tags, such as 'Ana,B-PER'"),
        ("Ana\tPerson\nlives\t\n\nBo\t\n", "got a word per line, some with a label behind a tab"),
        ("Ana\tPerson\nlives\n\nBo\n", "got a word per line, some with a label behind a tab"),
        ("<START:person> Ana <END> lives .\n", "got .opennlp data"),
        ('He met <ENAMEX TYPE="PERSON">Ana</ENAMEX>.\n', "got .muc data"),
        ("## intent:go\n- to [Rome](city)\n", "got .rasa data"),
    ],
)
def test_annotated_text_is_not_plain_text(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "x.txt").write_text(content)
    with pytest.raises(DataError, match=message):
        detect(tmp_path / "x.txt")


def test_a_filler_is_outside_in_a_column_of_tags_before_others(tmp_path: Path) -> None:
    text = "1\tAna\tB-PER\t_\n2\tlives\t_\t_\n3\tRome\tB-LOC\tB-CITY\n\n1\tBo\tB-PER\t_\n2\tsings\t_\t_\n"
    reader = reader_of(tmp_path, text)
    assert [s.entities for s in reader] == [(Entity(0, 1, "PER"), Entity(2, 3, "LOC")), (Entity(0, 1, "PER"),)]
    assert reader.ignored["inner mentions"] == 1


@pytest.mark.parametrize(("count", "noted"), [(999, False), (1000, True)])
def test_many_lines_without_an_empty_one_are_noted(tmp_path: Path, count: int, noted: bool) -> None:
    list(reader := reader_of(tmp_path, "Ana B-PER\nlives O\n" * (count // 2) + "here O\n" * (count % 2)))
    note = "no empty line in the first 1,000 lines: sentences end at empty lines"
    assert reader.notes == [note] * noted


def test_tags_of_bmewo_plus_are_refused_instead_of_read_as_text(tmp_path: Path) -> None:
    path = tmp_path / "d.txt"
    path.write_text("Mr BB_O_PERSON\nAda W_PERSON\nsaid PP_PERSON\nhi O\n\nin BB_O_LOCATION\nRome W_LOCATION\n")
    with pytest.raises(DataError, match=r"d\.txt:\d+: got tag 'W_PERSON'; expected O, or a label"):
        read(path)


LIKE_OTHERS = st.sampled_from(
    ["O", "o", "0", "a", "1", "2", "3", "B-X", "I-NP", "e-mail", "_", "NP", "Token", "#", "x:a"]
)


@given(
    lines=st.lists(st.lists(LIKE_OTHERS, min_size=1, max_size=4), min_size=1, max_size=4),
    file=st.sampled_from([(1, False), (3, False), (3, True)]),  # (1, True): words that count are refused as an index
)
def test_words_that_look_like_tags_counts_or_prefixes_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, lines: list[list[str]], file: tuple[int, bool]
) -> None:
    others, labelled = file
    given = [Sentence(tuple(words), (Entity(0, 1, "X"),) if labelled else None) for words in lines]
    handle = io.StringIO(newline="")
    write_conll(given, handle, ConllLayout((" ",) * others))
    reader = reader_of(tmp_path_factory.getbasetemp(), handle.getvalue())
    assert [(s.words, s.entities) for s in reader] == [(s.words, s.entities) for s in given]


def test_an_index_before_a_blank_column_is_not_followed_by_words(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="got words in column 1 that count 1, 2, 3 in every sentence"):
        list(reader_of(tmp_path, "1 _ Ana B-PER\n2 _ met O\n3 _ Bo B-PER\n"))


def test_a_filler_beside_tags_is_outside_also_if_the_first_sentence_has_no_mention(tmp_path: Path) -> None:
    text = "Hello _\nyou _\n\nAna B-PER\nMaria I-PER\nmet _\n\nBo _\n"
    reader = reader_of(tmp_path, text, gold=True)
    assert [s.entities for s in reader] == [(), (Entity(0, 2, "PER"),), ()]
    assert reader.notes == ["tags are read as iob2: tags like B-PER: B 1, I 1; '_' is O"]


@pytest.mark.parametrize("tags", ["Ana B-PER\nmet _\nus O\n", "Ana B-PER\nmet O\n", "Ana B-PER\n"])
def test_a_file_of_which_only_a_part_is_tagged_is_refused(tmp_path: Path, tags: str) -> None:
    with pytest.raises(DataError, match=r":3: got 'B-PER' as tag; expected '_', as the file starts without tags"):
        list(reader_of(tmp_path, f"Hello _\n\n{tags}\nBo _\n"))


BARE = "Ana PERSON\nMaria PERSON\nmet O\nBob PERSON\nin O\nRome CITY\n\n" * 3


@pytest.mark.parametrize("header", ["Mot Etiquette\n", "单词 标签\n\n"])
def test_a_line_of_names_is_no_mention_of_a_label(tmp_path: Path, header: str) -> None:
    with pytest.raises(
        DataError, match=r"conll:1: got '(Etiquette|标签)', the only label of a single word, .*--scheme io"
    ):
        list(reader_of(tmp_path, header + BARE))
    assert mentions(reader_of(tmp_path, header + BARE, scheme="io"))[0] == tuple(header.split())
    assert len(mentions(reader_of(tmp_path, BARE + header))) == 10
    assert len(mentions(reader_of(tmp_path, "Rhine RIVER\n" + BARE))) == 10


@pytest.mark.parametrize("header", ["Wort NE\n", "text entity\n"])
def test_a_known_name_above_the_tags_is_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(DataError, match=r"got a line with the names of columns, .* Fix: delete it"):
        list(reader_of(tmp_path, header + BARE))
    assert len(mentions(reader_of(tmp_path, header + "is O\n"))) == 1


SENTENCES = (
    (("Ana", "B-PER"), ("left", "O"), (".", "O")),
    (("Bob", "B-PER"), ("met", "O"), ("Ana", "B-PER"), (".", "O")),
)


@pytest.mark.parametrize(
    ("sentences", "form", "message"),
    [
        (SENTENCES, "s{i}.t{j}", "have digits and are all different"),
        (SENTENCES, "{i}/{j}", "have digits and are all different"),
        (SENTENCES * 2, "{j}0-{j}5", "are the same in every sentence"),
        (SENTENCES * 2, "word{j}", "are the same in every sentence"),
    ],
)
def test_ids_of_words_are_not_read_as_words(tmp_path: Path, sentences: Any, form: str, message: str) -> None:
    text = "\n".join(
        "".join(f"{form.format(i=i, j=j)} {word} {tag}\n" for j, (word, tag) in enumerate(some))
        for i, some in enumerate(sentences)
    )
    with pytest.raises(DataError, match=f":1: got words in column 1 that {message}; .*--columns"):
        list(reader_of(tmp_path, text))
    first, *_ = reader_of(tmp_path, text, columns="word=2,tag=3")
    assert first.words == ("Ana", "left", ".")


def test_repeated_sentences_are_no_ids(tmp_path: Path) -> None:
    text = "Ana NNP B-PER\nlives VBZ O\nin IN O\nRome NNP B-LOC\n\n" * 3
    assert mentions(reader_of(tmp_path, text))[0] == ("Ana", "PER")
