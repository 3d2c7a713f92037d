"""Label maps: from a file onto a taxonomy, to the regions of sentences; the faults of maps, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from coner.core.errors import DataError
from coner.core.types import Entity, Region, Sentence, surfaces
from coner.data.agreement import agreement
from coner.data.corpus import Corpus
from coner.data.label_map import builtin_maps, key_lines, load_map, own_labels_only
from coner.data.taxonomy import Taxonomy, load_taxonomy

TAXONOMY = Taxonomy("tiny", {"Person": {"Artist": "", "Cleric": ""}, "Place": {"River": "", "City": ""}, "Food": {}})
MAP = """
[labels]
PER = ["Person"]
LOC = ["Place"]
town = ["City"]
MISC = ["River", "O"]
"no mention" = []
[unannotated]
labels = ["Cleric"]
"""
WORDS = tuple("abcdefghij")


def written(folder: Path, text: str) -> str:
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_regions_say_what_the_labels_of_the_source_leave_possible(tmp_path: Path) -> None:
    projection = load_map(written(tmp_path, MAP)).onto(TAXONOMY)
    marks = [(1, 3, "PER"), (3, 4, "town"), (5, 6, "MISC"), (6, 7, "no mention"), (9, 10, "LOC")]
    sentence = projection.apply(Sentence(WORDS, tuple(Entity(*mark) for mark in marks)))
    cleric = frozenset(["Cleric"])
    assert sentence.regions == (
        Region(0, 1, cleric, whole=False),
        Region(1, 3, frozenset(["Artist", "Cleric"]), whole=True),
        Region(3, 4, frozenset(["City"]), whole=True),
        Region(4, 5, cleric, whole=False),
        Region(5, 6, frozenset(["River", "Cleric"]), whole=False),
        Region(7, 9, cleric, whole=False),
        Region(9, 10, frozenset(["River", "City"]), whole=True),
    )
    assert sentence.entities == (Entity(3, 4, "City"),)
    assert surfaces([sentence]) == {"b c", "d", "j"}


def test_a_sentence_without_a_choice_has_entities_only(tmp_path: Path) -> None:
    projection = load_map(written(tmp_path, '[labels]\ntown = ["City"]\nX = []\nPER = ["Person"]')).onto(TAXONOMY)
    sentence = projection.apply(Sentence(WORDS, (Entity(0, 1, "X"), Entity(2, 3, "town"))))
    assert sentence == Sentence(WORDS, (Entity(2, 3, "City"),))
    assert projection.apply(Sentence(WORDS, (Entity(0, 1, "PER"),))).regions is not None


def test_an_incomplete_source_allows_anything_where_it_says_nothing(tmp_path: Path) -> None:
    projection = load_map(written(tmp_path, 'complete = false\n[labels]\ntown = ["City"]')).onto(TAXONOMY)
    sentence = projection.apply(Sentence(WORDS, (Entity(2, 3, "town"),)))
    everything, city = frozenset(TAXONOMY.labels), frozenset(["City"])
    assert sentence.regions == (
        Region(0, 2, everything, whole=False),
        Region(2, 3, city, whole=True),
        Region(3, 10, everything, whole=False),
    )


def test_a_file_of_a_union_is_complete_for_its_own_labels() -> None:
    projection = own_labels_only(Path("a"), ["City"], ["City", "River"])
    sentence = projection.apply(Sentence(WORDS[:3], (Entity(0, 1, "City"),)))
    free = Region(1, 3, frozenset(["River"]), whole=False)
    assert sentence.regions == (Region(0, 1, frozenset(["City"]), whole=True), free)


@pytest.mark.parametrize("name", builtin_maps())
def test_builtin_maps_lead_to_multiconer2(name: str) -> None:
    projection = load_map(name).onto(load_taxonomy("multiconer2"))
    assert len(projection.sets) >= 4
    assert not projection.optional & {"PER", "person"}


def test_keys_are_found_on_their_lines() -> None:
    text = (
        'complete = true # x = 1\n\n[ labels ]\n# PER = 3\nPER = [\n  "a = b",\n]\n"x y" = []\n[unannotated]\n\'q\'=1\n'
    )
    assert key_lines(text) == {
        ("complete",): 1,
        ("labels",): 3,
        ("labels", "PER"): 5,
        ("labels", "x y"): 8,
        ("unannotated",): 9,
        ("unannotated", "q"): 10,
    }
    assert key_lines("complete = true\nlabels.PER = []\n[a . 'b.c']\nd = 1")["labels", "PER"] == 2
    assert key_lines("[a . 'b.c']\nd.e = 1") == {
        ("a",): 1,
        ("a", "b.c"): 1,
        ("a", "b.c", "d"): 2,
        ("a", "b.c", "d", "e"): 2,
    }


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    assert load_map(written(tmp_path, '\ufeff[labels]\nPER = ["Person"]')).labels == {"PER": ["Person"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[labels", "own.toml: not valid TOML"),
        ("complete = true", "own.toml:1: got no labels; expected a section [labels]"),
        ("[labels]", "own.toml:1: got no labels"),
        ('[labels]\nPER = "Person"', "own.toml:2: PER: got 'Person'; expected a list"),
        ("[labels]\nPER = [1]", "own.toml:2: PER: got [1]; expected a list"),
        (
            '[labels]\nPER = ["Person"]\n[other]\na = 1',
            "own.toml:3: got 'other'; expected labels, unannotated, complete",
        ),
        ('complete = 1\n[labels]\nPER = ["Person"]', "own.toml:1: complete: got 1; expected true or false"),
        ('[labels]\nA = []\n[unannotated]\nlabel = ["x"]', "own.toml:3: expected a line like labels"),
        ('[labels]\nA = []\nPER = ["Persn"]', "own.toml:3: labels.PER: got 'Persn', which taxonomy tiny lacks"),
        ('[labels]\nA = []\n[unannotated]\nlabels = ["Foo"]', "own.toml:4: unannotated.labels: got 'Foo', which"),
        ('\n[labels]\nLOC = ["Place"]', "own.toml:2: got no entry for label 'PER' of source.conll:7. Fix: add"),
        ("\n[labels]\nPER = []\nLOC = []", "own.toml:2: got no fine label for any label of source.conll: PER"),
    ],
)
def test_a_faulty_map_is_one_line_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    corpus = Corpus((Sentence(WORDS, (Entity(0, 1, "PER"),), line=7),), Path("source.conll"))
    with pytest.raises(DataError) as caught:
        load_map(written(tmp_path, text)).onto(TAXONOMY).check(corpus)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_agreement_compares_the_most_frequent_labels_of_shared_surfaces(tmp_path: Path) -> None:
    def sentence(word: str, label: str) -> Sentence:
        return Sentence((word,), (Entity(0, 1, label),))

    projection = load_map(written(tmp_path, '[labels]\nPER = ["Person"]\nLOC = ["City"]\nX = []')).onto(TAXONOMY)
    source = [sentence(*of) for of in (("Rhine", "LOC"), ("basel", "LOC"), ("bach", "PER"), ("bach", "PER"))]
    source += [sentence("bach", "LOC"), sentence("new", "LOC")]
    target = [sentence(*of) for of in (("rhine", "River"), ("Basel", "City"), ("Bach", "Artist"), ("Bach", "City"))]
    person, place = agreement(source, [*target, sentence("bach", "Artist")], projection)
    assert (person.label, person.surfaces, person.agreeing, person.others) == ("PER", 1, 1, {})
    assert (place.surfaces, place.agreeing, place.others, place.examples) == (2, 1, {"River": 1}, {"River": "rhine"})
    assert place.as_dict()["agreement"] == 0.5


def test_a_mention_that_no_tagging_is_allowed_for_is_one_line_with_the_place_in_the_map(tmp_path: Path) -> None:
    corpus = Corpus((Sentence(WORDS, (Entity(0, 2, "PER"),), line=7),), Path("source.conll"))
    projection = load_map(written(tmp_path, MAP)).onto(TAXONOMY)
    projection.check(corpus, ["Artist"])
    message = "own.toml:3: PER: got Artist, Cleric, none of which the model predicts, so .* for 'a b' of source.conll:7"
    with pytest.raises(DataError, match=message):
        projection.check(corpus, ["City"])
