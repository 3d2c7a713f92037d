"""The engine of many machines: Ray Data deals slices out to a pool of workers, each with the model in its memory.

Only the slices' names travel, and their counts back; text goes from the files to the files. A worker that dies is
started again, and so is its slice, which writes the same part again. Ray moves its own messages as pickles: a cluster
has to be one that you trust.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from coner.core.cores import available_cores
from coner.core.errors import ConerError, MissingExtra, OutputError, Unfinished
from coner.families import load
from coner.families.manifest import read_manifest
from coner.families.registry import family
from coner.tagging.files import Engine, Work
from coner.tagging.job import Job
from coner.tagging.slice_tagger import tag_slice
from coner.tagging.slices import Slice

TRIES = 5  # of one slice: Ray starts a worker again for ever, what kills it every time must come to an end
THREADS = 4  # of a worker with an encoder, at most: more of them share the work badly
OBJECTS = 128 << 20  # bytes of Ray's own store in a cluster of this machine: names and counts only


class Worker:
    """One of the pool: loads the model once, tags slice after slice."""

    def __init__(self, job: str, threads: int) -> None:
        os.environ["OMP_NUM_THREADS"] = str(threads)  # before torch is loaded, which reads it
        self._job = Job(**json.loads(job))
        self._fault: dict[str, Any] | None = None
        try:
            self._tagger = load(self._job.model)
        except ConerError as error:
            self._fault = self._told(error, self._job.model)
        if (own := version("coner")) != self._job.version:
            told = f"node {socket.gethostname()} has coner {own}, not {self._job.version}; install the same on all"
            self._fault = {"fault": told}
        from threadpoolctl import threadpool_limits

        threadpool_limits(threads)  # of what was loaded before us

    def __call__(self, batch: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """Tag the slices of a batch; what came of each, as JSON."""
        return {"done": [json.dumps(self._tag(*json.loads(item))) for item in batch["item"]]}

    def _tag(self, index: int, values: dict[str, Any], part: str) -> dict[str, Any]:
        if self._fault:
            return self._fault
        piece = Slice(**values)
        try:
            if _tries(Path(f"{part}.tries")) > TRIES:
                advice = "it may need more memory than there is: have fewer --workers"
                return {"fault": f"{piece.shown}: a part of it has ended its worker {TRIES} times; {advice}"}
            return {"index": index, "counts": tag_slice(self._tagger, self._job, piece, part)}
        except (ConerError, OSError) as error:
            return self._told(error, self._job.model, piece.path, str(Path(part).parent))

    def _told(self, error: Exception, *needed: str) -> dict[str, Any]:
        """A fault as the user shall read it; most of all one that only this machine has."""
        missing = next((path for path in needed if not Path(path).exists()), None)
        if missing is None:
            return {"fault": str(error)}
        advice = "model, input and output must lie on storage that every node sees"
        return {"fault": f"{missing}: not there on node {socket.gethostname()}; {advice}"}


def _tries(path: Path) -> int:
    """How often this was called for the path, this time included: a worker that died left no other trace."""
    with path.open("ab") as handle:
        handle.write(b".")
        return handle.tell()


def ray_engine(address: str | None, workers: int | None) -> Engine:
    """The engine on a cluster.

    Args:
        address: of a running one; without it one of this machine alone, which ends with the work.
        workers: how many; as many as fit, where it is ``None``.
    """

    def engine(job: Job, work: Sequence[Work]) -> Iterator[tuple[int, dict[str, int]]]:
        with _cluster(address) as ray:
            threaded = family(read_manifest(Path(job.model)).kind).threaded
            usual = _threads() if threaded else 1
            nodes = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
            number, threads = share(nodes, usual=usual, workers=workers)
            try:
                for row in _rows(job, work, min(number, len(work)), threads):
                    done = json.loads(row["done"])
                    if "fault" in done:
                        raise ConerError(done["fault"])
                    yield done["index"], done["counts"]
            except ray.exceptions.RayTaskError:
                raise  # a fault of the program
            except ray.exceptions.RayError as error:
                raise Unfinished(f"Ray: {str(error).strip().splitlines()[0]}", 3) from None

    return engine


def share(nodes: Sequence[int], *, usual: int, workers: int | None) -> tuple[int, int]:
    """How many workers, and threads of each, so that no core has two of them.

    Args:
        nodes: cores of each.
        usual: threads of a worker where nothing speaks against it.
        workers: as the user wants it; no more than one a core.

    Raises:
        OutputError: there is no core.
    """
    nodes = [cores for cores in nodes if cores]
    if not nodes:
        raise OutputError("the Ray cluster has no core to work with; give its nodes some (ray start --num-cpus)")
    threads = min([usual, *nodes])
    while workers and threads > 1 and sum(node // threads for node in nodes) < workers:
        threads -= 1
    room = sum(node // threads for node in nodes)
    return min(workers or room, room), threads


def _threads() -> int:
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdecimal() and int(given) else THREADS


def _rows(job: Job, work: Sequence[Work], workers: int, threads: int) -> Iterator[Any]:
    import ray.data

    items = [json.dumps([index, asdict(piece), part]) for index, (piece, part) in enumerate(work)]
    pool = ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=2)
    tagged = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
        Worker,
        fn_constructor_args=(json.dumps(asdict(job)), threads),
        batch_size=1,
        compute=pool,
        num_cpus=threads,
    )
    return iter(tagged.iter_rows())


@contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """Ray, connected and quiet; a connection that was there before is used, and left."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
        import ray.data
    except ImportError:
        raise MissingExtra("--engine ray", "scale") from None
    _hush(ray)
    if ray.is_initialized():
        yield ray
        return
    if address and address != "auto":
        _knock(address)
    try:
        with _muted():
            _connect(ray, address)
    except Exception as error:  # of many kinds
        reason = f"{type(error).__name__}: {(str(error).strip() or 'no reason given').splitlines()[0]}"
        if address:
            raise OutputError(f"--address {address}: no Ray cluster can be reached there ({reason})") from None
        raise OutputError(f"Ray cannot start on this machine ({reason}); use --engine local") from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Whether somebody listens there: Ray itself would wait for minutes."""
    host, _, port = address.rpartition(":")
    if "/" in host or not host or not port.isdecimal():
        raise OutputError(f"--address {address}: expected HOST:PORT of the head node, as ray start tells it, or auto")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(f"--address {address}: no Ray cluster can be reached there: {reason.lower()}") from None


def _connect(ray: Any, address: str | None) -> None:
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address:
        ray.init(address=address, **quiet)
    else:
        ray.init(
            address="local", num_cpus=available_cores(), object_store_memory=OBJECTS, include_dashboard=False, **quiet
        )


@contextmanager
def _muted() -> Iterator[None]:
    """Without what Ray's own core writes to stderr as it starts: it knows no other way to be quiet."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _hush(ray: Any) -> None:
    logging.getLogger("ray").setLevel(logging.ERROR)
    data = logging.getLogger("ray.data")
    data.setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
