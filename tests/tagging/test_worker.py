"""A single worker of the cluster: what it returns when its node differs from the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from coner.core.errors import ConerError
from coner.tagging import cluster
from coner.tagging.job import TaggingJob
from coner.tagging.slices import cut

pytestmark = pytest.mark.usefixtures("restored_threads")


@pytest.fixture
def restored_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def ask(job: TaggingJob, path: Path, out: Path) -> Callable[[], dict[str, object]]:
    """A function that sends a slice of the file to one new worker, each time that it is called."""
    worker = cluster.ClusterWorker(json.dumps(asdict(job)), 1)
    item = json.dumps([0, asdict(cut(str(path), job, 1000)[0]), str(out)])
    return lambda: dict(json.loads(worker({"item": [item]})["done"][0]))


@pytest.fixture
def job(tmp_path: Path) -> TaggingJob:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "a.conll").write_text("ada _ _ O\n")
    return TaggingJob(str(folder), "auto", "iob2", {}, version=version("coner"))


def test_a_node_without_the_storage_is_named(job: TaggingJob, tmp_path: Path) -> None:
    answer = ask(replace(job, model=f"{tmp_path}/elsewhere"), tmp_path / "a.conll", tmp_path / "part")()
    assert f"{tmp_path}/elsewhere: does not exist on node " in str(answer["error"])


@pytest.mark.parametrize("option", ["rules", "kb", "label_map"])
def test_a_node_without_a_file_of_the_options_is_named(
    job: TaggingJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    def load(_folder: str, **_options: object) -> None:
        raise ConerError("it cannot be read")

    monkeypatch.setattr("coner.tagging.job.load", load)
    options: Any = {"label_map": "wnut17", option: str(tmp_path / "elsewhere")}
    answer = ask(replace(job, options=options), tmp_path / "a.conll", tmp_path / "part")()
    assert f"{tmp_path}/elsewhere: does not exist on node " in str(answer["error"])
    options = {"label_map": "wnut17", "kb": "https://localhost:9200/names"}
    answer = ask(replace(job, options=options), tmp_path / "a.conll", tmp_path / "part")()
    assert answer["error"] == "it cannot be read"


def test_a_node_with_another_version_is_named(job: TaggingJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coner.tagging.job.load", lambda _folder: None)
    answer = ask(replace(job, version="9.9"), tmp_path / "a.conll", tmp_path / "part")()
    assert "expected 9.9, as on the other nodes" in str(answer["error"])


def test_a_slice_that_always_kills_its_worker_is_given_up(
    job: TaggingJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Death(BaseException):
        pass

    def die(*_arguments: object) -> None:
        raise Death

    monkeypatch.setattr("coner.tagging.job.load", lambda _folder: None)
    monkeypatch.setattr(cluster, "tag_slice", die)
    send = ask(job, tmp_path / "a.conll", tmp_path / "part")
    for _ in range(cluster.TRIES):
        with pytest.raises(Death):
            send()
    assert "crashed its worker 5 times" in str(send()["error"])
