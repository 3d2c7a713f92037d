"""The lowest layers of an encoder as constants: computed once for each training sentence, read back in every epoch.

The encoder runs as it is, so that masks and positions are those of its architecture; only its lowest layers return
stored outputs instead of computing them.
"""

from __future__ import annotations

import mmap
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, cast

import torch
from torch import Tensor, nn

from coner.core.errors import ConfigError
from coner.core.files import make_folder, write_error
from coner.core.progress import progress_bar
from coner.families.encoder.backbone.batch import Batch, collate
from coner.families.encoder.backbone.layout import split_by_budget
from coner.families.encoder.backbone.pieces import Pieces
from coner.families.encoder.backbone.tagger import NetworkTagger
from coner.families.encoder.cpu.accelerate import accelerated
from coner.families.encoder.training.schedule import layer_depth

MEMORY = 1 << 30  # bytes of outputs that are kept in memory; more are read from a file
PASS = 1024  # pieces; not measured on the machine, so that a resumed run computes the same outputs to the last bit


class FrozenLayers:
    """The lowest ``count`` layers of a tagger's encoder, which do not train, and have no dropout in training.

    What they depend on is frozen too: the embeddings, and weights that all layers use, such as relative positions.
    From epoch ``until`` (from 0) on they train like the others; ``None``: never.

    Raises:
        ConfigError: the encoder has fewer layers, or they share their weights.
    """

    def __init__(self, tagger: NetworkTagger, count: int, *, until: int | None) -> None:
        self.tagger, self.count, self.until, self.size = tagger, count, until, 0
        layers = _layers(tagger.encoder, count)
        self.parameters = {
            name: parameter
            for name, parameter in tagger.network.named_parameters()
            if name.startswith("encoder.") and layer_depth(name, len(layers)) >= len(layers) - count
        }
        for parameter in self.parameters.values():
            parameter.requires_grad_(until is not None)
        network: Any = tagger.network
        self._frozen, trained = layers[:count], {module for layer in layers[count:] for module in layer.modules()}
        self._next = next(iter(layers[count:]), None)
        self._constant = [module for module in tagger.encoder.modules() if module not in trained]
        # Hidden states that are stored: those that the head uses, and the one that the trained layers start from.
        self._stored = sorted({layer for layer in network.pooling.layers if 0 < layer < count} | {count})
        self._tuples = [0] * count  # number of values that each layer returns in a tuple; 0: it returns the output
        self._outputs: dict[int, Tensor] = {}

    @property
    def are_trained(self) -> bool:
        """Whether they train at this step."""
        return any(parameter.requires_grad for parameter in self.parameters.values())

    @torch.no_grad()
    def compute(self, sentences: Sequence[Pieces], folder: Path) -> None:
        """Compute and keep the outputs for all sentences, with the weights that the encoder has now.

        More than ``MEMORY`` bytes go to a file in the folder, which the system deletes with this process;
        ``OutputError`` if it cannot be written.
        """
        maker, encoder = self.tagger.pieces, self.tagger.encoder
        specials = len(maker.prefix) + len(maker.suffix)
        sizes = [sum(w.end - w.start + specials for w in maker.windows(len(s.ids))) for s in sentences]
        lengths = [len(sentence.ids) for sentence in sentences]
        passes = split_by_budget(sorted(range(len(sentences)), key=lengths.__getitem__), lengths, PASS)
        width = len(self._stored) * int(encoder.config.hidden_size)
        self.size = sum(sizes) * width * torch.finfo(self.tagger.precision).bits // 8
        self.tagger.network.eval()
        computing = accelerated(encoder, self.tagger.precision)
        with computing, progress_bar("computing frozen layers", len(passes)) as bar:
            chunks: Iterable[Tensor] = (self._run([sentences[i] for i in one], bar.advance) for one in passes)
            if self.size > MEMORY:
                chunks = torch.split(_mapped(chunks, folder), [sum(sizes[i] for i in one) for one in passes])
            for one, chunk in zip(passes, chunks, strict=True):
                self._outputs.update(zip(one, torch.split(chunk, [sizes[i] for i in one]), strict=True))

    @contextmanager
    def replayed(self, batch: Batch, examples: Sequence[int]) -> Iterator[None]:
        """Context in which the encoder gets the outputs of the frozen layers for these sentences from the store."""
        mask, rows = batch.mask.bool(), torch.cat([self._outputs[i] for i in examples]).to(batch.mask.device)
        states = {}
        for layer, values in zip(self._stored, rows.unbind(1), strict=True):
            states[layer] = values.new_zeros(*mask.shape, values.shape[-1])
            states[layer][mask] = values
        training, network = self.tagger.encoder.training, cast(Any, self.tagger.network)
        windows = network.windows
        try:
            network.windows = replace(windows, pieces=sys.maxsize)  # stored outputs are those of all rows at once
            for module in self._constant:
                module.training = False
            for i, layer in enumerate(self._frozen):
                state = states[min(stored for stored in self._stored if stored > i)]
                layer.forward = _constant((state, *[None] * (self._tuples[i] - 1)) if self._tuples[i] else state)
            yield
        finally:
            network.windows = windows
            for module in self._constant:
                module.training = training
            for layer in self._frozen:
                del layer.forward

    def _run(self, sentences: Sequence[Pieces], done: Callable[[], None]) -> Tensor:
        """Outputs of the frozen layers at all pieces of the windows, special tokens included. N x L x H"""
        tagger, outputs = self.tagger, dict[int, Tensor]()
        batch = collate(sentences, tagger.pieces, tagger.device)

        def keep(number: int) -> Callable[..., None]:
            def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
                self._tuples[number] = len(output) if isinstance(output, tuple) else 0
                outputs[number + 1] = output[0] if isinstance(output, tuple) else output

            return hook

        hooks = [layer.register_forward_hook(keep(i)) for i, layer in enumerate(self._frozen)]
        if self._next is not None:
            hooks.append(self._next.register_forward_pre_hook(_stop))
        try:
            with suppress(_Reached):
                tagger.encoder(input_ids=batch.ids, attention_mask=batch.mask)
        finally:
            for hook in hooks:
                hook.remove()
        done()
        return torch.stack([outputs[layer][batch.mask.bool()] for layer in self._stored], dim=1).cpu()


