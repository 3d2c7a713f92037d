"""Tagging with a plain encoder: ours compared with the Hugging Face pipeline, with the same weights.

    python benchmarks/tagging.py runs/plain-minilm --input data/train.conll --gold data/dev.conll [--sentences 5000]

The run must have a plain head (last layer, no context, no blend, softmax), the only one that the pipeline supports. The
pipeline runs with batches of one, its default; with the batch size that is fastest for it here (tried on 500
sentences); and tuned further by its caller: texts sorted by length, weights in the precision of ours. It gets each
sentence as text, with spaces between words. On both sides the tag of a word is that of its first piece, repaired where
it is invalid. F1 is on --gold.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import torch
import transformers
from harness import SAMPLE, arguments, command, compare, existing, positive, report, seconds
from transformers import AutoConfig, AutoModelForTokenClassification

import coner
from coner.core.errors import ConerError
from coner.core.types import Entity, Sentence
from coner.data import read
from coner.evaluation.score import score
from coner.families.encoder.tagger import EncoderTagger

SIZES = (8, 16, 32, 64, 128)


class Peer:
    """The pipeline with the tagger's weights; if ``precision`` is set, in that, and with texts sorted by length."""

    def __init__(self, tagger: EncoderTagger, folder: Path, precision: torch.dtype | None = None) -> None:
        head = tagger.settings.head
        if (head.context, head.blend, head.decoder, list(head.layers)) != ("none", "none", "softmax", [-1]):
            raise ConerError(f"{folder}: not a plain head; train one with plain-minilm")
        tags = tagger.tags.tags
        config = AutoConfig.from_pretrained(folder / "encoder", id2label=dict(enumerate(tags)))
        model = AutoModelForTokenClassification.from_config(config)
        network = tagger.network
        missing, unknown = model.base_model.load_state_dict(network.encoder.state_dict(), strict=False)
        if missing or [name for name in unknown if not name.startswith("pooler.")]:
            raise ConerError(f"{folder}: weights do not fit transformers' class ({missing}, {unknown})")
        model.classifier.load_state_dict(network.emissions.state_dict())
        self.tags = tagger.tags
        self.sorts = precision is not None
        self.pipeline = transformers.pipeline(
            "token-classification",
            model=model.eval().to(precision or torch.float32),
            tokenizer=tagger.pieces.tokenizer,
            ignore_labels=[],
            device="cpu",
        )

    def tag(self, sentences: Sequence[Sentence], size: int) -> list[list[Entity]]:
        texts = [" ".join(sentence.words) for sentence in sentences]
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]) if self.sorts else i)
        sorted_answers = self.pipeline([texts[i] for i in order], batch_size=size)
        answers = dict(zip(order, sorted_answers, strict=True))
        found = []
        for sentence, tokens in ((sentence, answers[i]) for i, sentence in enumerate(sentences)):
            by_start = {token["start"]: token["entity"] for token in tokens}
            at, ids = 0, []
            for word in sentence.words:
                ids.append(self.tags.ids[by_start.get(at, "O")])
                at += len(word) + 1
            found.append(self.tags.decode(ids)[0])
        return found


def main() -> None:
    """Measure, and report."""
    parser = arguments(__doc__, rounds=3)
    parser.add_argument("model", type=existing, help="folder of a run with a plain head")
    parser.add_argument("--input", type=existing, default=SAMPLE / "train.conll", help="file to tag")
    parser.add_argument("--gold", type=existing, default=SAMPLE / "test.conll", help="file to score on")
    parser.add_argument("--sentences", type=positive, default=5000, help="of the input; default its first 5000")
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    logging.disable(logging.WARNING)
    tagger = coner.load(options.model)
    if not isinstance(tagger, EncoderTagger):
        raise ConerError(f"{options.model}: a {tagger.kind} tagger; expected an encoder")
    sentences = list(islice(read(options.input), options.sentences))
    peer, tuned = Peer(tagger, options.model), Peer(tagger, options.model, tagger.precision)
    best = {
        one: min(SIZES, key=lambda size: seconds(lambda: one.tag(sentences[:500], size)))  # noqa: B023 - called at once
        for one in (peer, tuned)
    }
    contenders = (
        (peer, 1, "pipeline, batch 1", 8.0),
        (peer, best[peer], f"pipeline, batch {best[peer]}", 4.0),
        (tuned, best[tuned], f"pipeline, batch {best[tuned]}, sorted, {str(tagger.precision)[6:]}", None),
    )
    rows = [
        compare(
            f"{len(sentences)} sentences",
            name,
            lambda: tagger.tag(sentences),
            lambda one=one, size=size: one.tag(sentences, size),  # type: ignore[misc]
            rounds=options.rounds,
            warm=0,
            goal=goal,
            before=tagger.pieces._cache.clear,  # as in a new process: no word is cached
        )
        for one, size, name, goal in contenders
    ]
    corpus = list(read(options.gold))
    gold = [sentence.entities or () for sentence in corpus]
    ours, theirs = (score(gold, found).fine for found in (tagger.tag(corpus), peer.tag(corpus, best[peer])))
    facts: dict[str, object] = {
        "micro F1, ours and theirs": f"{100 * ours.micro_f1:.2f}, {100 * theirs.micro_f1:.2f}",
        "macro F1, ours and theirs": f"{100 * ours.macro_f1:.2f}, {100 * theirs.macro_f1:.2f}",
        "precision, ours": str(tagger.precision).removeprefix("torch."),
        "threads": torch.get_num_threads(),
    }
    report(
        options.out / "tagging.json", "Tagging with an encoder", rows, packages=["torch", "transformers"], facts=facts
    )


if __name__ == "__main__":
    command(main)
