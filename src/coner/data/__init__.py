"""Files of sentences: CoNLL, JSONL and plain text in, CoNLL and JSONL out; taxonomies, splits, statistics."""

from coner.data.corpus import Corpus, Kind, detect, kind_of_name, read, stream
from coner.data.formats.layout import ConllFormat, write_conll
from coner.data.formats.reader import Reader

__all__ = ["ConllFormat", "Corpus", "Kind", "Reader", "detect", "kind_of_name", "read", "stream", "write_conll"]
