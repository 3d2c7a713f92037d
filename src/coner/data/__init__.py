"""Files of sentences: CoNLL, JSONL and plain text in, CoNLL and JSONL out; taxonomies, splits, statistics."""

from coner.data.corpus import Corpus, detect, format_of_name, read, stream
from coner.data.formats.conll import write_conll
from coner.data.reading.layout import ConllLayout
from coner.data.reading.reader import Reader

__all__ = ["ConllLayout", "Corpus", "Reader", "detect", "format_of_name", "read", "stream", "write_conll"]
