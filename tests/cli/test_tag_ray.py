"""``coner tag --engine ray`` on a cluster of this machine, with two workers.

Ray runs in other processes only: its threads draw from the random numbers of the C library, by which crfsuite shuffles,
so that a CRF trained later in this process would differ from its twin.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import coner as package
from coner.records.machine import versions
from coner.tagging.files import tag_files
from coner.tagging.job import TaggingJob
from helpers.shell import Completed, World, refusal

pytestmark = pytest.mark.slow
SIZE = 8000


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster, which ends when the standard input of its process does."""
    pytest.importorskip("ray")
    code = (
        "import logging, ray, sys; c = ray.init(address='local', num_cpus=2, object_store_memory=100 << 20, "
        "log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False); "
        "print(c.address_info['gcs_address'], flush=True); sys.stdin.read()"
    )
    settings = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with pytest.MonkeyPatch.context() as environment:
        for name, value in settings.items():
            environment.setenv(name, value)  # also for the drivers
        running = subprocess.Popen([sys.executable, "-c", code], **pipes)
        assert running.stdin
        assert running.stdout
        address = running.stdout.readline().strip()
        if not address:
            pytest.skip("Ray cannot start here")
        yield address
        running.communicate()


@pytest.fixture(scope="module")
def corpus(world: World, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    folder = tmp_path_factory.mktemp("corpus")
    text = world.train.read_text(encoding="utf-8")
    (folder / "a.conll").write_text(text, encoding="utf-8")
    (folder / "b.conll").write_text(text * 16, encoding="utf-8")
    texts = [" ".join(sentence.words) for sentence in package.read(world.train)] * 3
    pq.write_table(pa.table({"key": range(len(texts)), "text": texts}), folder / "c.parquet")
    with (folder / "d.jsonl").open("w", encoding="utf-8") as handle:
        from coner.data.formats import formats

        formats["jsonl"].write_text(package.read(world.train), handle)
    return sorted(folder.iterdir())


class Case(NamedTuple):
    """Files, and the folder of their outputs by the local engine."""

    corpus: list[Path]
    local: Path


@pytest.fixture(scope="module")
def case(world: World, corpus: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Case:
    out = tmp_path_factory.mktemp("local")
    done = tag_files([str(path) for path in corpus], out, job_of(world), size=SIZE)
    assert done.counts["sentences"] == 60 * 21
    return Case(corpus, out)


def tag_by_ray(*arguments: object) -> Completed:
    """``coner tag --engine ray`` in a process of its own, with small slices."""
    code = (
        "import sys; from functools import partial; from coner.cli import main; from coner.tagging import files; "
        f"files.tag_files = partial(files.tag_files, size={SIZE}); sys.argv[0] = 'coner'; main()"
    )
    command = [sys.executable, "-c", code, "tag", *map(str, arguments), "--engine", "ray"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return Completed(done.returncode, done.stdout, done.stderr)


def job_of(world: World) -> TaggingJob:
    version = versions()["coner"]
    return TaggingJob(str(world.model), "auto", write="iob2", reading={}, version=version)


def check(out: Path, case: Case) -> None:
    """Compare the outputs, byte for byte, or row for row."""
    from pyarrow import parquet

    for path in case.corpus:
        if path.suffix == ".parquet":
            assert parquet.read_table(out / path.name).equals(parquet.read_table(case.local / path.name))
        else:
            assert (out / path.name).read_bytes() == (case.local / path.name).read_bytes()


def pools() -> set[Any]:
    """The worker processes of this process's cluster."""
    import psutil

    found = set()
    for process in psutil.Process().children(recursive=True):
        try:
            if "MapWorker" in " ".join(process.cmdline()):
                found.add(process)
        except psutil.Error:
            continue
    return found


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 90
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def test_a_killed_worker_loses_nothing(cluster: str, world: World, case: Case, tmp_path: Path) -> None:
    out, killed = tmp_path / "out", []

    def kill() -> None:
        until(lambda: list((out / ".coner").glob("*.parts/*/*.json")))  # the workers have started
        worker = until(pools).pop()
        worker.kill()
        killed.append(worker)

    killer = threading.Thread(target=kill)
    killer.start()
    done = tag_by_ray(world.model, *case.corpus, "-o", out, "--address", cluster, "--workers", 2)
    killer.join()
    assert killed
    assert done.code == 0, done
    assert done.err.startswith("4 files, 1,260 sentences, ")
    assert done.err.count("\n") == 1
    check(out, case)
    assert not list((out / ".coner").glob("*.parts"))


def test_a_killed_driver_can_be_resumed(cluster: str, world: World, case: Case, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = (
        "from pathlib import Path; from coner.tagging.cluster import ray_engine; "
        "from coner.tagging.files import tag_files; "
        "from coner.tagging.job import TaggingJob; "
        f"tag_files({[str(path) for path in case.corpus]}, Path({str(out)!r}), {job_of(world)!r}, "
        f"ray_engine({cluster!r}, 2), size={SIZE})"
    )
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) as running:
        until(lambda: (out / ".coner/a.conll.json").exists() or running.poll() is not None)
        running.kill()
        stderr = running.communicate()[1]
    assert stderr == b""  # Ray prints nothing
    assert not (out / "d.jsonl").exists()
    before = (out / "a.conll").stat().st_ino
    until(lambda: not pools())  # its workers die with it
    done = tag_by_ray(world.model, *case.corpus, "-o", out, "--address", cluster)
    assert done.code == 0, done
    assert "of 4 files were already finished" in done.err
    assert (out / "a.conll").stat().st_ino == before
    check(out, case)


def test_an_error_names_the_line_of_the_users_file(cluster: str, world: World, tmp_path: Path) -> None:
    path = tmp_path / "bad.conll"
    path.write_text("ada _ _ B-Artist\n\n" * 900 + "x _ _ I-Artist\n", encoding="utf-8")
    message = refusal(tag_by_ray(world.model, path, "-o", tmp_path / "out", "--address", cluster))
    assert f"{path}:1801: tag 'I-Artist' after" in message


def test_a_wrong_address_is_one_line(world: World, tmp_path: Path) -> None:
    from coner.core.errors import OutputError
    from coner.tagging.cluster import check_address

    for address, expected in (("ray://x:1", "expected HOST:PORT"), ("127.0.0.1:1", "cannot connect to a Ray cluster")):
        with pytest.raises(OutputError, match=expected):
            check_address(address)
