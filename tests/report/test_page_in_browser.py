"""The page of runs in a real browser: twenty runs of two thousand sentences."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coner.cli.app import run as coner
from coner.core.types import Entity, Sentence
from coner.evaluation.significance import class_f1_draws
from coner.records.record import Record, read_record, write_record
from helpers.chromium import prefer, resize
from helpers.fake_runs import GROUPS, HOSTILE, fake_predictions, make_run, sentences
from helpers.records import edited

pytestmark = [pytest.mark.browser, pytest.mark.slow]
pytest.importorskip("jinja2")

RUNS, COUNT = 20, 2000
GOLD = sentences(COUNT)
OVERFLOW = """return [...document.querySelectorAll("#summary .scroll, #scores .scroll, #classes .scroll")]
  .map((e) => e.scrollWidth - e.clientWidth)"""
QUALITY = [0.3 + 0.025 * (i * 7 % RUNS) for i in range(RUNS)]  # the best run is not the last


@pytest.fixture(scope="module")
def folders(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Ten names by two seeds; made only where there is a browser."""
    root = tmp_path_factory.mktemp("runs")
    return [
        make_run(root / f"row{i // 2}.{i % 2}", GOLD, quality=QUALITY[i], seed=i, name=f"row{i // 2}")
        for i in range(RUNS)
    ]


@pytest.fixture(scope="module")
def records(folders: list[Path]) -> dict[str, Record]:
    return {folder.name: read_record(folder) for folder in folders}


