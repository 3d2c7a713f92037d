"""Files tagged into a folder: cut into slices, tagged by an engine, joined in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from coner.core.errors import ConfigError, DataError, OutputError, Unfinished
from coner.core.files import sha256
from coner.core.progress import progress_bar
from coner.data.files import keep_apart
from coner.families import load
from coner.families.manifest import MANIFEST, read_manifest
from coner.families.registry import family
from coner.tagging.folder import Output, claimed
from coner.tagging.job import Job
from coner.tagging.slice_tagger import tag_slice
from coner.tagging.slices import SIZE, Slice, cut

Work = tuple[Slice, str]  # and the part to write
# Given a job and what is left of it, the index and the counts of each slice as it is done, in any order.
Engine = Callable[[Job, Sequence[Work]], Iterator[tuple[int, dict[str, int]]]]


@dataclass(frozen=True)
class TaggedFiles:
    """What came of a job.

    Attributes:
        files: outputs that are there now.
        before: how many of them an earlier start had finished.
        counts: as of ``tag_slice``, over the other files.
    """

    files: int
    before: int
    counts: Counter[str]


def engine_by_name(name: str, address: str | None, workers: int | None) -> Engine:
    """The engine of this process (``local``), or of a Ray cluster (``ray``); see ``cluster.ray_engine``."""
    if name == "local":
        return here
    from coner.tagging.cluster import ray_engine

    return ray_engine(address, workers)


def here(job: Job, work: Sequence[Work]) -> Iterator[tuple[int, dict[str, int]]]:
    """The engine of this process alone."""
    tagger = load(job.model)
    for index, (piece, part) in enumerate(work):
        yield index, tag_slice(tagger, job, piece, part)


def tag_files(sources: Sequence[str], out: Path, job: Job, engine: Engine, *, size: int = SIZE) -> TaggedFiles:
    """Tag files into a folder, each under its own name; what an earlier start has done is not done again.

    Args:
        sources: CoNLL, JSONL or Parquet; no two of one name.
        out: the folder, made if it is missing.
        job: model and options.
        engine: who tags.
        size: about how many bytes a slice has.

    Raises:
        ConfigError: the model asks an endpoint: what has no answer would go unseen, or cost a whole slice.
        DataError: an input is faulty; with its line.
        OutputError: the folder cannot be written, or an input lies in it.
        Unfinished: it was interrupted.
    """
    kind = read_manifest(Path(job.model)).kind
    if family(kind).asks_endpoint:
        raise ConfigError(f"{job.model}: is of kind {kind}, and may give no answer; tag one file at a time")
    _keep_apart(sources, out)
    cuts = [cut(source, job, size) for source in sources]
    belongs = [sha256(Path(job.model) / MANIFEST), {**asdict(job), "model": None}]
    out = out.resolve()
    with claimed(out):
        outputs = [Output(out, slices, belongs) for slices in cuts]
        todo = [output for output in outputs if not output.finished()]
        try:
            counts = _tag(todo, job, engine)
        except KeyboardInterrupt:
            raise Unfinished("interrupted", 130) from None
    return TaggedFiles(len(outputs), len(outputs) - len(todo), counts)


def _tag(todo: Sequence[Output], job: Job, engine: Engine) -> Counter[str]:
    """Tag what is left, and join each file as soon as its last slice is done."""
    work: list[Work] = []
    owners: list[Output] = []
    left: Counter[Output] = Counter()
    counts: dict[Output, Counter[str]] = {output: Counter() for output in todo}
    for output in todo:
        for piece, part, found in zip(output.slices, output.parts, output.begin(), strict=True):
            if found is None:
                work.append((piece, part))
                owners.append(output)
                left[output] += 1
            else:
                counts[output].update(found)
        if not left[output]:
            _join(output, counts[output])
    total = sum(piece.weight for output in todo for piece in output.slices)
    done = total - sum(piece.weight for piece, _ in work)
    with progress_bar("tagging", total, done=done, percent=True) as shown:
        for index, found in engine(job, work) if work else ():
            output = owners[index]
            counts[output].update(found)
            left[output] -= 1
            if not left[output]:
                _join(output, counts[output])
            shown.advance(work[index][0].weight)
            shown.note(f"{sum(each['sentences'] for each in counts.values()):,} sentences")
    if missing := left.total():
        raise Unfinished(f"{missing} slices came back without an answer; the same command goes on with them", 3)
    return sum(counts.values(), Counter())


def _join(output: Output, counts: Counter[str]) -> None:
    if output.slices[0].form != "datasets" and not counts["sentences"]:  # of Parquet a row without words is kept
        left_out = f" beside {counts['skipped']} faults that were left out" if counts["skipped"] else ""
        raise DataError(f"holds no sentence{left_out}", output.slices[0].shown)
    output.join()


def _keep_apart(sources: Sequence[str], out: Path) -> None:
    """No two outputs of one name, and none in the place of an input."""
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: is a file; several files, or those of --engine ray, are tagged into a folder")
    seen: dict[str, str] = {}
    for source in sources:
        name = Path(source).name
        if name in seen:
            raise OutputError(f"{source}: has the name of {seen[name]}; one folder cannot hold both outputs")
        seen[name] = source
        target = out / name
        if target.is_dir():
            raise OutputError(f"{target}: is a folder, where the output of {source} would lie; name another --out")
        keep_apart(source, target)
