"""Function words and case, measured on labelled text of any language."""

from __future__ import annotations

from coner.core.types import Entity, Sentence
from coner.features import Extractor, Lexicon
from coner.features.function_words import is_cased, learn_function_words
from coner.features.functions import STOP_WORDS


def german() -> list[Sentence]:
    """Sixty sentences on films and on places: *der* and *und* are everywhere, *film* and *liegt* beside one label."""
    films = [(f"der film titel{i} und der regisseur person{i}", "Film") for i in range(30)]
    places = [(f"der ort ort{i} und der fluss liegt", "Place") for i in range(30)]
    return [Sentence(tuple(text.split()), (Entity(2, 3, label),)) for text, label in films + places]


def test_frequent_words_that_indicate_no_label_are_function_words() -> None:
    assert learn_function_words(german()) == {"der", "und"}


def test_words_of_mentions_rare_words_and_marks_are_not_function_words() -> None:
    mentions = [Sentence(("von", "goethe", "."), (Entity(0, 2, "Person"),))] * 20
    rare = [Sentence(("heute", "regnet", "es", "."), ())] * 4
    assert learn_function_words([*mentions, *rare]) == frozenset()


def test_without_sentences_or_labels_there_is_no_error() -> None:
    assert learn_function_words([]) == frozenset()
    assert learn_function_words([Sentence(("a", "b"))] * 9) == {"a", "b"}
    assert not is_cased([Sentence(())])


def test_features_of_content_words_skip_those_of_the_lexicon() -> None:
    words = ("der", "film", "the")
    assert Extractor(["topic"])(words)[0] == ["topic=der", "topic=film"]
    learned = Lexicon().with_function_words(german())
    assert Extractor(["topic"], learned)(words)[0] == ["topic=film", "topic=the"]
    assert Extractor(["beside"], learned)(words)[2] == ["beside[-]=film"]


def test_function_words_are_saved_only_if_they_were_learned() -> None:
    learned = Lexicon().with_function_words(german())
    assert Lexicon.from_json(learned.to_json()).function_words == {"der", "und"}
    assert "function_words" not in Lexicon().to_json()
    assert Lexicon.from_json(Lexicon().to_json()).function_words == STOP_WORDS


def test_case_is_measured_in_any_script() -> None:
    assert is_cased([Sentence(("The", "rain", "in", "Spain", "stays", "mainly", "in", "the", "plain"))])
    assert is_cased([Sentence(("Москва", "слезам", "не", "верит"))])
    assert not is_cased([Sentence(("the", "rain", "in", "spain", "stays", "mainly", "in", "the", "plain"))])
    assert not is_cased([Sentence(("東", "京", "に", "行", "く")), Sentence(("दिल्ली", "1999"))])
    assert not is_cased([*[Sentence(("only", "lower", "case"))] * 30, Sentence(("McDonald",))])
