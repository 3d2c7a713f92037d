"""Tag files into a folder: cut into slices, tagged in this process or by a cluster, joined in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from coner.core.counted import counted
from coner.core.errors import ConfigError, DataError, OutputError, Unfinished
from coner.core.locks import lock_folder
from coner.core.progress import progress_bar
from coner.data.files import keep_apart
from coner.families.manifest import read_manifest
from coner.families.registry import family
from coner.tagging.file import check_links
from coner.tagging.folder import OutputFile
from coner.tagging.job import TaggingJob
from coner.tagging.slice_tagger import tag_slice
from coner.tagging.slices import SIZE, Slice, cut

Work = tuple[Slice, str]  # a slice, and the file to write
# Yields the index of each slice, as it is finished, with its counts; in any order.
Engine = Callable[[TaggingJob, Sequence[Work]], Iterator[tuple[int, dict[str, int]]]]


@dataclass(frozen=True)
class TaggedFiles:
    """The result of tagging files."""

    files: int  # number of outputs
    before: int  # how many of them an earlier start had finished
    counts: Counter[str]  # as ``tag_slice`` returns them, over the other files


def local_engine(job: TaggingJob, work: Sequence[Work]) -> Iterator[tuple[int, dict[str, int]]]:
    """Tag slices in this process, one after another."""
    tagger = job.load()
    tagger.check_endpoint()
    for index, (piece, out) in enumerate(work):
        yield index, tag_slice(tagger, job, piece, out)


def tag_files(
    sources: Sequence[str], out: Path, job: TaggingJob, engine: Engine = local_engine, *, size: int = SIZE
) -> TaggedFiles:
    """Tag files into a folder, each under its own name; what an earlier start has finished is not repeated.

    Args:
        sources: CoNLL, JSONL or Parquet files with different names.
        size: of a slice, about, in bytes.

    Raises:
        ConfigError: the model calls an endpoint, so that sentences may have no answer.
        DataError: an input is faulty, with the line.
        OutputError: the folder cannot be written, or an output would replace an input.
        Unfinished: it was interrupted.
    """
    kind = read_manifest(Path(job.model)).kind
    if family(kind).calls_endpoint:
        got = f"got a model of kind {kind}, which may leave sentences without an answer"
        fix = "expected another model for several files. Fix: tag one file at a time"
        raise ConfigError(f"{job.model}: {got}; {fix}")
    _check_outputs(sources, out)
    slices = [cut(source, job, size) for source in sources]
    for pieces in slices:
        if pieces[0].format != "datasets":  # it depends on the columns, see ``parquet``
            check_links(job, pieces[0].format, str(out / Path(pieces[0].source).name))
    depends_on = [job.stamps(), {**asdict(job), "model": None}]
    out = out.resolve()
    with lock_folder(out):
        outputs = [OutputFile(out, pieces, depends_on) for pieces in slices]
        unfinished = [output for output in outputs if not output.finished()]
        try:
            counts = _tag(unfinished, job, engine)
        except KeyboardInterrupt:
            raise Unfinished("interrupted", 130) from None
    return TaggedFiles(len(outputs), len(outputs) - len(unfinished), counts)


def _tag(outputs: Sequence[OutputFile], job: TaggingJob, engine: Engine) -> Counter[str]:
    # Each file is joined as soon as its last slice is finished.
    work: list[Work] = []
    owners: list[OutputFile] = []
    waiting: Counter[OutputFile] = Counter()
    counts: dict[OutputFile, Counter[str]] = {output: Counter() for output in outputs}
    for output in outputs:
        for piece, path, finished in zip(output.slices, output.tagged, output.begin(), strict=True):
            if finished is None:
                work.append((piece, path))
                owners.append(output)
                waiting[output] += 1
            else:
                counts[output].update(finished)
        if not waiting[output]:
            _join(output, counts[output])
    total = sum(piece.weight for output in outputs for piece in output.slices)
    before = total - sum(piece.weight for piece, _ in work)
    with progress_bar("tagging", total, done=before, percent=True) as bar:
        for index, tagged in engine(job, work) if work else ():
            output = owners[index]
            counts[output].update(tagged)
            waiting[output] -= 1
            if not waiting[output]:
                _join(output, counts[output])
            bar.advance(work[index][0].weight)
            bar.note(f"{sum(each['sentences'] for each in counts.values()):,} sentences")
    if missing := waiting.total():
        raise Unfinished(f"the workers did not return {counted(missing, 'slice')}")
    return sum(counts.values(), Counter())


def _join(output: OutputFile, counts: Counter[str]) -> None:
    first = output.slices[0]
    if first.format != "datasets" and not counts["sentences"]:  # Parquet keeps rows without words
        skipped = f", and {counts['skipped']} faulty ones that were left out" if counts["skipped"] else ""
        raise DataError(f"got no sentence{skipped}; expected at least one", first.source)
    output.join()


def _check_outputs(sources: Sequence[str], out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: is a file; expected a folder for several files, or for --engine ray")
    seen: dict[str, str] = {}
    for source in sources:
        name = Path(source).name
        if name in seen:
            raise OutputError(f"{source}: has the same name as {seen[name]}; expected different names in one folder")
        seen[name] = source
        if (target := out / name).is_dir():
            raise OutputError(f"{target}: is a folder; expected a free name for the output. Fix: choose another --out")
        keep_apart(source, target)
