"""A vote: the best disjoint set of spans in any order of the members, and a model folder that needs no other folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import chain, combinations, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner import families as taggers
from coner.core.errors import ConerError, ConfigError, ModelError
from coner.core.files import sha256
from coner.core.progress import Log
from coner.core.types import Entity, Sentence
from coner.data import read
from coner.data.taxonomy import Taxonomy
from coner.families.crf.fit import train
from coner.families.crf.settings import CrfExperiment
from coner.families.crf.tagger import CrfTagger
from coner.families.manifest import MANIFEST
from coner.families.members import MAX_MEMBERS, Combination
from coner.families.tagger import Prediction, Tagger
from coner.families.vote.settings import VoteExperiment
from coner.families.vote.tagger import Member, VoteTagger
from helpers import SAMPLE
from helpers.spans import disjoint

TAXONOMY = Taxonomy("two", {"Person": {"Artist": ""}, "Place": {"City": ""}})
LENGTH = 6


class FixedTagger(Tagger):
    """A tagger with fixed predictions."""

    kind = "crf"

    def __init__(self, *answers: Sequence[Entity], taxonomy: Taxonomy = TAXONOMY, labels: Sequence[str] = ()) -> None:
        self.answers = answers
        self.taxonomy = taxonomy
        self.labels = tuple(labels) or taxonomy.labels

    def predict_raw(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        for sentence, answer in zip(sentences, self.answers, strict=False):
            yield Prediction(sentence, tuple(answer), repaired=2)

    def save(self, folder: Path) -> None:
        raise NotImplementedError


def vote(*members: tuple[Sequence[Entity], float], threshold: float) -> VoteTagger:
    voters = [Member(str(i), Path(str(i)), FixedTagger(answer), weight) for i, (answer, weight) in enumerate(members)]
    return VoteTagger(voters, threshold=threshold)


def answer_of(tagger: VoteTagger) -> list[tuple[Entity, float]]:
    [found] = tagger.tag([Sentence(("word",) * LENGTH)])
    return [(entity, entity.score) for entity in found]


SCORES = st.integers(1, 64).map(lambda n: n / 64)  # sums of these are exact


@st.composite
def answers(draw: st.DrawFn) -> list[Entity]:
    """Disjoint entities of one sentence."""
    cuts = sorted(draw(st.sets(st.integers(0, LENGTH), max_size=LENGTH + 1)))
    spans = [span for span in pairwise(cuts) if draw(st.booleans())]
    return [Entity(*span, draw(st.sampled_from(TAXONOMY.labels)), draw(SCORES)) for span in spans]


MEMBERS = st.lists(st.tuples(answers(), st.sampled_from([0.5, 1.0, 2.0])), min_size=1, max_size=3)


@given(MEMBERS, st.integers(0, 16).map(lambda n: n / 16))
def test_selected_spans_have_the_highest_sum_of_all_disjoint_sets(
    members: list[tuple[list[Entity], float]], threshold: float
) -> None:
    whole = sum(Fraction(weight) for _, weight in members)
    scores: dict[Entity, Fraction] = {}
    for answer, weight in members:
        for entity in answer:
            scores[entity] = scores.get(entity, Fraction(0)) + Fraction(weight) * Fraction(entity.score) / whole

    def value(chosen: Sequence[Entity]) -> Fraction:
        return sum((scores[entity] - Fraction(threshold) for entity in chosen), Fraction(0))

    subsets = chain.from_iterable(combinations(scores, n) for n in range(len(scores) + 1))
    best = max(value(s) for s in subsets if all(a.end <= b.start or b.end <= a.start for a, b in combinations(s, 2)))
    found = answer_of(vote(*members, threshold=threshold))
    assert float(value([entity for entity, _ in found])) == pytest.approx(float(best), abs=1e-12)
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
def test_a_vote_of_one_member_at_threshold_zero_equals_the_member(answer: list[Entity]) -> None:
    assert answer_of(vote((answer, 1.0), threshold=0)) == [(entity, entity.score) for entity in answer]


def test_two_halves_outvote_a_whole_unless_it_has_more_weight() -> None:
    whole, halves = [Entity(0, 4, "Artist", 0.9)], [Entity(0, 2, "Artist", 0.8), Entity(2, 4, "City", 0.8)]
    assert [e for e, _ in answer_of(vote((whole, 1), (halves, 1), threshold=0.1))] == halves
    assert [e for e, _ in answer_of(vote((whole, 2), (halves, 1), threshold=0.1))] == whole
    assert answer_of(vote((whole, 2), (halves, 1), threshold=0.1))[0][1] == pytest.approx(2 * 0.9 / 3)
    assert answer_of(vote((whole, 1), (halves, 1), threshold=0.5)) == []


def test_labels_of_all_members_are_joined_and_repairs_are_added() -> None:
    one, two = (FixedTagger((), labels=[label]) for label in ("City", "Artist"))
    tagger = VoteTagger([Member("1", Path("1"), one), Member("2", Path("2"), two)], threshold=0.5)
    assert tagger.labels == TAXONOMY.labels
    assert VoteTagger([Member("1", Path("1"), one)], threshold=0.5).labels == ("City",)
    [prediction] = tagger.predict([Sentence(("a",))])
    assert prediction.repaired == 4


def test_members_of_two_taxonomies_are_refused() -> None:
    other = FixedTagger((), taxonomy=Taxonomy.flat(TAXONOMY.labels))
    members = [Member("1", Path("runs/1"), FixedTagger(())), Member("2", Path("runs/2"), other)]
    with pytest.raises(ConfigError, match=r"runs/1 \(two\), runs/2 \(flat\): got different taxonomies") as error:
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


def test_a_vote_differs_from_its_members(trained: list[Path], sentences: Sequence[Sentence]) -> None:
    """A precondition of the tests below."""
    together, alone = of(trained).tag(sentences), taggers.load(trained[0]).tag(sentences)
    assert sum(map(len, together)) > 60
    assert together != alone


def test_a_batch_equals_its_sentences_one_by_one(trained: list[Path], sentences: Sequence[Sentence]) -> None:
    tagger = of(trained)
    together, alone = tagger.tag(sentences), [tagger.tag([sentence])[0] for sentence in sentences]
    assert together == alone
    assert [e.score for es in together for e in es] == pytest.approx([e.score for es in alone for e in es])


def test_a_saved_vote_does_not_need_the_folders_of_its_members(
    trained: list[Path], sentences: Sequence[Sentence], tmp_path: Path
) -> None:
    own = [Path(shutil.copytree(folder, tmp_path / "runs" / folder.name)) for folder in trained]
    tagger = VoteTagger(
        [Member(f.name, f, taggers.load(f), w) for f, w in zip(own, (1.0, 2.5), strict=True)], threshold=0.2
    )
    tagger.save(tmp_path / "vote")
    manifest = json.loads((tmp_path / "vote" / MANIFEST).read_text())
    assert {"members/1/model.json", "members/2/weights.npz"} <= manifest["files"].keys()
    assert str(tmp_path) not in json.dumps({key: manifest[key] for key in ("members", "threshold")})
    shutil.rmtree(tmp_path / "runs")
    shutil.move(tmp_path / "vote", tmp_path / "moved")
    loaded = taggers.load(tmp_path / "moved")
    assert isinstance(loaded, VoteTagger)
    assert [(m.name, m.weight) for m in loaded.members] == [("one", 1.0), ("two", 2.5)]
    assert pairs(loaded.tag(sentences)) == pairs(tagger.tag(sentences))
    loaded.save(tmp_path / "again")
    assert pairs(taggers.load(tmp_path / "again").tag(sentences)) == pairs(tagger.tag(sentences))


def test_files_are_hard_links_or_copies_of_those_of_the_members(
    trained: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of(trained).save(tmp_path / "linked")
    assert (tmp_path / "linked/members/1/weights.npz").samefile(trained[0] / "weights.npz")

    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    of(trained).save(tmp_path / "copied")
    assert not (tmp_path / "copied/members/1/weights.npz").samefile(trained[0] / "weights.npz")
    assert (tmp_path / "copied" / MANIFEST).read_bytes() == (tmp_path / "linked" / MANIFEST).read_bytes()


def test_a_vote_may_be_a_member(trained: list[Path], sentences: Sequence[Sentence], tmp_path: Path) -> None:
    inner = of(trained, threshold=0.0)
    inner.save(tmp_path / "inner")
    outer = of([tmp_path / "inner"], threshold=0.0)
    outer.save(tmp_path / "outer")
    shutil.rmtree(tmp_path / "inner")
    assert pairs(taggers.load(tmp_path / "outer").tag(sentences)) == pairs(inner.tag(sentences))


@pytest.mark.parametrize("damage", ["gone", "cut", "weight", "nan", "threshold", "members", "more"])
def test_a_damaged_vote_is_reported_in_one_line(trained: list[Path], tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "vote"
    of(trained).save(folder)
    path = folder / "members/2/weights.npz"
    content = path.read_bytes()
    path.unlink()  # it is the member's own file too
    manifest = json.loads((folder / MANIFEST).read_text())
    if damage == "cut":
        path.write_bytes(content[:-9])
    elif damage != "gone":
        path.write_bytes(content)
        manifest["members"][0]["weight"] = {"weight": 0, "nan": float("nan")}.get(damage, 1)
        manifest["threshold"] = None if damage == "threshold" else 0.5
        manifest["members"] = [] if damage == "members" else manifest["members"]
        manifest["members"] += [{"name": "x", "weight": 1}] if damage == "more" else []
        (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelError) as error:
        taggers.load(folder)
    assert "\n" not in str(error.value)
    assert str(folder) in str(error.value)
    assert (trained[1] / "weights.npz").exists()


def test_a_vote_with_a_missing_member_cannot_be_saved(trained: list[Path], tmp_path: Path) -> None:
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


def test_members_that_are_links_to_each_other_are_refused_at_once(tmp_path: Path) -> None:
    """Members of members of members that are links to one folder would be opened two to the power of depth times."""
    fixtures = Path(__file__).parents[2] / "fixtures/format-1"
    manifest, levels = json.loads((fixtures / "vote/model.json").read_text()), 12
    place = tmp_path.joinpath(*["members/1"] * levels)
    shutil.copytree(fixtures / "crf", place)
    for folder in [tmp_path.joinpath(*["members/1"] * level) for level in reversed(range(levels))]:
        (folder / "members/2").symlink_to("1", target_is_directory=True)
        inner = folder / "members/1/model.json"
        entry = {"bytes": inner.stat().st_size, "sha256": sha256(inner)}
        files = {f"members/{number}/model.json": entry for number in (1, 2)}
        members = [{**manifest["members"][0], "name": str(number)} for number in (1, 2)]
        (folder / "model.json").write_text(json.dumps({**manifest, "members": members, "files": files}))
    with pytest.raises(ModelError, match=r"it names no 'members/1/members/1/model\.json'"):
        taggers.load(tmp_path)


def test_a_vote_of_more_models_than_can_be_opened_is_not_made(tmp_path: Path) -> None:
    class Recipe(Combination):
        def identity(self, inputs: object) -> dict[str, object]:
            return {}

    with pytest.raises(ConfigError, match="got 201 models; expected at most 200"):
        Recipe(VoteExperiment.model_construct(), tmp_path, [tmp_path / str(n) for n in range(MAX_MEMBERS + 1)])
