"""Tag slices on a Ray cluster: Ray Data hands them out to a pool of workers that keep the model in memory.

Only the names of slices and their counts are sent; text goes from file to file. A worker that dies is restarted, and
writes its slice again. Ray sends its own messages as pickles: use only a cluster that you trust.
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

from coner.core.errors import ConerError, OutputError, Unfinished, requires_extra
from coner.core.processes import available_cores
from coner.families.manifest import read_manifest
from coner.families.registry import family
from coner.tagging.files import Engine, Work
from coner.tagging.job import TaggingJob
from coner.tagging.slice_tagger import tag_slice
from coner.tagging.slices import Slice

TRIES = 5  # per slice: Ray restarts workers without limit, even if the same slice kills each of them
THREADS = 4  # maximum for one encoder, which scales poorly beyond
OBJECT_STORE = 128 << 20  # bytes, of a cluster on this machine: it holds names and counts only


class ClusterWorker:
    """One worker of the pool: loads the model of a ``TaggingJob`` (as JSON) once, then tags slices."""

    def __init__(self, job: str, threads: int) -> None:
        os.environ["OMP_NUM_THREADS"] = str(threads)  # torch reads it when it is loaded
        self._job, self._error = TaggingJob(**json.loads(job)), ""
        try:
            self._tagger = self._job.load()
        except ConerError as error:
            named = (self._job.options.get(option) for option in ("rules", "kb", "label_map"))
            files = [str(path) for path in named if path and Path(str(path)).is_absolute()]  # not built in, on a server
            self._error = _describe(error, self._job.model, *files)
        if (own := version("coner")) != self._job.version:
            host = socket.gethostname()
            self._error = f"node {host}: got coner {own}; expected {self._job.version}, as on the other nodes"
        from threadpoolctl import threadpool_limits

        threadpool_limits(threads)  # of libraries that were loaded before

    def __call__(self, batch: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """Tag the slices of a batch; for each the index and counts, or the error, as JSON."""
        return {"done": [json.dumps(self._tag(*json.loads(item))) for item in batch["item"]]}

    def _tag(self, index: int, values: dict[str, Any], out: str) -> dict[str, Any]:
        if self._error:
            return {"error": self._error}
        piece = Slice(**values)
        try:
            with Path(f"{out}.tries").open("ab") as tries:  # a worker that dies leaves no other trace
                tries.write(b".")
                tried = tries.tell()
            if tried > TRIES:
                fix = "it may need more memory than is available. Fix: fewer --workers"
                return {"error": f"{piece.source}: a slice of it crashed its worker {TRIES} times; {fix}"}
            return {"index": index, "counts": tag_slice(self._tagger, self._job, piece, out)}
        except (ConerError, OSError) as error:
            return {"error": _describe(error, self._job.model, piece.path, str(Path(out).parent))}


def _describe(error: Exception, *needed: str) -> str:
    """The message of an error, or the first of the paths that this node lacks."""
    missing = next((path for path in needed if not Path(path).exists()), None)
    advice = "model, input and output must be on storage that every node sees"
    return f"{missing}: does not exist on node {socket.gethostname()}; {advice}" if missing else str(error)


def ray_engine(address: str | None, workers: int | None) -> Engine:
    """An engine that tags on a Ray cluster, by default with as many workers as the cores allow.

    Without an address it starts a cluster on this machine, and stops it at the end.
    """

    def engine(job: TaggingJob, work: Sequence[Work]) -> Iterator[tuple[int, dict[str, int]]]:
        with _cluster(address) as ray:
            setting = os.environ.get("OMP_NUM_THREADS", "")
            maximum = int(setting) if setting.isdecimal() and int(setting) else THREADS
            if not family(read_manifest(Path(job.model)).kind).threaded:
                maximum = 1
            nodes = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
            number, threads = share_cores(nodes, max_threads=maximum, workers=workers)
            try:
                for row in _tagged(job, work, min(number, len(work)), threads).iter_rows():
                    done = json.loads(row["done"])
                    if "error" in done:
                        raise ConerError(done["error"])
                    yield done["index"], done["counts"]
            except ray.exceptions.RayTaskError:
                raise  # a bug of the program
            except ray.exceptions.RayError as error:
                raise Unfinished(f"Ray: {str(error).strip().splitlines()[0]}") from None

    return engine


def share_cores(nodes: Sequence[int], *, max_threads: int, workers: int | None) -> tuple[int, int]:
    """The number of workers, and of threads of each, so that no core runs two threads; ``OutputError`` without cores.

    Args:
        nodes: number of cores of each node.
        max_threads: of a worker.
        workers: their number, if the user chose one; at most one per core.
    """
    nodes = [cores for cores in nodes if cores]
    if not nodes:
        raise OutputError("got a Ray cluster without cores; expected at least one. Fix: ray start --num-cpus N")
    threads = min([max_threads, *nodes])
    while workers and threads > 1 and sum(node // threads for node in nodes) < workers:
        threads -= 1
    maximum = sum(node // threads for node in nodes)
    return min(workers or maximum, maximum), threads


def _tagged(job: TaggingJob, work: Sequence[Work], workers: int, threads: int) -> Any:
    import ray.data

    items = [json.dumps([index, asdict(piece), out]) for index, (piece, out) in enumerate(work)]
    return ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
        ClusterWorker,
        fn_constructor_args=(json.dumps(asdict(job)), threads),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=2),
        num_cpus=threads,
    )


@contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """Connect to Ray, without its messages; an existing connection is used, and left open."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    with requires_extra("--engine ray", "scale"):
        import ray
        import ray.data
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    if ray.is_initialized():
        yield ray
        return
    if address and address != "auto":
        check_address(address)
    where: dict[str, Any] = {"address": address}
    if not address:
        limits = {"num_cpus": available_cores(), "object_store_memory": OBJECT_STORE, "include_dashboard": False}
        where = {"address": "local", **limits}
    try:
        with _no_stderr():
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **where)
    except Exception as error:  # of many types
        reason = f"{type(error).__name__}: {(str(error).strip() or 'no reason given').splitlines()[0]}"
        if address:
            raise OutputError(f"--address {address}: cannot connect to a Ray cluster ({reason})") from None
        raise OutputError(f"Ray cannot start on this machine ({reason}). Fix: use --engine local") from None
    try:
        yield ray
    finally:
        ray.shutdown()


def check_address(address: str) -> None:
    """``OutputError`` if nothing listens at ``HOST:PORT``: Ray itself would wait for minutes."""
    host, _, port = address.rpartition(":")
    if "/" in host or not host or not port.isdecimal():
        raise OutputError(f"--address: got {address!r}; expected HOST:PORT of the head node, or auto")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(f"--address {address}: cannot connect to a Ray cluster: {reason.lower()}") from None


@contextmanager
def _no_stderr() -> Iterator[None]:
    """Discard what Ray's native code prints when it starts, which has no setting for that."""
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as null:
            os.dup2(null.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
