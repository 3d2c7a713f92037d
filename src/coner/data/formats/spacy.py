"""spaCy's DocBin: documents of tokens with entities, split at sentence boundaries, else at line ends or empty lines.

A document whose tokens all lack an entity annotation has no labels. A DocBin is zlib, msgpack and plain arrays: reading
it runs no code.
"""

from __future__ import annotations

import re
import zlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from coner.core.bounds import check_ratio, large_file, whole_bytes
from coner.core.errors import DataError, requires_extra
from coner.core.files import atomic_write
from coner.core.lines import Lines
from coner.core.opening import read_bytes
from coner.core.types import Sentence
from coner.data.formats import DEFAULTS, Format, WriteOptions, formats
from coner.data.reading.nesting import Mark
from coner.data.reading.spans import SpanReader
from coner.data.reading.words import Span, paragraph_spans, raw_text


class DocBinReader(SpanReader):
    unit = "document"
    expected = "a DocBin of spaCy"

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        for number, doc in enumerate(self._docs(), 1):
            yield from self._from_doc(doc, number)

    def _docs(self) -> Iterator[Any]:
        spacy = _spacy()
        data = read_bytes(self.path)
        self._check_size(data)
        try:
            yield from spacy.tokens.DocBin().from_bytes(data).get_docs(spacy.vocab.Vocab())
        except Exception as error:  # whatever spaCy raises for bytes that are no DocBin
            message = f"spaCy {spacy.about.__version__} cannot read it: {type(error).__name__}: {error}"
            raise DataError(f"{message}; expected what DocBin.to_disk writes", self.path) from None

    def _check_size(self, data: bytes) -> None:
        """``DataError`` if the DocBin is too large once decompressed, which spaCy does in one go."""
        unpacker, packed, size = zlib.decompressobj(), len(data), 0
        with suppress(zlib.error):  # spaCy reports it
            while data and not unpacker.eof:
                size += len(unpacker.decompress(data, 1 << 20))
                data = unpacker.unconsumed_tail
                check_ratio(packed, size, self.path)
                if size > whole_bytes():
                    raise large_file(self.path)

    def _from_doc(self, doc: Any, number: int) -> Iterator[Sentence]:
        labelled = any(token.ent_iob for token in doc)
        if self._gold and not labelled:
            raise self.error(number, "got no entity annotation on any token; expected gold labels")
        if labelled:
            self.ignored["words without annotation"] += sum(not (token.ent_iob or is_space(token)) for token in doc)
        self.ignored["spans in span groups"] += sum(map(len, doc.spans.values()))
        if doc.has_annotation("SENT_START"):
            starts = [sent.start for sent in doc.sents]
        elif self._wrapped:
            places_of_tokens = [token.idx for token in doc]
            starts = [bisect_left(places_of_tokens, start) for start, _ in paragraph_spans(doc.text)]
        else:
            starts = [token.i + 1 for token in doc if "\n" in token.text and is_space(token)]
        borders = sorted({0, *starts, len(doc)})
        places: list[tuple[Span, Sequence[Span]]] = []
        for start, end in pairwise(borders):
            if words := _words(doc[start:end]):
                places.append(((words[0][0], words[-1][1]), words))
        marks = self._marks(doc, borders, number) if labelled else None
        return self._cut(doc.text, places, marks, id=doc.user_data.get("id"), number=number)

    def _marks(self, doc: Any, borders: list[int], number: int) -> Iterator[Mark]:
        for span in doc.ents:
            place, words = f"entity {span.start_char}-{span.end_char} {span.label_!r}", _words(span)
            self._check_label(span.label_, number)
            if not words:
                self._fault(number, f"{place} is white space", "outside")
            elif not span.label_:
                self._fault(number, f"{place} has no label", "without a label")
            elif any(span.start < border < span.end for border in borders):
                hint = "" if doc.has_annotation("SENT_START") else self._hint(doc.text, span.start_char, span.end_char)
                self._fault(number, f"{place} crosses a sentence boundary{hint}", "across sentences")
            else:
                yield Mark(words[0][0], words[-1][1], span.label_, 1.0, number)


def is_space(token: Any) -> bool:
    """Whether a token is ASCII white space; for spaCy's own ``is_space`` no-break spaces, words in CoNLL, are too."""
    return not token.text.strip(" \t\r\n")


def _words(tokens: Any) -> list[Span]:
    """The spans of the tokens that are words in the text of their document."""
    return [(token.idx, token.idx + len(token.text)) for token in tokens if not is_space(token)]


def _spacy() -> Any:
    with requires_extra("a DocBin (.spacy)", "spacy"):
        import spacy.about
        import spacy.tokens
        import spacy.vocab
    return spacy


class Spacy(Format):
    title = "spaCy's DocBin"
    reader = DocBinReader
    suffixes = (".spacy",)
    extra = "spacy"
    holds = frozenset({"word borders", "labels", "ids", "labels missing"})
    bad_word = re.compile(r"\A[ \t\r\n]+\Z")

    def sniff(self, head: bytes) -> float:
        return float(head.startswith(b"\x78\x9c"))  # of zlib, and no UTF-8

    def text_read_back(self, sentence: Sentence) -> str:
        """A single space, or none, between two words."""
        gaps = [" " if end < start else "" for (_, end), (start, _) in pairwise(sentence.offsets)]
        return "".join(map("".join, zip(sentence.words, [*gaps, ""], strict=True)))

    def write(self, sentences: Sequence[Sentence], path: Path, options: WriteOptions = DEFAULTS) -> Counter[str]:
        spacy = _spacy()
        vocab = spacy.vocab.Vocab()
        packed = spacy.tokens.DocBin(attrs=("ENT_IOB", "ENT_TYPE", "SENT_START"), store_user_data=True)
        for sentence in sentences:
            spaces = [end < start for (_, end), (start, _) in pairwise(raw_text(sentence)[1])]
            starts = [True] + [False] * (len(sentence) - 1)
            doc = spacy.tokens.Doc(vocab, words=list(sentence.words), spaces=[*spaces, False], sent_starts=starts)
            if sentence.entities is not None:
                spans = [spacy.tokens.Span(doc, e.start, e.end, e.label) for e in sentence.entities]
                doc.set_ents(spans, default="outside")
            if sentence.id is not None:
                doc.user_data["id"] = sentence.id
            packed.add(doc)
        with atomic_write(path, "wb") as handle:
            handle.write(packed.to_bytes())
        return self.lost(sentences)


formats.register(Spacy())
