"""Coloured text and tables as HTML: escaped, without scripts, and nothing is loaded from elsewhere.

Every page takes the colours of mentions from here, as classes ``m0``, ``m1`` and so on. Notebooks, whose theme a page
cannot ask for, get the light ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from zlib import crc32

from coner.core.types import Entity, Sentence

# Background and text: eight hues, then the same hues stronger. Contrast is at least 7 in light, and 5.7 in dark.
LIGHT = (
    *(("#d9eafc", "#054980"), ("#fde2ce", "#6a3a06"), ("#d6f0d6", "#15561d"), ("#fedeec", "#712a50")),
    *(("#e9e4fe", "#4d397c"), ("#eee9c7", "#524806"), ("#c6f2f1", "#095252"), ("#ffdfde", "#78292e")),
    *(("#9dccfd", "#002f56"), ("#f8b884", "#472400"), ("#9ed99f", "#04390c"), ("#f9add0", "#4d1634")),
    *(("#cbbcfc", "#322255"), ("#d6c97b", "#352e02"), ("#6fdcdb", "#023536"), ("#fdb0af", "#52151a")),
)
DARK = (
    *(("#1b3753", "#b5d8fe"), ("#4c2d12", "#f7caa6"), ("#203d21", "#b8e1b8"), ("#4c283a", "#f9c2db")),
    *(("#382f51", "#d7ccfe"), ("#3d360b", "#dfd6a1"), ("#033e3e", "#9de3e2"), ("#502828", "#fcc4c3")),
    *(("#265b8d", "#e5f0fc"), ("#804810", "#feeadb"), ("#2f6633", "#dbf8da"), ("#803e60", "#fde8f1")),
    *(("#5d4b8a", "#efecfe"), ("#655902", "#f6f0ca"), ("#0d6565", "#c9faf9"), ("#873e40", "#fceae9")),
)
COLOURS = len(LIGHT)


def colour_css() -> str:
    """A class for each colour, which sets ``--bg`` and ``--fg``; ``--colours`` is their number."""
    light, dark = (
        " ".join(f".m{at} {{ --bg: {back}; --fg: {text}; }}" for at, (back, text) in enumerate(pairs))
        for pairs in (LIGHT, DARK)
    )
    return f":root {{ --colours: {COLOURS}; }}\n{light}\n@media screen and (prefers-color-scheme: dark) {{ {dark} }}\n"


def colours(groups: Iterable[str]) -> dict[str, int]:
    """The colour of each group, in their order; no two have the same one while colours are left."""
    return {group: at % COLOURS for at, group in enumerate(dict.fromkeys(groups))}


def stable_colour(label: str) -> int:
    """A colour that depends only on the label, for output in which the other labels are not known."""
    return crc32(label.encode("utf-8", "replace")) % COLOURS


def pieces(sentence: Sentence, entities: Iterable[Entity]) -> Iterator[tuple[str, Entity | None]]:
    """The text of a sentence in order: each mention with its entity, and the text between mentions with ``None``."""
    text, spans = sentence.text, sentence.offsets
    if text is None or not spans:
        text, spans, at = " ".join(sentence.words), (), 0
        for word in sentence.words:
            spans += ((at, at + len(word)),)
            at += len(word) + 1
    position = 0
    for entity in entities:
        start, end = spans[entity.start][0], spans[entity.end - 1][1]
        yield text[position:start], None
        yield text[start:end], entity
        position = end
    yield text[position:], None


def marked(sentence: Sentence, entities: Iterable[Entity], attributes: Callable[[Entity], str]) -> str:
    """The text with a ``mark`` around each mention, which ends with its label, and its confidence if that is not 1."""
    written = []
    for text, entity in pieces(sentence, entities):
        if entity is None:
            written.append(escape(text))
            continue
        score = f" {entity.score:.2f}" if entity.score < 1 else ""
        label = f"<small> {escape(entity.label)}{score}</small>"
        written.append(f"<mark {attributes(entity)}>{escape(text)}{label}</mark>")
    return "".join(written)


def notebook_sentence(sentence: Sentence, entities: Iterable[Entity] | None, missing: str) -> str:
    """A sentence for a notebook; ``missing`` is shown where it has no entities, not even none."""

    def attributes(entity: Entity) -> str:
        back, text = LIGHT[stable_colour(entity.label)]
        return f'style="background:{back};color:{text};padding:.1em .3em;border-radius:.3em"'

    note = f" <em>({escape(missing)})</em>" if entities is None else ""
    text = marked(sentence, entities or (), attributes)
    return f'<div dir="auto" style="line-height:1.9;white-space:pre-wrap;overflow-wrap:anywhere">{text}{note}</div>'


def table(
    title: str, heading: Sequence[str], rows: Iterable[Sequence[str]], strong: Callable[[str], bool] = lambda _: False
) -> str:
    """A table for a notebook; the first column names the rows, cells that are ``strong`` are bold."""

    def cell(tag: str, text: str, at: int) -> str:
        content = f"<strong>{escape(text)}</strong>" if strong(text) else escape(text)
        style = f"text-align:{'right' if at else 'left'};padding:.15em .6em;white-space:nowrap"
        return f'<{tag} style="{style}">{content}</{tag}>'

    def row(tag: str, cells: Sequence[str]) -> str:
        return f"<tr>{''.join(cell(tag, text, at) for at, text in enumerate(cells))}</tr>"

    head, body = row("th", heading), "".join(row("td", cells) for cells in rows)
    caption = f'<caption style="text-align:left">{escape(title)}</caption>' if title else ""
    content = f"<table>{caption}<thead>{head}</thead><tbody>{body}</tbody></table>"
    return f'<div style="overflow-x:auto">{content}</div>'
