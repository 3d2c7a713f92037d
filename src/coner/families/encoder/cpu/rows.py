"""AdamW that updates only the rows of an embedding matrix that a batch used.

A batch looks up a few hundred of tens or hundreds of thousands of rows; the others have a gradient of zero. Plain AdamW
still reads and writes the whole matrix and its two moments at every step. Here a row and its moments stay unchanged
until a batch uses it again, as in PyTorch's ``SparseAdam``.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.graph import increment_version

from coner.core.errors import ConfigError


def set_embeddings(encoder: Any, mode: Literal["all", "rows", "frozen"]) -> None:
    """Choose which word embeddings of an encoder are trained; ``ConfigError`` if it cannot train single rows."""
    embeddings: nn.Module = encoder.get_input_embeddings()
    if mode == "frozen":
        embeddings.requires_grad_(False)
    elif mode == "rows":
        if not isinstance(embeddings, nn.Embedding) or embeddings.max_norm is not None:
            raise ConfigError('encoder.embeddings: got "rows" for an encoder without a plain matrix; expected "all"')
        embeddings.sparse = True


class RowAdamW(torch.optim.AdamW):
    """Fused AdamW (Loshchilov and Hutter 2019) that updates single rows where gradients are sparse."""

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        super().__init__(groups, fused=True)
        self.grad_scale: Tensor | None = None  # PyTorch's fused update divides the gradients by it

    @torch.no_grad()
    def clip(self, max_norm: float) -> Tensor:
        """Scale all gradients to a common Euclidean norm of at most ``max_norm``; return the norm before scaling.

        On a CPU the scaling is left to the next update, which saves a pass over all gradients.
        """
        gradients = []
        for parameter in (p for group in self.param_groups for p in group["params"] if p.grad is not None):
            if parameter.grad.is_sparse:
                parameter.grad = parameter.grad.coalesce()  # sums rows that several passes used
            gradients.append(parameter.grad.values() if parameter.grad.is_sparse else parameter.grad)
        if not gradients:
            return torch.zeros(())
        if all(g.device.type == "cpu" and g.dtype == torch.float32 for g in gradients):
            flat = [gradient.flatten() for gradient in gradients]
            norm = torch.stack([g.dot(g) for g in flat]).sum().sqrt()  # half the time of PyTorch's norm
            self.grad_scale = (norm / max_norm).clamp(min=1.0)
        else:  # not every device supports ``grad_scale``, and no other precision does
            norm = torch.nn.utils.get_total_norm(gradients)
            torch._foreach_mul_(gradients, (max_norm / (norm + 1e-6)).clamp(max=1.0))
        return norm

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One update; see ``torch.optim.AdamW``."""
        sparse = []
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None and parameter.grad.is_sparse:
                    sparse.append((group, parameter, parameter.grad))
                    parameter.grad = None  # AdamW skips it
        try:
            loss = super().step(closure)
            # The fused update does not count versions, by which ``LowPrecisionWeights`` notices changed weights.
            increment_version([p for group in self.param_groups for p in group["params"] if p.grad is not None])
            for group, parameter, gradient in sparse:
                self._update_rows(group, parameter, gradient.coalesce())
                parameter.grad = gradient
        finally:
            self.grad_scale = None
        return loss

    def _update_rows(self, group: dict[str, Any], parameter: Tensor, gradient: Tensor) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        state["step"] += 1
        step, (beta1, beta2), rate = float(state["step"]), group["betas"], float(group["lr"])
        [rows], values = gradient.indices(), gradient.values()
        values = values if self.grad_scale is None else values / self.grad_scale
        first = state["exp_avg"][rows].lerp_(values, 1 - beta1)
        second = state["exp_avg_sq"][rows].mul_(beta2).addcmul_(values, values, value=1 - beta2)
        state["exp_avg"][rows], state["exp_avg_sq"][rows] = first, second
        spread = second.sqrt_().div_((1 - beta2**step) ** 0.5).add_(group["eps"])
        kept = parameter[rows].mul_(1 - rate * group["weight_decay"])
        parameter[rows] = kept.addcdiv_(first, spread, value=-rate / (1 - beta1**step))
