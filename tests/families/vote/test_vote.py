"""A vote: exactly the best choice, whatever the order; and its folder, which needs no other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import chain, combinations, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner import families as taggers
from coner.core.errors import ConerError, ConfigError, ModelError
from coner.core.progress import Log
from coner.core.types import Entity, Sentence
from coner.data import read
from coner.data.taxonomy import Taxonomy
from coner.families.crf.fit import train
from coner.families.crf.settings import CrfExperiment
from coner.families.crf.tagger import CrfTagger
from coner.families.manifest import CARD
from coner.families.tagger import Tagger
from coner.families.vote.tagger import Member, VoteTagger
from helpers import SAMPLE
from helpers.spans import disjoint

TAXONOMY = Taxonomy("two", {"Person": {"Artist": ""}, "Place": {"City": ""}})
LENGTH = 6


class Fixed:
    """A tagger that has made up its mind."""

    kind = "fixed"

    def __init__(self, *answers: Sequence[Entity], taxonomy: Taxonomy = TAXONOMY, labels: Sequence[str] = ()) -> None:
        self.answers = answers
        self.taxonomy = taxonomy
        self.labels = tuple(labels) or taxonomy.labels
        self.repaired = 0

    def tag(self, sentences: Sequence[Sentence]) -> list[list[Entity]]:
        self.repaired += 2
        return [list(answer) for answer in self.answers[: len(sentences)]]

    def save(self, folder: Path) -> None:
        raise NotImplementedError


def vote(*members: tuple[Sequence[Entity], float], threshold: float) -> VoteTagger:
    voters = [Member(str(i), Path(str(i)), Fixed(answer), weight) for i, (answer, weight) in enumerate(members)]
    return VoteTagger(voters, threshold=threshold)


def answer_of(tagger: VoteTagger) -> list[tuple[Entity, float]]:
    [found] = tagger.tag([Sentence(("word",) * LENGTH)])
    return [(entity, entity.score) for entity in found]


SCORES = st.integers(1, 64).map(lambda n: n / 64)  # sums of these are exact


@st.composite
def answers(draw: st.DrawFn) -> list[Entity]:
    """Entities of one sentence that do not overlap."""
    cuts = sorted(draw(st.sets(st.integers(0, LENGTH), max_size=LENGTH + 1)))
    spans = [span for span in pairwise(cuts) if draw(st.booleans())]
    return [Entity(*span, draw(st.sampled_from(TAXONOMY.labels)), draw(SCORES)) for span in spans]


MEMBERS = st.lists(st.tuples(answers(), st.sampled_from([0.5, 1.0, 2.0])), min_size=1, max_size=3)


@given(MEMBERS, st.integers(0, 16).map(lambda n: n / 16))
def test_no_other_choice_of_spans_is_worth_more(members: list[tuple[list[Entity], float]], threshold: float) -> None:
    whole = sum(Fraction(weight) for _, weight in members)
    scores: dict[Entity, Fraction] = {}
    for answer, weight in members:
        for entity in answer:
            scores[entity] = scores.get(entity, Fraction(0)) + Fraction(weight) * Fraction(entity.score) / whole

    def worth(chosen: Sequence[Entity]) -> Fraction:
        return sum((scores[entity] - Fraction(threshold) for entity in chosen), Fraction(0))

    subsets = chain.from_iterable(combinations(scores, n) for n in range(len(scores) + 1))
    best = max(worth(s) for s in subsets if all(a.end <= b.start or b.end <= a.start for a, b in combinations(s, 2)))
    found = answer_of(vote(*members, threshold=threshold))
    assert float(worth([entity for entity, _ in found])) == pytest.approx(float(best), abs=1e-12)
    assert disjoint([entity for entity, _ in found])
    for entity, score in found:
        assert score == pytest.approx(float(scores[entity]), abs=1e-12)


@given(st.data(), MEMBERS, st.integers(0, 16).map(lambda n: n / 16))
def test_the_order_of_the_members_changes_nothing(
    data: st.DataObject, members: list[tuple[list[Entity], float]], threshold: float
) -> None:
    uneven = [([replace(e, score=e.score / 3) for e in answer], weight / 7) for answer, weight in members]
    other = data.draw(st.permutations(uneven))
    assert answer_of(vote(*uneven, threshold=threshold)) == answer_of(vote(*other, threshold=threshold))


@given(answers())
def test_one_member_at_threshold_zero_answers_as_it_does_alone(answer: list[Entity]) -> None:
    assert answer_of(vote((answer, 1.0), threshold=0)) == [(entity, entity.score) for entity in answer]


def test_two_halves_outvote_a_whole_and_a_weight_turns_it() -> None:
    whole, halves = [Entity(0, 4, "Artist", 0.9)], [Entity(0, 2, "Artist", 0.8), Entity(2, 4, "City", 0.8)]
    assert [e for e, _ in answer_of(vote((whole, 1), (halves, 1), threshold=0.1))] == halves
    assert [e for e, _ in answer_of(vote((whole, 2), (halves, 1), threshold=0.1))] == whole
    assert answer_of(vote((whole, 2), (halves, 1), threshold=0.1))[0][1] == pytest.approx(2 * 0.9 / 3)
    assert answer_of(vote((whole, 1), (halves, 1), threshold=0.5)) == []


def test_labels_are_those_of_any_member_and_repairs_are_counted() -> None:
    one, two = (Fixed((), labels=[label]) for label in ("City", "Artist"))
    tagger = VoteTagger([Member("1", Path("1"), one), Member("2", Path("2"), two)], threshold=0.5)
    assert tagger.labels == TAXONOMY.labels
    assert VoteTagger([Member("1", Path("1"), one)], threshold=0.5).labels == ("City",)
    tagger.tag([Sentence(("a",))])
    assert tagger.repaired == 4
    assert isinstance(tagger, Tagger)


def test_members_of_two_taxonomies_are_refused() -> None:
    other = Fixed((), taxonomy=Taxonomy.flat(TAXONOMY.labels))
    members = [Member("1", Path("runs/1"), Fixed(())), Member("2", Path("runs/2"), other)]
    with pytest.raises(ConfigError, match=r"runs/1 \(two\) and runs/2 \(flat\): two taxonomies; expected") as error:
        VoteTagger(members, threshold=0.5)
    assert "\n" not in str(error.value)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two small CRFs, in folders."""
    root, corpus = tmp_path_factory.mktemp("crfs"), read(SAMPLE / "dev.conll")
    taxonomy = Taxonomy.flat(corpus.labels)
    folders = []
    for name, some in (("one", corpus[:40]), ("two", corpus[30:70])):
        settings = {"kind": "crf", "crf": {"clusters": (), "max_iterations": 20, "c2": 0.01, "thresholds": (0.1,)}}
        found = train(CrfExperiment.model_validate(settings), train=some, dev=corpus[:70], taxonomy=taxonomy, log=Log())
        found.tagger.save(root / name)
        folders.append(root / name)
    return folders


