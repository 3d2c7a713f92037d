"""Runs as one page: a file that needs no other file and no network."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from pathlib import Path

from coner.core.errors import requires_extra
from coner.core.files import atomic_write
from coner.evaluation.metrics import BOOTSTRAPPED, shown_in
from coner.report.ablation import by_name
from coner.report.columns import TITLES, show_difference
from coner.report.content import page_content, sentence_content
from coner.report.grid import DASH
from coner.report.report import Report

SCRIPTS = ("dom", "table", "chart", "classes", "matrix", "charts", "sentence", "browser", "main")


def write_page(report: Report, path: Path) -> None:
    """Write the page, whole or not at all; ``OutputError`` where that is impossible, else as ``render``."""
    page = render(report)
    with atomic_write(path) as handle:
        handle.write(page)


def render(report: Report) -> str:
    """Return the page as text; equal runs give equal text. ``MissingExtra`` where jinja2 is not installed."""
    with requires_extra("a page of runs", "report"):
        import jinja2
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    # The filter tojson writes <, > and & as escapes, so that no text can end the script that it is part of.
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    comparison, ablation = report.comparison, report.ablation
    content = page_content(report)
    script = "\n".join(_file(f"{name}.js") for name in SCRIPTS)
    return environment.from_string(_file("page.html")).render(
        comparison=comparison,
        rows=comparison.rows,
        show_difference=show_difference,
        tested={name: TITLES[name] for name in BOOTSTRAPPED},
        noisy=any(row.values["noisy_macro_f1"] is not None for row in comparison.rows),
        paired=sum(row.differences is not None for row in comparison.rows),
        asked=comparison.asked,
        seeds=[row for row in ablation.rows if row.seeds] if ablation else by_name(comparison, report.records),
        seed_metrics={metric.name: title for title, metric in shown_in("ablation").items()},
        failures=ablation.failures() if ablation else [],
        data=report.records[comparison.baseline].data[comparison.split],
        scores=report.records[comparison.baseline].scores[comparison.split],
        content=content,
        predictions=report.predictions,
        sentences=sentence_content(report.predictions, content["labels"]),
        style=_file("page.css"),
        script=script,
        # Only this script may run, whatever a text contains: the browser compares the hash.
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        dash=DASH,
    )


def _file(name: str) -> str:
    return resources.files("coner.report").joinpath("page", name).read_text(encoding="utf-8")
