"""The page of the service in a real browser."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import coner
from coner.core.html import COLOURS
from helpers.chromium import prefer, resize
from helpers.server import COMMAND, Server, run_server, run_stub

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TEXTS = ["in R\U0001f600 the film was shot in reykjavík .", "<b>she</b> moved to basel & was sold by bayer ."]
# Every visible text with its contrast (WCAG 2, relative luminance).
CONTRASTS = """
const rgb = (c) => c.match(/[\\d.]+/g).map(Number);
const light = (c) => rgb(c).slice(0, 3).map((v) => v / 255)
  .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const behind = (e) => {
  for (let at = e; at; at = at.parentElement) {
    const c = getComputedStyle(at).backgroundColor;
    if (rgb(c)[3] !== 0) return c;
  }
};
const found = [];
for (const e of document.querySelectorAll("body *")) {
  const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  if (!own || !e.getClientRects().length || e.tagName === "OPTION") continue;
  const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
  found.push([(a + 0.05) / (b + 0.05), e.textContent.trim()]);
}
return found;
"""


@pytest.fixture(scope="module")
def server(browser: Any, models: list[Path]) -> Iterator[Server]:
    with run_server("-c", COMMAND, "serve", *map(str, models), "--port", "0", "--max-texts", "5") as running:
        running.ready()
        yield running


def open_page(browser: Any, server: Server) -> str:
    resize(browser, 1280)
    prefer(browser, "light")
    for log in ("browser", "performance"):
        browser.get_log(log)
    home = f"http://127.0.0.1:{server.port}/"
    browser.get(home)
    until(browser, "return document.getElementById('model').value || document.getElementById('error').textContent")
    return home


def requested(browser: Any) -> list[str]:
    """Every address that the browser requested since the last call."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Any]:
    """The page, opened again; at the end there must be no error and no request to another site."""
    home = open_page(browser, server)
    yield browser
    assert browser.get_log("browser") == []
    assert all(url.startswith(home) for url in requested(browser))


def until(page: Any, script: str, *arguments: Any) -> Any:
    """Wait until a script returns a true value."""
    deadline = time.monotonic() + 30
    while not (value := page.execute_script(script, *arguments)):
        assert time.monotonic() < deadline, script
        time.sleep(0.05)
    return value


def one(page: Any, selector: str) -> Any:
    return page.find_element("css selector", selector)


def texts(page: Any, selector: str) -> list[str]:
    script = "return [...document.querySelectorAll(arguments[0])].map((node) => node.textContent)"
    return list(page.execute_script(script, selector))


def paste(page: Any, text: str) -> None:
    """Set the text, as pasting does."""
    script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))"
    page.execute_script(script, one(page, "#text"), text)


def choose(page: Any, selector: str, value: str) -> None:
    from selenium.webdriver.support.select import Select

    Select(one(page, selector)).select_by_value(value)


def find_entities(page: Any, panels: int = 1) -> None:
    one(page, "#tag").click()
    done = "return document.querySelectorAll('article').length === arguments[0] && "
    done += "document.getElementById('form').ariaBusy === 'false'"
    until(page, done, panels)


def set_threshold(page: Any, percent: int) -> None:
    script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))"
    page.execute_script(script, one(page, "#threshold"), percent)


def marks(page: Any, response: int = 0) -> list[tuple[str, str, int]]:
    """Text, label and percentage of each mark."""
    found = []
    for text in texts(page, f"article[data-response='{response}'] mark"):
        match = re.fullmatch(r"(.*) (\S+) (\d+) %", text, re.DOTALL)
        assert match, text
        found.append((match[1], match[2], int(match[3])))
    return found


def entities_of(server: Server, model: str, lines: list[str]) -> list[dict[str, Any]]:
    """What the service answers directly."""
    results = server.tag({"texts": lines, "model": model}).json["results"]
    return [entity for result in results for entity in result["entities"]]