@pytest.fixture
def sentences() -> Sequence[Sentence]:
    return read(SAMPLE / "dev.conll")[:70]


def of(folders: Sequence[Path], threshold: float = 0.2) -> VoteTagger:
    return VoteTagger([Member(f.name, f, taggers.load(f)) for f in folders], threshold=threshold)


def pairs(found: Sequence[Sequence[Entity]]) -> list[list[tuple[Entity, float]]]:
    return [[(entity, entity.score) for entity in entities] for entities in found]


def test_it_finds_what_one_member_alone_does_not(trained: list[Path], sentences: Sequence[Sentence]) -> None:
    """Else the tests below would compare little with little."""
    together, alone = of(trained).tag(sentences), taggers.load(trained[0]).tag(sentences)
    assert sum(map(len, together)) > 60
    assert together != alone


def test_together_equals_one_by_one(trained: list[Path], sentences: Sequence[Sentence]) -> None:
    tagger = of(trained)
    together, alone = tagger.tag(sentences), [tagger.tag([sentence])[0] for sentence in sentences]
    assert together == alone
    assert [e.score for es in together for e in es] == pytest.approx([e.score for es in alone for e in es])


def test_the_folder_gives_the_same_tagger_without_those_it_was_made_of(
    trained: list[Path], sentences: Sequence[Sentence], tmp_path: Path
) -> None:
    own = [Path(shutil.copytree(folder, tmp_path / "runs" / folder.name)) for folder in trained]
    tagger = VoteTagger(
        [Member(f.name, f, taggers.load(f), w) for f, w in zip(own, (1.0, 2.5), strict=True)], threshold=0.2
    )
    tagger.save(tmp_path / "vote")
    card = json.loads((tmp_path / "vote" / CARD).read_text())
    assert {"members/1/model.json", "members/2/weights.npz"} <= card["files"].keys()
    assert str(tmp_path) not in json.dumps({key: card[key] for key in ("members", "threshold")})
    shutil.rmtree(tmp_path / "runs")
    shutil.move(tmp_path / "vote", tmp_path / "moved")
    loaded = taggers.load(tmp_path / "moved")
    assert isinstance(loaded, VoteTagger)
    assert [(m.name, m.weight) for m in loaded.members] == [("one", 1.0), ("two", 2.5)]
    assert pairs(loaded.tag(sentences)) == pairs(tagger.tag(sentences))
    loaded.save(tmp_path / "again")
    assert pairs(taggers.load(tmp_path / "again").tag(sentences)) == pairs(tagger.tag(sentences))


