"""Files cut into slices: their outputs, joined, are the output of the whole file."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coner.core.errors import DataError
from coner.core.types import Entity, Sentence
from coner.data import detect, read, stream
from coner.data.formats import WriteOptions, formats
from coner.data.taxonomy import Taxonomy
from coner.families.tagger import Prediction, Tagger
from coner.tagging.cluster import share_cores
from coner.tagging.job import TaggingJob
from coner.tagging.slice_tagger import tag_slice
from coner.tagging.slices import cut

FIXTURES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
JOB = TaggingJob(model="", format="auto", write="iob2", reading={"comment": "%", "repair": True}, version="")


class FakeTagger(Tagger):
    """Predicts the first word of every sentence, and repairs a tag in sentences that begin with an x."""

    kind, labels, taxonomy = "fake", ("Artist",), Taxonomy("fake", {"Person": {"Artist": ""}})

    def predict_raw(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        for sentence in sentences:
            yield Prediction(sentence, (Entity(0, 1, "Artist", 0.5),), repaired=sentence.words[0].startswith("x"))

    def save(self, folder: Path) -> None:
        raise NotImplementedError


def by_slices(path: Path, size: int, job: TaggingJob = JOB) -> tuple[bytes, dict[str, int]]:
    """The output and the counts of tagging slice by slice."""
    made, total, tagger = b"", dict[str, int](), FakeTagger()
    for index, piece in enumerate(cut(str(path), job, size)):
        out = path.parent / f"part{index}"
        for name, count in tag_slice(tagger, job, piece, str(out)).items():
            total[name] = total.get(name, 0) + count
        made += out.read_bytes()
    return made, total


def at_once(path: Path) -> tuple[bytes, dict[str, int]]:
    """The same, with a reader and a writer alone."""
    reader = stream(path, repair=True, predicted=True, comment="%", format=(format := detect(path)))
    tagged = [replace(sentence, entities=(Entity(0, 1, "Artist", 0.5),)) for sentence in reader]
    text = io.StringIO(newline="")
    formats[format].write_text(tagged, text, WriteOptions(reader.layout))
    counts = {"sentences": len(tagged), "repaired": reader.repaired, "skipped": reader.skipped}
    return text.getvalue().encode(), counts


def check(path: Path, size: int) -> None:
    """Slices give the bytes and counts of the whole file, or its error."""
    try:
        expected, counts = at_once(path)
    except DataError as error:
        if "got no sentence" not in str(error):  # which is checked only when all slices are finished
            with pytest.raises(DataError) as caught:
                by_slices(path, size)
            assert str(caught.value) == str(error)
        return
    made, counted = by_slices(path, size)
    assert made == expected
    assert {name: counted.get(name, 0) for name in counts} == counts


LINES = [
    "",
    "",
    "  ",
    "\t",
    "# id 7\tx",
    "% remark",
    "# a remark of several words",
    "-DOCSTART- -X- O O",
    "#tag _ _ O",
    "ada _ _ B-Artist",
    "x _ _ O",
    "\ufeffy _ _ I-Artist",
    "z _",
    "é\u2028 _ _ O",
]


@FIXTURES
@given(
    lines=st.lists(st.sampled_from(LINES), max_size=25),
    end=st.sampled_from(["\n", "\r\n"]),
    last=st.sampled_from(["", "END"]),
    size=st.integers(1, 120),
)
def test_slices_of_conll_give_the_same_bytes(tmp_path: Path, lines: list[str], end: str, last: str, size: int) -> None:
    path = tmp_path / "a.conll"
    path.write_bytes((end.join(lines) + last.replace("END", end)).encode())
    check(path, size)


@FIXTURES
@given(
    lines=st.lists(
        st.sampled_from(['{"text": "ada x."}', "", " ", "{", '{"text": "é ü", "id": 3}', "\ufeff{}"]), max_size=15
    ),
    last=st.sampled_from(["", "\n"]),
    size=st.integers(1, 60),
)
def test_slices_of_jsonl_give_the_same_bytes(tmp_path: Path, lines: list[str], last: str, size: int) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines) + last, encoding="utf-8")
    check(path, size)


def test_a_large_file_is_cut_and_a_compressed_one_is_not(tmp_path: Path) -> None:
    import bz2
    import gzip

    text = "".join(f"\n# id {number}\nada _ _ O\nx _ _ O\n" for number in range(100)).encode()
    for name, data in (("a.conll", text), ("b.conll.gz", gzip.compress(text)), ("c.conll.bz2", bz2.compress(text))):
        (tmp_path / name).write_bytes(data)
    pieces = cut(str(tmp_path / "a.conll"), JOB, 300)
    assert abs(len(pieces) - len(text) / 300) < 2
    assert [piece.start for piece in pieces[1:]] == [piece.stop for piece in pieces[:-1]]
    assert len(cut(str(tmp_path / "b.conll.gz"), JOB, 10)) == len(cut(str(tmp_path / "c.conll.bz2"), JOB, 10)) == 1


@pytest.mark.parametrize(("name", "line"), [("a.conll", b"ada _ _ O\n\n"), ("a.jsonl", b'{"text": "ada"}\n')])
def test_a_line_beyond_the_bound_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, line: bytes
) -> None:
    monkeypatch.setenv("CONER_MAX_LINE_MIB", "1")
    (tmp_path / name).write_bytes(line * 50 + b"x" * (3 << 20))
    with pytest.raises(DataError, match=rf"{name}: got a line of more than 1 MiB; .* raise CONER_MAX_LINE_MIB"):
        cut(str(tmp_path / name), JOB, 1 << 20)


@pytest.mark.parametrize(
    ("name", "lines", "number"),
    [
        ("a.conll", ["ada _ _ B-Artist", ""] * 40 + ["ada _ _ I-Artist"], 81),
        ("a.jsonl", ['{"text": "ada"}'] * 40 + ["{"], 41),
        ("b.jsonl", ['{"text": "ada"}'] * 40 + ['{"text": 1}'], 41),
    ],
)
def test_an_error_names_the_line_in_the_file(tmp_path: Path, name: str, lines: list[str], number: int) -> None:
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=rf"^{path}:{number}: ") as caught:
        by_slices(path, 50, replace(JOB, reading={"comment": "%"}))
    with pytest.raises(DataError) as whole:
        read(path)
    assert str(caught.value) == str(whole.value)


def test_workers_and_threads_never_exceed_the_cores() -> None:
    for nodes in ([1], [2], [3, 8], [4, 4, 1], [64], [0, 6]):
        for maximum in (1, 2, 4):
            for workers in (None, 1, 2, 3, 7, 100):
                number, threads = share_cores(nodes, max_threads=maximum, workers=workers)
                room = sum(node // threads for node in nodes)
                assert 1 <= number <= room
                assert threads <= maximum
                assert number == room if workers is None else number <= workers
                if workers and workers <= sum(nodes):
                    assert number == workers, "one thread each would have been enough"


def test_counts_are_written_beside_a_tagged_slice(tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    path.write_text("x _ _ O\n\ny _ _ O\n")
    [piece] = cut(str(path), JOB, 100)
    counts = tag_slice(FakeTagger(), JOB, piece, str(tmp_path / "part"))
    found = {"sentences": 2, "entities": 2, "tags_repaired": 1}
    nothing = ("repaired", "skipped", "below", "added", "removed", "relabelled", "linked")
    assert counts == {**found, **dict.fromkeys(nothing, 0)}
    assert json.loads((tmp_path / "part.json").read_bytes()) == counts
