"""Which columns of a file hold words and tags: named by the user, or recognised from its first sentences.

- Columns are separated by tabs if that divides the lines more evenly than spaces and tabs do.
- A column that counts 1, 2, 3 in every sentence is an index: the words are in the next one.
- Before columns of ``_`` alone, as in MultiCoNER's files, are words, also if they count, or look like tags or prefixed.
- The tags are in the column that looks like tags of a scheme and is no chunk column; if there is none, in the last.
- Of two such columns after an index, as in GermEval 2014, the first holds the outer mentions. Otherwise two are
  ambiguous, and the file is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from coner.core.errors import ConfigError
from coner.data.reading.cells import MAJORITY, OUTSIDES, CellColumn, is_tag, joined
from coner.data.reading.delimited import ANNOTATIONS, ROLES, plain_name
from coner.data.reading.layout import ConllLayout

LONGEST = 1000  # words of a sentence
NAMES = ("word", "tag", "gold", "predicted", "sentence")
SPACES = re.compile("[ \t]+")
PREFIX = re.compile("[A-Za-z-]{1,12}[:|=](?!//)")


def parse_columns(text: str | None) -> dict[str, int | str]:
    """The columns that ``word=2,tag=4`` names: numbers from 1, or from the end below 0; or their names."""
    named: dict[str, int | str] = {}
    for item in (text or "").split(",") if text else ():
        name, _, value = (side.strip() for side in item.partition("="))
        if name not in NAMES or not value or name in named or re.fullmatch("[+-]?0+", value):
            raise ConfigError(f"columns: got {item!r}; expected each once of {', '.join(NAMES)}, such as word=2,tag=4")
        named[name] = int(value) if re.fullmatch("-?[0-9]{1,9}", value) else value
    return named


def columns_for(text: str | None, role: str) -> str | None:
    """The columns of a file that holds the ``gold`` or the ``predicted`` tags, as ``word=1,tag=3``."""
    named = parse_columns(text)
    if "tag" in named and named.keys() & {"gold", "predicted"}:
        raise ConfigError("columns: got tag= beside gold= or predicted=; expected either")
    chosen = {"word": named.get("word"), "tag": named.get("tag", named.get(role)), "sentence": named.get("sentence")}
    return ",".join(f"{name}={value}" for name, value in chosen.items() if value is not None) or None


def numbered(text: str | None) -> dict[str, int]:
    """The columns of a file without a line of names, by ``word`` and ``tag``."""
    named = parse_columns(text)
    for name, value in named.items():
        if isinstance(value, str):
            raise ConfigError(f"columns: got {name}={value}; expected a number, as CoNLL columns have no names")
        if name == "sentence":
            raise ConfigError(f"columns: got {name}={value}, which is for CSV; expected empty lines between sentences")
        if name not in ("word", "tag"):
            raise ConfigError(f"columns: got {name}={value}, which is for coner evaluate; expected tag={value}")
    return {name: int(value) for name, value in named.items()}


def find_columns(sentences: Sequence[Sequence[str]], named: Mapping[str, int]) -> tuple[ConllLayout, list[str]]:
    """The layout of a file whose first sentences have these lines, and notes on what is not as usual.

    Only separators, columns and prefix of the layout are set. ``ValueError`` if the columns cannot be known.
    """
    layout = ConllLayout(_separators([line for lines in sentences for line in lines]))
    parted = [[layout.cells(line) for line in lines] for lines in sentences]
    rows = [[cells for cells in lines if len(cells) == layout.width] for lines in parted]
    columns = [
        CellColumn([[cells[at].strip(" ") for cells in lines] for lines in rows if lines]) for at in range(layout.width)
    ]
    places = {name: _place(name, number, layout.width) for name, number in named.items()}
    if layout.width == 1 and (example := joined(columns[0].cells)):
        fix = "Fix: write a space or a tab between each word and its tag"
        raise ValueError(f"got words with their tags, such as {example!r:.80}; expected two columns. {fix}")
    (word, tag, inner), notes = _choose(columns, places), list[str]()
    if layout.width > 1:
        _check_names(rows[0][0] if rows and rows[0] else (), columns, word, tag)
    if "word" not in places and layout.width > 1 and not _before_blanks(columns):
        _check_words(columns, word, tag)
    if (word, tag) != (0, layout.width - 1) and not named:
        tags = "there are no tags" if tag is None else f"tags from column {tag + 1}"
        notes.append(f"words are read from column {word + 1} of {layout.width}, {tags}")
    if inner is not None:
        notes.append(f"column {inner + 1} holds inner mentions, which are not read")
    if len(sentences) == 1 and len(sentences[0]) >= LONGEST:
        notes.append(f"no empty line in the first {len(sentences[0]):,} lines: sentences end at empty lines")
    prefix = "" if _before_blanks(columns) else _prefix(columns[word].cells)
    if prefix:
        notes.append(f"every word starts with {prefix!r}, which is not read as part of the words")
    if tag is None:
        return replace(layout, word=word, tags="absent", prefix=prefix), notes
    known = frozenset(columns[tag].cells) if columns[tag].looks else frozenset()
    tag = -1 if tag == layout.width - 1 else tag
    return replace(layout, word=word, tag=tag, prefix=prefix, known_tags=known, inner=inner), notes


def _separators(lines: Sequence[str]) -> tuple[str, ...]:
    """Those of the first line that has the usual number of columns; where numbers are equally usual, of the first."""
    spaces = [tuple(SPACES.findall(line.strip(" \t"))) for line in lines]
    [(width, regular)] = Counter(map(len, spaces)).most_common(1)
    usual = [separators for separators in spaces if len(separators) == width]
    [(tabs, aligned)] = Counter(line.count("\t") for line in lines).most_common(1)
    if tabs and (aligned > regular or (aligned == regular and len(set(usual)) > 1)):
        cells = [cells for line in lines if len(cells := line.split("\t")) == tabs + 1]
        columns = [[row[at].strip(" ") for row in cells] for at in range(tabs + 1)]
        if any(CellColumn([column]).looks or set(column) == {"_"} for column in columns):
            return ("\t",) * tabs
    return usual[0]


def _place(name: str, number: int, width: int) -> int:
    if not 1 <= abs(number) <= width:
        raise ValueError(f"got {width} column{'s' * (width > 1)}, where --columns has {name}={number}")
    return number - 1 if number > 0 else width + number


def _choose(columns: Sequence[CellColumn], places: Mapping[str, int]) -> tuple[int, int | None, int | None]:
    """The columns of words, of tags (``None``: there are none, and the words are in the last one) and of inner tags."""
    last = len(columns) - 1
    word, tag = places.get("word", 0 if _before_blanks(columns) else None), places.get("tag")
    few = range(last) if last > 1 else ()  # rows of two columns are words with tags
    index = next((at for at, c in enumerate(columns) if c.counts or (at in few and c.counts_few)), None)
    if index is not None and (
        index == last
        or columns[index + 1].looks
        or columns[index + 1].blank
        or not all(c.constant or c.numbers for c in columns[:index])
    ):
        index = None  # it may be the column of the words, which is refused
    if word is None:
        tag_first = last == 1 and (tag == 0 or (tag is None and columns[0].holds_tags and not columns[1].looks))
        word = 1 if tag_first else 0 if index is None else index + 1
        tag = 0 if tag_first else tag
    if last and word == tag:
        raise ValueError(
            f"got column {word + 1} for words and tags. Fix: name both with --columns, such as word=2,tag=4"
        )
    if tag is not None:
        return word, tag, None
    tagged = [at for at, column in enumerate(columns) if at != word and column.looks == "tags"]
    tagged = [at for at in tagged if "_" not in columns[at].cells] or tagged  # those with an ``O``, if there are any
    chunks = [at for at, column in enumerate(columns) if at != word and column.looks == "chunks"]
    if not tagged and len(chunks) > 1 and chunks[-1] == last:
        tagged = chunks
    if not tagged:
        return word, None if word == last > 0 else last, None
    layers = tagged + [last] * (columns[last].looks == "outside" and last != word)
    if len(layers) == 1:
        return word, tagged[0], None
    first, second = layers[:2]
    if index is None or len(layers) > 2 or second != first + 1 or columns[first].agrees(columns[second]):
        choices = f"word={word + 1},tag={first + 1}", f"word={word + 1},gold={first + 1},predicted={second + 1}"
        both = " and ".join(str(at + 1) for at in layers)
        evaluate = f"to score one against the other: coner evaluate FILE --columns {choices[1]}"
        raise ValueError(
            f"got tags in columns {both}; expected them in one. Fix: choose with --columns {choices[0]}; {evaluate}"
        )
    return word, first, second


def _before_blanks(columns: Sequence[CellColumn]) -> bool:
    """Whether the other columns are blank, except for one of tags behind others that are: then the first has words."""
    *middle, last = columns[1:] or columns
    blank = not columns[0].blank and all(column.blank for column in middle)
    return blank and (last.blank or (bool(middle) and bool(last.looks)))


def _check_names(cells: Sequence[str], columns: Sequence[CellColumn], word: int, tag: int | None) -> None:
    """``ValueError`` if the first line names the columns."""
    if cells and tag is not None:
        first, second = (plain_name(cells[at].strip(" ")) for at in (word, tag))
        others = set(columns[tag].cells[1:])
        alone = cells[tag].strip(" ") not in others and bool(others - {*OUTSIDES, "0", "_"})
        named = second in ROLES["tag"].split() or (alone and second in ANNOTATIONS)
        if named and (alone or first in ROLES["word"].split()):
            raise ValueError(f"got a line with the names of columns, {' '.join(cells)!r:.80}. Fix: delete it")


def _check_words(columns: Sequence[CellColumn], word: int, tag: int | None) -> None:
    """``ValueError`` if the words are none."""
    looks = "count 1, 2, 3 in every sentence" if columns[word].counts else ""
    others = [column for at, column in enumerate(columns) if at not in (word, tag)]
    if columns[word].constant and any(not column.constant for column in others):
        looks = "are the same throughout every sentence"
    if (ids := columns[word].ids) and any(not column.ids and not column.looks for column in others):
        looks = ids
    if columns[word].holds_tags and tag is not None and not columns[tag].looks:
        looks = "look like tags"
    if looks:
        raise ValueError(
            f"got words in column {word + 1} that {looks}; expected words. "
            "Fix: name the columns, such as --columns word=2,tag=4"
        )


def _prefix(words: Sequence[str]) -> str:
    """What every word starts with that is no part of it, such as ``en:`` in WikiANN; empty if nothing is."""
    match = PREFIX.match(words[0])
    shared = (
        match is not None
        and len(words) > 2
        and all(word.startswith(match.group()) and word != match.group() for word in words)
    )
    return match.group() if match and shared else ""


def look_tagged(lines: Sequence[str]) -> bool:
    """Whether at least half of the lines have equally many columns, and one of these looks like tags."""
    layout = ConllLayout(_separators(lines)) if lines else ConllLayout(())
    rows = [cells for cells in map(layout.cells, lines) if len(cells) == layout.width]
    columns = [CellColumn([[cells[at].strip(" ") for cells in rows]]) for at in range(layout.width)]
    tagged = [column for column in columns if column.looks in ("tags", "chunks")]
    sure = [column for column in tagged if sum(map(is_tag, column.cells)) >= MAJORITY * len(column.cells)]
    return len(columns) > 1 and 2 * len(rows) >= len(lines) and bool(sure)
