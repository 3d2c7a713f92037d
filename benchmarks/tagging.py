"""Tagging with a plain encoder: ours beside the Hugging Face token-classification pipeline, the same weights.

    python benchmarks/tagging.py runs/plain-minilm --input data/dev.conll [--sentences 5000]

The run must have a plain head (last layer, no context, no blend, softmax): the pipeline knows no other. The pipeline
runs with batches of one, its default, and with the batch size that is fastest for it here (tried on 500 sentences).
It gets each sentence as text, words parted by blanks; the tag of a word is that of its first piece, mended where it
breaks the scheme, on both sides.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import torch
import transformers
from harness import SAMPLE, arguments, compare, existing, positive, report, seconds
from transformers import AutoConfig, AutoModelForTokenClassification

import coner
from coner.data import read
from coner.errors import ConerError
from coner.evaluation.score import score
from coner.taggers.encoder import EncoderTagger
from coner.types import Entity, Sentence

SIZES = (8, 16, 32, 64, 128)


class Peer:
    """The pipeline around the tagger's own weights."""

    def __init__(self, tagger: EncoderTagger, folder: Path) -> None:
        head = tagger.settings.head
        if (head.context, head.blend, head.decoder, list(head.layers)) != ("none", "none", "softmax", [-1]):
            raise ConerError(f"{folder}: not a plain head; train one with configs/plain-minilm.toml")
        tags = tagger.tags.tags
        config = AutoConfig.from_pretrained(folder / "encoder", id2label=dict(enumerate(tags)))
        model = AutoModelForTokenClassification.from_config(config)
        network = tagger.network
        missing, unknown = model.base_model.load_state_dict(network.encoder.state_dict(), strict=False)
        if missing or [name for name in unknown if not name.startswith("pooler.")]:
            raise ConerError(f"{folder}: weights do not fit transformers' class ({missing}, {unknown})")
        model.classifier.load_state_dict(network.emissions.state_dict())
        self.tags = tagger.tags
        self.pipeline = transformers.pipeline(
            "token-classification",
            model=model.eval(),
            tokenizer=tagger.pieces.tokenizer,
            ignore_labels=[],
            device="cpu",
        )

    def tag(self, sentences: Sequence[Sentence], size: int) -> list[list[Entity]]:
        texts = [" ".join(sentence.words) for sentence in sentences]
        found = []
        for sentence, tokens in zip(sentences, self.pipeline(texts, batch_size=size), strict=True):
            by_start = {token["start"]: token["entity"] for token in tokens}
            at, ids = 0, []
            for word in sentence.words:
                ids.append(self.tags.ids[by_start.get(at, "O")])
                at += len(word) + 1
            found.append(self.tags.decode(ids)[0])
        return found


def main() -> None:
    """Measure what the command line asks for."""
    parser = arguments(__doc__, rounds=3)
    parser.add_argument("model", type=existing, help="folder of a run with a plain head")
    parser.add_argument("--input", type=existing, default=SAMPLE / "test.conll")
    parser.add_argument("--sentences", type=positive, default=5000, help="the input, again and again; default 5000")
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    logging.disable(logging.WARNING)
    tagger = coner.load(options.model)
    if not isinstance(tagger, EncoderTagger):
        raise ConerError(f"{options.model}: a {tagger.kind} tagger; expected an encoder")
    corpus = list(read(options.input))
    sentences = list(islice(cycle(corpus), options.sentences))
    peer = Peer(tagger, options.model)
    best = min(SIZES, key=lambda size: seconds(lambda: peer.tag(sentences[:500], size)))
    rows = [
        compare(
            f"{len(sentences)} sentences",
            f"pipeline, batch {size}",
            lambda: tagger.tag(sentences),
            lambda size=size: peer.tag(sentences, size),  # type: ignore[misc]
            rounds=options.rounds,
            warm=0,
            goal=goal,
        )
        for size, goal in ((1, 8.0), (best, 4.0))
    ]
    gold = [sentence.entities or () for sentence in corpus]
    ours, theirs = (score(gold, found).fine for found in (tagger.tag(corpus), peer.tag(corpus, best)))
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
    main()
