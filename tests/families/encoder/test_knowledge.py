"""Type vectors: names of a knowledge base joined to the word vectors, from the matches to the trained tagger."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from coner.core.errors import ConfigError, ModelError
from coner.core.types import Entity, Sentence
from coner.data import Corpus, write_conll
from coner.data.split import Split
from coner.families import load
from coner.families.encoder.backbone.batch import collate
from coner.families.encoder.backbone.pieces import Pieces
from coner.families.encoder.backbone.typed import POSITIONS, drop_matches, feature_count, typed_words
from coner.families.encoder.fit import TaggingObjective
from coner.families.encoder.knowledge import joins
from coner.families.encoder.settings import EncoderManifest
from coner.families.encoder.tagger import EncoderTagger
from coner.families.encoder.training.fine_tuning import FineTuning
from coner.families.knowledge import TrainingKnowledge
from coner.families.settings import parse_experiment
from coner.knowledge.build import BuildSettings, build
from coner.knowledge.embedded import open_embedded
from coner.knowledge.folder import FolderKnowledge
from coner.knowledge.settings import KnowledgeSettings
from coner.knowledge.typed import TypedKnowledge, TypedMatch, choose_types
from helpers.names import knowledge
from helpers.rivers import SENTENCES, TAXONOMY
from helpers.shell import Completed, refusal
from helpers.tiny_training import RATES, PowerCut, cut_before, tuning_of, untrained

NAMES = "name,types,prior\nrhine,River,3\nrhine,City,1\nsão paulo,City|State,9\nthe city,,1\nbasel,City,2\n"
JOINS = [name for name in joins.names() if name != "none"]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return knowledge(tmp_path / "base", NAMES).folder


def opened(folder: Path, sentences: Sequence[Sentence] = SENTENCES, **settings: Any) -> TrainingKnowledge:
    known = TrainingKnowledge(folder, KnowledgeSettings(base=folder, **settings), {})
    known.learn(sentences, sentences)
    return known


def informed(settings: Any, folder: Path) -> EncoderTagger:
    """A tagger that uses a knowledge base, with weights that are not 0."""
    known = opened(folder)
    manifest = EncoderManifest(
        kind="encoder", labels=TAXONOMY.labels, taxonomy=TAXONOMY, settings=settings, knowledge=known.use
    )
    torch.manual_seed(1)
    tagger = EncoderTagger.pretrained(manifest, torch.device("cpu"))
    tagger.knowledge = known.typed
    assert tagger.network.knowledge is not None
    torch.nn.init.normal_(tagger.network.knowledge.weight)
    return tagger


def dense(sentence: Pieces, weight: Tensor) -> Tensor:
    """The features of each word as a dense row, times the matrix of their vectors."""
    rows = torch.zeros(len(sentence.counts), len(weight))
    for match in sentence.matches:
        size = match.end - match.start
        places = ["single"] if size == 1 else ["begin", *["inside"] * (size - 2), "end"]
        for place, name in enumerate(places, match.start):
            for number, share in match.types:
                rows[place, number * 4 + ["begin", "inside", "end", "single"].index(name)] += share
    return rows @ weight


def test_the_vector_of_a_word_is_the_weighted_sum_of_its_features() -> None:
    torch.manual_seed(3)
    join = joins["add"](5, feature_count(2))
    torch.nn.init.normal_(join.weight)
    nested = (TypedMatch(0, 3, ((1, 0.75), (2, 0.25)), 2, 4.0), TypedMatch(1, 2, ((0, 1.0),), 1, 0.0))
    sentences = [
        Pieces([1], [1, 1, 1, 1], nested),
        Pieces([1], [1], ()),
        Pieces([1], [1, 1], (TypedMatch(0, 2, ((0, 0.5), (1, 0.5)), 1, 0.0),)),
    ]
    words = torch.randn(7, 5)
    expected = words + torch.cat([dense(sentence, join.weight) for sentence in sentences])
    assert torch.allclose(join(words, typed_words(sentences, "cpu")), expected, atol=1e-6)
    assert torch.equal(join(words, typed_words(sentences[1:2], "cpu")), words)


@pytest.mark.parametrize("name", JOINS)
def test_training_starts_as_without_knowledge(name: str) -> None:
    join, words = joins[name](3, feature_count(1)), torch.randn(2, 3)
    typed = typed_words([Pieces([1], [1, 1], (TypedMatch(0, 2, ((0, 1.0),), 1, 0.0),))], "cpu")
    joined = join(words, typed)
    assert joined.shape == (2, join.size)
    assert torch.equal(joined[:, :3], words)
    assert not joined[:, 3:].any()
    joined.sum().backward()
    assert join.weight.grad is not None
    assert join.weight.grad.abs().sum() > 0


def test_addition_has_the_first_weights_and_scores_of_a_tagger_without(
    settings_for: Callable[..., Any], base: Path
) -> None:
    without = settings_for()
    torch.manual_seed(1)
    plain = untrained(without, TAXONOMY)
    tagger = informed(settings_for(knowledge={"base": str(base)}), base)
    torch.nn.init.zeros_(tagger.network.knowledge.weight)  # type: ignore[union-attr]
    words = [sentence.words for sentence in SENTENCES]
    batches = [collate(each.read(words), each.pieces) for each in (plain, tagger)]
    assert batches[0].typed is None
    assert batches[1].typed is not None
    plain.network.eval()
    tagger.network.eval()
    assert torch.equal(plain.network(batches[0]), tagger.network(batches[1]))


@pytest.mark.parametrize("name", JOINS)
@pytest.mark.parametrize("context", ["none", "bilstm"])
def test_a_batch_equals_its_sentences_one_by_one_whatever_the_padding(
    settings_for: Callable[..., Any], base: Path, name: str, context: str
) -> None:
    settings = settings_for(knowledge={"base": str(base), "join": name}, head={"context": context})
    tagger = informed(settings, base)
    network = tagger.network.eval()
    words = [sentence.words for sentence in SENTENCES]
    padded = network(collate(tagger.read([*words, ("rhine",) * 20]), tagger.pieces))
    together = network(collate(tagger.read(words), tagger.pieces))
    for i, sentence in enumerate(words):
        alone = network(collate(tagger.read([sentence]), tagger.pieces))[0]
        assert torch.allclose(alone, together[i, : len(sentence)], atol=1e-5)
        assert torch.allclose(alone, padded[i, : len(sentence)], atol=1e-5)
    assert list(tagger.predict(SENTENCES)) == [next(tagger.predict([sentence])) for sentence in SENTENCES]


@pytest.mark.parametrize("name", JOINS)
def test_every_parameter_of_a_join_gets_a_gradient(settings_for: Callable[..., Any], base: Path, name: str) -> None:
    tagger = informed(settings_for(knowledge={"base": str(base), "join": name}), base)
    objective = TaggingObjective(tagger, SENTENCES)
    objective.inform(opened(base))
    torch.stack([*objective.losses([0, 1, 2, 3]).values()]).sum().backward()
    assert tagger.network.knowledge is not None
    assert not [n for n, p in tagger.network.knowledge.named_parameters() if p.grad is None or not p.grad.any()]


def test_whole_matches_are_dropped_as_often_as_set_and_drawn_from_the_seed() -> None:
    matches = tuple(TypedMatch(i, i + 2, ((0, 1.0),), 1, 0.0) for i in range(2000))
    torch.manual_seed(0)
    [one] = drop_matches([Pieces([1], [1], matches)], 0.25)
    torch.manual_seed(0)
    [two] = drop_matches([Pieces([1], [1], matches)], 0.25)
    assert one == two
    assert set(one.matches) < set(matches)
    assert len(one.matches) / 2000 == pytest.approx(0.75, abs=0.04)


def tuning(settings_for: Callable[..., Any], base: Path, folder: Path, **section: Any) -> FineTuning[EncoderTagger]:
    settings = settings_for(
        knowledge={"base": str(base), **section},
        train={"epochs": 3, "batch": 2, "evaluate_every": 1, "groups": RATES},
        head={"dropout": 0.1},
    )
    known = TrainingKnowledge(base, settings.knowledge, {})
    known.learn(SENTENCES, SENTENCES)
    return tuning_of(settings, folder, train=SENTENCES, dev=SENTENCES, knowledge=known)


def test_the_encoder_is_frozen_in_the_first_epochs_only(
    settings_for: Callable[..., Any], base: Path, tmp_path: Path
) -> None:
    tuned = tuning(settings_for, base, tmp_path / "run", warm_up=2)
    network = tuned.tagger.network
    begun = {name: value.clone() for name, value in network.named_parameters()}
    changed = list[set[str]]()

    def look(_epoch: int, _macro: float) -> None:
        changed.append({name for name, value in network.named_parameters() if not torch.equal(value, begun[name])})

    object.__setattr__(tuned.job, "on_epoch", look)
    tuned.run()
    of_encoder = {name for name in begun if name.startswith("encoder.") and "position" not in name}
    assert not of_encoder & (changed[0] | changed[1])
    assert "knowledge.weight" in changed[0]
    assert "emissions.weight" in changed[0]
    assert len(of_encoder & changed[2]) > len(of_encoder) / 2


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_a_resumed_training_is_equal_to_the_last_bit(
    settings_for: Callable[..., Any], base: Path, tmp_path: Path, steps: int
) -> None:
    whole = tuning(settings_for, base, tmp_path / "whole")
    whole.run()
    cut = tuning(settings_for, base, tmp_path / "cut")
    cut_before(cut.trainer, steps=steps)
    cut.trainer.storage = type(cut.trainer.storage)(**{**vars(cut.trainer.storage), "minutes": 0.0})
    with pytest.raises(PowerCut):
        cut.run()
    again = tuning(settings_for, base, tmp_path / "cut")
    again.run()
    for name, value in whole.tagger.network.state_dict().items():
        assert torch.equal(value, again.tagger.network.state_dict()[name]), name


def test_a_saved_tagger_needs_the_knowledge_base_of_its_training(
    settings_for: Callable[..., Any], base: Path, tmp_path: Path
) -> None:
    tagger = informed(settings_for(knowledge={"base": str(base)}), base)
    tagger.save(tmp_path / "model")
    again = load(tmp_path / "model", kb=base)
    assert [p.entities for p in again.predict(SENTENCES)] == [p.entities for p in tagger.predict(SENTENCES)]
    with pytest.raises(ModelError, match=f"with the knowledge base {tagger.manifest.knowledge.hash}. Fix: .*--kb"):  # type: ignore[union-attr]
        load(tmp_path / "model")
    other = knowledge(tmp_path / "other", NAMES.replace("basel", "bale"))
    with pytest.raises(
        ModelError, match=rf"got the knowledge base {other.hash}; expected {tagger.manifest.knowledge.hash}"
    ):  # type: ignore[union-attr]
        load(tmp_path / "model", kb=other.folder)
    again.knowledge = None
    with pytest.raises(ModelError, match="expected the knowledge base"):
        again.tag(SENTENCES)


def test_the_types_of_a_tagger_are_those_of_the_knowledge_base_and_another(base: Path) -> None:
    known = opened(base)
    assert known.use.types == ("City", "River", "State")
    rhine, basel = known(SENTENCES[0].words)
    assert (rhine.start, rhine.end, rhine.types) == (1, 2, ((1, pytest.approx(4 / 6)), (0, pytest.approx(2 / 6))))
    assert basel.types == ((0, 1.0),)
    assert known(SENTENCES[3].words)[0].types == ((3, 1.0),)
    assert feature_count(3) == 4 * POSITIONS


def labelled(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "names.conll").write_text(text)
    build([folder / "names.conll"], folder / "kb", BuildSettings())
    return folder / "kb"


def test_a_labelled_source_that_shares_sentences_with_dev_or_test_is_refused(tmp_path: Path) -> None:
    folder = labelled(tmp_path / "a", "Rotterdam B-City\n\nbasel B-City\nflows O\n")
    split = Split(Corpus(tuple(SENTENCES), Path("dev")), "x")
    for name in ("dev", "test"):
        with pytest.raises(ConfigError, match=rf"mentions of 1 sentence of {name} \(from names\.conll\).*oracle"):
            TrainingKnowledge(folder, KnowledgeSettings(base=folder), {name: split})
        allowed = TrainingKnowledge(folder, KnowledgeSettings(base=folder, oracle=True), {name: split})
        assert allowed.facts()["oracle"] == {name: 1}
        assert "Warning: oracle" in allowed.notes()[-1]
    fine = TrainingKnowledge(folder, KnowledgeSettings(base=folder), {"train": split})
    assert "oracle" not in fine.facts()


def test_a_simulated_knowledge_base_is_an_oracle_even_without_shared_sentences(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(NAMES)
    build([tmp_path / "t.csv"], tmp_path / "kb", BuildSettings(simulated=True))
    split = Split(Corpus(tuple(SENTENCES), Path("dev")), "x")
    with pytest.raises(ConfigError, match="it was made from gold mentions"):
        TrainingKnowledge(tmp_path / "kb", KnowledgeSettings(), {"dev": split})
    assert TrainingKnowledge(tmp_path / "kb", KnowledgeSettings(oracle=True), {"dev": split}).facts()["oracle"]


def test_a_training_sentence_does_not_know_its_own_mentions_even_with_typos(tmp_path: Path) -> None:
    folder = labelled(tmp_path / "a", "Rotterdam B-City\n\nbasel B-City\n\nrhine B-River\nbasel B-City\n")
    known = TrainingKnowledge(folder, KnowledgeSettings(base=folder), {})
    sentence, typo = Sentence(("rhine", "basel"), (Entity(0, 1, "River"),)), Sentence(("rhine", "basle"))
    known.learn([typo, sentence], [sentence, sentence])
    assert [(m.start, m.entries, m.prior) for m in known(sentence.words)] == [(1, 1, 1.0)]
    assert known(typo.words) == ()
    assert [(m.start, m.prior) for m in known.typed(sentence.words)] == [(0, 1.0), (1, 2.0)]


def test_families_that_use_no_knowledge_refuse_it_in_one_line() -> None:
    with pytest.raises(
        ConfigError, match=r"^settings: knowledge: got settings for a model of kind span; expected .* encoder"
    ):
        parse_experiment({"kind": "span", "knowledge": {"base": "kb"}})
    with pytest.raises(ConfigError, match=r'knowledge.join: got "none" with knowledge.text = 0'):
        parse_experiment({"kind": "encoder", "knowledge": {"base": "kb", "join": "none"}})
    with pytest.raises(ConfigError, match=r"knowledge.warm_up: got 3 of 3 epochs"):
        parse_experiment({"kind": "encoder", "knowledge": {"base": "kb", "warm_up": 3}, "train": {"epochs": 3}})


def test_weights_of_other_types_are_not_taken_over(
    settings_for: Callable[..., Any], base: Path, tmp_path: Path
) -> None:
    tagger = informed(settings_for(knowledge={"base": str(base)}), base)
    assert "knowledge." not in tagger.incompatible_weights(tagger.manifest)
    other = TypedKnowledge(knowledge(tmp_path / "other"), choose_types({"a": 1, "b": 1, "c": 1}))
    use = tagger.manifest.knowledge.model_copy(update={"types": other.types})  # type: ignore[union-attr]
    assert "knowledge." in tagger.incompatible_weights(tagger.manifest.model_copy(update={"knowledge": use}))


def test_an_embedded_knowledge_base_is_found_and_needs_no_untrusted_trie(
    settings_for: Callable[..., Any], base: Path, tmp_path: Path
) -> None:
    tagger = informed(settings_for(knowledge={"base": str(base), "embed": True}), base)
    tagger.save(tmp_path / "model")
    names = sorted(path.name for path in (tmp_path / "model/knowledge").iterdir())
    assert names == ["entries.sqlite", "kb.json", "names.txt"]
    again = load(tmp_path / "model")
    assert [p.entities for p in again.predict(SENTENCES)] == [p.entities for p in tagger.predict(SENTENCES)]
    assert again.knowledge is not None
    assert tagger.knowledge is not None
    for sentence in SENTENCES:
        assert again.knowledge(sentence.words) == tagger.knowledge(sentence.words)
    again.save(tmp_path / "again")
    assert load(tmp_path / "again").knowledge is not None
    (tmp_path / "model/knowledge/names.txt").write_text("basel\n")
    with pytest.raises(ModelError, match=r"names\.txt: damaged"):
        load(tmp_path / "model")


def test_names_as_text_keep_their_numbers_whatever_the_trie_gives_them(base: Path, tmp_path: Path) -> None:
    whole = FolderKnowledge(base)
    whole.embed(tmp_path / "copy")
    names = (tmp_path / "copy/names.txt").read_text().splitlines()
    copy = open_embedded(tmp_path / "copy")
    assert sorted(names) == ["basel", "rhine", "sao paulo", "the city"]
    assert [[one.name for one in copy.lookup(name)] for name in names] == [
        [one.name for one in whole.lookup(name)] for name in names
    ]
    (tmp_path / "copy/names.txt").write_text("".join(f"{name}\n" for name in names[:-1]))
    with pytest.raises(ModelError, match="got 3 names; expected 4"):
        open_embedded(tmp_path / "copy")


def test_too_many_names_as_text_are_refused_before_they_are_split(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FolderKnowledge(base).embed(tmp_path / "copy")
    monkeypatch.setattr("coner.knowledge.embedded.MAX_NAMES", 3)
    with pytest.raises(ModelError, match="got 4 names; expected 4, at most 3"):
        open_embedded(tmp_path / "copy")
    (tmp_path / "copy/names.txt").write_bytes(b"\xff\n" * 5)  # what is split is decoded first, which fails here
    with pytest.raises(ModelError, match="got 5 names; expected 4"):
        open_embedded(tmp_path / "copy")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE entries SET name = x'00'", "values that are not strings"),
        ("UPDATE entries SET description = x'37'", "values that are not strings"),
        ("UPDATE entries SET key = char(0)", "values that are not strings"),
        ("UPDATE sources SET file = x'ff'", "values that are not strings"),
        ("UPDATE entries SET prior = 'many'", "numbers out of range"),
        ("UPDATE entry_types SET weight = -1", "numbers out of range"),
        ("UPDATE alias_entries SET weight = 9e999", "numbers out of range"),
    ],
)
def test_values_of_another_kind_in_an_untrusted_database_are_refused(
    base: Path, tmp_path: Path, change: str, reason: str
) -> None:
    FolderKnowledge(base).embed(tmp_path / "copy")
    with closing(sqlite3.connect(tmp_path / "copy/entries.sqlite")) as database:
        database.execute(change)
        database.commit()
    with pytest.raises(ModelError, match=f"is damaged \\(it has {reason}\\)"):
        open_embedded(tmp_path / "copy").lookup("rhine")


def test_names_down_weighted_by_dev_are_an_oracle(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(NAMES)
    with (tmp_path / "dev.conll").open("w", encoding="utf-8") as handle:
        write_conll(SENTENCES, handle)
    build([tmp_path / "t.csv"], tmp_path / "kb", BuildSettings(), tmp_path / "dev.conll")
    part, other = (
        Split(Corpus(sentences, Path("other name")), "b" * 64) for sentences in (SENTENCES[1:2], [Sentence(("other",))])
    )
    with pytest.raises(ConfigError, match=r"knows mentions of 1 sentence of dev \(from dev.conll\)"):
        TrainingKnowledge(tmp_path / "kb", KnowledgeSettings(), {"dev": part})
    assert "oracle" not in TrainingKnowledge(tmp_path / "kb", KnowledgeSettings(), {"dev": other}).facts()


def test_commands_that_do_not_support_it_say_so(
    settings_for: Callable[..., Any], base: Path, tmp_path: Path, coner: Callable[..., Completed]
) -> None:
    tagger = informed(settings_for(knowledge={"base": str(base)}), base)
    tagger.save(tmp_path / "model")
    (tmp_path / "dev.conll").write_text("rhine B-River\n")
    data = ["--train", tmp_path / "dev.conll", "--dev", tmp_path / "dev.conll"]
    for command in (["export", tmp_path / "model"], ["shrink", tmp_path / "model", *data]):
        error = refusal(coner(*command, "--out", tmp_path / "out"))
        assert f"uses a knowledge base, which coner {command[0]} does not support" in error
        assert not (tmp_path / "out").exists()
