"""What notebooks show of predictions, scores and comparisons: escaped, without scripts, nothing from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from coner.core.types import Entity, Sentence
from coner.evaluation.score import score
from coner.families.tagger import Prediction
from coner.families.usage import Failure
from coner.records.record import read_record
from coner.report.compare import compare_runs
from helpers.fake_runs import fake_predictions, make_run, sentences
from helpers.records import edited

EVIL = '"><img src=x onerror=alert(1)>'
SENTENCE = Sentence((EVIL, "sang"), (Entity(0, 1, EVIL),))
GOLD = sentences(40)


class Cells(HTMLParser):
    """The rows of all tables, the text outside of them, and the names of all tags and attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows, self.names, self.text = list[list[str]](), set[str](), ""
        self._cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names |= {tag, *(name for name, _ in attrs)}
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        self._cell = self._cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._cell:
            self.rows[-1][-1] += data
        else:
            self.text += data


def show(thing: Any) -> Cells:
    page = Cells(thing._repr_html_())
    assert page.names <= {"div", "mark", "small", "em", "p", "strong", "style", "dir"} | {
        "table", "caption", "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip
    return page


def test_a_prediction() -> None:
    assert show(Prediction(SENTENCE, (Entity(1, 2, "Verb", 0.875),))).text == f"{EVIL} sang Verb 0.88"
    assert show(Prediction(SENTENCE, ())).text == f"{EVIL} sang"
    lost = Prediction(SENTENCE, None, failures=(Failure("refused", "it <said> no"),) * 2)
    assert show(lost).text == f"{EVIL} sang (no answer: it <said> no)"


def test_scores() -> None:
    scores = score([SENTENCE, *GOLD], [(), *fake_predictions(GOLD, quality=0.5, seed=1)])
    page = show(scores)
    rows = {row[0]: row[1:] for row in page.rows}
    fine = scores.fine
    assert rows[f"macro F1, over {fine.macro_classes} classes that occur in gold"] == [f"{fine.macro_f1:.3f}"]
    assert rows[f"micro F1, precision {fine.precision:.4f}, recall {fine.recall:.4f}"] == [f"{fine.micro_f1:.3f}"]
    assert rows[EVIL] == ["0.000", "0.000", "0.000", "1", "0"]
    assert len(page.rows) == 2 + 4 + len(scores.fine.classes)


def test_a_comparison(tmp_path: Path) -> None:
    records = {
        f"<b>{seed}": read_record(make_run(tmp_path / str(seed), GOLD, quality=seed / 3, seed=seed)) for seed in (1, 2)
    }
    page = show(compare_runs(records))
    assert [row[0] for row in page.rows] == ["run", "<b>1", "<b>2", "minus <b>1", "<b>2"]
    macro = records["<b>2"].scores["dev"].fine.macro_f1
    assert page.rows[2][2].startswith(f"{macro:.3f} [")
    assert "<strong>" in compare_runs(records)._repr_html_()
    records["<b>2"] = edited(records["<b>2"], "data.dev.sha256", "e" * 64)
    assert "Do not compare: <b>2 was scored on other data" in show(compare_runs(records)).text


@pytest.mark.browser
@pytest.mark.slow
def test_a_browser_runs_and_loads_nothing(browser: Any, tmp_path: Path) -> None:
    lost = Prediction(SENTENCE, None, failures=(Failure("refused", EVIL),))
    things = [SENTENCE, lost, score([SENTENCE], [()])]
    page = "".join(thing._repr_html_() for thing in things)
    (tmp_path / "page.html").write_text(f"<!doctype html><meta charset=utf-8>{page}", encoding="utf-8")
    browser.get((tmp_path / "page.html").as_uri())
    assert browser.find_elements("css selector", "img, script, link, iframe") == []
    assert [mark.text for mark in browser.find_elements("css selector", "mark")] == [f"{EVIL} {EVIL}"]
    assert browser.get_log("browser") == []
