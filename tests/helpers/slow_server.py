"""A service around a tagger that does as it is told: run as a program, with settings as JSON.

A text ``sleep 0.5`` takes half a second, ``fail`` fails, ``silence`` has no answer; every word that begins with a
capital is a City. The folder's name tells how it is opened: ``broken`` not at all, ``late`` after two seconds.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from coner.core.errors import ModelError, Unanswered
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.llm.prompts.messages import Failure
from coner.serving.settings import Batching, Limits, Settings


class ToldTagger:
    """Does as the first word says."""

    kind = "told"
    labels = ("City",)
    taxonomy = Taxonomy("told", {"Place": {"City": "where people live"}})
    repaired = 0

    def tag(self, sentences: Sequence[Sentence]) -> list[list[Entity]]:
        found = []
        for sentence in sentences:
            if sentence.words[0] == "sleep":
                print("sleeping", file=sys.stderr, flush=True)  # noqa: T201 - for the test that waits for it
                time.sleep(float(sentence.words[1]))
            if sentence.words[0] == "fail":
                raise RuntimeError("as told")
            if sentence.words[0] == "silence":
                raise Unanswered("nothing", Counter([Failure("unreachable", "nobody listens, as told")]))
            found.append([Entity(i, i + 1, "City", 0.5) for i, word in enumerate(sentence.words) if word.istitle()])
        return found

    def save(self, folder: Path) -> None:
        raise NotImplementedError


def load(folder: Path) -> ToldTagger:
    if folder.name == "broken":
        raise ModelError(f"{folder}: is broken, as told")
    if folder.name == "late":
        time.sleep(2)
    return ToldTagger()


def main() -> None:
    from coner.core.errors import ConerError
    from coner.serving.run import run

    given = json.loads(sys.argv[1])
    models = {name: Path(name) for name in given.pop("models", ["told"])}
    limits, batching = Limits(**given.pop("limits", {})), Batching(**given.pop("batching", {}))
    try:
        run(Settings(models, port=0, limits=limits, batching=batching, **given), load=load)
    except ConerError as error:
        sys.exit(f"refused: {error}")


if __name__ == "__main__":
    main()
