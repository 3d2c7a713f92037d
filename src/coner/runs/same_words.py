"""Whether predictions are for the sentences of the gold file."""

from __future__ import annotations

from unicodedata import normalize

from coner.core.counted import counted
from coner.core.errors import DataError
from coner.core.types import Sentence
from coner.data import Corpus


def check_same_words(gold: Corpus, predicted: Corpus) -> None:
    """``DataError`` at the first word that differs, with its line in both files."""
    for truth, other in zip(gold, predicted, strict=False):
        if truth.words == other.words:
            continue
        pairs = zip(truth.words, other.words, strict=False)
        at = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(truth), len(other)))
        (line, word), (gold_line, gold_word) = _word(predicted, other, at), _word(gold, truth, at)
        if normalize("NFKC", word) == normalize("NFKC", gold_word):  # they look the same
            word, gold_word = (text.encode("ascii", "backslashreplace").decode() for text in (word, gold_word))
        message = f"got {word} where {gold.path}:{gold_line} has {gold_word}; expected the same sentences and words"
        raise DataError(message, predicted.path, line)
    if len(gold) != len(predicted):
        counts = f"got {counted(len(predicted), 'sentence')} where {gold.path} has {len(gold)}"
        raise DataError(f"{counts}; expected the same sentences and words", predicted.path)


def _word(corpus: Corpus, sentence: Sentence, index: int) -> tuple[int, str]:
    """The line of a word, and the word as it is shown in a message."""
    rows = len(sentence.header) + index if corpus.layout is not None else 0
    return sentence.line + rows, repr(sentence.words[index]) if index < len(sentence) else "the end of the sentence"
