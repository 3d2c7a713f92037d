"""The pages of the site: the Markdown files that the README lists, in its order, with links that hold on the site."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import notebooks

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
BEFORE_REFERENCE = "How to"  # the group that the generated pages follow in the menu
GROUP = re.compile(r"^- \*\*(.+)\*\*: (.*(?:\n  .*)*)", re.MULTILINE)
# Code, which has no links, or a link to a file: ``[text](path)`` or ``![text](path)``.
CODE_OR_LINK = re.compile(
    r"^```.*?^```$|`[^`\n]+`|(!?)\[([^]\[]*)\]\(([^)\s:#]+)(#[^)\s]*)?\)", re.MULTILINE | re.DOTALL
)


def listed() -> dict[str, dict[Path, str]]:
    """The files in the section *Documentation* of the README, by group, each with the words of its link."""
    section = README.read_text(encoding="utf-8").partition("\n## Documentation\n")[2].partition("\n## ")[0]
    links = {name: CODE_OR_LINK.finditer(text) for name, text in GROUP.findall(section)}
    return {name: {ROOT / link[3]: link[2] for link in found if link[3]} for name, found in links.items()}


def address(file: Path) -> str:
    """The path of a page on the site."""
    if file == README:
        return "index.md"
    return f"{file.stem}-notebook.md" if file.suffix == ".ipynb" else f"{file.stem.lower()}.md"


def write(folder: Path, generated: Mapping[str, str]) -> None:
    """Write the source of the site; ``generated`` are further pages, by path, with the reference among them."""
    groups = listed()
    known = {README, *(file for files in groups.values() for file in files)}
    texts = {address(file): relinked(_text(file), file, known) for file in known} | dict(generated)
    menu = []
    for name, files in groups.items():
        index = f"{name.lower().replace(' ', '-')}/index.md"
        lines = [_entry(words, address(file), texts[address(file)]) for file, words in files.items()]
        texts[index] = "\n".join([f"# {name}", "", *lines, "", contents(f"/{address(file)}" for file in files)])
        menu += [index, "reference/index.md"] if name == BEFORE_REFERENCE else [index]
    texts["index.md"] += "\n" + contents(menu)
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    for picture in (ROOT / "docs").glob("*.svg"):
        shutil.copy(picture, folder)


def _text(file: Path) -> str:
    return notebooks.markdown(notebooks.run(file)) if file.suffix == ".ipynb" else file.read_text(encoding="utf-8")


def _entry(words: str, path: str, text: str) -> str:
    """A line of an index: a link to a page, and its sections."""
    sections = re.findall(r"^## (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return f"- [{words[0].upper()}{words[1:]}](../{path})" + (f": {', '.join(sections)}" if sections else "")


def contents(paths: Iterable[str]) -> str:
    """The pages below a page in the menu."""
    return "\n".join(["```{toctree}", ":hidden:", *paths, "```", ""])


def relinked(text: str, file: Path, known: Iterable[Path]) -> str:
    """The text of a page with links to other pages of the site; other files are named, as the site lacks them."""

    def link(match: re.Match[str]) -> str:
        picture, words, path, anchor = match.groups()
        if path is None:
            return match[0]
        target = (file.parent / path).resolve()
        if not target.exists():
            line = match.string.count("\n", 0, match.start()) + 1
            raise SystemExit(f"{file.relative_to(ROOT)}:{line}: got a link to {path}; expected a file or folder")
        if target in known:
            return f"[{words}]({address(target)}{anchor or ''})"
        return f"![{words}]({target.name})" if picture else f"{words} (`{target.relative_to(ROOT)}`)"

    return CODE_OR_LINK.sub(link, text)
