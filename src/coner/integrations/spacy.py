"""A tagger as a component of a spaCy pipeline: ``nlp.add_pipe("coner", config={"model": "runs/best"})``.

It sets ``doc.ents``, in place of what was there, and a span group named as the component, whose ``attrs["scores"]`` are
the entities' probabilities (as spaCy's own span categoriser keeps them). spaCy's tokens are the words, less those of
white space; sentences are ``doc.sents`` where something has set them, else a document is one.

The model is saved with the pipeline, as files in a folder of the component's name, or as bytes. spaCy makes a component
from its config before it gives it what was saved, perhaps on another machine: so a folder that does not exist is told
when the model is first needed, and every other fault at once.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from coner.core.errors import MissingExtra, ModelError
from coner.core.types import Entity, Sentence
from coner.data.formats.spacy import is_space
from coner.families import load
from coner.families.tagger import Tagger

try:
    import srsly
    from spacy.language import Language
    from spacy.pipeline import Pipe
    from spacy.scorer import get_ner_prf
    from spacy.tokens import Doc, Span, SpanGroup, Token
except ImportError:
    raise MissingExtra("a component of a spaCy pipeline", "spacy") from None

WEIGHTS = {"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None}


class ConerPipe(Pipe):
    """The component.

    Args:
        model: folder of a trained model.
        name: of the component, and of its span group.

    Raises:
        ModelError: the folder is there, but is no model that can be opened.
    """

    def __init__(self, model: str, *, name: str = "coner") -> None:
        self.name = name
        self.scorer = get_ner_prf  # for nlp.evaluate
        self._folder = Path(model)
        self._unpacked: tempfile.TemporaryDirectory[str] | None = None
        self._tagger = load(self._folder) if self._folder.exists() else None

    @property
    def tagger(self) -> Tagger:
        """The model; ``ModelError`` where its folder does not exist, and nothing was loaded in its place."""
        if self._tagger is None:
            self._tagger = load(self._folder)
        return self._tagger

    @property
    def labels(self) -> tuple[str, ...]:
        """What it can find; nothing until there is a model, for spaCy asks while it loads."""
        return () if self._tagger is None else self._tagger.labels

    def __call__(self, doc: Doc) -> Doc:
        """Set the entities of one document."""
        self._annotate([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Set the entities of many; the sentences of ``batch_size`` documents are tagged together."""
        coming = iter(stream)
        while docs := list(islice(coming, batch_size)):
            try:
                self._annotate(docs)
            except Exception as error:  # it is spaCy's caller who says what becomes of them
                self.get_error_handler()(self.name, self, docs, error)
            else:
                yield from docs

    def _annotate(self, docs: Sequence[Doc]) -> None:
        cut = [(number, tokens) for number, doc in enumerate(docs) for tokens in _sentences(doc)]
        found = self.tagger.tag([Sentence(tuple([token.text for token in tokens])) for _, tokens in cut])
        ents: list[list[tuple[Span, float]]] = [[] for _ in docs]
        for (number, tokens), entities in zip(cut, found, strict=True):
            ents[number] += [(_span(docs[number], tokens, entity), entity.score) for entity in entities]
        for doc, pairs in zip(docs, ents, strict=True):
            spans = [span for span, _ in pairs]
            doc.set_ents(spans, default="outside")
            scores = [score for _, score in pairs]
            doc.spans[self.name] = SpanGroup(doc, name=self.name, attrs={"scores": scores}, spans=spans)

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the model into a folder; ``OutputError`` where that fails."""
        self.tagger.save(Path(path))

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "ConerPipe":
        """Take the model of a folder in place of the one that there was."""
        self._tagger = load(path)
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The files of the model, as one string of bytes."""
        with tempfile.TemporaryDirectory() as folder:
            self.tagger.save(Path(folder))
            files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
            packed = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
        data: bytes = srsly.msgpack_dumps(packed)
        return data

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "ConerPipe":
        """Take the model of ``to_bytes``; some kinds read their files later, so these stay while the component does."""
        unpacked = tempfile.TemporaryDirectory(prefix="coner-")
        _unpack(data, Path(unpacked.name))
        self._tagger = load(unpacked.name)
        self._unpacked = unpacked
        return self


@Language.factory(
    "coner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type", "doc.spans"],
    default_score_weights=WEIGHTS,
)
def make(nlp: Language, name: str, model: str) -> ConerPipe:  # noqa: ARG001 - spaCy's signature
    """What spaCy makes the component with."""
    return ConerPipe(model, name=name)


def _sentences(doc: Doc) -> Iterator[list[Token]]:
    """The words of each sentence that has one."""
    for span in doc.sents if doc.has_annotation("SENT_START") else (doc[:],):
        if tokens := [token for token in span if not is_space(token)]:
            yield tokens


def _span(doc: Doc, tokens: Sequence[Token], entity: Entity) -> Span:
    return Span(doc, tokens[entity.start].i, tokens[entity.end - 1].i + 1, label=entity.label)


def _unpack(data: bytes, folder: Path) -> None:
    files: Any = srsly.msgpack_loads(data)
    if not isinstance(files, dict) or not all(isinstance(content, bytes) for content in files.values()):
        raise ModelError("these bytes are no model; expected what to_bytes of the component gave")
    for name, content in files.items():
        path = folder / str(name)
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ModelError(f"these bytes are no model: file {name!r} lies outside its folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
