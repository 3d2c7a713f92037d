"""The page of an audit: one file that loads nothing, readable without scripts, in sections that open one by one."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from importlib import resources
from pathlib import Path

from coner.core.counted import counted
from coner.core.files import atomic_write
from coner.core.html import colour_css, colours, marked
from coner.core.types import Entity
from coner.runs.audit.audit import Audit
from coner.runs.audit.candidates import KINDS, AuditCandidate, Group, group

SECTION = 50  # groups: a browser lays out only the sections that are open
PLACES = 3  # lines that are named for each label of a surface
MEANING = {
    "class": "this span, another class",
    "boundary": "a mention, other words",
    "missing": "not annotated, but probably a mention",
    "spurious": "annotated, but probably not a mention",
}
# Characters without a picture, which a browser would drop or obey; tab and line feed are white space.
CONTROLS = {code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\t\n"} | {127: "\u2421"}
HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'sha256-{digest}'; \
style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">
<title>Audit of {name}</title>
<link rel="icon" href="data:,">
<style>
{style}</style>
<noscript><style>.scripted {{ display: none !important; }}</style></noscript>
</head>
<body>
"""


def write_audit_page(audit: Audit, candidates: Sequence[AuditCandidate], path: Path) -> None:
    """Write the page of these candidates, atomically; ``OutputError`` if that fails."""
    page = render(audit, candidates)
    with atomic_write(path) as handle:
        handle.write(page)


