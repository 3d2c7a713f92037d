"""Taggers of other libraries, trained as their guides do it. Each takes splits and a seed, and tags test.

None of them gets a setting that was chosen on the data at hand. spaCy keeps its best epoch on dev; the Trainer keeps
its last one, as by default. Mentions are read as in seqeval's strict mode: a stray I- starts none.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from coner.core.tags import TagSet, tags_from_entities
from coner.core.types import Entity, Sentence

Splits = Mapping[str, Sequence[Sentence]]  # train, dev, test
Found = Sequence[Sequence[Entity]]


def strict(tags: Sequence[str]) -> Iterator[Entity]:
    """Mentions that start with B-."""
    for start, tag in enumerate(tags):
        if tag.startswith("B-"):
            end = start + 1
            while end < len(tags) and tags[end] == f"I-{tag[2:]}":
                end += 1
            yield Entity(start, end, tag[2:])


def iob2(sentence: Sentence) -> list[str]:
    """The tags of a sentence."""
    return tags_from_entities(sentence.entities or (), len(sentence))


def crfsuite(splits: Splits, _seed: int) -> Found:
    """sklearn-crfsuite with the features and settings of its tutorial, without parts of speech: the files have none."""
    from sklearn_crfsuite import CRF  # type: ignore[import-untyped]

    model = CRF(algorithm="lbfgs", c1=0.1, c2=0.1, max_iterations=100, all_possible_transitions=True)
    model.fit([tutorial(sentence.words) for sentence in splits["train"]], [iob2(s) for s in splits["train"]])
    return [list(strict(tags)) for tags in model.predict([tutorial(sentence.words) for sentence in splits["test"]])]


def tutorial(words: Sequence[str]) -> list[dict[str, Any]]:
    """The features of each word."""
    last = len(words) - 1
    return [
        {
            "bias": 1.0,
            "lower": word.lower(),
            "last three": word[-3:],
            "last two": word[-2:],
            "digits": word.isdigit(),
            **case("", word),
            **(near("-1:", words[i - 1]) if i else {"first": True}),
            **(near("+1:", words[i + 1]) if i < last else {"last": True}),
        }
        for i, word in enumerate(words)
    ]


def case(where: str, word: str) -> dict[str, Any]:
    """Whether a word is in capitals, or starts with one."""
    return {f"{where}upper": word.isupper(), f"{where}title": word.istitle()}


def near(where: str, word: str) -> dict[str, Any]:
    """The features of a neighbour."""
    return {f"{where}lower": word.lower(), **case(where, word)}


def spacy_pipeline(splits: Splits, seed: int) -> Found:
    """The pipeline for a processor that ``spacy init config --pipeline ner`` writes, which stops by itself."""
    import spacy
    from spacy.cli.init_config import init_config
    from spacy.cli.train import train
    from spacy.tokens import Doc, DocBin

    blank = spacy.blank("en")

    def doc(sentence: Sentence) -> Doc:
        return Doc(blank.vocab, words=list(sentence.words), ents=iob2(sentence))

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for split in ("train", "dev"):
            DocBin(docs=[doc(sentence) for sentence in splits[split]]).to_disk(folder / f"{split}.spacy")
        init_config(lang="en", pipeline=["ner"], optimize="efficiency").to_disk(folder / "config.cfg")
        paths = {f"paths.{split}": str(folder / f"{split}.spacy") for split in ("train", "dev")}
        train(folder / "config.cfg", folder / "out", overrides={**paths, "training.seed": seed})
        tagger = spacy.load(folder / "out/model-best")
        docs = tagger.pipe(Doc(tagger.vocab, words=list(sentence.words)) for sentence in splits["test"])
        return [[Entity(span.start, span.end, span.label_) for span in doc.ents] for doc in docs]


def trainer(splits: Splits, seed: int, *, epochs: int, batch: int, rate: float) -> Found:
    """MiniLM with a linear layer by the Hugging Face Trainer, in the best precision of the processor."""
    import torch
    from transformers import DataCollatorForTokenClassification, Trainer, set_seed

    from coner.families.encoder.backbone.pretrained import load_encoder

    set_seed(seed)
    encoder, tokenizer = load_encoder("minilm")
    tags = TagSet(sorted({entity.label for sentence in splits["train"] for entity in sentence.entities or ()}))

    def encode(sentence: Sentence) -> dict[str, Any]:
        encoded = tokenizer(list(sentence.words), is_split_into_words=True, truncation=True)
        gold, words = tags.encode(sentence.entities or (), len(sentence)), first_pieces(encoded.word_ids())
        return {**encoded, "labels": [gold[words[at]] if at in words else -100 for at in range(len(encoded.input_ids))]}

    with tempfile.TemporaryDirectory() as folder:
        model = _classifier(encoder, len(tags), folder)
        made = Trainer(
            model=model,
            args=_arguments(folder, epochs=epochs, batch=batch, rate=rate, seed=seed),
            train_dataset=[encode(sentence) for sentence in splits["train"]],  # type: ignore[arg-type]
            data_collator=DataCollatorForTokenClassification(tokenizer),
            processing_class=tokenizer,
        )
        made.train()
    found = []
    with torch.inference_mode():
        for sentence in splits["test"]:
            inputs = tokenizer(list(sentence.words), is_split_into_words=True, truncation=True, return_tensors="pt")
            best, at = model.eval()(**inputs).logits[0].argmax(-1).tolist(), first_pieces(inputs.word_ids())
            by_word = {word: tags.tags[best[piece]] for piece, word in at.items()}
            found.append(list(strict([by_word.get(word, "O") for word in range(len(sentence))])))
    return found


def span_marker(splits: Splits, seed: int, *, python: str, epochs: int, batch: int, rate: float) -> Found:
    """SpanMarker on MiniLM, by the Python of an environment that has it; see ``peer_span_marker.py``."""
    tags = TagSet(sorted({entity.label for sentence in splits["train"] for entity in sentence.entities or ()})).tags
    task = {
        "tags": tags,
        "train": [(sentence.words, iob2(sentence)) for sentence in splits["train"]],
        "test": [sentence.words for sentence in splits["test"]],
        **{"seed": seed, "epochs": epochs, "batch": batch, "rate": rate},
    }
    script = Path(__file__).with_name("peer_span_marker.py")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [python, str(script)]
    done = subprocess.run(
        command, input=json.dumps(task), env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return [[Entity(*span) for span in spans] for spans in json.loads(done.stdout)]


def first_pieces(words: Sequence[int | None]) -> dict[int, int]:
    """From the first piece of each word to the word."""
    return {at: word for at, word in enumerate(words) if word is not None and word != (words[at - 1] if at else None)}


def _classifier(encoder: Any, labels: int, folder: str) -> Any:
    from transformers import AutoModelForTokenClassification

    encoder.save_pretrained(folder)
    return AutoModelForTokenClassification.from_pretrained(folder, num_labels=labels)


def _arguments(folder: str, *, epochs: int, batch: int, rate: float, seed: int) -> Any:
    import torch
    from transformers import TrainingArguments

    from coner.families.encoder.cpu.accelerate import native_precision

    return TrainingArguments(
        output_dir=folder,
        per_device_train_batch_size=batch,
        learning_rate=rate,
        num_train_epochs=epochs,
        warmup_steps=0.1,
        weight_decay=0.01,
        seed=seed,
        use_cpu=True,
        bf16=native_precision("auto", torch.device("cpu")) is torch.bfloat16,
        train_sampling_strategy="group_by_length",
        report_to="none",
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
    )
