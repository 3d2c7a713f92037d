"""``coner config``: configs to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def config(
    name: Annotated[
        str | None, typer.Argument(metavar="[KIND|NAME|RUN]", help="A kind of tagger, a built-in config, or a run.")
    ] = None,
) -> None:
    """Print a config: of a kind, with every setting and its default; a built-in one; or that of a run.

    Without an argument, list the kinds and the built-in configs, which commands also take by name.

    Examples:

      coner config encoder > my.toml

      coner config paper-minilm

      coner config runs/first > again.toml
    """
    from coner.config.load import builtin_configs
    from coner.core.errors import ConfigError
    from coner.families.registry import kinds
    from coner.families.settings import config_of_kind
    from coner.runs.choice import config_of_run

    configs = builtin_configs()
    if name is None:
        _list(configs)
    elif name in kinds(configurable=True):
        typer.echo(config_of_kind(name))
    elif name in configs:
        typer.echo(configs[name].read_text(encoding="utf-8"), nl=False)
    elif Path(name).exists():
        typer.echo(config_of_run(Path(name)))
    else:
        known = ", ".join({**dict.fromkeys(kinds(configurable=True)), **configs})
        raise ConfigError(f"got {name!r}; expected a run folder, or one of: {known}")


def _list(configs: dict[str, Path]) -> None:
    from coner.families.registry import family, kinds

    known = kinds(configurable=True)
    width = max(map(len, configs)) + 2
    lines = ["Kinds (coner config KIND: every setting)"]
    lines += [f"  {name:{width}}{family(name).description}" for name in known]
    lines += ["Built-in configs (coner config NAME, coner train NAME)"]
    for name, path in configs.items():
        if name not in known:
            comment = path.read_text(encoding="utf-8").removeprefix("# ").partition("\nkind")[0].replace("\n# ", " ")
            lines.append(f"  {name:{width}}{comment.partition('. ')[0].removesuffix('.')}")
    typer.echo("\n".join(lines))
