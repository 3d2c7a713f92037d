"""A service around a stub tagger: run as a program, with settings as JSON.

The first word of a text decides: ``sleep 0.5`` takes half a second, ``fail`` raises, ``silence`` has no answer. Every
capitalised word is a City. Of the model's folder, ``broken`` cannot be opened and ``late`` takes two seconds.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from coner.core.errors import ModelError
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.tagger import Prediction, Tagger
from coner.families.usage import Failure
from coner.serving.settings import Batching, Limits, Settings


class StubTagger(Tagger):
    """Does what the first word says."""

    kind = "crf"
    labels = ("City",)
    taxonomy = Taxonomy("stub", {"Place": {"City": "where people live"}})

    def predict_raw(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        for sentence in sentences:
            if sentence.words[0] == "sleep":
                print("sleeping", file=sys.stderr, flush=True)  # noqa: T201 - for the test that waits for it
                time.sleep(float(sentence.words[1]))
            if sentence.words[0] == "fail":
                raise RuntimeError("stub failure")
            if sentence.words[0] == "silence":
                yield Prediction(sentence, None, failures=(Failure("unreachable", "stub silence"),))
            else:
                cities = [Entity(i, i + 1, "City", 0.5) for i, word in enumerate(sentence.words) if word.istitle()]
                yield Prediction(sentence, tuple(cities))

    def save(self, folder: Path) -> None:
        raise NotImplementedError


def load(folder: Path) -> StubTagger:
    if folder.name == "broken":
        raise ModelError(f"{folder}: is broken")
    if folder.name == "late":
        time.sleep(2)
    return StubTagger()


def main() -> None:
    from coner.core.errors import ConerError
    from coner.serving.run import run

    values = json.loads(sys.argv[1])
    models = {name: Path(name) for name in values.pop("models", ["stub"])}
    limits, batching = Limits(**values.pop("limits", {})), Batching(**values.pop("batching", {}))
    try:
        run(Settings(models, port=0, limits=limits, batching=batching, **values), load=load)
    except ConerError as error:
        sys.exit(f"refused: {error}")


if __name__ == "__main__":
    main()