class _Reached(Exception):
    """A pass has reached the trained layers."""


def _stop(*_: Any) -> NoReturn:
    raise _Reached


def _constant(output: Any) -> Callable[..., Any]:
    return lambda *_, **__: output


def _layers(encoder: Any, count: int) -> nn.ModuleList:
    """The layers of an encoder; ``ConfigError`` if there are fewer than ``count``."""
    number = int(encoder.config.num_hidden_layers)
    got = f"encoder.freeze_layers: got {count}"
    if count > number:
        raise ConfigError(f"{got}; expected at most {number}, the layers of this encoder")
    lists = (module for module in encoder.modules() if isinstance(module, nn.ModuleList))
    layers = next((module for module in lists if len(module) == number), None)
    if layers is None:
        raise ConfigError(f"{got} for an encoder whose layers share their weights. Fix: encoder.freeze_layers = 0")
    return layers


def _mapped(chunks: Iterable[Tensor], folder: Path) -> Tensor:
    """The concatenation of tensors of at least one dimension, in a file without a name."""
    rows, shape, dtype = 0, torch.Size(), torch.float32
    try:
        with tempfile.TemporaryFile(dir=make_folder(folder)) as file:
            for chunk in chunks:
                rows, shape, dtype = rows + len(chunk), chunk.shape[1:], chunk.dtype
                file.write(chunk.contiguous().view(torch.uint8).numpy().tobytes())
            file.flush()
            return torch.frombuffer(mmap.mmap(file.fileno(), 0), dtype=dtype).view(rows, *shape)
    except OSError as error:
        raise write_error(folder, error) from None
