"""CRL: contrastive learning of the new task, then contrastive replay that keeps old similarities.

There is no classifier: a text belongs to the nearest class prototype, so nothing has to be
rebalanced when classes arrive. Zhao et al. 2022 (arXiv 2203.02721), section 3. Where paper and
ConPET's own code differ, this is the code's way; docs/methods.md names what is ours.
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
from conpet.learners.bank import Bank, Held, compared_with, contrastive_loss
from conpet.learners.base import Context, Learner, Prediction, kept_tensors
from conpet.replay.base import Batches, Plan
from conpet.replay.exemplars import Memory
from conpet.training import Given, Prepared, Split, stepper


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

    def _contrast(self, epochs: list[Batches], samples: np.ndarray, distils: bool) -> None:
        """Train against a bank of ``samples`` with an optimiser of its own: step 1, or step 2."""
        c = self.context
        split = self._step_two(samples) if distils else self._step_one(samples, epochs)
        training = c.training.model_copy(update={"clip_norm": self.options.clip_norm})
        epoch_of = stepper(
            split, self.parameters(), training, c.progress, self.history, self.engine()
        )
        c.progress.start(sum(len(batches) for batches in epochs))
        for number, batches in enumerate(epochs):
            where = f"{'replay' if distils else 'new task'} {number + 1}/{len(epochs)}"
            mean = epoch_of(batches, where)
            epoch = len(self.history.epochs)
            self.history.epochs.append(
                {"epoch": epoch, "loss": round(mean, 6), "valid_accuracy": None}
            )
            c.progress.say(f"{where}: loss {mean:.3f}")

    def _step_one(self, samples: np.ndarray, epochs: list[Batches]) -> Split:
        """Return the loss of the new task: against a draw of the bank."""
        bank = Bank(self._bank(samples), self.targets(samples))
        labels, rng, options = self.stream.label[samples], self._rng("compared"), self.options
        largest = max(len(batch) for batches in epochs for batch in batches)
        room = min(len(samples), options.compared + largest)

        def prepare(batch: np.ndarray) -> Prepared:
            given = self._given(batch, samples)
            drawn = compared_with(labels, given["places"], options.compared, rng)
            return Prepared(batch, len(batch), given | {"drawn": drawn}, {"drawn": room})

        def loss(hidden: Tensor, given: Given) -> Tensor:
            z, rows, used = self._project(hidden), given.rows("targets"), given.rows("drawn").mask
            value = contrastive_loss(
                z, given["targets"], bank.compared(given["drawn"]), options.temperature, rows,
                None if used is None else used > 0,
            )  # fmt: skip
            bank.renew(given["places"], z, rows)
            return value

        return Split(self.backbone, self.stream, self.hidden, prepare, loss, [bank.entries])

    def _step_two(self, samples: np.ndarray) -> Split:
        """Return the loss of old and new: against the whole bank, and what held before."""
        bank, options = Bank(self._bank(samples), self.targets(samples)), self.options
        held = self._held(bank.labels)

        def prepare(batch: np.ndarray) -> Prepared:
            return Prepared(batch, len(batch), self._given(batch, samples))

        def loss(hidden: Tensor, given: Given) -> Tensor:
            z, targets, rows = self._project(hidden), given["targets"], given.rows("targets")
            compared = bank.compared()
            value = contrastive_loss(z, targets, compared, options.temperature, rows)
            value = value + held(z, targets, compared[0], rows)
            bank.renew(given["places"], z, rows)
            return value

        return Split(self.backbone, self.stream, self.hidden, prepare, loss, [bank.entries])

    def _given(self, batch: np.ndarray, samples: np.ndarray) -> dict[str, np.ndarray]:
        """Return class numbers, and where the batch's samples stand in the bank."""
        targets = self.stream.label[batch].astype(np.int64)
        return {"targets": targets, "places": np.searchsorted(samples, batch)}

    def _held(self, labels: Tensor) -> Held:
        """Return the distillation, for a bank with these labels."""
        start = self.stream.known(self.context.task - 1)
        return Held(self.prototypes, labels, start, self.options.distillation_temperature)

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
