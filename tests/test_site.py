"""The documentation as a site: complete, without broken links, and without anything from elsewhere."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import typer

import coner
from coner.cli.app import app
from coner.config.load import builtin_configs
from coner.config.template import template
from coner.data.formats import all_formats
from coner.evaluation.metrics import METRICS
from coner.families.registry import family, kinds
from helpers import ROOT
from helpers.chromium import chromium

pytest.importorskip("sphinx", reason="the extra docs is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::sphinx.deprecation.RemovedInSphinx11Warning")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built") / "site"
    command = [sys.executable, ROOT / "docs/site/build.py", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports a module of docs/site."""
    before = set(sys.modules)

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    monkeypatch.syspath_prepend(ROOT / "docs/site")
    yield load
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(ROOT / "docs/site")):
            del sys.modules[name]


class Page(HTMLParser):
    """The anchors, links and loaded files of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: Counter[str] = Counter()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        self.ids.update([values["id"]] if "id" in values else [])
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "link" and values.get("rel") not in ("index", "search", "next", "prev", "author"):
            self.loaded.append(values.get("href", ""))
        self.loaded += [values[key] for key in ("src", "srcset", "data", "poster") if tag != "a" and key in values]
        self.loaded += re.findall(r"url\(([^)]*)\)", values.get("style", ""))


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html") if "_static" not in path.parts}


def commands(group: Any, name: str) -> Iterator[tuple[str, Any]]:
    yield name, group
    for inner, command in getattr(group, "commands", {}).items():
        yield from commands(command, f"{name} {inner}")


def test_every_command_has_a_page_with_all_of_its_options(site: Path, pages: dict[Path, Page]) -> None:
    found = dict(commands(typer.main.get_command(app), "coner"))
    assert {"coner train", "coner data split"} <= found.keys()
    for name, command in found.items():
        path = site / "reference/commands" / f"{name.replace(' ', '-')}.html"
        for option in command.params:
            if option.param_type_name == "option" and not option.hidden:
                for text in option.opts:
                    assert f"cmdoption-{name.replace(' ', '-')}-{text.strip('-')}" in pages[path].ids, (name, text)


def keys(values: dict[str, Any], path: str = "") -> Iterator[str]:
    for key, value in values.items():
        nested = isinstance(value, dict) and value
        yield from keys(value, f"{path}{key}.") if nested else [f"{path}{key}"]


@pytest.mark.parametrize("kind", kinds(configurable=True))
def test_every_setting_of_a_full_config_is_described(kind: str, site: Path, pages: dict[Path, Page]) -> None:
    text = template(family(kind).settings, {})
    empty = re.sub(r"^# ([\w-]+) =.*$", r"\1 = 0", text, flags=re.MULTILINE)  # also what is commented out
    ids = pages[site / "reference/settings.html"].ids
    known = list(keys(tomllib.loads(empty)))
    assert len(known) > 30
    for key in known:
        general = re.sub(r"^train\.groups\.\w+", "train.groups.NAME", key)
        assert f"confval-{general}" in ids, key


def test_every_format_metric_and_config_is_described(site: Path, pages: dict[Path, Page]) -> None:
    for format in all_formats():
        assert format.name in pages[site / "reference/formats.html"].ids
    for name in builtin_configs():
        assert name in pages[site / "reference/configs.html"].ids
    metrics = (site / "reference/metrics.html").read_text(encoding="utf-8")
    for metric in METRICS:
        assert f">{metric.name}<" in metrics


def test_every_public_name_is_described(site: Path, pages: dict[Path, Page]) -> None:
    ids = pages[site / "reference/python.html"].ids
    assert len(coner.__all__) > 10
    for name in coner.__all__:
        assert f"coner.{name}" in ids


def test_every_link_leads_to_a_page_and_an_anchor(site: Path, pages: dict[Path, Page]) -> None:
    checked = 0
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_file(), f"{path.relative_to(site)}: {link}"
            if parts.fragment and target in pages:
                assert unquote(parts.fragment) in pages[target].ids, f"{path.relative_to(site)}: {link}"
                checked += 1
    assert checked > 1000


def test_no_page_loads_anything_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        assert page.loaded
        for url in page.loaded:
            parts = urlsplit(url)
            assert not parts.scheme or parts.scheme == "data", f"{path.relative_to(site)}: {url}"
            assert not parts.netloc, f"{path.relative_to(site)}: {url}"
    for style in site.rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        for url in re.findall(r"url\(\s*[\"']?([^)\"']*)|@import\s+[\"']([^\"']*)", text):
            assert not re.match(r"(https?:)?//", "".join(url)), f"{style.relative_to(site)}: {url}"


def test_the_notebook_is_stored_without_outputs_and_shown_with_them(site: Path) -> None:
    stored = json.loads((ROOT / "docs/tutorial.ipynb").read_text(encoding="utf-8"))
    code = [cell for cell in stored["cells"] if cell["cell_type"] == "code"]
    assert code
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code)
    shown = (site / "tutorial-notebook.html").read_text(encoding="utf-8")
    assert shown.count('class="notebook-output"') == len(code)
    assert "(614, 132, 132)" in shown  # sentences of the sample
    assert re.search(r"<mark [^>]*>radiotherapy<small> MedicalProcedure</small></mark>", shown)
    assert "True\n" in shown  # the loaded model predicts the same


@pytest.mark.browser
def test_the_search_finds_a_setting_without_a_server(site: Path) -> None:
    with chromium() as browser:
        browser.get(f"file://{site}/index.html")
        buttons = browser.find_elements("css selector", ".search-button__button")
        next(button for button in buttons if button.is_displayed()).click()
        browser.switch_to.active_element.send_keys("crf.c2")
        browser.implicitly_wait(20)
        result = browser.find_element("css selector", '#search-results a[href*="confval-crf.c2"]')
        browser.get(result.get_attribute("href"))
        setting = browser.find_element("css selector", "dt:target")
        assert setting.text.startswith("crf.c2")
        events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
        sent = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        assert sent
        assert all(url.startswith(("file:", "data:")) for url in sent)
        assert not [
            e for e in browser.get_log("browser") if e["level"] == "SEVERE" and "theme mode" not in e["message"]
        ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[a](other.md)", "other.md"),
        ("[a](#nowhere)", "nowhere"),
        ("```{eval-rst}\n:py:class:`coner.Nothing`\n```", "coner.Nothing"),
        ("[a][b]\n\n[b]: other.md", "other.md"),
    ],
    ids=["page", "anchor", "name", "reference"],
)
def test_a_broken_reference_fails_the_build(
    text: str, fault: str, script: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/index.md").write_text(f"# Title\n\n{text}\n")
    assert script("build").render(tmp_path / "pages", tmp_path / "site") != 0
    assert fault in capfd.readouterr().err


def test_links_lead_to_the_pages_of_the_site(script: Any) -> None:
    pages = script("pages")
    file, data = ROOT / "docs/crf.md", ROOT / "docs/data.md"
    text = "[a](data.md#formats) [b](../README.md) `[c](data.md)` [d](#e) [f](https://g.h)\n```\n[i](data.md)\n```\n"
    kept = "`[c](data.md)` [d](#e) [f](https://g.h)\n```\n[i](data.md)\n```\n"
    known = {data, ROOT / "README.md"}
    assert pages.relinked(text, file, known) == f"[a](data.md#formats) [b](index.md) {kept}"
    assert pages.relinked("[x](../src/coner)", file, known) == "x (`src/coner`)"
    with pytest.raises(SystemExit, match=re.escape("docs/crf.md:3: got a link to gone.md")):
        pages.relinked("a\n\n[b](gone.md)", file, known)
