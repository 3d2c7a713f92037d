"""Names of a knowledge base as text behind the sentence: a second segment that the encoder reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from coner.core.errors import ConfigError
from coner.core.types import Entity, Sentence
from coner.families import load
from coner.families.encoder.backbone.batch import collate
from coner.families.encoder.backbone.layout import lay_out
from coner.families.encoder.backbone.pieces import PieceMaker, Pieces
from coner.families.encoder.backbone.typed import drop_matches
from coner.families.encoder.settings import EncoderManifest
from coner.families.encoder.tagger import EncoderTagger
from coner.families.knowledge import TrainingKnowledge
from coner.families.settings import parse_experiment
from coner.knowledge.build import BuildSettings, build
from coner.knowledge.knowledge import leftmost_longest
from coner.knowledge.settings import KnowledgeSettings
from coner.knowledge.typed import TypedKnowledge, TypedMatch, choose_types
from helpers.names import TABLE, knowledge
from helpers.rivers import SENTENCES, TAXONOMY
from helpers.tiny_training import RATES, tuning_of, untrained

NAMES = """name,types,description,prior
rhine,River,flows through basel,3
são paulo,City|State,the city in the south,9
paulo,Artist,,1
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return knowledge(tmp_path / "base", NAMES).folder


def reader(settings: Any, folder: Path) -> EncoderTagger:
    known = TrainingKnowledge(folder, KnowledgeSettings(base=folder), {})
    manifest = EncoderManifest(
        kind="encoder", labels=TAXONOMY.labels, taxonomy=TAXONOMY, settings=settings, knowledge=known.use
    )
    torch.manual_seed(1)
    tagger = EncoderTagger.pretrained(manifest, torch.device("cpu"))
    tagger.knowledge = known.typed
    return tagger


@pytest.fixture
def tagger(settings_for: Callable[..., Any], base: Path) -> EncoderTagger:
    return reader(settings_for(knowledge={"base": str(base), "join": "none", "text": 12}), base)


def test_a_match_is_described_by_types_and_the_first_description(tmp_path: Path) -> None:
    kb = knowledge(tmp_path, TABLE)
    typed = TypedKnowledge(kb, choose_types(kb.types()))
    words = ["Davis", "met", "Jean-Luc", "Picard"]
    described = [" ".join(typed.describe(words, match)) for match in typed(words)]
    assert described == [
        "Davis ( Artist , City ; American trumpeter )",
        "Jean-Luc Picard ( Captain , Character )",
    ]
    other = TypedKnowledge(kb, ["City"])
    assert [" ".join(other.describe(words, match)) for match in other(words)] == [
        "Davis ( City ; American trumpeter )",
        "",
    ]


