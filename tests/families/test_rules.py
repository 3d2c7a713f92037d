"""Rules: matches and their choice against enumeration of all spans; files, and their faults."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.errors import DataError
from coner.core.types import Entity
from coner.families.rule_file import read_rules
from coner.families.rules import UNCHANGED, WAYS, Changes, Rule, Rules, Way

LABELS = ("City", "Artist")
TEXTS = ("a", "A", "b", "a b", "b-a", "B a", "a b a", "é", "-", "京a")
WORDS = ("a", "A", "b", "c", "b-a", "-", "é", "e", "ab", "京", "京a")


def always(text: str, label: str = "City", way: Way = "exact") -> Rule:
    return Rule(text, label, way, f"always {text!r}")


def never(text: str, label: str | None = None, way: Way = "exact") -> Rule:
    return Rule(text, label, way, f"never {text!r}")


def spelled(text: str, way: Way) -> list[str]:
    """Letters and marks of a text, apart; the letters of the tests need no more."""
    if way != "exact":
        text = text.lower()
    if way == "whole-word":
        text = text.replace("é", "e").replace("-", " ")
    return re.sub("([-京])", r" \1 ", text).split()


def spans_of(words: Sequence[str], rule: Rule) -> set[tuple[int, int]]:
    """All spans that read like the text, and begin and end with a word that is more than what the way leaves out."""
    found = set()
    for start in range(len(words)):
        for end in range(start + 1, len(words) + 1):
            whole = spelled(words[start], rule.way) and spelled(words[end - 1], rule.way)
            if whole and spelled(" ".join(words[start:end]), rule.way) == spelled(rule.text, rule.way):
                found.add((start, end))
    return found


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Rule], list[Rule], list[str], list[Entity]]:
    entries = st.tuples(st.sampled_from(TEXTS), st.sampled_from(LABELS), st.sampled_from(WAYS))
    ruled = {(text, way): always(text, label, way) for text, label, way in draw(st.lists(entries, max_size=5))}
    others = st.tuples(st.sampled_from(TEXTS), st.sampled_from([None, *LABELS]), st.sampled_from(WAYS))
    forbidden = [never(*entry) for entry in draw(st.lists(others, max_size=4))]
    words = draw(st.lists(st.sampled_from(WORDS), max_size=9))
    cuts = sorted(draw(st.sets(st.integers(0, len(words)), max_size=6)))
    spans = [pair for pair in pairwise(cuts) if draw(st.booleans())]
    return list(ruled.values()), forbidden, words, [Entity(*span, draw(st.sampled_from(LABELS)), 0.5) for span in spans]


@given(cases())
def test_rules_against_enumeration(case: tuple[list[Rule], list[Rule], list[str], list[Entity]]) -> None:
    ruled, forbidden, words, predicted = case
    try:
        rules = Rules(ruled, forbidden)
    except DataError:  # they contradict each other, or a text has nothing to compare
        return
    after, changes = rules.apply(words, predicted)
    banned = {(*span, label) for rule in forbidden for span in spans_of(words, rule)
              for label in ([rule.label] if rule.label else LABELS)}  # fmt: skip
    matches = {(*span, rule.label) for rule in ruled for span in spans_of(words, rule)} - banned
    found = [(entity.start, entity.end, entity.label) for entity in after]
    assert all(a.end <= b.start for a, b in pairwise(after))
    assert not banned & set(found)
    chosen = [entity for entity in found if entity in matches]
    for start, end, label in matches:  # chosen, or in the way of one that is longer, further left, or stricter
        rivals = [r for r in chosen if r[0] < end and start < r[1]]
        assert (start, end, label) in chosen or any((start - end, start) >= (r[0] - r[1], r[0]) for r in rivals)
    covered = {word for start, end, _ in chosen for word in range(start, end)}
    for entity in predicted:
        alone = covered.isdisjoint(range(entity.start, entity.end))
        if alone:
            assert ((entity.start, entity.end, entity.label) in found) == (
                (entity.start, entity.end, entity.label) not in banned
            )
    assert set(found) <= {(e.start, e.end, e.label) for e in predicted} | matches
    before, now = ({(e.start, e.end) for e in entities} for entities in (predicted, after))
    assert (changes.added, changes.removed) == (len(now - before), len(before - now))


def test_a_match_replaces_the_predictions_that_it_overlaps() -> None:
    rules = Rules([always("new york times")], [])
    words = ["the", "new", "york", "times", "of", "york"]
    predicted = [Entity(0, 3, "Artist", 0.4), Entity(3, 4, "Artist", 0.4), Entity(5, 6, "Artist", 0.4)]
    after, changes = rules.apply(words, predicted)
    assert [(e, e.score) for e in after] == [(Entity(1, 4, "City"), 1.0), (Entity(5, 6, "Artist"), 0.4)]
    assert changes == Changes(added=1, removed=2)


def test_a_prediction_of_the_same_span_gets_the_label_or_stays_as_it_is() -> None:
    rules = Rules([always("york"), always("basel")], [])
    after, changes = rules.apply(["york", "basel"], [Entity(0, 1, "Artist", 0.4), Entity(1, 2, "City", 0.4)])
    assert [(e.label, e.score) for e in after] == [("City", 1.0), ("City", 0.4)]
    assert changes == Changes(relabelled=1)


def test_never_removes_exactly_these_words_with_this_label_and_wins() -> None:
    rules = Rules([always("May", way="case-insensitive")], [never("may", "City"), never("june")])
    predicted = [Entity(0, 1, "Artist", 0.4), Entity(1, 2, "City", 0.4), Entity(2, 4, "City", 0.4)]
    after, changes = rules.apply(["may", "june", "june", "may"], predicted)
    assert list(after) == [Entity(0, 1, "Artist"), Entity(2, 4, "City")]
    assert changes == Changes(removed=1)
    assert rules.apply(["MAY"], []) == ((Entity(0, 1, "City"),), Changes(added=1))


def test_of_one_span_the_stricter_rule_wins() -> None:
    rules = Rules([always("may", "Artist", "whole-word"), always("May", "City")], [])
    assert [e.label for e in rules.apply(["May", "may"], [])[0]] == ["City", "Artist"]


@pytest.mark.parametrize(
    ("text", "way", "words", "found"),
    [
        ("covid-19", "exact", ["covid-19"], True),
        ("covid-19", "exact", ["covid", "-", "19"], True),
        ("covid-19", "exact", ["covid", "19"], False),
        ("covid-19", "whole-word", ["Covid", "19"], True),
        ("therapist", "exact", ["the", "rapist"], False),
        ("the rapist", "exact", ["therapist"], False),
        ("Bern", "exact", ["Berner"], False),
        ("STRASSE", "case-insensitive", ["Straße"], True),
        ("são paulo", "whole-word", ["Sao", "Paulo"], True),
        ("são paulo", "case-insensitive", ["Sao", "Paulo"], False),
        ("s\u00e3o", "exact", ["sa\u0303o"], True),
        ("東京大学", "exact", ["東京", "大学"], True),
        ("กรุงเทพ", "exact", ["กรุง", "เทพ"], True),
        ("AT&T", "exact", ["AT", "&", "T"], True),
    ],
)
def test_what_a_text_is_equal_to(text: str, way: Way, words: list[str], found: bool) -> None:
    expected = ((Entity(0, len(words), "City"),), Changes(added=1)) if found else ((), UNCHANGED)
    assert Rules([always(text, way=way)], []).apply(words, []) == expected


def test_no_text_makes_matching_slow() -> None:
    rules = Rules([always(" ".join(["a"] * size), way=way) for size in range(1, 65) for way in WAYS], [])
    start = time.monotonic()
    after, _ = rules.apply(["a"] * 6400, [])
    assert [len(range(e.start, e.end)) for e in after] == [64] * 100
    assert time.monotonic() - start < 30


TOML = """# names of ours
[[always]]
text = "Acme Analytics"
label = "City"
match = "case-insensitive"

