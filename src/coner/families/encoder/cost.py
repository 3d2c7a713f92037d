"""The cost of tag transitions in training an encoder: measured on its decoder before training starts."""

from __future__ import annotations

import time

import torch

from coner.families.cost import state_cost
from coner.families.encoder.decoder import Decoder
from coner.families.encoder.decoder._chain import MOVES
from coner.families.encoder.decoder._constrained import ConstrainedDecoder
from coner.families.encoder.tagger import EncoderTagger
from coner.families.encoder.training.schedule import evaluation_interval
from coner.families.family import TrainingJob

LABELS = 100  # fewer take a small part of the time of the smallest encoder
SENTENCES, WORDS = 8, 16  # of the batch that is measured
BYTES = 50  # for each pair of tags: scores, gradient, moments of AdamW, and those of a step


def statement(tagger: EncoderTagger, job: TrainingJob) -> str | None:
    """See ``state_cost``; ``None`` for decoders that score each tag by itself."""
    decoder, train = tagger.network.decoder, tagger.settings.train
    if len(tagger.labels) < LABELS or not isinstance(decoder, ConstrainedDecoder):
        return None
    trained, tagged = seconds_per_word(decoder)
    words = {"train": sum(map(len, job.train)), "dev": sum(map(len, job.dev))}
    evaluations = train.epochs / (train.evaluate_every or evaluation_interval(**words))
    return state_cost(
        f"head.decoder: {len(decoder.tags):,} tags of {len(tagger.labels):,} labels",
        seconds=train.epochs * trained * words["train"] + evaluations * tagged * words["dev"],
        memory=BYTES * len(decoder.tags) ** 2 + 4 * MOVES,
        faster='fewer labels, head.decoder = "softmax", train.evaluate_every',
        instead='use fewer labels or sentences, or head.decoder = "softmax"',
    )


def seconds_per_word(decoder: Decoder) -> tuple[float, float]:
    """Processor time of a word: of the loss with its gradient, and of the best path; draws no random numbers."""
    device = next(decoder.buffers()).device
    emissions = torch.zeros(SENTENCES, WORDS, len(decoder.tags), device=device, requires_grad=True)
    lengths = torch.full((SENTENCES,), WORDS, device=device)
    gold = torch.tensor([decoder.tags.encode((), WORDS)] * SENTENCES, device=device)
    began = time.process_time()
    loss = decoder.loss(emissions, lengths, gold)
    torch.autograd.grad(loss, [emissions, *decoder.parameters()])[0].sum().item()
    between = time.process_time()
    decoder.decode(emissions.detach(), lengths)
    return (between - began) / gold.numel(), (time.process_time() - between) / gold.numel()
