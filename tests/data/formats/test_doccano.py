"""doccano: what is written for its import, and read again as JSONL."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from coner.core.types import Entity, Sentence
from coner.data import read
from coner.data.formats import WriteOptions, formats
from coner.data.reading.words import raw_text, sentence_from_text


def written(*sentences: Sentence, options: WriteOptions | None = None) -> str:
    out = io.StringIO()
    formats["doccano"].write_text(sentences, out, options or WriteOptions())
    return out.getvalue()


def test_labels_are_triples_of_code_points_beside_the_text_and_meta() -> None:
    sentence = replace(sentence_from_text("für Ada 𝔸da .", id="7"), entities=(Entity(1, 3, "Person", 0.5),))
    line = written(sentence, options=WriteOptions(meta=[{"uncertainty": 0.25}]))
    expected = {"id": "7", "text": "für Ada 𝔸da .", "label": [[4, 11, "Person"]], "meta": {"uncertainty": 0.25}}
    assert json.loads(line) == expected


def test_a_sentence_without_labels_has_no_key_for_them() -> None:
    assert json.loads(written(Sentence(("a",)))) == {"text": "a"}
    assert json.loads(written(Sentence(("a",), ()))) == {"text": "a", "label": []}


@given(st.lists(st.text("aé-'.\n 𝔸", min_size=1, max_size=9).filter(str.strip), min_size=1, max_size=4), st.booleans())
def test_it_is_read_back_as_it_was(tmp_path_factory: object, texts: list[str], by_words: bool) -> None:
    sentences = []
    for text in texts:
        sentence = Sentence(tuple(text.split())) if by_words else sentence_from_text(text)
        sentences.append(replace(sentence, entities=(Entity(len(sentence) - 1, len(sentence), "X"),)))
    path = Path(str(tmp_path_factory.mktemp("doccano"))) / "x.jsonl"  # type: ignore[attr-defined]
    path.write_text(written(*sentences), encoding="utf-8")
    for before, after in zip(sentences, read(path), strict=True):
        assert (after.words, after.entities, after.text) == (before.words, before.entities, raw_text(before)[0])
