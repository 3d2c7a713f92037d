"""A worker of the cluster by itself: what it answers when its node is not as the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import pytest

from coner.tagging import cluster
from coner.tagging.slices import Job, cut

pytestmark = pytest.mark.usefixtures("threads_as_they_were")


@pytest.fixture
def threads_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def ask(job: Job, path: Path, part: Path) -> Callable[[], dict[str, object]]:
    """Sends a slice of the file to a new worker, each time that it is called."""
    worker = cluster.Worker(json.dumps(asdict(job)), 1)
    item = json.dumps([0, asdict(cut(str(path), job, 1000)[0]), str(part)])
    return lambda: dict(json.loads(worker({"item": [item]})["done"][0]))


@pytest.fixture
def job(tmp_path: Path) -> Job:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "a.conll").write_text("ada _ _ O\n")
    return Job(str(folder), "auto", "iob2", "iob2", comment=None, repair=False, version=version("coner"))


def test_a_node_without_the_storage_is_named(job: Job, tmp_path: Path) -> None:
    answer = ask(replace(job, model=f"{tmp_path}/elsewhere"), tmp_path / "a.conll", tmp_path / "part")()
    assert f"{tmp_path}/elsewhere: not there on node " in str(answer["fault"])


def test_a_node_with_another_version_is_named(job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "load", lambda _folder: None)
    answer = ask(replace(job, version="9.9"), tmp_path / "a.conll", tmp_path / "part")()
    assert "not 9.9; install the same on all" in str(answer["fault"])


def test_a_slice_that_ends_its_worker_every_time_comes_to_an_end(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Death(BaseException):
        pass

    def die(*_given: object) -> None:
        raise Death

    monkeypatch.setattr(cluster, "load", lambda _folder: None)
    monkeypatch.setattr(cluster, "tag_slice", die)
    send = ask(job, tmp_path / "a.conll", tmp_path / "part")
    for _ in range(cluster.TRIES):
        with pytest.raises(Death):
            send()
    assert "has ended its worker 5 times" in str(send()["fault"])