[[never]]
text = "may"
"""
AS_JSON = {
    "always": [{"text": "Acme Analytics", "label": "City", "match": "case-insensitive"}],
    "never": [{"text": "may"}],
}


@pytest.mark.parametrize(("name", "text"), [("rules.toml", TOML), ("rules.json", json.dumps(AS_JSON))])
def test_a_file_of_either_format_is_read(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    rules = read_rules(tmp_path / name, LABELS)
    after, changes = rules.apply(["acme", "analytics", "may"], [Entity(2, 3, "Artist")])
    assert (list(after), changes) == ([Entity(0, 2, "City")], Changes(added=1, removed=1))


BAD = {
    '[[always]]\ntext = "a"': ":1: always: label: is missing; expected a label in quotes",
    '\n[[never]]\ntext = ""': ":2: never: text: got ''; expected a name in one line",
    '[[never]]\ntext = "a"\n[[never]]\ntext = 3': ":3: never: text: got 3; expected a name in one line",
    '[[never]]\ntext = "a"\nregex = "a+"': ":1: never: got 'regex'; expected text, label, match",
    '[[never]]\ntext = "a"\nmatch = "fuzzy"': "match: got 'fuzzy'; expected one of: exact, case-insensitive",
    '[[never]]\ntext = "."\nmatch = "whole-word"': ":1: never: text: got '.' without a letter or digit",
    '[[always]]\ntext = "a"\nlabel = "Town"': ":1: always: label: got 'Town'; expected a label of the model",
    'never = [{text = "a", label = "Town"}]': "rules.toml: never[0]: label: got 'Town'",
    '[[always]]\ntext = "a"\nlabel = "City"\n[[always]]\ntext = "a"\nlabel = "Artist"': (
        ":4: always: got 'a', which has the label 'City' in {path}:1: always. Fix: delete one of the two"
    ),
    '[[always]]\ntext = "a"\nlabel = "City"\n[[never]]\ntext = "a"': "which is never a mention in {path}:4: never",
    f'[[never]]\ntext = "{"a " * 65}"': "text: got more than 64 words and punctuation marks",
    "allways = []": "got 'allways'; expected always and never",
    "never = 3": "never: got 3; expected a list of rules",
    "never = [3]": "never[0]: got 3; expected text and label",
    "": "got no rules; expected lists always and never",
    "[[never]\n": "not valid TOML",
}


@pytest.mark.parametrize("text", BAD)
def test_faulty_rules_are_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_rules(path, LABELS)
    assert BAD[text].format(path=path) in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"never": [{"text": "a\\u0000"}]}', "a text with a zero byte"),
        (b"[1]", "got no rules"),
        (b"{", "not valid JSON"),
        (b'{"never": [{"text": "a\\ud800"}]}', "a lone surrogate"),
        (b"\xff", "cannot be read as rules"),
    ],
)
def test_faulty_json_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "rules.json").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_rules(tmp_path / "rules.json", LABELS)


def test_a_file_that_is_missing_or_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"no\.toml: cannot be read: no such file"):
        read_rules(tmp_path / "no.toml", LABELS)
    (tmp_path / "rules.toml").write_text(TOML + "#" * (1 << 20))
    monkeypatch.setenv("CONER_MAX_FILE_MIB", "1")
    with pytest.raises(DataError, match="expected at most 1048576"):
        read_rules(tmp_path / "rules.toml", LABELS)


def test_the_same_rule_twice_is_one(tmp_path: Path) -> None:
    assert Rules([always("a"), always("a")], [never("b"), never("b")]).apply(["a"], [])[1] == Changes(added=1)
