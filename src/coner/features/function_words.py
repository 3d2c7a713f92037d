"""Properties of the training text: its function words, whether it is English, and whether it is cased."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from coner.core.types import Sentence
from coner.features.functions import STOP_WORDS

MIN_SENTENCES, MIN_SHARE = 5, 0.02  # that a function word occurs in: in number, and of all
MAX_MENTIONED = 0.1  # of its occurrences may be in mentions: *of* is in *House of Cards*
# Share of the labels in its sentences that differ from elsewhere: *film* indicates titles, *was* nothing.
MAX_SHIFT = 0.25
MIN_ENGLISH = 0.12  # of the words of English text are stop words: 0.23 of tweets, 0.34 of encyclopaedias; German 0.03
MIN_CASED = 0.02  # of the words of cased text have a capital; the first of each sentence alone are more


def learn_function_words(sentences: Sequence[Sentence]) -> frozenset[str]:
    """Frequent words that are hardly ever in mentions, and indicate no label; whatever the language."""
    totals = Counter(word for sentence in sentences for word in sentence.words)
    minimum = max(MIN_SENTENCES, MIN_SHARE * len(sentences))
    frequent = {word for word, count in totals.items() if count >= minimum and any(map(str.isalnum, word))}
    within: Counter[str] = Counter()  # sentences with the word
    mentioned: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    beside: defaultdict[str, Counter[str]] = defaultdict(Counter)  # labels in the sentences with the word
    for sentence in sentences:
        entities, words = sentence.entities or (), frequent.intersection(sentence.words)
        own = [entity.label for entity in entities]
        labels.update(own)
        for word in words:
            beside[word].update(own)
            within[word] += 1
        for entity in entities:
            mentioned.update(sentence.words[entity.start : entity.end])

    def shift(word: str) -> float:
        own, total, here = beside[word], labels.total(), beside[word].total()
        return sum(abs(own[label] / max(1, here) - count / total) for label, count in labels.items()) / 2

    return frozenset(
        word
        for word, count in within.items()
        if count >= minimum and mentioned[word] <= MAX_MENTIONED * totals[word] and shift(word) <= MAX_SHIFT
    )


def is_english(sentences: Sequence[Sentence]) -> bool:
    """Whether a usual share of the words are English stop words."""
    words = [word.lower() for sentence in sentences for word in sentence.words]
    return sum(word in STOP_WORDS for word in words) > MIN_ENGLISH * len(words)


def is_cased(sentences: Sequence[Sentence]) -> bool:
    """Whether over two words in a hundred have a capital: not in lower-cased text, nor in scripts without case."""
    words = [word for sentence in sentences for word in sentence.words]
    return sum(word != word.lower() for word in words) > MIN_CASED * len(words)
