"""The service against its own OpenAPI description: valid requests are answered as described, others are rejected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from helpers.server import Server, run_stub

schemathesis = pytest.importorskip("schemathesis")
OPERATIONS = ["POST /tag", "GET /labels", "GET /models", "GET /health", "GET /ready", "GET /metrics"]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with run_stub(models=["stub", "other"]) as running:
        yield running
        assert running.stop() == 0
        assert "Traceback" not in "".join(running.log)


@pytest.fixture(scope="module")
def description(server: Server) -> Any:
    return schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}/openapi.json")


@pytest.mark.parametrize(
    ("operation", "mode"),
    [*((operation, "POSITIVE") for operation in OPERATIONS), ("POST /tag", "NEGATIVE"), ("GET /labels", "NEGATIVE")],
)
def test_responses_match_the_description(description: Any, operation: str, mode: str) -> None:
    method, path = operation.split()
    cases = description[path][method].as_strategy(generation_mode=schemathesis.GenerationMode[mode])

    @settings(max_examples=60, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(case=cases)
    def check(case: Any) -> None:
        case.call_and_validate()

    check()


def test_description_lists_models_and_limits(server: Server) -> None:
    description = server.get("/openapi.json").json
    assert description["components"]["schemas"]["Texts"]["properties"]["texts"]["maxItems"] == 256
    model = description["components"]["schemas"]["OneText"]["properties"]["model"]
    assert {"type": "string", "enum": ["stub", "other"]} in model["anyOf"]
    assert set(description["paths"]) == {"/tag", "/labels", "/models", "/health", "/ready", "/metrics"}
    assert "security" not in description["paths"]["/tag"]["post"]
