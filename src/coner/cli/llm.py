"""``coner llm``: inspect a prompted language model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from coner.cli.options import ModelKnowledge, model_argument

app = typer.Typer(name="llm", no_args_is_help=True, help="Inspect a prompted language model; no call is made.")


@app.command()
def preview(
    model: Annotated[Path, model_argument("Folder of a prompted model.")],
    texts: Annotated[list[str], typer.Argument(metavar="TEXT...", help="Sentences, each in quotes.")],
    kb: ModelKnowledge = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show the exact prompts for some sentences, and their maximum cost. No call is made, and no key is needed.

    Tokens are estimated as before a call: a third of the bytes of the prompt, and the limit of the answer. With
    `prompt.steps = 2` these are the prompts of the first step; those of the second depend on the answers.

    Examples:

      coner llm preview runs/llm "she moved from são paulo to basel"

      coner llm preview runs/llm "she moved to basel" "he sang" --json
    """
    from coner.families import load
    from coner.families.llm.tagger import preview as preview_prompts

    values = preview_prompts(load(model, kb=kb), model, texts)
    typer.echo(json.dumps(values, ensure_ascii=False, indent=2) if as_json else _text(values))


def _text(values: dict[str, Any]) -> str:
    lines = []
    for number, prompt in enumerate(values["prompts"], 1):
        lines.append(f"--- call {number} of {values['calls']}")
        lines += [f"[{message['role']}]\n{message['content']}" for message in prompt["messages"]]
        lines.append(f"[schema of the answer]\n{json.dumps(prompt['schema'], ensure_ascii=False)}")
    cost = f", cost at most {values['cost_at_most']:.6g}" if values["cost_at_most"] else ""
    step = " of the first step" if values["steps"] > 1 else ""
    lines.append(
        f"--- {values['model']}: {values['calls']} call{'s' * (values['calls'] != 1)}{step}, "
        f"about {values['prompt_tokens']} tokens in prompts, "
        f"at most {values['completion_tokens_at_most']} in answers{cost}"
    )
    return "\n".join(lines)