def test_a_training_sentence_does_not_see_its_own_mentions(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text("Rhine B-River\n\nRhine B-City\nmet O\n")
    build([tmp_path / "a.conll"], tmp_path / "kb", BuildSettings())
    known = TrainingKnowledge(tmp_path / "kb", KnowledgeSettings(), {})
    sentence = Sentence(("Rhine", "met"), (Entity(0, 1, "City"),))
    known.learn([sentence], [sentence])
    [match] = known(sentence.words)
    assert known.typed.describe(sentence.words, match) == ("Rhine", "(", "River", ")")


def test_the_text_is_behind_each_window_and_words_are_where_they_were(tagger: EncoderTagger) -> None:
    maker = tagger.pieces
    read, plain = tagger.read([s.words for s in SENTENCES]), maker([s.words for s in SENTENCES])
    chosen = [leftmost_longest(sentence.matches) for sentence in read]
    assert [[(m.start, m.end) for m in matches] for matches in chosen] == [[(1, 2)], [(3, 5)], [], []]
    assert tagger.knowledge is not None
    for sentence, bare, words, matches in zip(read, plain, SENTENCES, chosen, strict=True):
        texts = [tagger.knowledge.describe(words.words, match) for match in matches]
        expected = [piece for text in maker(texts) for piece in text.ids][:12]
        assert sentence.text == expected
        arrays, alone = lay_out([sentence], maker, round_to=1), lay_out([bare], maker, round_to=1)
        row = [*maker.prefix, *bare.ids, *maker.suffix, *expected, *(maker.suffix if expected else [])]
        assert arrays["ids"].tolist() == [row]
        assert arrays["mask"].all()
        for name in ("first", "last", "every", "word"):
            assert arrays[name].tolist() == alone[name].tolist()
        assert sentence.size == len(bare.ids) + len(expected)


class Letters:
    """A tokenizer of one piece per letter."""

    pad_token_id, unk_token_id = 0, 1

    def __call__(self, text: Any, *, add_special_tokens: bool = True) -> dict[str, Any]:
        if isinstance(text, list):
            return {"input_ids": [[ord(c) for c in one.strip()] for one in text]}
        ids = [ord(c) for c in text.strip()]
        return {"input_ids": [2, *ids, 3] if add_special_tokens else ids}


@given(st.integers(1, 80), st.integers(0, 6), st.sampled_from([0.0, 0.3, 0.5, 0.9]))
def test_windows_with_text_fit_the_encoder_and_keep_each_piece_once(length: int, text: int, overlap: float) -> None:
    maker = PieceMaker(Letters(), limit=18, overlap=overlap)
    ids = list(range(1000, 1000 + length))
    arrays = lay_out([Pieces(ids, [1] * length, (), (tuple(range(50, 50 + text)),), 5)], maker, round_to=4)
    rows = arrays["ids"].tolist()
    used = list(range(50, 50 + min(text, 5)))
    assert max(map(len, rows)) <= 18
    for row, mask in zip(rows, arrays["mask"].tolist(), strict=True):
        real = [piece for piece, one in zip(row, mask, strict=True) if one]
        assert real[-len(used) - 2 if used else -1 :] == ([3, *used, 3] if used else [3])
    flat = [piece for row in rows for piece in row]
    assert [flat[place] for place in arrays["every"].tolist()] == ids


@pytest.mark.parametrize("architecture", ["mbert", "roberta"])
def test_a_batch_equals_its_sentences_one_by_one(
    settings_for: Callable[..., Any], base: Path, architecture: str
) -> None:
    settings = settings_for(architecture, knowledge={"base": str(base), "text": 12})
    tagger = reader(settings, base)
    network, words = tagger.network.eval(), [sentence.words for sentence in SENTENCES]
    together = network(collate(tagger.read([*words, ("rhine",) * 120]), tagger.pieces))
    for i, sentence in enumerate(words):
        alone = network(collate(tagger.read([sentence]), tagger.pieces))[0]
        assert torch.allclose(alone, together[i, : len(sentence)], atol=1e-5)
    assert list(tagger.predict(SENTENCES)) == [next(tagger.predict([sentence])) for sentence in SENTENCES]


def test_the_encoder_reads_the_text_and_without_a_match_nothing_changes(
    tagger: EncoderTagger, settings_for: Callable[..., Any]
) -> None:
    torch.manual_seed(1)
    plain = untrained(settings_for(), TAXONOMY)
    scores = [[emissions for _, emissions in each.tag_scores(SENTENCES)] for each in (tagger, plain)]
    changed = [not np.allclose(one, other, atol=1e-5) for one, other in zip(*scores, strict=True)]
    assert changed == [True, True, False, False]


def test_a_dropped_match_takes_its_text_with_it() -> None:
    matches = tuple(TypedMatch(i, i + 1, ((0, 1.0),), 1, 0.0) for i in range(50))
    sentence = Pieces([1], [1], matches, tuple((100 + i,) for i in range(50)), 99)
    torch.manual_seed(0)
    kept, bare = drop_matches([sentence, Pieces([1], [1], matches)], 0.5)
    assert [match.start for match in kept.matches] == [note[0] - 100 for note in kept.notes]
    assert 0 < len(kept.notes) < 50
    assert bare.notes == ()


def test_a_tagger_is_trained_with_text_and_saved(settings_for: Callable[..., Any], base: Path, tmp_path: Path) -> None:
    section = {"base": str(base), "join": "none", "text": 12, "warm_up": 0}
    settings = settings_for(knowledge=section, train={"epochs": 1, "batch": 2, "groups": RATES})
    known = TrainingKnowledge(base, settings.knowledge, {})
    known.learn(SENTENCES, SENTENCES)
    tuned = tuning_of(settings, tmp_path / "run", train=SENTENCES, dev=SENTENCES, knowledge=known)
    assert tuned.trainer.batches.lengths[0] > len(tuned.tagger.pieces([SENTENCES[0].words])[0].ids)
    tagger = tuned.run().tagger
    again = load(tmp_path / "run", kb=base)
    assert again.tag(SENTENCES) == tagger.tag(SENTENCES)


def test_text_that_does_not_fit_is_refused(settings_for: Callable[..., Any], base: Path) -> None:
    with pytest.raises(ConfigError, match=r"knowledge\.text: got 30; expected at most 14, half of a window"):
        reader(settings_for(knowledge={"base": str(base), "text": 30}, encoder={"window": 32}), base)
    with pytest.raises(ConfigError, match=r"knowledge\.text: got 5 with encoder\.freeze_layers = 1"):
        parse_experiment({"kind": "encoder", "encoder": {"freeze_layers": 1}, "knowledge": {"base": "x", "text": 5}})
