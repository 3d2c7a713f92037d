"""Noisy copies of generated files: only the lines of noisy words differ, and only in the word."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.errors import DataError
from coner.core.files import atomic_write
from coner.core.types import Entity, Sentence
from coner.data import ConllLayout, read
from coner.data.formats import WriteOptions, formats
from coner.data.noise import Noise, load_keyboard
from coner.data.noisy_file import write_noisy

QWERTY = load_keyboard("qwerty")
LAYOUTS = (
    ConllLayout(),
    ConllLayout(separators=("\t",), beginning="", between="\n", ending="", final_newline=False),
    ConllLayout(separators=("  ", "\t"), bom=True, newline="\r\n", between="\r\n\r\n", ending=""),
)


@st.composite
def sentences(draw: st.DrawFn) -> Sentence:
    words = draw(st.lists(st.text("aSd1\u200b京é-.'", min_size=1, max_size=5), min_size=1, max_size=6))
    cuts = sorted(set(draw(st.lists(st.integers(0, len(words)), max_size=4))))
    return Sentence(
        tuple(words), tuple(Entity(a, b, "City") for a, b in zip(cuts[::2], cuts[1::2], strict=False)), id="7"
    )


@given(
    corpus=st.lists(sentences(), min_size=1, max_size=5),
    layout=st.sampled_from((*LAYOUTS, None)),
    noise=st.builds(
        Noise,
        st.just(QWERTY),
        rate=st.sampled_from([0.0, 0.5, 1.0]),
        where=st.sampled_from(["context", "mentions", "both"]),
        words=st.just(0.5),
        seed=st.integers(0, 99),
    ),
)
def test_only_noisy_words_differ(
    tmp_path_factory: pytest.TempPathFactory,
    corpus: list[Sentence],
    layout: ConllLayout | None,
    noise: Noise,
) -> None:
    folder = tmp_path_factory.mktemp("noisy")
    source, out = (folder / f"{name}.{'conll' if layout else 'jsonl'}" for name in ("clean", "noisy"))
    with atomic_write(source) as handle:
        formats["conll" if layout else "jsonl"].write_text(corpus, handle, WriteOptions(layout))
    counts = write_noisy(source, out, noise)
    clean, noisy = read(source), read(out)
    assert noisy.layout == clean.layout
    assert [s.words for s in noisy] == [s.words for s in noise(clean)]
    labels = [[(s.entities, s.id, s.header, s.columns) for s in corpus] for corpus in (clean, noisy)]
    assert labels[0] == labels[1]
    pairs = list(zip(source.read_bytes().split(b"\n"), out.read_bytes().split(b"\n"), strict=True))
    changed = sum(counts["kinds"].values()) if layout else counts["noisy"]
    assert sum(a != b for a, b in pairs) == changed
    assert (counts["sentences"], counts["words"]) == (len(corpus), sum(map(len, corpus)))
    assert counts["noisy"] == sum(a.words != b.words for a, b in zip(clean, noisy, strict=True))
    if not noise.rate:
        assert out.read_bytes() == source.read_bytes()


def test_no_copy_is_left_if_labels_are_missing(tmp_path: Path) -> None:
    source, out = tmp_path / "x.jsonl", tmp_path / "y.jsonl"
    source.write_text('{"text": "a", "entities": []}\n' * 3 + '{"text": "a"}\n')
    with pytest.raises(ValueError, match="no labels"):
        Noise(QWERTY, rate=1.0, where="mentions").typos(read(source)[3])
    with pytest.raises(DataError, match=r"x\.jsonl:4: --where mentions: got no labels"):
        write_noisy(source, out, Noise(QWERTY, rate=1.0, where="mentions"))
    assert {path.name for path in tmp_path.iterdir()} == {"x.jsonl"}
