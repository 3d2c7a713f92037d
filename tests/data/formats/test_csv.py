"""CSV: which columns hold what, where sentences end, quotes, encodings, and lists in cells."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.errors import ConfigError, DataError
from coner.core.tags import tags_from_entities
from coner.data import detect, read, stream
from coner.data.reading.delimited import read_list
from helpers.awkward import sentences
from helpers.spans import mentions

Write = Callable[..., Path]
GMB = """Sentence #,Word,POS,Tag
Sentence: 1,Protests,NNS,O
,in,IN,O
,Porto,NNP,B-geo
,Alegre,NNP,I-geo
,",",",",O
Sentence: 2,Zoé,NNP,B-per
,\"\"\"\",``,O
"""
GOLD = [(("Protests", "in", "Porto", "Alegre", ","), ["geo: Porto Alegre"]), (("Zoé", '"'), ["per: Zoé"])]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str, name: str = "x.csv", encoding: str = "utf-8") -> Path:
        (tmp_path / name).write_bytes(text.encode(encoding))
        return tmp_path / name

    return write


@pytest.mark.parametrize(("encoding", "notes"), [("utf-8", 0), ("utf-8-sig", 0), ("latin-1", 1)])
def test_the_form_of_kaggle_is_read_in_its_encoding(write: Write, encoding: str, notes: int) -> None:
    path = write(GMB, encoding=encoding)
    assert mentions(path) == GOLD
    corpus = read(path)
    assert [(s.id, s.line) for s in corpus] == [("Sentence: 1", 2), ("Sentence: 2", 7)]
    assert sum("Windows-1252" in note for note in corpus.notes) == notes
    assert stream(path).ignored == {} and list(reader := stream(path)) and reader.ignored == {"column POS": 1}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.csv", "word;ner_tag;sent_id\nPorto;B-geo;a\nAlegre;I-geo;a\nZoé;B-per;b\n"),
        ("x.csv", "\ufeffSENTENCE_ID, Token, Label\r\n1, Porto, B-geo\r\n1, Alegre, I-geo\r\n2, Zoé, B-per\r\n"),
        ("x.csv", ",sentence_idx,shape,tag,word\n0,1,Xx,B-geo,Porto\n1,1,Xx,I-geo,Alegre\n2,2,Xx,B-per,Zoé\n"),
        ("x.csv", "doc,sentence,words,labels\n1,1,Porto,B-geo\n1,1,Alegre,I-geo\n2,1,Zoé,B-per\n"),
        ("x.csv", "word|tag\nPorto|B-geo\nAlegre|I-geo\n\nZoé|B-per\n"),
        ("x.csv", "word,tag\nPorto,B-geo\nAlegre,I-geo\n,\nZoé,B-per\n"),
        ("x.tsv", "Word\tTag\nPorto\tB-geo\nAlegre\tI-geo\n\nZoé\tB-per\n"),
        ("x.tsv", "TOKEN\tNE\n# language = pt\nPorto\tB-geo\nAlegre\tI-geo\n\n# next\nZoé\tB-per\n"),
        ("x.txt", "Word\tTag\tSent_ID\nPorto\tB-geo\t1\nAlegre\tI-geo\t1\nZoé\tB-per\t2\n"),
        ("x.conll", "sentence,word,tag\n1,Porto,B-geo\n1,Alegre,I-geo\n2,Zoé,B-per\n"),
        ("x.csv", "text,tags\nPorto Alegre,B-geo I-geo\nZoé,B-per\n"),
        ("x.csv", "Sentence #,Sentence,Tag\nSentence: 1,Porto Alegre,\"['B-geo', 'I-geo']\"\n2,Zoé,['B-per']\n"),
        ("x.csv", 'tokens,ner_tags\n"[""Porto"", ""Alegre""]","[""B-geo"", ""I-geo""]"\n"[""Zoé""]","[""B-per""]"\n'),
        ("x.csv", "tokens,ner_tags\n\"['Porto' 'Alegre']\",\"['B-geo'\n 'I-geo']\"\n['Zoé'],['B-per']\n"),
        ("x.csv", 'sentence,word_labels\nPorto Alegre,"B-geo,I-geo"\nZoé,B-per\n'),
    ],
)
def test_columns_are_found_by_their_names(write: Write, name: str, text: str) -> None:
    assert mentions(write(text, name)) == [
        (("Porto", "Alegre"), ["geo: Porto Alegre"]),
        (("Zoé",), ["per: Zoé"]),
    ]


def test_a_row_with_a_text_keeps_it(write: Write) -> None:
    [sentence] = read(write("text,tags\nin  Porto Alegre,O B-geo I-geo\n"))
    assert (sentence.text, sentence.offsets[1]) == ("in  Porto Alegre", (4, 9))
    assert mentions(write("text,tags\nin\u00a0Porto,O B-geo\nso\u00a0a b,O O\n"))[0] == (
        ("in", "Porto"),
        ["geo: Porto"],
    )


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("Form,Class,Text\nPorto,B-geo,x\nZoé,B-per,x\n", "word=Form,tag=Class"),
        ("Form,Class,Text\nPorto,B-geo,x\nZoé,B-per,x\n", "word=1,tag=-2"),
        ("x,Porto,B-geo\ny,Zoé,B-per\n", "word=2,tag=3"),
    ],
)
def test_columns_can_be_named(write: Write, text: str, columns: str) -> None:
    assert mentions(write(text), columns=columns) == [(("Porto", "Zoé"), ["geo: Porto", "per: Zoé"])]
    assert "no column of sentences and no empty rows: read as one sentence" in read(write(text), columns=columns).notes


def test_the_column_of_sentences_can_be_named(write: Write) -> None:
    path = write("nr,word,tag\n1,Porto,B-geo\n2,Zoé,B-per\n")
    assert mentions(path, columns="sentence=nr") == mentions(path, columns="sentence=1")
    assert mentions(path, columns="sentence=nr") == [(("Porto",), ["geo: Porto"]), (("Zoé",), ["per: Zoé"])]


def test_quotes_are_words_in_a_file_separated_by_tabs(write: Write) -> None:
    text = 'word\ttag\n"\tO\n"Ada"\tB-per\n""""\tO\n"a\tO\n'
    assert mentions(write(text, "x.tsv")) == [(('"', '"Ada"', '"', '"a'), ['per: "Ada"'])]
    assert mentions(write('"word"\t"tag"\n"""Ada"""\t"B-per"\n', "x.tsv")) == [(('"Ada"',), ['per: "Ada"'])]


