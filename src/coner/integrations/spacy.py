"""A spaCy pipeline component: ``nlp.add_pipe("coner", config={"model": "runs/best"})``.

It sets ``doc.ents`` and a span group named after the component, whose ``attrs["scores"]`` hold the confidence of each
entity, as in spaCy's span categorizer, and ``attrs["rules"]`` the numbers of entities that rules added, removed and
relabelled. Linked entities have their id in ``kb_id_``. Words are spaCy's tokens without white space; sentences are
``doc.sents`` if an earlier component has set them, else the document is one sentence.

The model is saved with the pipeline. spaCy makes a component from its config before it restores what was saved, perhaps
on another machine: so a missing folder is an error only on first use; other errors are raised at once.
"""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from coner.core.errors import ConfigError, ModelError, requires_extra
from coner.core.types import Sentence
from coner.data.formats.spacy import is_space
from coner.families import load
from coner.families.options import LoadOptions
from coner.families.rules import UNCHANGED
from coner.families.tagger import Tagger
from coner.hub import is_local

with requires_extra("the spaCy component", "spacy"):
    import srsly
    from spacy.language import Language
    from spacy.pipeline import Pipe
    from spacy.scorer import get_ner_prf
    from spacy.tokens import Doc, Span, SpanGroup, Token

WEIGHTS = {"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None}


class ConerPipe(Pipe):
    """The component, from the name of a model, see ``load``; ``ModelError`` if it exists, but cannot be opened.

    ``options`` are those of ``load``. The pipeline stores the paths of their files, not the files.
    """

    def __init__(self, model: str, *, name: str = "coner", options: LoadOptions | None = None) -> None:
        self.name = name
        self.scorer = get_ner_prf  # for nlp.evaluate
        self._model, self._options = model, options or LoadOptions()
        self._unpacked: tempfile.TemporaryDirectory[str] | None = None
        self._tagger = load(model, **self._options) if is_local(model) else None

    @property
    def tagger(self) -> Tagger:
        """The model; ``ModelError`` if it does not exist and nothing was restored."""
        if self._tagger is None:
            self._tagger = load(self._model, **self._options)
        return self._tagger

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels that it can predict; empty until the model is loaded, since spaCy reads them before."""
        return () if self._tagger is None else self._tagger.labels

    def __call__(self, doc: Doc) -> Doc:
        """Set the entities of one document."""
        self._annotate([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Set the entities of many documents; the sentences of ``batch_size`` documents are tagged together."""
        documents = iter(stream)
        while docs := list(islice(documents, batch_size)):
            try:
                self._annotate(docs)
            except Exception as error:
                self.get_error_handler()(self.name, self, docs, error)
            else:
                yield from docs

    def _annotate(self, docs: Sequence[Doc]) -> None:
        sentences = [(number, tokens) for number, doc in enumerate(docs) for tokens in _sentences(doc)]
        words = [Sentence(tuple([token.text for token in tokens])) for _, tokens in sentences]
        groups = [SpanGroup(doc, name=self.name, attrs={"scores": []}) for doc in docs]
        changes = [Counter(UNCHANGED._asdict()) for _ in docs]
        for (number, tokens), prediction in zip(sentences, self.tagger.answers(words), strict=True):
            changes[number].update(prediction.changes._asdict())
            for entity in prediction.entities or ():
                start, end = tokens[entity.start].i, tokens[entity.end - 1].i + 1
                groups[number].append(Span(docs[number], start, end, label=entity.label, kb_id=entity.kb_id))
                groups[number].attrs["scores"].append(entity.score)
        if self.tagger.rules is not None:
            for group, counts in zip(groups, changes, strict=True):
                group.attrs["rules"] = dict(counts)
        for doc, group in zip(docs, groups, strict=True):
            doc.set_ents(list(group), default="outside")
            doc.spans[self.name] = group

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the model into a folder; ``OutputError`` if that fails."""
        self.tagger.save(Path(path))

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "ConerPipe":
        """Load the model of a folder."""
        self._tagger = load(path, **self._options)
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The files of the model as one byte string."""
        with tempfile.TemporaryDirectory() as folder:
            self.tagger.save(Path(folder))
            paths = sorted(Path(folder).rglob("*"))
            packed = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths if path.is_file()}
        return bytes(srsly.msgpack_dumps(packed))

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "ConerPipe":
        """Load a model from ``to_bytes``."""
        files: Any = srsly.msgpack_loads(data)
        if not isinstance(files, dict) or not all(isinstance(content, bytes) for content in files.values()):
            raise ModelError("got bytes that are not a model; expected the result of to_bytes")
        unpacked = tempfile.TemporaryDirectory(prefix="coner-")
        folder = Path(unpacked.name).resolve()
        for name, content in files.items():
            path = folder / str(name)
            if not path.resolve().is_relative_to(folder):
                raise ModelError(f"got a model with a file {name!r}; expected only files inside the model folder")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self._tagger = load(folder, **self._options)
        self._unpacked = unpacked  # some families read their files later
        return self


@Language.factory(
    "coner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type", "doc.spans"],
    default_config={"options": {}},
    default_score_weights=WEIGHTS,
)
def make(nlp: Language, name: str, model: str, options: dict[str, Any]) -> ConerPipe:  # noqa: ARG001 - spaCy's signature
    """Make the component; spaCy calls this."""
    if unknown := options.keys() - LoadOptions.__annotations__.keys():
        expected = ", ".join(LoadOptions.__annotations__)
        raise ConfigError(f"options: got {min(unknown)!r:.80}; expected {expected}")
    return ConerPipe(model, name=name, options=LoadOptions(**options))  # type: ignore[typeddict-item]


def _sentences(doc: Doc) -> Iterator[list[Token]]:
    for span in doc.sents if doc.has_annotation("SENT_START") else (doc[:],):
        if tokens := [token for token in span if not is_space(token)]:
            yield tokens
