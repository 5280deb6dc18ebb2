"""CRL: contrastive learning of the new task, then contrastive replay that keeps old similarities.

There is no classifier: a text belongs to the nearest class prototype, so nothing has to be
rebalanced when classes arrive. Zhao et al. 2022 (arXiv 2203.02721), section 3. Where paper and
ConPET's own code differ, this is the code's way; docs/methods.md names what is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from conpet.replay.exemplars import Memory
from conpet.training import Pieces, make_optimizer, run_epoch

#: projections (n, p), the batch, the bank -> a loss
Distillation = Callable[[Tensor, np.ndarray, Tensor], Tensor]
FLOOR = 1e-4  # added to every term of the contrastive loss's denominator, as in ConPET's code


class Options(Strict):
    """Temperatures of the contrastive and the distillation loss, and the projection's width.

    Both temperatures divide: the authors' ``kl_temp`` of 10 multiplies, which is 0.1 here.
    ``clip_norm`` stands in place of ``training.clip_norm``. ``compared``: entries of the bank,
    drawn anew for each batch, that step 1 compares with. ``class_minimum``: samples of every class
    that a replay which draws brings into step 2.
    """

    temperature: Positive = 0.1
    distillation_temperature: Positive = 0.1
    projection: Annotated[int, Field(ge=2, le=65_536)] = 64
    clip_norm: Positive = 10.0
    compared: Count = 500
    class_minimum: Count = 10


def contrastive_loss(
    z: Tensor, labels: Tensor, bank: Tensor, bank_labels: Tensor, temperature: float
) -> Tensor:
    """Return the supervised contrastive loss of a batch against a bank: mean over the batch.

    Each sample's positives are the bank's entries of its class, its own former one too. With s the
    similarities over the temperature, less their largest, a term is exp(s) + 1e-4, and the loss is
    minus the mean over the positives of log(term / sum of all terms).

    Args:
        z: (n, p) normalised projections with gradient; labels (n,).
        bank: (m, p) normalised; bank_labels (m,). Every label of the batch is in it.
    """
    scores = z @ bank.T / temperature
    terms = (scores - scores.detach().amax(1, keepdim=True)).exp() + FLOOR
    log_p = (terms / terms.sum(1, keepdim=True)).log()
    positive = labels[:, None] == bank_labels[None, :]
    return -((log_p * positive).sum(1) / positive.sum(1)).mean()


def centroids(bank: Tensor, labels: Tensor, classes: Tensor) -> Tensor:
    """Return the normalised mean of each class's entries of a bank, (m, p) -> (classes, p)."""
    member = (classes[:, None] == labels[None, :]).to(bank)
    return F.normalize(member @ bank, dim=1)