def render(audit: Audit, candidates: Sequence[AuditCandidate]) -> str:
    """Return the page as text; equal audits give equal text."""
    script = _file("audit.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    name = escape(audit.corpus.path.name.encode("utf-8", "replace").decode())
    head = HEAD.format(digest=digest, name=name, style=colour_css() + _file("audit.css"))
    body = "".join(_Page(audit, candidates).parts(name)).translate(CONTROLS)
    return f"{head}{body}<script>{script}</script>\n</body>\n</html>\n"


class _Page:
    def __init__(self, audit: Audit, candidates: Sequence[AuditCandidate]) -> None:
        self.audit, self.candidates = audit, candidates
        support = Counter(e.label for sentence in audit.corpus for e in sentence.entities or ())
        self.colours = colours(sorted(support, key=lambda label: (-support[label], label)))

    def parts(self, name: str) -> Iterator[str]:
        """The content of the body."""
        audit, groups = self.audit, group(self.audit.corpus, self.candidates)
        total, shown = len(audit.suspicious), len(self.candidates)
        yield f"<header>\n<h1>Audit of {name}</h1>\n<p>{len(audit.corpus):,} sentences, {audit.mentions:,} mentions; "
        yield f"each sentence was tagged by one of {audit.folds} taggers ({escape(audit.kind)}) that has not seen it. "
        rest = f"; the first {shown:,} are here" if shown < total else ""
        yield f"Suspicious: {counted(total, 'candidate')}{rest}. "
        yield "The score, from 0 to 1, says how sure the taggers are; many are hard cases with a correct annotation. "
        yield "Candidates are grouped by their words, the most suspicious first.</p>\n"
        if audit.left_out:
            yield f"<p>Left out: {counted(audit.left_out, 'mention')} of classes that no other fold has.</p>\n"
        yield f"{self._counts()}{self._legend()}{self._controls()}</header>\n<main>\n"
        for at in range(0, len(groups), SECTION):
            some = groups[at : at + SECTION]
            count = sum(len(one.candidates) for one in some)
            title = f"Groups {at + 1:,} to {at + len(some):,}: {counted(count, 'candidate')}"
            yield f"<details{' open' * (at == 0)}><summary>{title}</summary>\n"
            yield from map(self._group, some)
            yield "</details>\n"
        if not groups:
            yield "<p>Nothing is suspicious.</p>\n"
        yield "</main>\n"

    def _counts(self) -> str:
        rows = "".join(
            f'<tr><th scope="row"><span class="kind">{error}</span></th>'
            f'<td class="number">{count:,}</td><td>{MEANING[error]}</td></tr>'
            for error, count in self.audit.counts.items()
        )
        head = '<tr><th>kind</th><th class="number">candidates</th><th>meaning</th></tr>'
        return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>\n"

    def _legend(self) -> str:
        marks = (f'<li><mark class="m{at}">{escape(label)}</mark>' for label, at in self.colours.items())
        return f'<ul class="legend" aria-label="Classes and their colours">{"".join(marks)}</ul>\n'

    def _controls(self) -> str:
        labels = sorted({label for candidate in self.candidates for label in _labels(candidate)})
        kinds = "".join(f'<option value="{error}">{error}</option>' for error in KINDS)
        classes = "".join(f'<option value="{escape(label)}">{escape(label)}</option>' for label in labels)
        return (
            '<form class="controls scripted">'
            f'<label>Kind <select id="kind"><option value="">all</option>{kinds}</select></label>'
            f'<label>Class <select id="class"><option value="">all</option>{classes}</select></label>'
            '<label>Words <input type="search" id="words" autocomplete="off"></label>'
            '<p id="status" role="status"></p></form>\n'
        )

    def _group(self, group: Group) -> str:
        annotated = ", ".join(
            f"{self._mark(label) if label else 'not annotated'} {len(places):,} {self._lines(places)}"
            for label, places in sorted(group.annotated.items(), key=lambda item: (-len(item[1]), item[0]))
        )
        title = f'<h2><bdi>{escape(group.surface)}</bdi></h2><p class="note">In the whole file: {annotated}</p>'
        items = "".join(map(self._candidate, group.candidates))
        return f'<section class="group">{title}<ol>{items}</ol></section>\n'

    def _lines(self, places: Sequence[tuple[int, int]]) -> str:
        lines = [f"{self.audit.line(*place):,}" for place in places[:PLACES]]
        more = ", …" if len(places) > PLACES else ""
        return f"(line{'s' * (len(places) > 1)} {', '.join(lines)}{more})"

    def _candidate(self, candidate: AuditCandidate) -> str:
        audit, number, suggested = self.audit, candidate.sentence, candidate.suggested
        sentence = audit.corpus[number]
        alternative = "no mention" if candidate.error == "spurious" else "another mention"
        if suggested is not None:
            words = f"<bdi>{escape(sentence.surface(suggested))}</bdi> " if candidate.error == "boundary" else ""
            alternative = f"{words}{self._mark(suggested.label)} {suggested.score:.2f}"
        gold = self._mark(candidate.gold.label) if candidate.gold else "no mention"
        surface = " ".join(sentence.words[slice(*candidate.span)]).lower()
        data = f'data-kind="{candidate.error}" data-words="{escape(surface)}"'
        labels = "".join(f'<data value="{escape(label)}" hidden></data>' for label in _labels(candidate))
        identity = f", id {escape(sentence.id)}" if sentence.id else ""
        return (
            f'<li class="candidate" {data}>{labels}<p class="what"><span class="kind">{candidate.error}</span> '
            f"<strong>{candidate.score:.2f}</strong> {gold} → {alternative} "
            f"<small>line {audit.line(number, candidate.span[0]):,}{identity}</small></p>"
            f"{self._row('annotated', candidate, sentence.entities or ())}"
            f"{self._row('predicted', candidate, audit.evidence[number].predicted)}</li>"
        )

    def _row(self, title: str, candidate: AuditCandidate, entities: Sequence[Entity]) -> str:
        start, end = candidate.span

        def attributes(entity: Entity) -> str:
            chosen = " chosen" if entity.start < end and start < entity.end else ""
            return f'class="m{self.colours[entity.label]}{chosen}"'

        text = marked(self.audit.corpus[candidate.sentence], entities, attributes)
        return f'<p class="row"><span class="who">{title}</span><bdi dir="auto">{text}</bdi></p>'

    def _mark(self, label: str) -> str:
        return f'<mark class="m{self.colours[label]}">{escape(label)}</mark>'


def _labels(candidate: AuditCandidate) -> list[str]:
    return sorted({entity.label for entity in (candidate.gold, candidate.suggested) if entity is not None})


def _file(name: str) -> str:
    return resources.files("coner.report").joinpath("page", name).read_text(encoding="utf-8")