@pytest.fixture(scope="module")
def file(folders: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    assert coner(["compare", *map(str, folders), "--html", str(path)]) == 0
    return path


@pytest.fixture
def page(browser: Any, file: Path) -> Iterator[Any]:
    """The page, newly loaded; after the test there must be no error in the log and no request to the network."""
    resize(browser, 1280)
    prefer(browser, "light")
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(file.as_uri())
    yield browser
    assert browser.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requested = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert {url for url in requested if not url.startswith("data:")} <= {file.as_uri()}


def one(page: Any, selector: str) -> Any:
    return page.find_element("css selector", selector)


def every(page: Any, selector: str) -> list[Any]:
    return list(page.find_elements("css selector", selector))


def texts(page: Any, selector: str) -> list[str]:
    script = "return [...document.querySelectorAll(arguments[0])].map((node) => node.textContent.trim())"
    return list(page.execute_script(script, selector))


def choose(page: Any, selector: str, value: str) -> None:
    from selenium.webdriver.support.select import Select

    Select(one(page, selector)).select_by_value(value)


def draw_all(page: Any) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    # On a busy machine the driver may return from loading a large page before its script has run.
    WebDriverWait(page, 20).until(lambda page: page.execute_script("return typeof showAll === 'function'"))
    page.execute_script("showAll()")


def press(page: Any, *keys: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    for key in keys:
        ActionChains(page).send_keys(key).perform()


def focused(page: Any) -> str:
    return str(
        page.execute_script(
            "return document.activeElement.getAttribute('aria-label') || document.activeElement.textContent"
        )
    )


def order(page: Any) -> list[str]:
    return [row.get_attribute("data-run") or "" for row in every(page, "#scores-table tbody tr")]


def test_the_page_opens_in_under_two_seconds(page: Any) -> None:
    times = page.execute_script(
        "const t = performance.getEntriesByType('navigation')[0]; return [t.loadEventEnd, t.duration]"
    )
    assert 0 < times[0] < 2000, times
    before = page.execute_script("return performance.now()")
    draw_all(page)
    page.execute_script("document.body.offsetHeight")
    assert page.execute_script("return performance.now()") - before < 2000


def test_columns_sort_both_ways_by_mouse_and_by_keyboard(page: Any, records: dict[str, Record]) -> None:
    from selenium.webdriver.common.keys import Keys

    macro = {run: record.scores["dev"].fine.macro_f1 for run, record in records.items()}
    best_first = sorted(macro, key=lambda run: -macro[run])
    head = one(page, "#scores-table thead th:nth-child(5)")
    button = head.find_element("tag name", "button")
    button.click()
    assert (order(page), head.get_attribute("aria-sort")) == (best_first, "descending")
    press(page, Keys.ENTER)
    assert (order(page), head.get_attribute("aria-sort")) == (best_first[::-1], "ascending")
    one(page, "#scores-table thead th:first-child button").send_keys(Keys.SPACE)
    assert order(page) == sorted(records)
    assert head.get_attribute("aria-sort") is None
    one(page, "#scores-table thead th:nth-child(7) button").click()  # p: the baseline has none and is last
    assert order(page)[-1] == "row0.0"


def test_the_best_value_is_bold(page: Any, records: dict[str, Record]) -> None:
    best = max(records.values(), key=lambda record: record.scores["dev"].fine.macro_f1)
    assert texts(page, "#scores-table td:nth-child(5) strong")[0].startswith(
        f"{best.scores['dev'].fine.macro_f1:.3f} ["
    )


def test_the_filter_applies_to_all_sections(page: Any) -> None:
    draw_all(page)
    one(page, "#filter").send_keys("ROW3 crf")
    shown = [row.text.split()[0] for row in every(page, "#scores-table tbody tr") if row.is_displayed()]
    assert shown == ["row3.0", "row3.1"]
    assert one(page, "#filter-count").text == "2 of 20 runs, in all sections"
    assert (
        texts(page, "#class-first option")
        == texts(page, "#matrix-run option")
        == texts(page, "#read-run option")
        == shown
    )
    assert texts(page, "#cost .legend button") == ["row3"]
    one(page, "#filter").send_keys(" nothing")
    assert not [row for row in every(page, "#scores-table tbody tr") if row.is_displayed()]
    choose(page, "#class-order", "name")  # with no run shown, there is no table to sort


def test_classes_of_two_runs_have_paired_intervals(page: Any, records: dict[str, Record]) -> None:
    draw_all(page)
    choose(page, "#class-first", "row2.1")
    choose(page, "#class-second", "row7.0")
    one_run, other = (records[run].sentences["dev"] for run in ("row2.1", "row7.0"))
    labels = tuple(GROUPS)
    left, right = (class_f1_draws(counts, labels, resamples=500) for counts in (one_run, other))
    low, high = np.quantile(right - left, (0.025, 0.975), axis=0)
    rows = [
        [cell.text for cell in row.find_elements("css selector", "th, td")]
        for row in every(page, "#class-body tbody tr")
    ]
    assert [int(row[1]) for row in rows] == sorted((int(row[1]) for row in rows), reverse=True)
    for name, support, *scores, difference, _ in rows:
        a, b = (records[run].scores["dev"].fine.classes[name] for run in ("row2.1", "row7.0"))
        wanted = [rate for of in (a, b) for rate in (of.precision, of.recall, of.f1)]
        assert int(support) == a.support
        assert [float(cell[:5]) for cell in scores] == pytest.approx(wanted, abs=0.00051)
        numbers = [float(piece.strip("[,]").replace("−", "-")) for piece in difference.split()]
        at = labels.index(name)
        assert numbers == pytest.approx([b.f1 - a.f1, low[at], high[at]], abs=0.00102)
    choose(page, "#class-order", "name")
    assert texts(page, "#class-body tbody th") == sorted(GROUPS, key=str.casefold)
    choose(page, "#class-order", "difference")
    values = [float(text.split()[0].replace("−", "-")) for text in texts(page, "#class-body td:nth-child(9)")]
    assert values == sorted(values, reverse=True)


def test_a_cell_opens_its_sentences(page: Any, records: dict[str, Record]) -> None:
    draw_all(page)
    choose(page, "#matrix-run", "row1.0")
    predicted = fake_predictions(GOLD, quality=QUALITY[2], seed=2)
    spans = {(i, e.start, e.end): e.label for i, entities in enumerate(predicted) for e in entities}
    gold = {(i, e.start, e.end): e.label for i, s in enumerate(GOLD) for e in s.entities or ()}
    missed = {place[0] for place, label in gold.items() if label == "Artist" and place not in spans}
    assert missed
    one(page, '#matrix-body button[aria-label^="gold Artist, predicted missed"]').click()
    assert f"of {len(missed)};" in one(page, "#read-status").text
    shown = texts(page, "#read-list li .line:first-child > span:last-child")
    assert len(shown) == min(20, len(missed))
    for text, number in zip(shown, sorted(missed), strict=False):
        assert GOLD[number].words[-1] in text
    assert all("Artist" in mark and "missed" in mark for mark in texts(page, "#read-list .chosen"))
    assert focused(page) == "Sentences and errors"
    one(page, "#read-next").click()
    assert len(every(page, "#read-list li")) == min(20, len(missed) - 20)
    one(page, "#read-back").click()
    assert focused(page).startswith("gold Artist, predicted missed")


def test_cells_of_groups_have_the_counts_of_the_record(page: Any, records: dict[str, Record]) -> None:
    draw_all(page)
    one(page, 'input[value="coarse"]').click()
    choose(page, "#matrix-run", "row4.1")
    record = records["row4.1"]
    cells = {}
    for button in every(page, "#matrix-body button[data-cell]"):
        pair, count = (button.get_attribute("aria-label") or "").removeprefix("gold ").rsplit(": ", 1)
        cells[tuple(pair.split(", predicted "))] = int(count)
    groups = sorted(set(GROUPS.values()))
    for group in groups:
        result = record.scores["dev"].coarse.classes[group]
        assert cells[group, group] == result.tp
        assert sum(n for (gold, _), n in cells.items() if gold == group) == result.support
        assert sum(n for (_, predicted), n in cells.items() if predicted == group) == result.predicted
    page.execute_script("document.querySelector('[aria-label^=\"gold spurious, predicted Person\"]').click()")
    assert f"matching entities: {cells['spurious', 'Person']}" in one(page, "#read-status").text


def test_search_in_the_text_and_markup_stays_text(page: Any) -> None:
    draw_all(page)
    one(page, "#read-wrong").click()
    one(page, "#read-text").send_keys("</SCRIPT><img src=x")
    assert one(page, "#read-status").text.startswith("Sentences 1–1 of 1;")
    (line,) = texts(page, "#read-list li .line:first-child > span:last-child")
    for word in HOSTILE[2:7]:
        assert word in line
    assert every(page, "img") == []


def test_two_runs_side_by_side_where_they_differ(page: Any) -> None:
    draw_all(page)
    choose(page, "#read-run", "row0.0")
    choose(page, "#read-other", "row0.1")
    one(page, "#read-differ").click()
    one(page, "#read-wrong").click()
    first, second = (fake_predictions(GOLD, quality=QUALITY[i], seed=i) for i in (0, 1))
    differ = sum(set(a) != set(b) for a, b in zip(first, second, strict=True))
    assert f"of {differ:,};" in one(page, "#read-status").text
    assert texts(page, "#read-list li:first-child .who") == ["gold", "row0.0", "row0.1"]


def test_the_keyboard_reaches_a_sentence_from_the_top(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    press(page, Keys.TAB)
    assert focused(page) == "Skip to the scores"
    assert page.execute_script("return document.activeElement.getBoundingClientRect().left") >= 0
    press(page, Keys.ENTER)
    assert page.execute_script("return document.activeElement.id") == "main"
    draw_all(page)
    for _ in range(80):
        press(page, Keys.TAB)
        if page.execute_script("return document.activeElement.dataset.cell") is not None:
            break
    assert focused(page).startswith("gold ")
    style = "const s = getComputedStyle(document.activeElement); return s.outlineStyle + s.outlineWidth"
    assert page.execute_script(style) == "solid3px"
    start = focused(page)
    press(page, Keys.ARROW_RIGHT)
    assert focused(page) != start
    assert focused(page).split(",")[0] == start.split(",")[0]
    press(page, Keys.ARROW_DOWN)
    assert focused(page).split(",")[0] != start.split(",")[0]
    assert len(every(page, "#matrix-body table button[tabindex='0']")) == 1
    press(page, Keys.ENTER)
    assert focused(page) == "Sentences and errors"
    assert every(page, "#read-list li .chosen")


@pytest.mark.parametrize("width", [1280, 1920])
def test_tables_fit_with_differences_and_p(page: Any, width: int) -> None:
    resize(page, width)
    draw_all(page)
    heads = texts(page, "#scores-table thead th")
    assert [sum(word in head for head in heads) for word in ("minus baseline", "p (Holm)")] == [2, 2]
    assert page.execute_script(OVERFLOW) == [0, 0, 0, 0]


def test_long_names_and_all_columns_fit(browser: Any, tmp_path: Path) -> None:
    places = []
    for name in ("a_long_name_without_any_hyphen_at_all", "plain-minilm-with-crf-and-hyphens"):
        record = read_record(make_run(tmp_path / name, GOLD[:100], quality=0.5))
        for section in ("scores", "data", "confusion", "sentences"):
            record = edited(record, f"{section}.dev_noisy", getattr(record, section)["dev"])
        record = edited(edited(record, "time.train_seconds", 7100.0), "size.bytes", 1_886_000_000)
        write_record(record, tmp_path / name)
        places.append(str(tmp_path / name))
    assert coner(["compare", *places, "--html", str(tmp_path / "page.html")]) == 0
    resize(browser, 1280)
    browser.get((tmp_path / "page.html").as_uri())
    draw_all(browser)
    assert len(texts(browser, "#scores-table thead th")) == 14
    assert browser.execute_script(OVERFLOW) == [0, 0, 0]


def test_a_run_beside_itself_has_no_difference(page: Any) -> None:
    draw_all(page)
    choose(page, "#class-first", "row2.1")
    choose(page, "#class-second", "row2.1")
    assert len(texts(page, "#class-body thead th")) == 5
    choose(page, "#class-order", "difference")  # then by support
    supports = [int(text.replace(",", "")) for text in texts(page, "#class-body td:nth-child(2)")]
    assert supports == sorted(supports, reverse=True)


def test_without_scripts_the_scores_are_shown(page: Any, file: Path) -> None:
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.get(file.as_uri())
        shown = [section.get_attribute("id") for section in every(page, "section") if section.is_displayed()]
        assert shown == ["summary", "scores"]
        assert len([row for row in every(page, "#scores-table tbody tr") if row.is_displayed()]) == RUNS
        assert "JavaScript is off" in one(page, "#scores .warning").text
        assert "all plots need JavaScript" in one(page, "#scores .warning").text
        assert not [control for control in every(page, "select, input, button") if control.is_displayed()]
        assert [link.text for link in every(page, "nav a") if link.is_displayed()] == ["In short", "Scores"]
    finally:
        page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    page.get(file.as_uri())
    assert not every(page, "#scores .warning")


def test_flat_labels_have_colours_of_their_own(browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = ("band", "album", "award", "song", "genre", "event", "country", "place", "misc")
    for name, value in (("LABELS", labels), ("GROUPS", {label: label for label in labels})):
        monkeypatch.setattr(f"helpers.fake_runs.{name}", value)
    run = make_run(tmp_path / "flat", sentences(80), quality=0.5)
    assert coner(["compare", str(run), "--html", str(tmp_path / "page.html")]) == 0
    resize(browser, 1280)
    browser.get((tmp_path / "page.html").as_uri())
    draw_all(browser)
    script = """return [...document.querySelectorAll(arguments[0])].map((e) =>
      [e.querySelector("small")?.firstChild.textContent.trim().split(" ")[0] ?? e.textContent,
       getComputedStyle(e).backgroundColor])"""
    key = dict(browser.execute_script(script, "#read-key .mention[class^='mention m']"))
    assert key.keys() == set(labels)
    assert len(set(key.values())) == len(labels)
    marks = browser.execute_script(script, "#read-list .mention")
    assert len(marks) > 20
    assert all(key[label] == colour for label, colour in marks)


@pytest.mark.parametrize("width", [360, 800, 1280])
def test_no_width_scrolls_sideways(page: Any, width: int) -> None:
    resize(page, width)
    draw_all(page)
    page.execute_script("document.querySelector('#matrix-body button').click()")
    assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")


def test_dark_mode_has_enough_contrast(page: Any) -> None:
    def contrast() -> float:
        script = "const s = getComputedStyle(document.querySelector(arguments[0])); return s[arguments[1]]"
        text, back = (
            page.execute_script(script, *where) for where in ((".note", "color"), ("body", "backgroundColor"))
        )
        lights = []
        for colour in (text, back):
            parts = [int(part) / 255 for part in colour[4:-1].split(",")]
            linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
            lights.append(float(np.dot(linear, (0.2126, 0.7152, 0.0722))))
        light.append(lights[1])
        return (max(lights) + 0.05) / (min(lights) + 0.05)

    light: list[float] = []
    assert contrast() > 4.5
    prefer(page, "dark")
    assert contrast() > 4.5
    assert light[0] > 0.9
    assert light[1] < 0.05


def test_plots_have_labels_for_screen_readers(page: Any) -> None:
    draw_all(page)
    labels = [node.get_attribute("aria-label") or "" for node in every(page, "figure svg")]
    assert len(labels) == 7
    assert all("20 runs" in label or "40 runs" in label for label in labels)
    assert len(every(page, "#cost svg path title")) == 2 * RUNS
    assert all(node.get_attribute("scope") for node in every(page, "th"))
    pressed = [node.get_attribute("aria-pressed") for node in every(page, "#cost .legend button")]
    assert pressed.count("true") == 7


def test_a_click_on_a_name_colours_it(page: Any) -> None:
    draw_all(page)
    grey = every(page, "#cost .legend button[aria-pressed='false']")
    name = grey[0].text
    grey[0].click()
    assert focused(page) == name
    for place in ("cost", "training", "confidence"):
        assert name in texts(page, f"#{place} .legend button[aria-pressed='true']")


def test_records_without_folders_say_what_is_missing(browser: Any, folders: list[Path], tmp_path: Path) -> None:
    places = []
    for folder in folders[:2]:
        places.append(tmp_path / f"{folder.name}.json")
        places[-1].write_bytes((folder / "record.json").read_bytes())
    assert coner(["compare", *map(str, places), "--html", str(tmp_path / "page.html")]) == 0
    browser.get((tmp_path / "page.html").as_uri())
    draw_all(browser)
    assert "No run has sentences to read" in one(browser, "#errors").text
    one(browser, "#matrix-body button").click()
    assert "There are no sentences of " in one(browser, "#matrix-none").text
    assert browser.get_log("browser") == []


def test_missed_mentions_of_a_run_without_predictions_can_be_read(browser: Any, tmp_path: Path) -> None:
    run = make_run(tmp_path / "constructor", GOLD[:40], quality=-1)  # a property of every JavaScript object
    assert not read_record(run).confusion["dev"]
    arguments = ["--html", str(tmp_path / "page.html"), "--pictures", str(tmp_path / "pictures")]
    assert coner(["compare", str(run), *arguments]) == 0
    assert (tmp_path / "pictures" / "confusion.svg").exists()
    browser.get((tmp_path / "page.html").as_uri())
    draw_all(browser)
    assert texts(browser, "#read-run option") == ["constructor"]
    one(browser, "#matrix-body ol.most button").click()
    assert every(browser, "#read-list > *")
    assert browser.get_log("browser") == []


def test_tooltip_of_a_mention_has_what_the_knowledge_base_has(browser: Any, tmp_path: Path) -> None:
    pytest.importorskip("marisa_trie")
    words, (first, second, *_) = ("constructor", "met", "miles", "davis"), GROUPS
    gold = [Sentence(words, (Entity(0, 1, first), Entity(2, 4, second)))] * 2
    folder = make_run(tmp_path / "run", gold, quality=0.0, seed=1)
    (tmp_path / "names.csv").write_text("name,types,description\nMiles Davis,Artist,a <b>trumpeter</b>\n")
    assert coner(["kb", "build", str(tmp_path / "names.csv"), "--out", str(tmp_path / "kb")]) == 0
    path = tmp_path / "report.html"
    assert coner(["compare", str(folder), "--html", str(path), "--kb", str(tmp_path / "kb")]) == 0
    browser.get_log("browser")
    browser.get(path.as_uri())
    draw_all(browser)
    script = """return [...document.querySelectorAll("#read-list .mention.truth")]
      .map((mention) => [mention.firstChild.textContent, mention.title])"""
    shown = dict(browser.execute_script(script))
    assert shown["miles davis"].splitlines()[-1] == "Miles Davis (Artist): a <b>trumpeter</b>"
    assert shown["constructor"].splitlines()[-1] == "not in the knowledge base"
    assert browser.get_log("browser") == []
