"""Runs as one page: a file that needs nothing else, and asks for nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from coner.core.errors import requires_extra
from coner.core.files import atomic_write
from coner.records.record import Record
from coner.report.ablation import AblationTable
from coner.report.asked import asked_grid
from coner.report.columns import COLUMNS, show_difference
from coner.report.compare import Comparison
from coner.report.content import page_content, sentence_content
from coner.report.found import Found
from coner.report.grid import DASH
from coner.report.seeds import by_name, by_row

SCRIPTS = (
    "dom.js",
    "table.js",
    "chart.js",
    "classes.js",
    "matrix.js",
    "charts.js",
    "sentence.js",
    "browser.js",
    "main.js",
)


def write_page(
    comparison: Comparison,
    records: Mapping[str, Record],
    path: Path,
    *,
    groups: Mapping[str, str],
    found: Found,
    ablation: AblationTable | None = None,
) -> None:
    """Write the page, whole or not at all.

    Args:
        comparison: of these runs.
        records: by run.
        path: of the HTML file.
        groups: fine to coarse label of all labels; empty where there are none.
        found: what the runs found in which sentences.
        ablation: whose runs these are, if they are of one; its differences over seeds are shown.

    Raises:
        MissingExtra: jinja2 is not installed.
        OutputError: the page cannot be written.
    """
    page = render(comparison, records, groups=groups, found=found, ablation=ablation)
    with atomic_write(path) as handle:
        handle.write(page)


def render(
    comparison: Comparison,
    records: Mapping[str, Record],
    *,
    groups: Mapping[str, str],
    found: Found,
    ablation: AblationTable | None = None,
) -> str:
    """The page as text; equal runs give equal text. Arguments as in ``write_page``.

    Raises:
        MissingExtra: jinja2 is not installed.
    """
    with requires_extra("a page of runs", "report"):
        import jinja2
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    # The filter tojson writes <, > and & as escapes, so that no text can end the script that it stands in.
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    content = page_content(comparison, records, groups=groups, found=found)
    noisy = any(row.noisy_macro_f1 is not None for row in comparison.rows)
    script = "\n".join(_file(name) for name in SCRIPTS)
    return environment.from_string(_file("page.html")).render(
        comparison=comparison,
        columns=[column for column in COLUMNS if noisy or column.field != "noisy_macro_f1"],
        show_difference=show_difference,
        noisy=noisy,
        paired=sum(row.differences is not None for row in comparison.rows),
        rows=comparison.rows,
        asked=asked_grid({row.run: row.asked for row in comparison.rows if row.asked is not None}),
        seeds=by_row(ablation) if ablation else by_name(comparison),
        failures=ablation.failures() if ablation else [],
        data=records[comparison.baseline].data.get(comparison.part, {}),
        scores=records[comparison.baseline].scores[comparison.part],
        content=content,
        sentences=sentence_content(found, content["labels"]),
        found=found,
        style=_file("page.css"),
        script=script,
        # Only this script may run, whatever a text smuggles in: the browser compares the hash.
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        dash=DASH,
    )


def _file(name: str) -> str:
    return resources.files("coner.report").joinpath("page", name).read_text(encoding="utf-8")
