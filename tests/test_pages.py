"""The pages of documentation name only commands, options, settings and defaults that exist."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
import typer

from coner.cli.app import app
from coner.config.template import template
from coner.families.registry import family, kinds
from helpers import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^```([\w{}-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECTIONS = r"auxiliary|crf|data|encoder|examples|head|knowledge|llm|prompt|span|train"
SETTING = re.compile(rf"`((?:{SECTIONS})(?:\.[a-z_0-9]+)+)`")
FILE = re.compile(r"\.(conll|jsonl|json|txt|html|toml|csv|spacy)$")
ROW = re.compile(rf"^\| `((?:{SECTIONS})\.[a-z_0-9.]+)` \| `?([^`|]+?)`? \|", re.MULTILINE)


def keys(values: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        yield f"{path}{key}", value
        if isinstance(value, dict):
            yield from keys(value, f"{path}{key}.")


@pytest.fixture(scope="module")
def defaults() -> dict[str, Any]:
    """Every setting and section by its path, with its default; an empty text if there is none."""
    found: dict[str, Any] = {}
    for kind in kinds(configurable=True):
        text = re.sub(r"^# ([\w-]+ =)", r"\1", template(family(kind).settings, {}), flags=re.MULTILINE)
        text = re.sub(r"=$", '= ""', text, flags=re.MULTILINE)
        found |= dict(keys(tomllib.loads(text)))
    return found


def test_every_page_is_in_the_list_of_the_readme() -> None:
    listed = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Documentation")[2].partition("\n## ")[0]
    for page in sorted([*(ROOT / "docs").glob("*.md"), *(ROOT / "docs").glob("*.ipynb")]):
        assert f"(docs/{page.name})" in listed, f"docs/{page.name} is missing in the README, section Documentation"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_that_a_page_names_exists(page: Path, defaults: dict[str, Any]) -> None:
    assert "crf.c2" in defaults
    for name in SETTING.findall(page.read_text(encoding="utf-8")):
        assert name in defaults or FILE.search(name) or name.endswith("_"), f"{page.name}: {name} is no setting"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_function_that_a_page_names_exists(page: Path) -> None:
    for name in re.findall(r"`(coner(?:\.[a-z_]+){2,})`", page.read_text(encoding="utf-8")):
        assert resolve_name(name), f"{page.name}: {name} does not exist"


def test_tables_of_settings_show_the_defaults(defaults: dict[str, Any]) -> None:
    checked = 0
    for page in PAGES:
        for name, shown in ROW.findall(page.read_text(encoding="utf-8")):
            default = defaults.get(name)
            text = "none" if default == "" else str(default).lower()
            if default is not None and re.fullmatch(r"[a-z]+|[0-9.e-]+", shown) and shown not in ("model", "formula"):
                same = shown == text or (re.fullmatch(r"[0-9.e-]+", shown) and float(shown) == float(text))
                assert same, f"{page.name}: {name} has the default {text}, not {shown}"
                checked += 1
    assert checked


def commands(text: str) -> Iterator[list[str]]:
    """The commands of coner in the blocks of a page, as words; a pipe or a comment ends one."""
    for _, block in (found for found in FENCED.findall(text) if found[0] in ("", "console", "text")):
        for line in block.replace("\\\n", " ").splitlines():
            if found := re.search(r"(?:^(?:\$ )?|\| |-m )(coner [^|&;]*)", line):
                yield shlex.split(found[1].partition(" # ")[0].partition("  #")[0])


def test_commands_are_found_behind_prompts_and_pipes_and_over_lines() -> None:
    text = "```console\n$ coner tag m -  # note\n$ echo a | coner tag m - \\\n    --to conll\nb\n```\n"
    assert list(commands(text)) == [["coner", "tag", "m", "-"], ["coner", "tag", "m", "-", "--to", "conll"]]
    assert len(list(commands((ROOT / "README.md").read_text(encoding="utf-8")))) > 20


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_in_a_page_exists(page: Path) -> None:
    for words in commands(page.read_text(encoding="utf-8")):
        command: Any = typer.main.get_command(app)
        for word in words[1:3]:
            command = getattr(command, "commands", {}).get(word, command)
        if len(words) > 1 and not words[1].startswith("-"):
            assert command.name != "coner", f"{page.name}: {' '.join(words)}: no such command"
        known = {"--help", *(text for option in command.params for text in (*option.opts, *option.secondary_opts))}
        for word in words[1:]:
            option = word.partition("=")[0]
            assert not re.fullmatch(r"--?[a-z][a-z-]*", option) or option in known, f"{page.name}: {' '.join(words)}"


@pytest.mark.parametrize("line", ["coner tag m - --nope", "coner nope", "coner data nope --seed 1"])
def test_an_unknown_command_or_option_is_reported(line: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"```\n{line}\n```\n")
    with pytest.raises(AssertionError, match="nope"):
        test_every_command_and_option_in_a_page_exists(page)
