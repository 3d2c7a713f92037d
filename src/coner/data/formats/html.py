"""A web page of coloured mentions: one file without scripts, which loads nothing; in sections that open one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TextIO

from coner.core.html import colour_css, colours, marked, stable_colour
from coner.core.types import Entity, Sentence
from coner.data.formats import DEFAULTS, Format, WriteOptions, formats

SECTION = 500  # sentences: a browser lays out only the sections that are open
STYLE = """
:root { color-scheme: light dark; --back: #fff; --text: #1b1e24; --soft: #565d69; --line: #d5d9e0; }
@media screen and (prefers-color-scheme: dark) {
  :root { --back: #14171c; --text: #e8eaee; --soft: #a5adba; --line: #3a414d; } }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; background: var(--back); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.4rem; }
p, small, summary, li::marker { color: var(--soft); }
ul { display: flex; flex-wrap: wrap; gap: .3rem .5rem; margin: .75rem 0; padding: 0; list-style: none; }
details { border-top: 1px solid var(--line); }
summary { padding: .5rem 0; cursor: pointer; }
ol { margin: 0 0 1rem; padding-left: 4.5em; }
ol li { margin: .35rem 0; padding-left: .3em; line-height: 2; white-space: pre-wrap; overflow-wrap: anywhere; }
mark { padding: .15em .35em; border-radius: .35em; background: var(--bg); color: var(--text);
  -webkit-box-decoration-break: clone; box-decoration-break: clone; }
mark small { color: var(--fg); font-size: .75rem; font-weight: 600; white-space: nowrap; user-select: none; }
@media (max-width: 40rem) { ol { padding-left: 2.8em; } }
@media (forced-colors: active) { mark { border: 1px solid; } }
@media print { mark { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""
HEAD = """<!doctype html>
<html lang="mul">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Entities</title>
<style>{style}</style>
</head>
<body>
<h1>Entities</h1>
{legend}<p>A number is the confidence of a prediction. Each section has up to {section} sentences: click to open it.</p>
"""


class Html(Format):
    title = "a page of coloured mentions"
    suffixes = (".html", ".htm")
    holds = frozenset({"labels", "labels missing", "scores", "links", "white space"})
    appends = True

    def write_text(self, sentences: Iterable[Sentence], handle: TextIO, options: WriteOptions = DEFAULTS) -> None:
        groups = options.groups or {}
        chosen = colours(groups.values())
        if not options.written:
            legend = "".join(f'<li><mark class="m{at}">{escape(group)}</mark></li>\n' for group, at in chosen.items())
            legend = f'<ul aria-label="Groups and their colours">\n{legend}</ul>\n' if chosen else ""
            handle.write(HEAD.format(style=f"{colour_css()}{STYLE}", legend=legend, section=SECTION))

        def attributes(entity: Entity) -> str:
            group = groups.get(entity.label)
            at = stable_colour(entity.label) if group is None else chosen[group]
            notes = [note for note in (group, entity.kb_id) if note and note != entity.label]
            note = f' title="{escape(", ".join(notes))}"' if notes else ""
            return f'class="m{at}"{note}'

        total, end = options.written, "</ol></details>\n"
        for sentence in sentences:
            if total % SECTION == 0:
                details = f"{end}<details>" if total else "<details open>"
                handle.write(f'{details}<summary>from sentence {total + 1:,}</summary>\n<ol start="{total + 1}">\n')
            total += 1
            note = "" if sentence.entities is not None else " <small>(no labels)</small>"
            handle.write(f"<li><bdi>{marked(sentence, sentence.entities or (), attributes)}</bdi>{note}\n")
        handle.write(f"{end if total else ''}</body>\n</html>\n")

    def write(self, sentences: Sequence[Sentence], path: Path, options: WriteOptions = DEFAULTS) -> Counter[str]:
        if options.groups is None:  # each label has a colour of its own, and stands in the legend
            labels = sorted({entity.label for sentence in sentences for entity in sentence.entities or ()})
            options = replace(options, groups={label: label for label in labels})
        return super().write(sentences, path, options)


formats.register(Html())
