"""Training the feature CRF to the same F1: ours compared with sklearn-crfsuite's L-BFGS on the same features.

    python benchmarks/crf_training.py [--train FILE --dev FILE] [--rounds 5]

Ours is trained by its defaults (stochastic gradient descent), the peer by L-BFGS with c1 and c2 of 0.05, which were
chosen on dev for it, and by the algorithm and settings of ours, which shows how much of the first ratio is due to the
algorithm. "Words to model" is the whole training, with word clusters and gazetteer, and for ours the choice of the
threshold on dev; "fitting" is the optimiser alone. F1 is on dev, of the best path; for ours also of likely mentions.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import cast

import peer_crf
import pycrfsuite
from harness import arguments, command, report, row
from peer_crf import Task
from sklearn_crfsuite import CRF  # type: ignore[import-untyped]

from coner.families.crf.tagger import CrfTagger

LBFGS: dict[str, object] = {"algorithm": "lbfgs", "c1": 0.05, "c2": 0.05, "max_iterations": 100}


@dataclass
class Times:
    """Seconds of every round."""

    whole: list[float]
    fitting: list[float]


class Timed(pycrfsuite.Trainer):
    """Records how long the optimiser takes."""

    seconds = 0.0

    def train(self, *args: object, **kwargs: object) -> None:
        """Train, and record the time."""
        start = time.perf_counter()
        super().train(*args, **kwargs)
        Timed.seconds = time.perf_counter() - start


def train_ours(task: Task, times: Times) -> CrfTagger:
    """One round of ours."""
    start = time.perf_counter()
    built = peer_crf.train_ours(task)
    times.whole.append(time.perf_counter() - start)
    times.fitting.append(built.facts["trials"][0]["seconds"])
    return cast(CrfTagger, built.tagger)


def train_peer(task: Task, times: Times, settings: dict[str, object]) -> CRF:
    """One round of the peer's."""
    start = time.perf_counter()
    data = peer_crf.training_data(task, task.learn_lexicon())
    model = CRF(**settings, trainer_cls=Timed).fit(*data)
    times.whole.append(time.perf_counter() - start)
    times.fitting.append(Timed.seconds)
    return model


def main() -> None:
    """Train in turn, then evaluate the last models."""
    parser = arguments(__doc__)
    peer_crf.add_files(parser)
    options = parser.parse_args()
    task = Task.load(options.train, options.dev)
    peers = {
        "sklearn-crfsuite, L-BFGS": LBFGS,
        "sklearn-crfsuite, as ours": peer_crf.settings_of_ours(task),
    }
    ours, theirs, models = Times([], []), {name: Times([], []) for name in peers}, dict[str, CRF]()
    for at in range(options.rounds):
        for name in (None, *peers)[:: -1 if at % 2 else 1]:
            if name is None:
                tagger = train_ours(task, ours)
            else:
                models[name] = train_peer(task, theirs[name], peers[name])
    features = [peer_crf.sentence_features(s.words, tagger.extractor.lexicon) for s in task.dev]
    facts: dict[str, object] = {
        "sentences": len(task.train),
        "words": sum(map(len, task.train)),
        "tags": len(tagger.tags),
        "F1 micro, macro: ours, likely mentions": task.f1(tagger.tag(task.dev)),
        **{f"F1 micro, macro: {name}": task.f1(peer_crf.tag(model, features)) for name, model in models.items()},
    }
    tagger.threshold = None
    facts["F1 micro, macro: ours, best path"] = task.f1(tagger.tag(task.dev))
    goals = dict.fromkeys(peers, None) | {"sklearn-crfsuite, L-BFGS": 2.0}
    rows = [
        each
        for name, times in theirs.items()
        for each in (
            row("words to model", name, ours.whole, times.whole, goal=goals[name]),
            row("fitting", name, ours.fitting, times.fitting),
        )
    ]
    packages = ["coner", "numpy", "python-crfsuite", "sklearn-crfsuite"]
    report(options.out / "crf_training.json", "Training the feature CRF", rows, packages=packages, facts=facts)


if __name__ == "__main__":
    command(main)
