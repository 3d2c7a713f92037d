"""The reference: pages made from the code, so that it has every command, setting, format, metric and public name."""

from __future__ import annotations

import inspect
import re
import sys

import commands
import names
import pages as site
import settings

from coner.config.load import builtin_configs
from coner.data.formats import FEATURES, all_formats
from coner.evaluation.metrics import METRICS, Metric, View

ABOUT = {  # the pages, with what they have
    "Commands": ("commands/coner", "every command with its options"),
    "Settings": ("settings", "every setting of a config, with type and default"),
    "Built-in configs": ("configs", "the configs that are known by name"),
    "Formats": ("formats", "what each data format holds"),
    "Metrics": ("metrics", "what is measured, and its names"),
    "Python": ("python", "every public name"),
}


def pages() -> dict[str, str]:
    """All pages by path."""
    by_command = commands.pages()
    made = {
        **by_command,
        "reference/settings.md": settings.page(),
        "reference/configs.md": _configs(),
        "reference/formats.md": _formats(),
        "reference/metrics.md": _metrics(),
        "reference/python.md": names.page(),
    }
    first, *others = by_command
    made[first] += "\n" + site.contents([f"/{path}" for path in others])
    lines = [f"- [{title}]({path}.md): {about}" for title, (path, about) in ABOUT.items()]
    lines += ["- {ref}`Index of all names <genindex>`"]
    made["reference/index.md"] = "\n".join(
        ["# Reference", "", *lines, "", site.contents(path for path, _ in ABOUT.values())]
    )
    return made


def _configs() -> str:
    lines = ["# Built-in configs", "", "`coner train NAME` takes one by name, `coner config NAME` prints it.", ""]
    for name, path in builtin_configs().items():
        lines += [f"## {name}", "", "```toml", path.read_text(encoding="utf-8").rstrip(), "```", ""]
    return "\n".join(lines)


def _formats() -> str:
    known = all_formats()
    lines = [
        "# Formats",
        "",
        "What each format holds. [Data](../data.md) explains how they are recognised and read.",
        "",
    ]
    lines += [
        _row(["", "read", "written", "resumable output", *FEATURES]),
        _row(["---"] + [":-:"] * (3 + len(FEATURES))),
    ]
    for format in known:
        facts = [format.reader, format.writes, format.appends, *(feature in format.holds for feature in FEATURES)]
        lines.append(_row([f"[{format.name}](#{format.name})", *("✓" if fact else "" for fact in facts)]))
    for format in known:
        endings = dict.fromkeys((*format.suffixes, *format.input_suffixes, *format.output_suffixes))
        about = inspect.getdoc(sys.modules[type(format).__module__]) or ""
        lines += ["", f"## {format.name}"]
        lines += ["", f"**{format.title}**"] if format.title != format.name else []
        lines += ["", about.replace("``", "`")]
        lines += ["", f"File names: {' '.join(f'`{ending}`' for ending in endings)}"] if endings else []
        lines += ["", f"Folder: {format.folder}"] if format.folder else []
        lines += ["", f"Extra: `{format.extra}`"] if format.extra else []
    return "\n".join(lines) + "\n"


def _metrics() -> str:
    places: tuple[View, ...] = ("evaluate", "compare", "card", "hub")
    lines = ["# Metrics", "", "[How scores are defined](../comparing.md#how-scores-are-defined) has the rules."]
    lines += ["All values are fractions of 1.", ""]
    lines += [
        _row(["in JSON", "meaning", "`coner evaluate`", "`coner compare`", "model card", "hub"]),
        _row(["---"] * 6),
    ]
    for metric in METRICS:
        titles = [metric.titles.get(place, "") for place in places]
        lines.append(_row([f"`{metric.name}`", _meaning(metric), *titles]))
    return "\n".join(lines) + "\n"


def _meaning(metric: Metric) -> str:
    if metric.from_counts is None:
        return re.sub(r"\{[^}]*\}", "N", metric.detail) or metric.titles["hub"]
    level, count = metric.from_counts
    return (inspect.getdoc(count) or "").partition(",")[0] + {
        "fine": "",
        "coarse": ", of groups",
        "span": ", labels ignored",
    }[level]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