def compared_with(
    labels: np.ndarray, places: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw what a batch is compared with: ``count`` of the bank's places, or all of fewer.

    Where that leaves a class of the batch out, the batch's own entries of it are added (the authors
    draw until no class is left out, which may take for ever where a class is rare).

    Args:
        labels: of the bank's entries, (m,); places: where the batch's samples stand, (n,).
    """
    if len(labels) <= count:
        return np.arange(len(labels))
    drawn = rng.choice(len(labels), count, replace=False)
    missing = places[~np.isin(labels[places], labels[drawn])]
    return np.concatenate([drawn, np.unique(missing)])


def _all(memory: Memory) -> np.ndarray:
    """Return all that is kept, sorted: no epoch is chosen, so none of it serves validation."""
    return np.union1d(memory.train, memory.valid)


class Contrastive(Learner):
    """CRL, with the replay of the method's axis in step 2.

    Prototypes are of what replay has kept (exemplars) or of what step 2 has passed, and in task 1
    without exemplars of all samples.
    """

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
        """Step 1 on the new task, step 2 on old and new; then exemplars and prototypes."""
        c = self.context
        new = c.stream.of("train", [c.task])
        first = c.replay.new_plan(c.arrived, c.seed.of("plan", c.task))
        self._contrast(first.epochs, new, distils=False)
        stage = c.replay.rehearsal(c.arrived, self.options.class_minimum, self._rng("replay"))
        second: list[Batches] = []
        if len(stage.old):
            second = stage.epochs(self._exemplars() if c.replay.keeps else new)
        passed = np.unique(np.concatenate([b for batches in second or [[new]] for b in batches]))
        if second:
            self._contrast(second, passed, distils=True)
        self._set_prototypes(_all(self.keep()) if c.replay.keeps else passed, new)
        self.history.best_epoch = len(first.epochs) + len(second) - 1
        if len(first.valid[0]):
            score = self.accuracy(first.valid[0])
            self.history.epochs[-1]["valid_accuracy"] = round(score, 6)
        return Plan([*first.epochs, *second], first.valid)

    def _exemplars(self) -> np.ndarray:
        """Return the new task's exemplars as step 1 leaves them; those kept are chosen after 2."""
        c = self.context
        chosen = c.replay.keep(c.arrived, self.memory_features, c.seed.of("memory", c.task))
        return _all(chosen.of(c.task, self.stream.task))

    def parameters(self) -> list[nn.Parameter]:
        """Return adapter and projection."""
        return [*self.backbone.parameters(), *self.projection.parameters()]

    def _rng(self, purpose: str) -> np.random.Generator:
        return np.random.default_rng(self.context.seed.of(purpose, self.context.task))

    def _project(self, hidden: Tensor) -> Tensor:
        return F.normalize(self.projection(hidden), dim=1)

    @torch.no_grad()
    def _bank(self, samples: np.ndarray) -> Tensor:
        features = self.backbone.features(self.stream, samples).to(self.backbone.device)
        return self._project(features)

    def _distillation(self, bank_labels: Tensor) -> Distillation:
        """Return what holds a batch's old samples, for a bank with these labels.

        As it was: the cosines of their class's prototype with all old ones, of hidden states, as
        they stood before the task. As it is: z with the bank's centroids of the old classes.
        """
        start = self.stream.known(self.context.task - 1)
        temperature = self.options.distillation_temperature
        classes = torch.unique(bank_labels[bank_labels < start])
        old = F.normalize(self.prototypes.to(bank_labels.device)[classes], dim=1)
        was = F.log_softmax(old @ old.T / temperature, dim=1)

        def distillation(z: Tensor, batch: np.ndarray, bank: Tensor) -> Tensor:
            labels = self.targets(batch)
            mine = labels < start
            if not mine.any():
                return z.new_zeros(())
            similar = z[mine] @ centroids(bank, bank_labels, classes).T
            now = F.log_softmax(similar / temperature, dim=1)
            before = was[torch.searchsorted(classes, labels[mine])]
            return F.kl_div(now, before, reduction="batchmean", log_target=True)

        return distillation

    def _contrast(self, epochs: list[Batches], samples: np.ndarray, distils: bool) -> None:
        """Train against a bank of ``samples`` with an optimiser of its own: step 1, or step 2."""
        bank, bank_labels = self._bank(samples), self.targets(samples)
        labels, rng = self.stream.label[samples], self._rng("compared")
        distillation = self._distillation(bank_labels) if distils else None
        parameters, temperature = self.parameters(), self.options.temperature
        optimizer = make_optimizer(parameters, self.context.training)

        def loss(batch: np.ndarray) -> Tensor:
            nonlocal bank
            z = self._project(self.hidden(batch))
            places = np.searchsorted(samples, batch)
            if distillation is None:
                drawn = compared_with(labels, places, self.options.compared, rng)
                rows = torch.from_numpy(drawn).to(z.device)
                value = contrastive_loss(
                    z, self.targets(batch), bank[rows], bank_labels[rows], temperature
                )
            else:
                value = contrastive_loss(z, self.targets(batch), bank, bank_labels, temperature)
                value = value + distillation(z, batch, bank)
            bank = bank.index_copy(0, torch.from_numpy(places).to(z.device), z.detach())
            return value

        progress = self.context.progress
        progress.start(sum(len(batches) for batches in epochs))
        pieces = Pieces(loss, parameters, progress)  # all in one: what is kept of it changes
        for number, batches in enumerate(epochs):
            where = f"{'replay' if distils else 'new task'} {number + 1}/{len(epochs)}"
            mean = run_epoch(
                batches, pieces, parameters, optimizer, self.options.clip_norm,
                self.history, progress, where,
            )  # fmt: skip
            epoch = len(self.history.epochs)
            self.history.epochs.append(
                {"epoch": epoch, "loss": round(mean, 6), "valid_accuracy": None}
            )
            progress.say(f"{where}: loss {mean:.3f}")

    def _set_prototypes(self, samples: np.ndarray, new: np.ndarray) -> None:
        """Set the mean hidden state of each class that ``samples`` hold; others keep theirs.

        A new class that they do not hold is set from all of its samples, which are in ``new``.
        """
        present = np.unique(self.stream.label[samples])
        missing = new[~np.isin(self.stream.label[new], present)]
        samples = np.concatenate([samples, missing])
        features = self.backbone.features(self.stream, samples)
        labels = self.stream.label[samples]
        for label in np.unique(labels):
            self.prototypes[int(label)] = features[torch.from_numpy(labels == label)].mean(0)

    def predict(self, indices: np.ndarray) -> Prediction:
        """Score by the negative squared distance to each class prototype."""
        features = self.backbone.features(self.stream, indices)
        distance = torch.cdist(features.double(), self.prototypes.double()).square()
        return Prediction(F.log_softmax(-distance, dim=1).float())


REVISION = 2
LEARNER = Contrastive
