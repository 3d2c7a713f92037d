"""``coner serve``: models behind HTTP."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from coner.cli.model import model as model_folder
from coner.cli.spending import Cost, Tokens, check_cost


def serve(
    models: Annotated[
        list[Path],
        typer.Argument(
            parser=model_folder, metavar="MODEL", help="Folders of trained models, or hf://user/name; first: default."
        ),
    ],
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0: everywhere.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes; each loads the models.")] = 1,
    token_env: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Environment variable with a token that requests must carry."),
    ] = None,
    access_log: Annotated[bool, typer.Option("--access-log", help="A line a request on stderr.")] = False,
    batch_words: Annotated[int, typer.Option(min=1, help="Words that are tagged together; 1: no batches.")] = 2048,
    wait_ms: Annotated[float, typer.Option(min=0, help="Milliseconds that a request waits for company.")] = 2,
    queue_words: Annotated[int, typer.Option(min=1, help="Words that may wait; more is turned away (429).")] = 32768,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds for a body, and for its answer (504).")] = 30,
    max_body: Annotated[int, typer.Option(min=1, help="Bytes of a request (413).")] = 1 << 20,
    max_texts: Annotated[int, typer.Option(min=1, help="Texts of a request (422).")] = 256,
    max_text_words: Annotated[int, typer.Option(min=1, help="Words of a text (422).")] = 4096,
    max_words: Annotated[int, typer.Option(min=1, help="Words of a request (422).")] = 16384,
    budget_tokens: Tokens = None,
    budget_cost: Cost = None,
) -> None:
    """Serve models over HTTP: POST /tag, a page to try them at /, and /openapi.json for the rest.

    SIGINT (Ctrl-C) and SIGTERM end it, after it has answered what it took.

    Examples:

      coner serve runs/paper --port 8000

      curl -s localhost:8000/tag -H 'Content-Type: application/json' -d '{"text": "she moved to basel"}'
    """
    from coner.core.errors import ConfigError, MissingExtra
    from coner.families.llm.settings import Budget
    from coner.serving.settings import Batching, Limits, Settings, name_models

    if not (math.isfinite(timeout) and math.isfinite(wait_ms)):
        raise ConfigError(f"--timeout {timeout:g}, --wait-ms {wait_ms:g}: expected numbers with an end")
    check_cost(budget_cost)
    settings = Settings(
        name_models(models),
        host=host,
        port=port,
        workers=workers,
        limits=Limits(max_body, max_texts, max_text_words, max_words, timeout),
        batching=Batching(batch_words, wait_ms / 1000, queue_words),
        token=token_env,
        access_log=access_log,
        budget=Budget(tokens=budget_tokens, cost=budget_cost),
    )
    try:
        from coner.serving.run import run
    except ModuleNotFoundError:
        raise MissingExtra("coner serve", "serve") from None
    run(settings)
