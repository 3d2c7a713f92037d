"""The service against its own description: what that allows is answered as it says, what it does not is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from helpers.server import Server, told

schemathesis = pytest.importorskip("schemathesis")
OPERATIONS = ["POST /tag", "GET /labels", "GET /models", "GET /health", "GET /ready", "GET /metrics"]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with told(models=["told", "other"]) as running:
        yield running
        assert running.stop() == 0
        assert "Traceback" not in "".join(running.said)


@pytest.fixture(scope="module")
def described(server: Server) -> Any:
    return schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}/openapi.json")


@pytest.mark.parametrize(
    ("operation", "mode"),
    [*((operation, "POSITIVE") for operation in OPERATIONS), ("POST /tag", "NEGATIVE"), ("GET /labels", "NEGATIVE")],
)
def test_it_keeps_to_its_description(described: Any, operation: str, mode: str) -> None:
    method, path = operation.split()
    cases = described[path][method].as_strategy(generation_mode=schemathesis.GenerationMode[mode])

    @settings(max_examples=60, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(case=cases)
    def keeps(case: Any) -> None:
        case.call_and_validate()

    keeps()


def test_the_description_knows_models_and_limits(server: Server) -> None:
    described = server.ask("GET", "/openapi.json").json
    assert described["components"]["schemas"]["Texts"]["properties"]["texts"]["maxItems"] == 256
    model = described["components"]["schemas"]["OneText"]["properties"]["model"]
    assert {"type": "string", "enum": ["told", "other"]} in model["anyOf"]
    assert set(described["paths"]) == {"/tag", "/labels", "/models", "/health", "/ready", "/metrics"}
    assert "security" not in described["paths"]["/tag"]["post"]
