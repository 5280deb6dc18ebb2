"""EWC: a quadratic spring holds each parameter where it was, as stiff as it was important.

Importance is the diagonal Fisher information after each task. Kirkpatrick et al. 2017
(arXiv 1612.00796), equation 3, with one spring per former task.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from conpet.config.settings import Count
from conpet.config.strict import Strict
from conpet.learners.classifier import Classifier
from conpet.learners.context import Context
from conpet.replay.base import Plan
from conpet.training import Given
from conpet.training.samples import each_sample


class Options(Strict):
    """``strength`` is λ; ``fisher_samples`` of the task's data estimate the Fisher.

    ``probes`` backward passes per sample at most: with more classes than that, the sum over classes
    is estimated.
    """

    strength: Annotated[float, Field(ge=0, le=1e12)] = 1000.0
    fisher_samples: Count = 200
    probes: Count = 8


def _root(p: Tensor) -> Tensor:
    """Return R with R Rᵀ = diag p − p pᵀ, for probabilities (classes,)."""
    if p.is_cuda:  # an eigendecomposition makes the host wait; this root is as good
        return torch.diag(p.sqrt()) - torch.outer(p, p.sqrt())
    values, vectors = torch.linalg.eigh(torch.diag(p) - torch.outer(p, p))
    return vectors * values.clamp(min=0).sqrt()


def fisher_diagonal(
    scores: Tensor, parameters: list[nn.Parameter], signs: Tensor | None = None
) -> list[Tensor]:
    """Return Σ_c p(c) (∂ −log p(c) / ∂θ)² of one sample, for scores of shape (classes,).

    With J = ∂scores/∂θ that sum is diag(Jᵀ M J), M = diag p − p pᵀ. For any R with R Rᵀ = M it is
    the sum over R's columns r of (Jᵀ r)²: one backward pass a column. With ``signs``, random ±1 of
    shape (probes, classes), it is the mean over their rows s of (Jᵀ R s)²: the same on average, by
    as many passes as there are probes.
    """
    root = _root(F.softmax(scores.detach().double(), dim=0))
    directions = root.T if signs is None else signs.to(root) @ root.T / len(signs) ** 0.5
    total = [torch.zeros_like(q) for q in parameters]
    for direction in directions.to(scores.dtype):
        grads = torch.autograd.grad(
            scores, parameters, direction, retain_graph=True, allow_unused=True
        )
        for i, grad in enumerate(grads):
            if grad is not None:
                total[i] += grad.square()
    return total


class Ewc(Classifier):
    """Cross-entropy plus (λ/2) Σ_i Σ_p F_ip (θ_p − θ*_ip)².

    The springs of all former tasks are kept as one: a sum of parabolas is a parabola, with the
    stiffness Σ F_i round the mean of the θ*_i weighted by F_i. So a state does not grow.
    """

    Options = Options

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.options: Options = context.options
        self.stiffness: dict[str, Tensor] = {}
        self.anchor: dict[str, Tensor] = {}

    def _named(self) -> dict[str, nn.Parameter]:
        model = self.backbone.model.named_parameters()
        named = {n: p for n, p in model if p.requires_grad}
        return named | {f"head.{n}": p for n, p in self.head.named_parameters()}

    def take(self, tensors: dict[str, Tensor]) -> None:
        """Take up head and springs; rows that came later hang on no spring."""
        super().take(tensors)
        for name, parameter in self._named().items():
            for kind, store in (("stiffness", self.stiffness), ("anchor", self.anchor)):
                old = tensors[f"{kind}.{name}"].to(parameter.device)
                store[name] = torch.zeros_like(parameter)
                store[name][: len(old)] = old

    def tensors(self) -> dict[str, Tensor]:
        """Return head and springs."""
        springs = {f"stiffness.{n}": t for n, t in self.stiffness.items()}
        return super().tensors() | springs | {f"anchor.{n}": t for n, t in self.anchor.items()}

    def penalty(self) -> Tensor:
        """Return Σ_p F_p (θ_p − θ*_p)², up to a constant that no gradient sees."""
        terms = [
            (self.stiffness[name] * (parameter - self.anchor[name]).square()).sum()
            for name, parameter in self._named().items()
        ]
        return torch.stack(terms).sum()

    def loss_of(self, hidden: Tensor, given: Given) -> Tensor:
        """Return the cross-entropy and the springs' energy."""
        value = super().loss_of(hidden, given)
        if self.stiffness:
            value = value + 0.5 * self.options.strength * self.penalty()
        return value

    def after_task(self, plan: Plan) -> None:
        """Hang a new spring on every parameter."""
        fisher = self.fisher(self.stream.of("train", [self.context.task]))
        with torch.no_grad():
            for name, parameter in self._named().items():
                new = fisher[name]
                old = self.stiffness.get(name, torch.zeros_like(new))
                mean = self.anchor.get(name, torch.zeros_like(new))
                both = old + new
                pulled = (old * mean + new * parameter) / both.clamp(min=1e-30)
                self.anchor[name] = torch.where(both > 0, pulled, parameter.detach())
                self.stiffness[name] = both

    def fisher(self, indices: np.ndarray) -> dict[str, Tensor]:
        """Return the mean diagonal Fisher over (at most ``fisher_samples`` of) the samples."""
        seen, probes = self.stream.seen, self.options.probes
        rng = np.random.default_rng(self.context.seed.of("fisher", self.context.task))
        if len(indices) > self.options.fisher_samples:
            indices = np.sort(rng.choice(indices, self.options.fisher_samples, replace=False))
        named = self._named()
        total = {name: torch.zeros_like(p) for name, p in named.items()}
        probed = seen > probes
        draws = [rng.choice([-1.0, 1.0], (probes, seen)) for _ in indices]
        signs = np.stack(draws) if draws else np.zeros((0, probes, seen))

        def add(hidden: Tensor, own: Tensor) -> None:
            scores = self.prior.in_training(self.head(self.represent(hidden)))[0, :seen]
            drawn = own.view(probes, seen) if probed else None
            found = fisher_diagonal(scores, list(named.values()), drawn)
            for name, value in zip(named, found, strict=True):
                total[name] += value / len(indices)

        each_sample(
            self.backbone, self.stream, indices, signs.reshape(len(indices), -1), add,
            list(total.values()), self.context.engine, self.context.progress,
        )  # fmt: skip
        return total


LEARNER = Ewc
