"""``coner distil``: a model's labels on unlabelled text, for another one to be trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from coner.cli.model import model as model_folder
from coner.cli.options import InputRepair, InputScheme
from coner.cli.spending import INCOMPLETE, Cost, LedgerFile, Tokens, check_cost, tell

if TYPE_CHECKING:
    from coner.core.types import Entity, Sentence
    from coner.families.tagger import Tagger

UNREADABLE = "left out, as the answer cannot be read, or was cut"


def distil(
    teacher: Annotated[
        Path, typer.Argument(parser=model_folder, metavar="MODEL", help="Folder of a model, such as a prompted one.")
    ],
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="Text, CoNLL, JSONL (also .gz), or what coner convert reads.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The CoNLL file to write; also .gz.")],
    *,
    kind: Annotated[
        Literal["auto", "conll", "jsonl", "text", "brat", "labelstudio", "spacy", "datasets"],
        typer.Option("--from", help="What the input is; auto: by its name, then its content."),
    ] = "auto",
    scheme: InputScheme = "iob2",
    repair: InputRepair = False,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N sentences.")] = None,
    budget_tokens: Tokens = None,
    budget_cost: Cost = None,
    ledger: LedgerFile = None,
) -> None:
    """Label sentences with a model, and mark each as its work, to train a smaller one on them with data.extra.

    Labels of the input are not looked at. Sentences without an answer, or with one that cannot be read or was cut, are
    left out and counted; with the first of these the exit code is 3, and the same command goes on.

    Examples:

      coner distil runs/llm unlabelled.txt -o silver.conll --budget-tokens 500000

      coner train configs/paper-minilm.toml --set data.train=train.conll
      --set 'data.extra=[{file="silver.conll", weight=0.3}]' --out runs/distilled
    """
    from coner.core.errors import DataError
    from coner.core.files import atomic_write
    from coner.core.progress import progress_bar, stderr
    from coner.data import detect, stream, write_conll
    from coner.families import load
    from coner.families.asking import Asking, account, allow

    check_cost(budget_cost)
    reader = stream(source, scheme=scheme, repair=repair, format=detect(source) if kind == "auto" else kind)
    tagger = load(teacher)
    allow(tagger, tokens=budget_tokens, cost=budget_cost, ledger=ledger)
    work = _Teaching(tagger, tagger.model if isinstance(tagger, Asking) else teacher.resolve().name)
    with atomic_write(out) as handle, progress_bar("labelling", limit) as shown:
        write_conll(work(islice(reader, limit), shown.advance), handle)
        if not work.counts["written"]:
            raise DataError("no sentence could be labelled; nothing is written", source)
    told = f"{work.counts['written']} of {work.counts['read']} sentences, {work.counts['entities']} entities"
    unreadable = f", {work.counts[UNREADABLE]} {UNREADABLE}" if work.counts[UNREADABLE] else ""
    stderr.print(f"{out}: {told}{unreadable}")
    if not tell(tagger, account(tagger), work.counts["read"]):
        raise typer.Exit(INCOMPLETE)


class _Teaching:
    """Sentences with a model's labels, each marked as its work; those that it says nothing of are left out.

    Args:
        tagger: the teacher.
        name: that the mark gives it.

    Attributes:
        counts: what became of the sentences.
    """

    def __init__(self, tagger: Tagger, name: str) -> None:
        self._tagger = tagger
        self._mark = "labelled_by=" + "_".join(name.split())
        self.counts: Counter[str] = Counter()

    def __call__(self, sentences: Iterable[Sentence], advance: Callable[[], object]) -> Iterator[Sentence]:
        """In order, and in constant memory; ``advance`` is called as they are done."""
        from coner.families.asking import account, check_answered
        from coner.families.chunks import chunks

        for chunk in chunks(self._tagger, sentences):
            for sentence, entities in zip(chunk, list(self._found(chunk)), strict=True):
                advance()
                self.counts["read"] += 1
                if entities is not None:
                    self.counts["written"] += 1
                    self.counts["entities"] += len(entities)
                    yield self._marked(sentence, entities)
            check_answered(account(self._tagger), self.counts["written"] + self.counts[UNREADABLE])

    def _found(self, chunk: Sequence[Sentence]) -> Iterator[list[Entity] | None]:
        from coner.families.asking import answers
        from coner.families.llm.tagger import LlmTagger

        if not isinstance(self._tagger, LlmTagger):
            yield from answers(self._tagger, chunk)
            return
        for extracted in self._tagger.extracted(chunk):
            unusable = not extracted.readable or extracted.cut
            self.counts[UNREADABLE] += unusable and extracted.failure is None
            yield None if unusable or extracted.entities is None else list(extracted.entities)

    def _marked(self, sentence: Sentence, entities: Sequence[Entity]) -> Sentence:
        """The mark stands behind the sentence's id, where every reader takes it as a header."""
        from coner.core.types import Sentence
        from coner.data.formats.conll import UNFIT_ID
        from coner.data.reading.layout import HEADER

        own = next((line for line in sentence.header if line.startswith(HEADER)), None)
        known = sentence.id if sentence.id and not UNFIT_ID.search(sentence.id) else str(self.counts["read"])
        head = own or HEADER + known
        return Sentence(sentence.words, tuple(entities), header=(f"{head}\t{self._mark}",))
