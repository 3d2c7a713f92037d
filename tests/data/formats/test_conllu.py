"""CoNLL-U: where tags are, which lines are words, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.errors import ConfigError, DataError
from coner.core.tags import tags_from_entities
from coner.core.types import Sentence
from coner.data import detect, read, stream
from helpers.awkward import sentences
from helpers.spans import mentions

Write = Callable[..., Path]
PORTUGUESE = """# newdoc id = d1
# sent_id = d1-1
# text = Rui veio dos Açores.
1	Rui	Rui	PROPN	_	_	2	nsubj	_	NER=B-PER
2	veio	vir	VERB	_	_	0	root	_	NER=O
3-4	dos	_	_	_	_	_	_	_	_
3	de	de	ADP	_	_	5	case	_	NER=O
4	os	o	DET	_	_	5	det	_	NER=B-LOC
5	Açores	Açores	PROPN	_	_	2	obl	_	NER=I-LOC|SpaceAfter=No
5.1	veio	vir	VERB	_	_	_	_	2:conj	_
6	.	.	PUNCT	_	_	2	punct	_	NER=O

"""


def row(number: object, form: str, misc: str = "_") -> str:
    return f"{number}\t{form}\t_\t_\t_\t_\t_\t_\t_\t{misc}\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str, name: str = "x.conllu") -> Path:
        (tmp_path / name).write_bytes(text.encode())
        return tmp_path / name

    return write


def test_words_are_syntactic_words_with_the_tags_of_misc(write: Write) -> None:
    reader = stream(write(PORTUGUESE))
    [sentence] = reader
    assert (sentence.words, sentence.id, sentence.line) == (("Rui", "veio", "de", "os", "Açores", "."), "d1-1", 4)
    assert [(sentence.surface(e), e.label) for e in sentence.entities or ()] == [("Rui", "PER"), ("os Açores", "LOC")]
    assert sentence.text is None  # the words are not those of the text
    assert reader.ignored == {"other columns": 7, "multiword tokens": 1, "empty nodes": 1, "comments": 1}


def test_the_text_of_a_comment_is_kept(write: Write) -> None:
    [sentence] = read(write("# text = Olá,  Rui.\n" + row(1, "Olá") + row(2, ",") + row(3, "Rui") + row(4, ".")))
    assert (sentence.text, sentence.offsets) == ("Olá,  Rui.", ((0, 3), (3, 4), (6, 9), (9, 10)))


@pytest.mark.parametrize(
    "misc",
    [
        ("name=B-PER", "SpaceAfter=No|name=O"),
        ("ner=B-PER", "ner=O"),
        ("Entity=S-PER", "_"),
        ("SpaceAfter=No|NER=PER", "NER=O"),
        ("NER=U-PER", "_"),
        ("NE=B-PER", "_"),
        ("B-PER", "O"),
    ],
)
def test_tags_have_many_keys(write: Write, misc: tuple[str, str]) -> None:
    path = write(row(1, "Rui", misc[0]) + row(2, "foi", misc[1]))
    assert mentions(path) == [(("Rui", "foi"), ["PER: Rui"])]
    assert "=" not in misc[0] or detect(path.rename(path.with_suffix(".conll"))) == "conllu"


def test_a_multiword_token_with_a_tag_is_a_word(write: Write) -> None:
    text = row("1-2", "Vámonos", "NER=B-ORG") + row(1, "Vamos") + row(2, "nos") + row(3, "ya", "NER=O")
    assert mentions(path := write(text)) == [(("Vámonos", "ya"), ["ORG: Vámonos"])]
    assert list(reader := stream(path)) and reader.ignored["words of multiword tokens"] == 2


def test_conllu_plus_names_its_columns(write: Write) -> None:
    text = "# global.columns = ID FORM UPOS CORP:NER\n1\tRui\tPROPN\tB-PER\n2-3\taos\t_\t_\n2\ta\t_\tO\n3\tos\t_\tO\n"
    for path in (write(text, "x.conllup"), write(text, "x.conllu"), write(text, "x.txt")):
        assert mentions(path) == [(("Rui", "a", "os"), ["PER: Rui"])]
        assert mentions(path, columns="tag=4") == mentions(path, columns="tag=CORP:NER") == mentions(path)


def test_a_file_without_tags_has_no_labels(write: Write) -> None:
    path = write(row(1, "Rui", "SpaceAfter=No") + row(2, "."))
    assert mentions(path) == [(("Rui", "."), None)]
    assert "no named entities are read: MISC has SpaceAfter" in read(path).notes
    with pytest.raises(DataError, match=r"x.conllu: got no tags.*MISC, which has SpaceAfter; expected gold labels"):
        read(path, gold=True)
    coreference = write(row(1, "Rui", "Entity=(e1-person-1)") + row(2, "."))
    assert mentions(coreference) == [(("Rui", "."), None)]
    assert "no named entities are read: MISC has Entity: Entity= is coreference" in read(coreference).notes


def test_a_key_can_be_named(write: Write) -> None:
    path = write(row(1, "Rui", "gold=B-PER|NER=O") + row(2, "foi", "gold=O|NER=O"))
    assert mentions(path, columns="tag=gold") == [(("Rui", "foi"), ["PER: Rui"])]
    with pytest.raises(DataError, match=r"x.conllu: got columns and keys of MISC .*; expected one 'x'"):
        read(path, columns="tag=x")
    with pytest.raises(ConfigError, match="columns: got word="):
        read(path, columns="word=2")
    with pytest.raises(DataError, match=r"got tags as NER and name; expected one of them. Fix: --columns tag=NAME"):
        read(write(row(1, "Rui", "name=B-PER|NER=O")))


@given(given=st.lists(sentences(raw=False, scores=False, unlabelled=False), min_size=1, max_size=4), data=st.data())
def test_random_sentences_are_read_as_written(
    tmp_path_factory: pytest.TempPathFactory, given: list[Sentence], data: st.DataObject
) -> None:
    text = ""
    for at, sentence in enumerate(given):
        text += f"# sent_id = s{at}\n"
        for number, tag in enumerate(tags_from_entities(sentence.entities or (), len(sentence)), 1):
            if data.draw(st.booleans()):
                text += row(f"{number}-{number + 1}", "both") + row(f"{number}.1", "empty", "NER=B-No")
            text += row(
                number, sentence.words[number - 1], data.draw(st.sampled_from(["NER={}", "A=B|NER={}"])).format(tag)
            )
        text += "\n"
    path = tmp_path_factory.mktemp("conllu") / "x.conllu"
    path.write_bytes(text.encode())
    assert [(s.id, s.words, s.entities) for s in read(path)] == [
        (f"s{at}", s.words, s.entities) for at, s in enumerate(given)
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (row(1, "Rui") + "2\tfoi\tO\n", r"x.conllu:2: got 3 columns, '2\\tfoi\\tO'; expected 10, separated by tabs"),
        ("1 Rui Rui PROPN _ _ 0 root _ NER=B-PER\n", r"x.conllu:1: got 1 column, '1 Rui.*'; expected 10"),
        (row("x", "Rui"), r"x.conllu:1: got 10 columns, 'x.*'; expected 10, .* with a number as ID"),
        (row("1" * 5000, "Rui"), r"x.conllu:1: got 10 columns"),
        (row(1, ""), r"x.conllu:1: got 10 columns, .* a word as FORM"),
        (row(1, "a", "NER=B-X") + row(2, "b", "NER=O") + row(3, "c", "NER=I-X"), r"x.conllu:3: tag 'I-X' after O"),
        (row(1, "a", "NER=B-X") + row(2, "b", "NER=O") + row(3, "c"), r"x.conllu:3: got no NER of 'c'; expected a tag"),
        ("# global.columns = FORM NER\nRui\tB-PER\n", r"x.conllu:1: .*; expected ID and FORM among the columns"),
        ("# text = Rui\n\n", r"x.conllu: got no sentence"),
    ],
)
def test_faults_are_one_line_with_their_place(write: Write, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(write(text))
    assert "\n" not in str(caught.value)


def test_repair_leaves_out_lines_that_are_not_words(write: Write) -> None:
    reader = stream(write(row(1, "Rui", "NER=B-PER") + "foi\n" + row(3, ".")), repair=True)
    assert [(s.words, len(s.entities or ())) for s in reader] == [(("Rui", "."), 1)]
    assert reader.faults == {"unreadable": 1}


def test_an_eleventh_column_has_the_tags(write: Write) -> None:
    path = write("".join(row(at, word)[:-1] + f"\t{tag}\n" for at, word, tag in ((1, "Rui", "B-PER"), (2, "foi", "O"))))
    assert mentions(path) == [(("Rui", "foi"), ["PER: Rui"])]


def test_tags_in_a_column_that_is_not_read_are_refused(write: Write) -> None:
    path = write("1\tRui\tB-2\tPROPN\tB-PER\t_\t0\troot\t_\t_\n2\tveio\tvir\tVERB\tO\t_\t1\tdep\t_\t_\n")
    with pytest.raises(DataError, match=r"got tags in the column 'XPOS', which is not read; .*Fix: --columns tag=XPOS"):
        read(path)
    assert mentions(path, columns="tag=XPOS") == [(("Rui", "veio"), ["PER: Rui"])]
    assert read(path, predicted=True)[0].entities is None
