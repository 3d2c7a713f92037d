"""``coner llm``: looks at a prompted language model; no call is made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from coner.cli.model import model as model_folder

if TYPE_CHECKING:
    from coner.families.llm.prompts.messages import Prompt
    from coner.families.llm.tagger import LlmTagger

app = typer.Typer(name="llm", no_args_is_help=True, help="Look at a prompted language model; no call is made.")


@app.callback()
def _group() -> None:
    """A group, also while it has one command."""


@app.command()
def preview(
    model: Annotated[Path, typer.Argument(parser=model_folder, metavar="MODEL", help="Folder of a prompted one.")],
    texts: Annotated[list[str], typer.Argument(metavar="TEXT...", help="Sentences, each in quotes.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show what would be asked about sentences, to the letter, and what that may cost at most; no key is needed.

    Tokens are estimated as before a call: a third of the bytes of the prompt, and all that the answer is given.
    With `prompt.steps = 2` these are the prompts of the first step; what the second asks depends on the answers.

    Example:

      coner llm preview runs/llm "she moved from são paulo to basel"
    """
    from coner.core.errors import DataError, ModelError
    from coner.data.reading.words import sentence_from_text
    from coner.families import load
    from coner.families.llm.tagger import LlmTagger

    tagger = load(model)
    if not isinstance(tagger, LlmTagger):
        raise ModelError(f"{model}: is of kind {tagger.kind}; expected the folder of a prompted language model (llm)")
    try:
        sentences = [sentence_from_text(text) for text in texts]
    except ValueError as error:
        raise DataError(f"TEXT: {error}; expected sentences, each in quotes") from None
    prompts = tagger.prompts(sentences)
    values = _values(tagger, prompts)
    if as_json:
        typer.echo(json.dumps(values, ensure_ascii=False, indent=2))
    else:
        typer.echo(_text(values, prompts))


def _values(tagger: LlmTagger, prompts: Sequence[Prompt]) -> dict[str, Any]:
    from coner.families.llm.endpoint.limits import Estimate

    estimate, prices = Estimate(), tagger.settings.llm.prices
    most = [estimate.most(prompt) for prompt in prompts]
    asked, answered = sum(usage.prompt for usage in most), sum(usage.completion for usage in most)
    return {
        "model": tagger.model,
        "base_url": tagger.settings.llm.base_url,
        "steps": tagger.settings.prompt.steps,
        "calls": len(prompts),
        "prompt_tokens": asked,
        "completion_tokens_at_most": answered,
        "cost_at_most": sum(usage.cost(prices) for usage in most),
        "prompts": [
            {
                "messages": [{"role": message.role, "content": message.content} for message in prompt.messages],
                "schema": prompt.schema,
                "max_tokens": prompt.max_tokens,
                "prompt_tokens": usage.prompt,
            }
            for prompt, usage in zip(prompts, most, strict=True)
        ],
    }


def _text(values: dict[str, Any], prompts: Sequence[Prompt]) -> str:
    lines = []
    for number, prompt in enumerate(prompts, 1):
        lines.append(f"--- call {number} of {len(prompts)}")
        for message in prompt.messages:
            lines += [f"[{message.role}]", message.content]
        if prompt.schema is not None:
            lines += ["[schema of the answer]", json.dumps(prompt.schema, ensure_ascii=False)]
    cost = f", at most {values['cost_at_most']:.6g} by its prices" if values["cost_at_most"] else ""
    first = " of the first step" if values["steps"] > 1 else ""
    calls = f"{values['calls']} call{'s' * (values['calls'] != 1)}{first}"
    lines.append(
        f"--- {values['model']}: {calls}, about {values['prompt_tokens']} tokens, "
        f"at most {values['completion_tokens_at_most']} in answers{cost}"
    )
    return "\n".join(lines)