def test_cells_without_tags_are_not_labels(write: Write) -> None:
    assert mentions(write("word,tag\nAda,\n\nBob,B-per\n")) == [(("Ada",), None), (("Bob",), ["per: Bob"])]
    assert mentions(write("id,text\n1,Ada met Bob.\n2,Hi there\n")) == [
        (("Ada", "met", "Bob", "."), None),
        (("Hi", "there"), None),
    ]


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, list[tuple[str, tuple[str, ...], tuple[object, ...]]]]:
    """A table as the csv module writes it, and the id, words and entities of its sentences."""
    given = draw(st.lists(sentences(raw=False, scores=False, unlabelled=False), min_size=1, max_size=4))
    delimiter, first_only = draw(st.sampled_from(",;|")), draw(st.booleans())
    columns = draw(st.permutations(["Word", "POS", "Tag", "Sentence #"]))
    handle = io.StringIO(newline="")
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    writer = csv.writer(
        handle, delimiter=delimiter, quoting=quoting, lineterminator=draw(st.sampled_from(["\n", "\r\n"]))
    )
    writer.writerow(columns)
    for number, sentence in enumerate(given, 1):
        for at, tag in enumerate(tags_from_entities(sentence.entities or (), len(sentence))):
            id = "" if at and first_only else f"s{number}"
            row = {
                "Word": sentence.words[at],
                "POS": draw(st.sampled_from([",", '"', "N;N"])),
                "Tag": tag,
                "Sentence #": id,
            }
            writer.writerow([row[column] for column in columns])
    return handle.getvalue(), [(f"s{n}", s.words, s.entities or ()) for n, s in enumerate(given, 1)]


@given(table=tables())
def test_random_tables_are_read_as_the_csv_module_wrote_them(tmp_path_factory: pytest.TempPathFactory, table) -> None:
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    path.write_bytes(table[0].encode())
    assert [(s.id, s.words, s.entities) for s in read(path)] == table[1]


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1))
def test_lists_are_read_as_python_and_json_write_them(items: list[str]) -> None:
    assert read_list(repr(items)) == read_list(json.dumps(items)) == read_list(repr(tuple(items))) == items


@pytest.mark.parametrize("cell", ["['a' 'b'\n 'c']", "[a, b, c]", "[u'a', \"b\", 'c']", "(a b c)"])
def test_lists_of_other_spellings_are_read(cell: str) -> None:
    assert read_list(cell) == ["a", "b", "c"]