def test_files_are_shared_where_that_can_be_and_copied_where_not(
    trained: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of(trained).save(tmp_path / "linked")
    assert (tmp_path / "linked/members/1/weights.npz").samefile(trained[0] / "weights.npz")

    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    of(trained).save(tmp_path / "copied")
    assert not (tmp_path / "copied/members/1/weights.npz").samefile(trained[0] / "weights.npz")
    assert (tmp_path / "copied" / CARD).read_bytes() == (tmp_path / "linked" / CARD).read_bytes()


def test_a_vote_may_be_a_member(trained: list[Path], sentences: Sequence[Sentence], tmp_path: Path) -> None:
    inner = of(trained, threshold=0.0)
    inner.save(tmp_path / "inner")
    outer = of([tmp_path / "inner"], threshold=0.0)
    outer.save(tmp_path / "outer")
    shutil.rmtree(tmp_path / "inner")
    assert pairs(taggers.load(tmp_path / "outer").tag(sentences)) == pairs(inner.tag(sentences))


@pytest.mark.parametrize("damage", ["gone", "cut", "weight", "nan", "threshold", "members", "more"])
def test_a_damaged_vote_is_one_clear_line(trained: list[Path], tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "vote"
    of(trained).save(folder)
    path = folder / "members/2/weights.npz"
    content = path.read_bytes()
    path.unlink()  # it is the member's own file too
    card = json.loads((folder / CARD).read_text())
    if damage == "cut":
        path.write_bytes(content[:-9])
    elif damage != "gone":
        path.write_bytes(content)
        card["members"][0]["weight"] = {"weight": 0, "nan": float("nan")}.get(damage, 1)
        card["threshold"] = None if damage == "threshold" else 0.5
        card["members"] = [] if damage == "members" else card["members"]
        card["members"] += [{"name": "x", "weight": 1}] if damage == "more" else []
        (folder / CARD).write_text(json.dumps(card))
    with pytest.raises(ModelError) as error:
        taggers.load(folder)
    assert "\n" not in str(error.value)
    assert str(folder) in str(error.value)
    assert (trained[1] / "weights.npz").exists()


def test_a_member_that_is_gone_cannot_be_saved(trained: list[Path], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(trained[0], tmp_path / "copy"))
    tagger = of([copy])
    shutil.rmtree(copy)
    with pytest.raises(ConerError, match="does not exist"):
        tagger.save(tmp_path / "vote")
    assert not (tmp_path / "vote").exists()


def test_members_keep_their_kind(trained: list[Path], tmp_path: Path) -> None:
    of(trained).save(tmp_path / "vote")
    tagger = taggers.load(tmp_path / "vote")
    assert isinstance(tagger, VoteTagger)
    assert all(isinstance(member.tagger, CrfTagger) for member in tagger.members)
