"""CSV with a header: a word per row, or a sentence per row with its tags in one cell."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import TextIO

from coner.core.tags import tags_from_entities
from coner.core.types import Sentence
from coner.data.formats import DEFAULTS, Format, WriteOptions, formats
from coner.data.formats._csv_reader import CsvReader
from coner.data.reading.delimited import read_header


class Csv(Format):
    title = "CSV with a header"
    reader = CsvReader
    suffixes = (".csv",)
    input_suffixes = (".tsv",)
    holds = frozenset({"word borders", "labels", "ids", "labels missing"})
    bad_word = re.compile("[\r\n\0]|^ | $|^$")
    bad_label = re.compile("[\r\n\0]| $")
    bad_id = re.compile("[\r\n\0]|^ | $|^$")
    appends = certain = True

    def sniff(self, head: bytes) -> float:
        """The first line names columns of words and tags."""
        header = read_header(head.lstrip().decode(errors="replace").partition("\n")[0].rstrip("\r"))
        delimited = header.delimiter != "\t" and len(header.names) > 1
        return 1.0 if {"word", "tag"} <= header.places.keys() else 0.05 * delimited

    def write_text(self, sentences: Iterable[Sentence], handle: TextIO, options: WriteOptions = DEFAULTS) -> None:
        writer = csv.writer(handle, lineterminator="\n")
        for number, sentence in enumerate(sentences, options.written + 1):
            writer.writerow(["sentence", "word", "tag"] if number == 1 else [])
            given = sentence.entities
            tags = [""] * len(sentence) if given is None else tags_from_entities(given, len(sentence), options.scheme)
            writer.writerows(zip([sentence.id or str(number)] * len(sentence), sentence.words, tags, strict=True))


formats.register(Csv())
