"""Coloured text and tables as HTML, read back by a parser of its own."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given

from coner.core.html import COLOURS, DARK, LIGHT, colour_css, colours, marked, stable_colour, table
from coner.core.types import Entity, Sentence
from coner.data.reading.words import raw_text, sentence_from_text
from helpers.awkward import sentences


class Parsed(HTMLParser):
    """The text outside of labels, the marks with their text, and every tag and attribute."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.marks, self.tags, self.attributes = "", list[str](), list[str](), dict[str, str | None]()
        self._open = list[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.update(attrs)
        self._open.append(tag)
        if tag == "mark":
            self.marks.append("")

    def handle_data(self, data: str) -> None:
        if "small" not in self._open:
            self.text += data
            if "mark" in self._open:
                self.marks[-1] += data

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass


def light(colour: str) -> float:
    """Relative luminance (WCAG 2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("pairs", [LIGHT, DARK], ids=["light", "dark"])
def test_labels_can_be_read_on_their_colour(pairs: tuple[tuple[str, str], ...]) -> None:
    for back, text in pairs:
        one, other = sorted((light(back), light(text)))
        assert (other + 0.05) / (one + 0.05) > 4.5
    assert len(set(pairs)) == len(pairs) == COLOURS


def test_every_colour_has_a_class_in_both_schemes() -> None:
    for at in range(COLOURS):
        assert len(re.findall(rf"\.m{at} {{", colour_css())) == 2


def test_no_two_groups_share_a_colour_while_colours_are_left() -> None:
    names = [f"group {number}" for number in range(COLOURS)]
    assert sorted(colours([*names, *names]).values()) == list(range(COLOURS))
    assert colours([*names, "one more"])["one more"] in range(COLOURS)
    assert stable_colour("Artist") == stable_colour("Artist") in range(COLOURS)


@given(sentences())
def test_text_and_mentions_are_complete_and_stay_text(sentence: Sentence) -> None:
    parsed = Parsed(marked(sentence, sentence.entities or (), lambda entity: 'class="m0"'))
    text, offsets = raw_text(sentence)
    assert parsed.text == text
    assert parsed.marks == [text[offsets[e.start][0] : offsets[e.end - 1][1]] for e in sentence.entities or ()]
    assert set(parsed.tags) <= {"mark", "small"}


def test_markup_in_words_and_labels_stays_text() -> None:
    sentence = Sentence(("<b>x</b>", "&amp;"), (Entity(0, 1, '"><script>'),))
    page = sentence._repr_html_()
    assert Parsed(page).text == "<b>x</b> &amp;"
    assert Parsed(page).tags == ["div", "mark", "small"]
    assert not {"i", "b", "img"} & set(Parsed(table("<i>", ["<b>"], [["<img>"]])).tags)


def test_a_sentence_in_a_notebook() -> None:
    sentence = sentence_from_text("seen in  são paulo")
    page = Sentence(sentence.words, (Entity(2, 4, "City", 0.5),), text=sentence.text, offsets=sentence.offsets)
    assert Parsed(page._repr_html_()).marks == ["são paulo"]
    assert "City 0.50</small>" in page._repr_html_()
    assert "not annotated" in sentence._repr_html_()
    assert not {"href", "src", "onload"} & Parsed(page._repr_html_()).attributes.keys()


def test_cells_that_are_strong_are_bold() -> None:
    assert "<strong>1</strong>" in table("", ["a"], [["1"], ["2"]], lambda cell: cell == "1")
    assert "caption" not in table("", ["a"], [])
