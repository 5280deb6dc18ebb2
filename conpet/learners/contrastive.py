"""CRL: contrastive learning of the new task, then contrastive replay that keeps old similarities.

There is no classifier: a text belongs to the nearest class prototype, so nothing has to be
rebalanced when classes arrive. Zhao et al. 2022 (arXiv 2203.02721), section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from conpet.config.settings import Count, Positive
from conpet.config.strict import Strict
from conpet.learners.base import Context, Learner, Prediction, kept_tensors
from conpet.replay.base import Batches, Plan
from conpet.training import make_optimizer, run_epoch


class Options(Strict):
    """Temperatures of the contrastive and the distillation loss, and the projection's width.

    ``clip_norm`` stands in place of ``training.clip_norm``.
    """

    temperature: Positive = 0.1
    distillation_temperature: Positive = 10.0
    projection: Annotated[int, Field(ge=2, le=65_536)] = 64
    clip_norm: Positive = 10.0
    class_minimum: Count = 10


def contrastive_loss(
    z: Tensor, labels: Tensor, places: Tensor, bank: Tensor, bank_labels: Tensor, temperature: float
) -> Tensor:
    """Return the supervised contrastive loss of a batch against a bank.

    Each sample's positives are the bank's entries of its class but its own; the denominator is
    over all entries but its own. Samples without a positive give nothing.

    Args:
        z: (n, p) normalised projections with gradient; labels (n,).
        places: (n,) where each sample itself stands in the bank.
        bank: (m, p) normalised; bank_labels (m,).
    """
    scores = z @ bank.T / temperature
    own = torch.zeros_like(scores, dtype=torch.bool)
    own[torch.arange(len(z), device=z.device), places] = True
    log_p = scores - scores.masked_fill(own, -torch.inf).logsumexp(1, keepdim=True)
    positive = (labels[:, None] == bank_labels[None, :]) & ~own
    count = positive.sum(1)
    losses = -(log_p * positive).sum(1) / count.clamp(min=1)
    return losses[count > 0].sum() / len(z)


class Contrastive(Learner):
    """CRL, with the replay of the method's axis in step 2."""

    Options = Options

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.options: Options = context.options
        width = self.backbone.width
        with torch.random.fork_rng():
            torch.manual_seed(context.seed.of("projection"))
            layers = (nn.Linear(width, width), nn.ReLU(), nn.Linear(width, self.options.projection))
        self.projection = nn.Sequential(*layers).to(self.backbone.device)
        self.prototypes = torch.zeros(context.stream.seen, width)

    def load(self, states: Sequence[Path], selector: Path | None) -> None:
        """Take up the newest of the earlier states."""
        if not states:
            return
        self.backbone.load(states[-1])
        with kept_tensors(states[-1]) as tensors:
            for name, parameter in self.projection.named_parameters():
                parameter.data.copy_(tensors[f"projection.{name}"])
            self.prototypes[: len(tensors["prototypes"])] = tensors["prototypes"]

    def tensors(self) -> dict[str, Tensor]:
        """Return projection and prototypes."""
        named = {f"projection.{n}": p.detach() for n, p in self.projection.named_parameters()}
        return named | {"prototypes": self.prototypes}

    def memory_features(self, indices: np.ndarray) -> np.ndarray:
        """Return hidden states: K-means runs on them, not on projections."""
        return self.backbone.features(self.stream, indices).numpy()

    # -- training ---------------------------------------------------------------------------

    def train(self) -> Plan:
        """Step 1 on the new task, exemplars, step 2 on old and new, prototypes."""
        c = self.context
        new = c.stream.of("train", [c.task])
        first = c.replay.new_plan(c.arrived, c.seed.of("plan", c.task))
        stage = c.replay.rehearsal(c.arrived, self.options.class_minimum, self._rng("replay"))
        old = stage.old
        similar = self._similarities(old) if len(old) else None
        optimizer = make_optimizer(self.parameters(), c.training)
        self._contrast(first.epochs, new, optimizer, old[:0], None)
        self.keep()  # between the two steps
        second: list[Batches] = []
        if len(old):
            second = stage.epochs(self.kept_now() if c.replay.keeps else new)
            bank = np.unique(np.concatenate([b for batches in second for b in batches]))
            self._contrast(second, bank, optimizer, old, similar)
        self._set_prototypes(np.union1d(old, new))
        self.history.best_epoch = len(first.epochs) + len(second) - 1
        if len(first.valid[0]):
            score = self.accuracy(first.valid[0])
            self.history.epochs[-1]["valid_accuracy"] = round(score, 6)
        return Plan([*first.epochs, *second], first.valid)

    def parameters(self) -> list[nn.Parameter]:
        """Return adapter and projection."""
        return [*self.backbone.parameters(), *self.projection.parameters()]

    def _rng(self, purpose: str) -> np.random.Generator:
        return np.random.default_rng(self.context.seed.of(purpose, self.context.task))

    def _project(self, hidden: Tensor) -> Tensor:
        return F.normalize(self.projection(hidden), dim=1)

    def _log_similar(self, z: Tensor) -> Tensor:
        """Return log-softmax over old class prototypes of z's similarities, (n, old classes)."""
        known = self.stream.known(self.context.task - 1)
        old = self._project(self.prototypes[:known].to(z.device))
        return F.log_softmax(z @ old.T / self.options.distillation_temperature, dim=1)

    @torch.no_grad()
    def _bank(self, samples: np.ndarray) -> Tensor:
        features = self.backbone.features(self.stream, samples).to(self.backbone.device)
        return self._project(features)

    @torch.no_grad()
    def _similarities(self, old: np.ndarray) -> Tensor:
        return self._log_similar(self._bank(old))

    def _contrast(
        self,
        epochs: list[Batches],
        samples: np.ndarray,
        optimizer: torch.optim.Optimizer,
        old: np.ndarray,
        similar: Tensor | None,
    ) -> None:
        """Train against a bank of ``samples``; with ``similar`` keep what ``old`` resembled."""
        bank = self._bank(samples)
        bank_labels = self.targets(samples)

        def loss(batch: np.ndarray) -> Tensor:
            nonlocal bank
            z = self._project(self.hidden(batch))
            places = torch.from_numpy(np.searchsorted(samples, batch)).to(z.device)
            value = contrastive_loss(
                z, self.targets(batch), places, bank, bank_labels, self.options.temperature
            )
            bank = bank.index_copy(0, places, z.detach())
            if similar is not None:
                is_old = np.isin(batch, old)
                rows = torch.from_numpy(np.searchsorted(old, batch[is_old])).to(z.device)
                now = self._log_similar(z[torch.from_numpy(is_old).to(z.device)])
                kept = F.kl_div(now, similar[rows], reduction="sum", log_target=True)
                value = value + kept / len(batch)
            return value

        progress = self.context.progress
        progress.start(sum(len(batches) for batches in epochs))
        for number, batches in enumerate(epochs):
            where = f"{'replay' if similar is not None else 'new task'} {number + 1}/{len(epochs)}"
            mean = run_epoch(
                batches, loss, self.parameters(), optimizer, self.options.clip_norm,
                self.history, progress, where,
            )  # fmt: skip
            epoch = len(self.history.epochs)
            self.history.epochs.append(
                {"epoch": epoch, "loss": round(mean, 6), "valid_accuracy": None}
            )
            progress.say(f"{where}: loss {mean:.3f}")

    def _set_prototypes(self, samples: np.ndarray) -> None:
        """Set the mean hidden state of each class that ``samples`` hold; others keep theirs."""
        features = self.backbone.features(self.stream, samples)
        labels = self.stream.label[samples]
        for label in np.unique(labels):
            self.prototypes[int(label)] = features[torch.from_numpy(labels == label)].mean(0)

    def predict(self, indices: np.ndarray) -> Prediction:
        """Score by the negative squared distance to each class prototype."""
        features = self.backbone.features(self.stream, indices)
        distance = torch.cdist(features.double(), self.prototypes.double()).square()
        return Prediction(F.log_softmax(-distance, dim=1).float())


LEARNER = Contrastive