@pytest.mark.parametrize("cell", ["a b", "['a' ... 'b']", "['a", "[['a']]" * 2, "['a'b]", "[" * 9999 + "]"])
def test_a_cell_that_is_not_a_list_is_none(cell: str) -> None:
    assert read_list(cell) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("word,tag\nAda,B-per,x\n", r"x.csv:2: got 3 columns; expected 2 as before"),
        ('word,tag\nAda,B-per\n"met,O\nBob,O\n', r"x.csv:3: got a row that is not CSV: unexpected end of data"),
        ('word,tag\n"a"b,O\n', r"x.csv:2: got a row that is not CSV: ',' expected after '\"'"),
        ('word,tag\nAda,O\n",O\n",O\n', r"x.csv:3: got word ',O\\n' over several lines"),
        ("word,tag\nAda,O\n,B-per\n", r"x.csv:3: got no word; expected a word per row"),
        ("word,tag\nAda,O\nmet,\n", r"x.csv:3: got no tag; expected one, or O"),
        ("word,tag\nAda,B-per\nmet,O\nBob,I-per\n", r"x.csv:4: tag 'I-per' after O"),
        ("a,b\nAda,O\n", r"x.csv:1: got the columns 'a', 'b'; expected the names of columns, such as word and tag"),
        ("Ada met\n", r"x.csv:1: got the columns 'Ada met'"),
        (
            "text,entities\nAda,\"[(0, 3, 'per')]\"\n",
            r"x.csv:1: .* with spans as 'entities'; expected a tag per word. Fix: write an object .* as JSONL",
        ),
        ("word,word,tag\nAda,Ada,O\n", r"x.csv:1: .*'word' twice"),
        ("text,label\nAda met Bob,good\nall of it,bad\n", r"x.csv:2: got 1 tag for 3 words"),
        ("text,tags\nAda met Bob,B-per O\nhi there,O O\n", r"x.csv:2: got 2 tags for 3 words"),
        (
            "tokens,ner_tags\n\"['Ada', 'met']\",\"[1, 0]\"\n",
            r"x.csv:2: got tags 1 0; expected tags, not their numbers",
        ),
        ("text,label\nAda met,\"[[0, 3, 'per']]\"\nx y z,[]\n", r"x.csv:2: got spans '\[\[0.*Fix: export them as JSON"),
        ("word,tag\n" + "Ada,O\n" * 1001, r"x.csv:1002: got 1000 words without the end of a sentence"),
        ("word,tag\n" + '"' + "x" * 140_000 + '",O\n', r"x.csv:2: got a row that is not CSV: field larger"),
        ("word,tag\n", r"x.csv: got no sentence"),
        ("", r"x.csv: got no sentence"),
    ],
)
def test_faults_are_one_line_with_their_place(write: Write, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        list(stream(write(text)))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_partly_utf_8_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes("word,tag\nZoé,O\n".encode() + b"caf\xe9,O\n")
    with pytest.raises(DataError, match=r"x.csv:3: byte 4 of the line is 0xe9, which is not UTF-8"):
        read(tmp_path / "x.csv")
    (tmp_path / "x.csv").write_bytes("word,tag\nПушкин,O\n".encode("cp1251"))
    with pytest.raises(DataError, match=r"x.csv:2: byte 1 of the line is 0xcf, which is not UTF-8"):
        read(tmp_path / "x.csv")


def test_gold_needs_tags(write: Write) -> None:
    with pytest.raises(DataError, match=r"x.csv:1: .*none of them with tags; expected a tag per word"):
        read(write("text\nAda met Bob\n"), gold=True)
    with pytest.raises(DataError, match=r"x.csv:2: got a sentence without tags"):
        read(write("word,tag\nAda,\n"), gold=True)
    with pytest.raises(DataError, match=r"x.csv:1: .*expected one 'Class', which --columns has as tag. Fix: --columns"):
        read(write("word,tag\nAda,\n"), columns="tag=Class")
    with pytest.raises(
        DataError, match=r"x.csv:1: got the columns 'word', 'B-x'; expected a tag|x.csv: got no sentence"
    ):
        read(write("word,B-x\n"), columns="tag=2")
    with pytest.raises(ConfigError, match=r"columns: got gold="):
        read(write("word,tag\nAda,\n"), columns="gold=tag")


def test_repair_counts_what_it_leaves_out(write: Write) -> None:
    reader = stream(write('word,tag\nAda,B-per\nmet\n"Bob,O\n"x"y,O\nZoé,I-loc\n'), repair=True)
    assert [(s.words, len(s.entities or ())) for s in reader] == [(("Ada", "Zoé"), 2)]
    assert reader.faults == {"unreadable": 3, "repaired": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("text,start,end,label\nada met bob,0,3,P\n", "with spans as 'start'; expected a tag per word"),
        (
            "word,gold,predicted\nada,B-P,O\nmet,O,O\n",
            "got tags in the column 'gold', .*'word=word,tag=gold'",
        ),
    ],
)
def test_annotation_in_other_columns_is_never_lost(write: Write, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(write(text))


def test_places_beside_a_tag_per_word_are_columns_like_others(write: Write) -> None:
    assert mentions(write("word,start,end,tag\nada,0,3,B-P\nmet,4,7,O\n")) == [(("ada", "met"), ["P: ada"])]


def test_numbers_of_tags_can_be_renamed(write: Write) -> None:
    path = write("tokens,ner_tags\n\"['ada', 'met']\",\"[1, 0]\"\n")
    corpus = read(path, rename={"0": "O", "1": "B-P"})
    assert [[(e.start, e.end, e.label) for e in s.entities or ()] for s in corpus] == [[(0, 1, "P")]]
    with pytest.raises(DataError, match=r"got tags 1 0; expected tags, not their numbers. Fix: --rename 1=NAME"):
        read(path)


@pytest.mark.parametrize("start", [0, 1])
def test_a_sentence_starts_where_the_numbers_of_words_start_again(write: Write, start: int) -> None:
    sentences = [["Porto", "is", "big"], ["Zoé", "sings"], ["Ada"]]
    rows = [f"{at},{word},O" for words in sentences for at, word in enumerate(words, start)]
    data = read(write("\n".join(["nr,word,tag", *rows]) + "\n"))
    assert [list(sentence.words) for sentence in data] == sentences
    assert data.notes == (f"a sentence starts where column 'nr' is {start} again",)


@pytest.mark.parametrize("numbers", ["101100", "111111", "123456", "120123", "212121", "12x123"])
def test_other_numbers_do_not_end_sentences(write: Write, numbers: str) -> None:
    path = write("nr,word,tag\n" + "".join(f"{number},a,O\n" for number in numbers))
    assert [len(sentence) for sentence in read(path)] == [6]


@pytest.mark.parametrize(
    ("text", "note"),
    [('Porto,B-geo\n",",O\n', "1, tags from column 2"), ("B-geo;Porto\nO;,\n", "2, tags from column 1")],
)
def test_a_word_and_its_tag_are_no_header(write: Write, text: str, note: str) -> None:
    assert mentions(write(text)) == [(("Porto", ","), ["geo: Porto"])]
    assert f"no header: words are read from column {note}" in read(write(text)).notes


@pytest.mark.parametrize("text", ["Porto B-geo\nis O\n", "Porto geo\nis O\n", "Porto\tB-geo\t_\nis\tO\t_\n"])
def test_words_and_tags_without_a_header_are_conll(write: Write, text: str) -> None:
    path = write(text)
    assert detect(path) == "conll"
    assert mentions(path) == [(("Porto", "is"), ["geo: Porto"])]


def test_a_file_with_another_delimiter_than_tabs_stays_csv(write: Write) -> None:
    with pytest.raises(DataError, match=r"x\.csv:1: got the columns 'a', 'b'"):
        read(write("a;b\nx; B-per\ny; B-per\n"))


@pytest.mark.parametrize("missing", ["", "nan", "NaN", "<NA>", "None"])
def test_a_missing_sentence_number_is_that_of_the_row_above(write: Write, missing: str) -> None:
    rows = ["Sentence: 1,Porto,B-geo", f"{missing},Alegre,I-geo", "Sentence: 2,nan,O", f"{missing},None,B-per"]
    path = write("\n".join(["Sentence #,Word,Tag", *rows]))
    assert mentions(path) == [(("Porto", "Alegre"), ["geo: Porto Alegre"]), (("nan", "None"), ["per: None"])]


@pytest.mark.parametrize("name", ["BIO_NER_tag", "iob label", "NER-Labels", "entity.tag", "ner_bio_tags"])
def test_names_of_tags_are_put_together_of_known_parts(write: Write, name: str) -> None:
    assert mentions(write(f"id\ttoken\t{name}\n0\tPorto\tB-geo\n", "x.tsv")) == [(("Porto",), ["geo: Porto"])]
    assert mentions(write(f"{name}\ttoken\nB-geo\tPorto\n", "first.tsv")) == [(("Porto",), ["geo: Porto"])]
