"""A noisy copy of a CoNLL or JSONL file, line by line: what is not noisy stays as it is, byte for byte.

So it is not written from sentences, as other outputs are: that would set an irregular file straight, write ``iob1`` as
another scheme, and lose what JSONL holds beside the sentence.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from coner.core.errors import DataError
from coner.core.files import atomic_write
from coner.core.lines import open_bytes
from coner.core.tags import Scheme
from coner.core.types import Sentence
from coner.data.corpus import detect, stream
from coner.data.files import keep_apart
from coner.data.noise import KINDS, Noise, Typo, retype
from coner.data.reading.words import split_words

Edit = tuple[int, Callable[[str], str]]  # a line of the file, from 1, and what becomes of it without its end


@dataclass
class Tally:
    """What noise came into a file.

    Attributes:
        sentences, words: of the file.
        noisy: sentences with a typo.
        spared: sentences that were chosen, but have no word that qualifies.
        kinds: words with a typo, by kind.
        in_mentions: how many of them are words of mentions; ``None`` where a sentence has no labels.
        repaired, skipped: faults of the file that the reader mended or left out; the copy keeps them. In a line with a
            typo, bytes that are not UTF-8 become U+FFFD.
    """

    sentences: int = 0
    words: int = 0
    noisy: int = 0
    spared: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    in_mentions: int | None = 0
    repaired: int = 0
    skipped: int = 0

    def add(self, sentence: Sentence, typos: list[Typo] | None) -> None:
        """Count one sentence."""
        self.sentences += 1
        self.words += len(sentence)
        self.noisy += bool(typos)
        self.spared += typos == []
        self.kinds.update(typo.kind for typo in typos or ())
        if sentence.entities is None:
            self.in_mentions = None
        elif self.in_mentions is not None:
            self.in_mentions += sum(e.start <= t.index < e.end for t in typos or () for e in sentence.entities)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        names = ("sentences", "words", "noisy", "spared", "in_mentions", "repaired", "skipped")
        return {**{name: getattr(self, name) for name in names}, "kinds": {kind: self.kinds[kind] for kind in KINDS}}


def write_noisy(
    source: Path,
    out: Path,
    noise: Noise,
    *,
    scheme: Scheme = "iob2",
    format: str | None = None,
    comment: str | None = None,
    repair: bool = False,
) -> Tally:
    """Write a noisy copy of a file, in constant memory.

    Args:
        source: CoNLL or JSONL, also gzip.
        out: of the same format; packed where its name ends in ``.gz``.
        noise: what is done.
        scheme, comment, repair: as ``corpus.stream`` has them.
        format: of the source; by its name and content, if it is ``None``.

    Returns:
        What was done.

    Raises:
        DataError: the source is faulty, neither CoNLL nor JSONL, no file, or has no labels where noise needs them.
        OutputError: ``out`` is the source, or cannot be written.
    """
    if str(source) == "-" or (source.exists() and not source.is_file() and not source.is_dir()):
        raise DataError("is a pipe or device, which cannot be read twice; expected a file", source)
    kind = format or detect(source)
    if kind not in ("conll", "jsonl"):
        raise DataError(f"is read as {kind}; expected CoNLL or JSONL, which coner convert writes", source)
    keep_apart(source, out)
    reader = stream(source, scheme=scheme, format=kind, comment=comment, repair=repair)
    tally = Tally()

    def edits() -> Iterator[Edit]:
        for sentence in reader:
            try:
                typos = noise.typos(sentence)
            except ValueError:
                message = f"--where {noise.where}: no labels here; expected gold labels, or --where both"
                raise DataError(message, source, sentence.line) from None
            if kind == "conll" and comment and typos:  # a line that began with the mark would be a header
                typos = [typo for typo in typos if not typo.word.startswith(comment)]
            tally.add(sentence, typos)
            if typos:
                yield from (_in_lines if kind == "conll" else _in_object)(sentence, typos)

    with atomic_write(out, "wb") as handle:
        _copy(source, handle, edits())
    tally.repaired, tally.skipped = reader.repaired, reader.skipped
    return tally


def _copy(source: Path, handle: BinaryIO, edits: Iterator[Edit]) -> None:
    """The file with its edits, which come in the order of its lines and are all asked for."""
    nowhere: Edit = (0, str)
    at, edit = next(edits, nowhere)
    with open_bytes(source) as lines:
        for number, line in enumerate(lines, 1):
            if number == at:
                handle.write(_edited(line.decode(errors="replace"), edit))
                at, edit = next(edits, nowhere)
            else:
                handle.write(line)


def _edited(line: str, edit: Callable[[str], str]) -> bytes:
    mark = "\ufeff" if line.startswith("\ufeff") else ""
    body = line.removesuffix("\n").removesuffix("\r")
    # In JSON that is no fault: half of a surrogate pair is written as it was, as an escape.
    return (mark + edit(body.removeprefix(mark)) + line[len(body) :]).encode(errors="backslashreplace")


def _in_lines(sentence: Sentence, typos: list[Typo]) -> Iterator[Edit]:
    first = sentence.line + len(sentence.header)
    for typo in typos:
        yield first + typo.index, _instead(sentence.words[typo.index], typo.word)


def _instead(before: str, after: str) -> Callable[[str], str]:
    return lambda line: line.replace(before, after, 1)  # the word is the first thing on its line


def _in_object(sentence: Sentence, typos: list[Typo]) -> Iterator[Edit]:
    new = retype(sentence, typos)
    ends = [sentence.offsets[typo.index][1] for typo in typos]
    grown = [len(typo.word) - len(sentence.words[typo.index]) for typo in typos]

    def moved(place: Any) -> Any:
        return place + sum(by for end, by in zip(ends, grown, strict=True) if end <= place)

    def edit(line: str) -> str:
        values = json.loads(line)
        if values.get("text") is not None:
            values["text"] = new.text
        if values.get("words") is not None or new.offsets != split_words(new.text or ""):
            values["words"] = list(new.words)
        for entity in values.get("entities") or ():
            entity.update({name: moved(entity[name]) for name in ("start", "end")})
        return json.dumps(values, ensure_ascii=line.isascii())

    yield sentence.line, edit
