"""Data: reading and writing, taxonomies, splits, noise and statistics."""

from coner.data.corpus import Corpus, read, stream
from coner.data.files import detect, format_of_name
from coner.data.formats.conll import write_conll
from coner.data.reading.layout import ConllLayout
from coner.data.reading.reader import Reader

__all__ = ["ConllLayout", "Corpus", "Reader", "detect", "format_of_name", "read", "stream", "write_conll"]
