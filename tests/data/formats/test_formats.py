"""What every registered data format has to do."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coner.core.errors import ConfigError, DataError, MissingExtra
from coner.core.types import Entity, Sentence
from coner.data import detect, read, stream
from coner.data.formats import FEATURES, Format, WriteOptions, all_formats, formats
from coner.data.reading.words import raw_text
from helpers import ROOT
from helpers.awkward import sentences

FORMATS = all_formats()
ROUND_TRIP = [format for format in FORMATS if format.reader and format.writes]
NAMES = {format.name: format for format in FORMATS}
PLAIN = [
    Sentence(("ada", "met", "bob"), (Entity(0, 1, "Person"), Entity(2, 3, "Person"))),
    Sentence(("new", "york"), (Entity(0, 2, "City"),)),
]


def output(folder: Path, format: Format) -> Path:
    """A new name of a file of this format."""
    suffix = (*format.suffixes, *format.output_suffixes, "")[0]
    return folder / f"{len(list(folder.iterdir()))}{suffix}"


def written(folder: Path, format: Format, given: Sequence[Sentence]) -> tuple[Path, dict[str, int]]:
    path = output(folder, format)
    try:
        lost = format.write(given, path)
    except MissingExtra as error:
        pytest.skip(str(error))
    return path, lost


def expected(format: Format, sentence: Sentence, lost: dict[str, int]) -> tuple[object, ...]:
    """What is read back, as far as the format declares to hold it."""
    holds = format.holds
    entities = sentence.entities if "labels" in holds else None
    if "labels" in holds and "labels missing" not in holds:
        entities = entities or ()
    return (
        sentence.words,
        entities,
        [e.score if "scores" in holds else 1.0 for e in entities or ()],
        [e.kb_id if "links" in holds else "" for e in entities or ()],
        sentence.id if sentence.id is not None and "ids" in holds and not lost.get("ids") else ...,
        format.text_read_back(sentence) if sentence.text is not None else ...,
    )


def got(sentence: Sentence, like: tuple[object, ...]) -> tuple[object, ...]:
    """The same of a sentence that was read; ``...`` where nothing is expected."""
    scores = [entity.score for entity in sentence.entities or ()]
    links = [entity.kb_id for entity in sentence.entities or ()]
    values = (sentence.words, sentence.entities, scores, links, sentence.id, raw_text(sentence)[0])
    return tuple(... if wanted is ... else value for value, wanted in zip(values, like, strict=True))


@pytest.mark.parametrize("format", ROUND_TRIP, ids=lambda format: format.name)
@given(given=st.lists(sentences(), min_size=1, max_size=4))
@settings(max_examples=60)
def test_sentences_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, format: Format, given: list[Sentence]
) -> None:
    labelled = any(sentence.entities is not None for sentence in given)
    given = [sentence for sentence in given if format.unfit(sentence, labelled=labelled) is None]
    # Without word borders, words are those of the text: of one splitter at a time.
    for raw in (True, False) if "word borders" not in format.holds else (None,):
        some = [s for s in given if raw is None or (s.text is not None) == raw]
        if raw is False:
            some = [s for s in some if not any(set(word) & set(" \t\r\n") for word in s.words)]
        if not some:
            continue
        path, lost = written(tmp_path_factory.mktemp("format"), format, some)
        assert set(lost) <= {*FEATURES, "order"}
        back = list(format.read(path, words="spaces" if raw is False else "coner"))
        wanted = [expected(format, sentence, lost) for sentence in some]
        assert len(back) == len(wanted)
        assert [got(sentence, like) for sentence, like in zip(back, wanted, strict=True)] == wanted


@pytest.mark.parametrize("format", ROUND_TRIP, ids=lambda format: format.name)
def test_its_own_output_is_detected(tmp_path: Path, format: Format) -> None:
    path, _ = written(tmp_path, format, PLAIN)
    if format.suffixes:
        assert detect(path) == format.name
    if len(format.files(path)) == 1:  # then by the content, too
        nameless = path.rename(tmp_path / "nameless")
        assert detect(nameless) == format.name
    assert [s.words for s in stream(path if path.exists() else nameless, words="spaces")] == [s.words for s in PLAIN]


@pytest.mark.parametrize("format", [f for f in ROUND_TRIP if f.folder], ids=lambda format: format.name)
def test_a_folder_is_detected_and_read(tmp_path: Path, format: Format) -> None:
    try:
        format.write(PLAIN, tmp_path / "folder")
    except MissingExtra as error:
        pytest.skip(str(error))
    assert detect(tmp_path / "folder") == format.name
    assert [s.entities for s in read(tmp_path / "folder")] == [s.entities for s in PLAIN]
    assert format.files(tmp_path / "folder")


@pytest.mark.parametrize("format", [f for f in FORMATS if f.appends], ids=lambda format: format.name)
def test_an_interrupted_output_can_be_continued(format: Format) -> None:
    def interrupted() -> Iterator[Sentence]:
        yield PLAIN[0]
        raise KeyboardInterrupt

    whole, resumed = io.StringIO(newline=""), io.StringIO(newline="")
    format.write_text(PLAIN, whole)
    with pytest.raises(KeyboardInterrupt):
        format.write_text(interrupted(), resumed)
    format.write_text(PLAIN[1:], resumed, WriteOptions(written=1))
    assert resumed.getvalue() == whole.getvalue()


@pytest.mark.parametrize("format", [f for f in FORMATS if f.editable], ids=lambda format: format.name)
def test_edits_replace_words(tmp_path: Path, format: Format) -> None:
    path, _ = written(tmp_path, format, PLAIN)
    lines = path.read_text().split("\n")
    for before in format.read(path):
        words = tuple(word + "x" for word in before.words)
        text = " ".join(words)
        offsets = raw_text(Sentence(words))[1]
        after = Sentence(words, before.entities, text=before.text and text, offsets=offsets if before.text else ())
        for number, edit in format.edits(before, after):
            lines[number - 1] = edit(lines[number - 1])
    path.write_text("\n".join(lines))
    assert [(s.words, s.entities) for s in format.read(path)] == [
        (tuple(word + "x" for word in s.words), s.entities) for s in PLAIN
    ]


@pytest.mark.parametrize("format", FORMATS, ids=lambda format: format.name)
def test_declarations_are_consistent(format: Format) -> None:
    assert format.title
    assert format.holds <= set(FEATURES)
    assert formats[format.name] is format
    assert all(suffix.startswith(".") for suffix in (*format.suffixes, *format.output_suffixes))


@pytest.mark.parametrize(
    "format", [f for f in ROUND_TRIP if f.reader and not f.reader.by_columns], ids=lambda f: f.name
)
def test_columns_are_refused_where_there_are_none(tmp_path: Path, format: Format) -> None:
    path, _ = written(tmp_path, format, PLAIN)
    with pytest.raises(DataError, match="got --columns word=1,tag=2, but the format has no columns to choose from"):
        read(path, format=format.name, columns="word=1,tag=2")
    assert len(read(path, format=format.name, columns=None)) == len(PLAIN)


def test_an_unknown_format_gives_the_list(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"got 'xml'; expected one of: {', '.join(sorted(NAMES))}"):
        read(tmp_path / "x", format="xml")
    with pytest.raises(ConfigError, match="got 'task', which is write-only; expected one of: brat, conll"):
        read(tmp_path / "x", format="task")


def test_the_documentation_has_the_table_of_the_declarations() -> None:
    rows = []
    for format in FORMATS:
        extra = f" (extra `{format.extra}`)" if format.extra else ""
        only = ", read-only" if not format.writes else "" if format.reader else ", write-only"
        suffixes = (*format.suffixes, *format.input_suffixes)
        names = [" ".join(f"`{suffix}`" for suffix in suffixes), format.folder.replace(".ann", "`.ann`")]
        cells = (
            f"`{format.name}`",
            format.title + extra + only,
            ", ".join(feature for feature in FEATURES if feature in format.holds),
            "; ".join(filter(None, names)) or "none",
        )
        rows.append(f"| {' | '.join(cells)} |")
    lines = (ROOT / "docs" / "data.md").read_text(encoding="utf-8").splitlines()
    assert [row for row in rows if row not in lines] == []
