"""``coner serve``: models behind a REST service."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from coner.cli import options
from coner.cli.options import Cost, Endpoints, Tokens, model_argument


def serve(
    models: Annotated[list[Path], model_argument("Model folders, or hf://user/name; the first is the default.")],
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0: all interfaces.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: any free one.")] = 8000,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Name by which clients reach the service, such as that of a proxy; can be repeated. On the loopback "
            "address, requests for other names than localhost are refused.",
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; each loads all models.")] = 1,
    token_env: Annotated[
        str | None, typer.Option(metavar="NAME", help="Environment variable with the token that requests must carry.")
    ] = None,
    access_log: Annotated[bool, typer.Option("--access-log", help="Log each request on stderr.")] = False,
    batch_words: Annotated[int, typer.Option(min=1, help="Maximum words per batch; 1: no batches.")] = 2048,
    wait_ms: Annotated[float, typer.Option(min=0, help="Milliseconds to wait for a batch to fill.")] = 2,
    queue_words: Annotated[int, typer.Option(min=1, help="Maximum words in the queue; above it, status 429.")] = 32768,
    timeout: Annotated[
        float, typer.Option(min=0.001, help="Seconds to receive a body (else 408), and to answer (else 504).")
    ] = 30,
    max_body: Annotated[int, typer.Option(min=1, help="Maximum bytes per request; above it, status 413.")] = 1 << 20,
    max_texts: Annotated[int, typer.Option(min=1, help="Maximum texts per request; above it, status 422.")] = 256,
    max_text_words: Annotated[int, typer.Option(min=1, help="Maximum words per text; above it, status 422.")] = 4096,
    max_words: Annotated[int, typer.Option(min=1, help="Maximum words per request; above it, status 422.")] = 16384,
    rules: options.Rules = None,
    link: options.Link = False,
    kb: options.KnowledgeBase = None,
    type_map: options.TypeMap = None,
    budget_tokens: Tokens = None,
    budget_cost: Cost = None,
    allow_endpoint: Endpoints = None,
) -> None:
    """Serve models over HTTP: POST /tag, a web page at /, and the description of the service at /openapi.json.

    SIGINT (Ctrl-C) or SIGTERM stops the service after it has answered all accepted requests.

    Examples:

      coner serve runs/paper --port 8000

      coner serve runs/paper --rules rules.toml --link --kb kb/

      curl -s localhost:8000/tag -H 'Content-Type: application/json' -d '{"text": "she moved to basel"}'
    """
    from coner.core.errors import ConfigError, requires_extra
    from coner.families.usage import Spending
    from coner.serving.settings import Batching, Limits, Settings, name_models

    if not (math.isfinite(timeout) and math.isfinite(wait_ms)):
        raise ConfigError(f"--timeout {timeout:g}, --wait-ms {wait_ms:g}: expected finite numbers")
    settings = Settings(
        name_models(models),
        host=host,
        port=port,
        allow_hosts=tuple(allow_host or ()),
        workers=workers,
        limits=Limits(max_body, max_texts, max_text_words, max_words, timeout),
        batching=Batching(batch_words, wait_ms / 1000, queue_words),
        token=token_env,
        access_log=access_log,
        options=options.load_options(rules, kb, link, type_map),
        spending=Spending(tokens=budget_tokens, cost=budget_cost, endpoints=tuple(allow_endpoint or ())),
    )
    with requires_extra("coner serve", "serve"):
        from coner.serving.run import run
    run(settings)
