"""The page of runs as text: what it holds, and that nothing in it can break out."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coner.core.errors import MissingExtra
from coner.evaluation.score import score
from coner.evaluation.significance import class_f1_draws
from coner.records.record import read_record
from coner.report.compare import compare_runs
from coner.report.found import read_found
from coner.report.html import render, write_page
from helpers.runs_of_many import GROUPS, HOSTILE, guesses, make_run, sentences

pytest.importorskip("jinja2")

GOLD = sentences(50)


class Scripts(HTMLParser):
    """The texts of the scripts, as a browser would cut them out, and every place that a page could load from."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.places: list[str | None] = []
        self.tags: list[str] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._inside = tag == "script"
        self.places += [value for name, value in attrs if name in ("src", "href") and not (value or "").startswith("#")]
        if self._inside:
            self.scripts.append((dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)

    def handle_endtag(self, tag: str) -> None:
        self._inside = False


@pytest.fixture
def world(tmp_path: Path) -> dict[str, Any]:
    """Two runs, one of them with a hostile name."""
    folders = {
        "<b>one": make_run(tmp_path / "one", GOLD, quality=0.5, seed=1),
        "two": make_run(tmp_path / "two", GOLD, quality=0.8, seed=2),
    }
    records = {run: read_record(folder) for run, folder in folders.items()}
    found = read_found(records, folders, part="dev", baseline="<b>one")
    return {"comparison": compare_runs(records), "records": records, "groups": GROUPS, "found": found}


def parts(page: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    scripts = Scripts(page).scripts
    assert [attributes.get("id") for attributes, _ in scripts] == ["content", "sentences", None]
    return json.loads(scripts[0][1]), json.loads(scripts[1][1]), scripts[2][1]


def test_hostile_text_comes_through_whole_and_stays_data(world: dict[str, Any]) -> None:
    page = render(**world)
    content, texts, _ = parts(page)
    assert tuple(texts["words"][0]) == HOSTILE
    assert content["runs"][0]["run"] == "<b>one"
    assert "img" not in Scripts(page).tags
    assert "b" not in Scripts(page).tags
    assert "<img" not in page


def test_the_page_loads_nothing_and_runs_only_its_own_script(world: dict[str, Any]) -> None:
    page = render(**world)
    assert Scripts(page).places == ["data:,"]
    digest = base64.b64encode(hashlib.sha256(parts(page)[2].encode()).digest()).decode()
    assert f"default-src 'none'; script-src 'sha256-{digest}';" in page
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)


def test_equal_runs_give_equal_pages(world: dict[str, Any], tmp_path: Path) -> None:
    write_page(world["comparison"], world["records"], tmp_path / "a.html", groups=GROUPS, found=world["found"])
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == render(**world) == render(**world)


def test_data_give_back_what_the_scorer_counted(world: dict[str, Any]) -> None:
    content, texts, _ = parts(render(**world))
    labels = content["labels"]
    for seed, run in ((1, "<b>one"), (2, "two")):
        found = guesses(GOLD, quality=0.5 if seed == 1 else 0.8, seed=seed)
        fine = score([s.entities or () for s in GOLD], found).fine
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
            [(e.start, e.end, e.label, round(1000 * e.score)) for e in entities] for entities in found
        ]


def test_a_noisy_part_stands_beside_the_clean_one(world: dict[str, Any]) -> None:
    assert 'id="noisy"' not in render(**world)
    record = world["records"]["two"]
    noisy = {**record.scores["dev"], "fine": {**record.scores["dev"]["fine"], "macro_f1": 0.125}}
    world["records"]["two"] = record.model_copy(update={"scores": {**record.scores, "dev_noisy": noisy}})
    world["comparison"] = compare_runs(world["records"])
    page = render(**world)
    assert 'id="noisy"' in page
    assert "noisy macro" in page
    clean = record.scores["dev"]["fine"]["macro_f1"]
    assert [run["noisy"] for run in parts(page)[0]["runs"]] == [None, [clean, 0.125]]


def test_what_a_language_model_took_stands_below_the_scores(world: dict[str, Any]) -> None:
    assert 'id="asked-table"' not in render(**world)
    took = {
        "tokens_per_sentence": 1234.4,
        "seconds_per_sentence": 2.5,
        "cost_per_sentence": 0.00125,
        "repaired": 7,
        "dropped": 3,
        "unanswered": {"refused": 2},
        "partial": {"answered": 48, "sentences": 50},
    }
    world["records"]["<b>one"] = world["records"]["<b>one"].model_copy(update={"llm": {"dev": took}})
    world["comparison"] = compare_runs(world["records"])
    page = render(**world)
    table = page[page.index('id="asked-table"') : page.index('id="classes"')]
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", table)
    assert cells == ["1,234", "1.25", "2.50", "7", "3", "48 of 50"]
    assert "&lt;b&gt;one" in table
    assert "two" not in table


def test_a_record_that_tells_less_still_makes_a_page(world: dict[str, Any]) -> None:
    record = world["records"]["<b>one"]
    bare = {**record.scores["dev"], "fine": dict(record.scores["dev"]["fine"])}
    del bare["scorer"], bare["sentences"], bare["fine"]["macro_classes"]
    less = record.model_copy(update={"data": {}, "scores": {"dev": bare}})
    records = {**world["records"], "<b>one": less}
    page = render(**{**world, "records": records, "comparison": compare_runs(records)})
    assert "a file unnamed" in page
    assert "an unnamed scorer" in page


def test_warnings_stand_at_the_top(world: dict[str, Any]) -> None:
    record = world["records"]["two"]
    data = {"dev": {**record.data["dev"], "sha256": "e" * 64}}
    records = {**world["records"], "two": record.model_copy(update={"data": data})}
    page = render(**{**world, "records": records, "comparison": compare_runs(records)})
    assert page.index("Do not compare these numbers") < page.index('id="scores"')
    assert [run["paired"] for run in parts(page)[0]["runs"]] == [True, False]


def test_without_jinja_the_extra_is_named(world: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtra, match=r"pip install 'coner\[report\]'"):
        render(**world)
