"""The page of runs as text: its content, and that text in it stays text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coner.core.errors import MissingExtra
from coner.evaluation.score import score
from coner.evaluation.significance import class_f1_draws
from coner.records.record import Record, read_record
from coner.records.sections import LlmUsage, Partial
from coner.report.compare import compare_runs
from coner.report.html import render, write_page
from coner.report.report import Report, make_report
from helpers.fake_runs import GROUPS, HOSTILE, fake_predictions, make_run, sentences
from helpers.records import edited

pytest.importorskip("jinja2")

GOLD = sentences(50)


class Scripts(HTMLParser):
    """The texts of the scripts as a browser sees them, and every URL that the page could load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.urls: list[str | None] = []
        self.tags: list[str] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._inside = tag == "script"
        self.urls += [value for name, value in attrs if name in ("src", "href") and not (value or "").startswith("#")]
        if self._inside:
            self.scripts.append((dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)

    def handle_endtag(self, tag: str) -> None:
        self._inside = False


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """Two runs, one of them with markup in its name."""
    return {
        "<b>one": make_run(tmp_path / "one", GOLD, quality=0.5, seed=1),
        "two": make_run(tmp_path / "two", GOLD, quality=0.8, seed=2),
    }


@pytest.fixture
def records(folders: dict[str, Path]) -> dict[str, Record]:
    return {run: read_record(folder) for run, folder in folders.items()}


@pytest.fixture
def report(records: dict[str, Record], folders: dict[str, Path]) -> Report:
    return replace(make_report(compare_runs(records), records, folders), groups=GROUPS)


def with_record(report: Report, run: str, record: Record) -> Report:
    records = {**report.records, run: record}
    return replace(report, records=records, comparison=compare_runs(records))


def parts(page: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    scripts = Scripts(page).scripts
    assert [attributes.get("id") for attributes, _ in scripts] == ["content", "sentences", None]
    return json.loads(scripts[0][1]), json.loads(scripts[1][1]), scripts[2][1]


def test_markup_in_the_data_stays_text(report: Report) -> None:
    page = render(report)
    content, texts, _ = parts(page)
    assert tuple(texts["words"][0]) == HOSTILE
    assert content["runs"][0]["run"] == "<b>one"
    assert "img" not in Scripts(page).tags
    assert "b" not in Scripts(page).tags
    assert "<img" not in page


def test_the_page_loads_nothing_and_runs_only_its_own_script(report: Report) -> None:
    page = render(report)
    assert Scripts(page).urls == ["data:,"]
    digest = base64.b64encode(hashlib.sha256(parts(page)[2].encode()).digest()).decode()
    assert f"default-src 'none'; script-src 'sha256-{digest}';" in page
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)


def test_the_page_has_what_a_knowledge_base_knows_of_each_mention(
    records: dict[str, Record], folders: dict[str, Path], tmp_path: Path
) -> None:
    pytest.importorskip("marisa_trie")
    from coner.knowledge import load
    from coner.knowledge.build import BuildSettings, build

    predicted = [fake_predictions(GOLD, quality=quality, seed=seed) for quality, seed in ((0.5, 1), (0.8, 2))]
    everyone = [[s.entities or () for s in GOLD], *predicted]
    names = {
        " ".join(s.words[e.start : e.end]) for each in everyone for s, es in zip(GOLD, each, strict=True) for e in es
    }
    plain = sorted(name for name in names if name.isalnum())
    table = "".join(f"{name},City,about <i>{name}</i>\n" for name in plain[::2])
    (tmp_path / "names.csv").write_text(f"name,types,description\n{table}")
    build([tmp_path / "names.csv"], tmp_path / "kb", BuildSettings())
    report = make_report(compare_runs(records), records, folders, knowledge=load(tmp_path / "kb"))
    page = render(report)
    known = parts(page)[0]["known"]
    assert {name: known[name] for name in plain[::2]} == {n: [f"{n} (City): about <i>{n}</i>"] for n in plain[::2]}
    assert known.keys() <= names
    assert known.keys().isdisjoint(plain[1::2])
    assert "i" not in Scripts(page).tags


def test_equal_runs_give_equal_pages(report: Report, tmp_path: Path) -> None:
    write_page(report, tmp_path / "a.html")
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == render(report) == render(report)


def test_the_data_are_those_of_the_scorer(report: Report) -> None:
    content, texts, _ = parts(render(report))
    labels = content["labels"]
    for seed, run in ((1, "<b>one"), (2, "two")):
        predicted = fake_predictions(GOLD, quality=0.5 if seed == 1 else 0.8, seed=seed)
        fine = score([s.entities or () for s in GOLD], predicted).fine
        (values,) = [entry for entry in content["runs"] if entry["run"] == run]
        confusion = {(labels[g], labels[p]): n for g, p, n in values["confusion"]}
        assert confusion == {(g, p): n for g, row in fine.confusion.items() for p, n in row.items()}
        classes = {labels[int(at)]: tuple(numbers[1:]) for at, numbers in values["classes"].items()}
        assert classes == {name: (r.support, r.predicted, r.tp) for name, r in fine.classes.items()}
        draws = np.frombuffer(base64.b64decode(values["draws"]), dtype="<u2").reshape(content["draws"], len(labels))
        expected = class_f1_draws(fine.counts, tuple(labels), resamples=content["draws"])
        assert np.abs(draws / 65535 - expected).max() < 1 / 65535
        rows = [np.array(flat).reshape(-1, 4) for flat in texts["predicted"][run]]
        assert [[(a, b, labels[x], s) for a, b, x, s in row.tolist()] for row in rows] == [
            [(e.start, e.end, e.label, round(1000 * e.score)) for e in entities] for entities in predicted
        ]


def test_noisy_scores_have_a_section(report: Report) -> None:
    assert 'id="noisy"' not in render(report)
    record = report.records["two"]
    record = edited(edited(record, "scores.dev_noisy", record.scores["dev"]), "data.dev_noisy", record.data["dev"])
    page = render(with_record(report, "two", edited(record, "scores.dev_noisy.fine.macro_f1", 0.125)))
    assert 'id="noisy"' in page
    assert "noisy macro" in page
    clean = record.scores["dev"].fine.macro_f1
    assert [run["noisy"] for run in parts(page)[0]["runs"]] == [None, [clean, 0.125]]


def test_usage_of_a_language_model_has_a_table(report: Report) -> None:
    assert 'id="asked-table"' not in render(report)
    usage = LlmUsage(
        tokens_per_sentence=1234.4,
        seconds_per_sentence=2.5,
        cost_per_sentence=0.00125,
        repaired=7,
        dropped=3,
        unanswered={"refused": 2},
        partial=Partial(answered=48, sentences=50),
    )
    page = render(with_record(report, "<b>one", edited(report.records["<b>one"], "llm.dev", usage)))
    table = page[page.index('id="asked-table"') : page.index('id="classes"')]
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", table)
    assert cells == ["1,234", "1.25", "2.50", "7", "3", "48 of 50"]
    assert "&lt;b&gt;one" in table
    assert "two" not in table


def test_runs_of_one_name_have_a_row_of_means(tmp_path: Path) -> None:
    folders = {f"one.{i}": make_run(tmp_path / f"one.{i}", GOLD, quality=0.5, seed=i, name="one") for i in (1, 2)}
    records = {run: read_record(folder) for run, folder in folders.items()}
    page = render(make_report(compare_runs(records), records, folders))
    row = page[page.index('<tr data-name="one">') :].partition("</tr>")[0]
    mean = sum(record.scores["dev"].span.f1 for record in records.values()) / 2
    assert f">{mean:.3f}<" in row and row.count("<td") == 9


def test_warnings_are_at_the_top(report: Report) -> None:
    page = render(with_record(report, "two", edited(report.records["two"], "data.dev.sha256", "e" * 64)))
    assert page.index("Do not compare these numbers") < page.index('id="scores"')
    assert [run["paired"] for run in parts(page)[0]["runs"]] == [True, False]


def test_an_oracle_is_named_at_the_top(report: Report) -> None:
    assert "Oracles, whose" not in render(report)
    facts = {"knowledge": {"oracle": {"dev": 0}}}
    page = render(with_record(report, "two", edited(report.records["two"], "training", facts)))
    assert page.index("Oracles: their scores are not comparable") < page.index('id="scores"')


def test_without_jinja_the_error_names_the_extra(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtra, match=r"pip install 'coner\[report\]'"):
        render(report)