def as_marks(entities: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    return [(entity["text"], entity["label"], int(100 * entity["confidence"])) for entity in entities]


def test_pasted_text_is_shown_with_entities(page: Any, server: Server) -> None:
    paste(page, "\n\n".join(TEXTS))
    find_entities(page)
    entities = entities_of(server, "good", TEXTS)
    assert entities
    assert marks(page) == as_marks(entities)
    page.execute_script("for (const chip of document.querySelectorAll('.chip')) chip.remove()")
    assert texts(page, ".text") == TEXTS  # markup is shown as text, and the text is complete
    assert texts(page, "#status") == [f"good: {len(entities)} entities."]
    groups = [entity["group"] for entity in entities]
    assert sorted(texts(page, "#legend li")) == sorted(f"{group} {groups.count(group)}" for group in set(groups))


def test_slider_needs_no_request(page: Any, server: Server) -> None:
    paste(page, "\n".join(TEXTS))
    find_entities(page)
    entities = entities_of(server, "good", TEXTS)
    shares = sorted(entity["confidence"] for entity in entities)
    threshold = int(100 * shares[len(shares) // 2]) + 1
    requested(page)
    set_threshold(page, threshold)
    kept = [entity for entity in entities if entity["confidence"] >= threshold / 100]
    assert len(entities) - len(kept) > 0
    assert marks(page) == as_marks(kept)
    assert texts(page, "#threshold-value") == [f"{threshold} %"]
    assert texts(page, "#status") == [f"good: {len(kept)} of {len(entities)} entities."]
    set_threshold(page, 29)  # 100 * (29 / 100) is less than 29
    assert texts(page, "#threshold-value") == ["29 %"]
    set_threshold(page, 0)
    assert marks(page) == as_marks(entities)
    assert requested(page) == []


def test_two_models_side_by_side(page: Any, server: Server) -> None:
    choose(page, "#other", "poor")
    paste(page, "\n".join(TEXTS))
    find_entities(page, panels=2)
    good, poor = entities_of(server, "good", TEXTS), entities_of(server, "poor", TEXTS)
    assert (marks(page, 0), marks(page, 1)) == (as_marks(good), as_marks(poor))
    left, right = (box.rect for box in page.find_elements("css selector", "article"))
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"]
    both = {(e["char_start"], e["char_end"], e["label"]) for e in good} & {
        (e["char_start"], e["char_end"], e["label"]) for e in poor
    }
    unique = len(texts(page, "article[data-response='0'] mark.unique"))
    assert unique == len(good) - len(both)


def test_legend_explains_dashed_marks(page: Any) -> None:
    choose(page, "#other", "poor")
    one(page, "#example").click()
    find_entities(page, panels=2)
    for percent in range(0, 100, 2):  # until one model alone is confident enough
        set_threshold(page, percent)
        if texts(page, "mark.unique") and texts(page, "mark:not(.unique)"):
            break
    assert texts(page, "#legend li")[-1] == "dashed: predicted by this model only"
    border = "return getComputedStyle(document.querySelector(arguments[0])).borderTopStyle"
    places = ("#legend li:last-child .swatch", "mark.unique", "mark:not(.unique)")
    assert [page.execute_script(border, place) for place in places] == ["dashed", "dashed", "solid"]
    choose(page, "#other", "")
    find_entities(page)
    assert not [text for text in texts(page, "#legend li") if "dashed" in text]


def test_no_two_groups_share_a_colour_while_colours_are_left(page: Any) -> None:
    paste(page, "\n".join(TEXTS))
    find_entities(page)
    script = (
        """return [...document.querySelectorAll("#legend .swatch")].map((e) => getComputedStyle(e).backgroundColor)"""
    )
    found = page.execute_script(script)
    assert len(set(found)) == len(found) > 1
    script = """const [groups, shown, done] = arguments; const colours = new Map();
      import("/view.js").then(({ assignColours }) => {
        assignColours(colours, groups, new Set()); assignColours(colours, groups, new Set(shown));
        done(Object.fromEntries(colours)); });"""
    names = [f"group {number}" for number in range(3 * COLOURS)]
    first = page.execute_async_script(script, names, names[:COLOURS])
    assert [first[name] for name in names[:COLOURS]] == list(range(COLOURS))
    shown = names[::3]  # as many as there are colours, and several had the same one
    colours = page.execute_async_script(script, names, shown)
    assert sorted(colours[name] for name in shown) == list(range(COLOURS))
    more = page.execute_async_script(script, names, names)
    assert set(more.values()) == set(range(COLOURS))


def test_results_can_be_copied(page: Any, server: Server, tmp_path: Path) -> None:
    allowed = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    page.execute_cdp_cmd("Browser.grantPermissions", {"permissions": allowed})
    paste(page, "\n".join(TEXTS))
    find_entities(page)
    set_threshold(page, 30)
    results = server.tag({"texts": TEXTS}).json["results"]
    for result in results:
        result["entities"] = [entity for entity in result["entities"] if entity["confidence"] >= 0.3]
    copied = {}
    for button in page.find_elements("css selector", "article button"):
        button.click()
        name = button.text.removeprefix("Copy ")
        until(page, f"return document.getElementById('status').textContent === 'Copied as {name}.'")
        copied[name] = page.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    assert json.loads(copied["JSON"]) == {"model": "good", "results": results}
    file = tmp_path / "copied.conll"
    file.write_text(copied["CoNLL"], encoding="utf-8")
    sentences = list(coner.read(file))
    assert [list(sentence.words) for sentence in sentences] == [result["words"] for result in results]
    for sentence, result in zip(sentences, results, strict=True):
        wanted = [(entity["start"], entity["end"], entity["label"]) for entity in result["entities"]]
        assert [(entity.start, entity.end, entity.label) for entity in sentence.entities or ()] == wanted


def test_keyboard_is_enough(page: Any, server: Server) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    def press(*keys: str) -> None:
        ActionChains(page).send_keys(*keys).perform()

    def focus() -> str:
        script = "const a = document.activeElement; return a.id || a.tagName.toLowerCase()"
        return str(page.execute_script(script))

    press(Keys.TAB)  # the link
    press(Keys.TAB)
    assert focus() == "text"
    press("in reykjavík and basel")
    ActionChains(page).key_down(Keys.CONTROL).send_keys(Keys.ENTER).key_up(Keys.CONTROL).perform()
    until(page, "return document.querySelectorAll('mark').length")
    order = []
    while not order or order[-1] != "mark":
        press(Keys.TAB)
        order.append(focus())
        assert len(order) < 12
        width = page.execute_script("return parseFloat(getComputedStyle(document.activeElement).outlineWidth)")
        assert width >= 2, order  # the focus is visible
    assert order == ["model", "other", "tag", "example", "threshold", "mark"]
    (entity, *_) = entities_of(server, "good", ["in reykjavík and basel"])
    detail = one(page, "#detail")
    assert detail.is_displayed()
    assert entity["text"] in detail.text
    assert entity["group"] in detail.text
    definitions = server.get("/labels").json["groups"]
    meaning = {label["name"]: label["definition"] for group in definitions for label in group["labels"]}
    assert meaning[entity["label"]] in detail.text
    assert f"{100 * entity['confidence']:.1f} %" in detail.text
    press(Keys.ESCAPE)
    assert not detail.is_displayed()


def test_tooltip_stays_within_the_window(page: Any) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    resize(page, 360, 640)
    paste(page, "\n".join(TEXTS))
    find_entities(page)
    for mark in page.find_elements("css selector", "mark"):
        page.execute_script("arguments[0].scrollIntoView({block: 'center'})", mark)
        time.sleep(0.1)
        ActionChains(page).move_to_element(mark).perform()
        until(page, "return !document.getElementById('detail').hidden")
        box = page.execute_script("return document.getElementById('detail').getBoundingClientRect().toJSON()")
        assert box["left"] >= 0
        assert box["right"] <= 360
        assert box["top"] >= 0
        assert box["bottom"] <= 640
        ActionChains(page).move_to_element(one(page, "#threshold")).perform()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_narrow_and_dark_pages_are_readable(page: Any, scheme: str, width: int) -> None:
    resize(page, width)
    prefer(page, scheme)
    one(page, "#example").click()
    choose(page, "#other", "poor")
    find_entities(page, panels=2)
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    page.execute_script("document.querySelector('mark').focus()")
    time.sleep(0.3)  # colours have a transition
    contrasts = page.execute_script(CONTRASTS)
    assert len(contrasts) > 20
    assert min(contrasts) >= [4.5]
    paper = page.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", paper)[:3])) < 200) == (scheme == "dark")


def test_every_field_has_a_label(page: Any) -> None:
    script = "return [...document.querySelectorAll('input, select, textarea')].map((e) => [e.id, e.labels.length])"
    assert dict(page.execute_script(script)) == {"text": 1, "token": 1, "model": 1, "other": 1, "threshold": 1}
    assert one(page, "#status").get_attribute("role") == "status"
    assert one(page, "#error").get_attribute("role") == "alert"


def error(page: Any) -> str:
    return str(until(page, "return document.getElementById('error').textContent"))


def test_errors_are_shown(page: Any) -> None:
    one(page, "#tag").click()
    assert "there is no text" in error(page)
    paste(page, "\n".join("abcdef"))
    one(page, "#tag").click()
    until(page, "return document.getElementById('error').textContent.includes('6 texts; expected at most 5')")
    entries = page.get_log("browser")  # the browser logs the status
    assert all("422" in entry["message"] for entry in entries)
    paste(page, "in basel")
    find_entities(page)
    assert texts(page, "#error") == [""]


def test_page_asks_for_a_token(browser: Any) -> None:
    with run_stub(token="CONER_TEST_TOKEN", environment={"CONER_TEST_TOKEN": "correct-horse"}) as server:
        open_page(browser, server)
        assert "the token is missing" in error(browser)
        one(browser, "#token").send_keys("correct-horse", "\t")
        until(browser, "return document.getElementById('model').value")
        assert not one(browser, "#other").is_displayed()  # one model only
        paste(browser, "in Rome")
        find_entities(browser)
        assert marks(browser) == [("Rome", "City", 50)]


def test_content_security_policy_blocks_other_scripts(page: Any, server: Server) -> None:
    headers = server.get("/").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    script = "const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s)"
    page.execute_script(script)
    assert page.execute_script("return window.ran") is None
    (entry,) = page.get_log("browser")
    assert "Content Security Policy" in entry["message"]
