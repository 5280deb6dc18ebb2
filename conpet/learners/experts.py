"""Dynamic ConPET: one PET module and head a task, and a selector that says whose task it is.

Old experts are frozen, so nothing is forgotten that the selector still finds; the selector is
carried on and trained on the replayed history. Song et al. 2023, section 3.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from conpet.config.settings import Count, Positive
from conpet.config.strict import Strict
from conpet.errors import UserError
from conpet.learners.base import (
    Context,
    Learner,
    Prediction,
    kept_tensors,
    mean_by_task,
)
from conpet.learners.head import Head
from conpet.models.backbone import State
from conpet.replay.base import Plan

UNCHOSEN = -100.0  # the score of a class whose expert is not among a sample's top k
RANKS = 3  # how many of the selector's tasks a prediction reports


class Options(Strict):
    """``top_k`` experts answer; with teacher forcing the true task's expert is one in training.

    ``selector_untrained``: whether the best selector may be the one before training (the authors'
    rule), which finds all earlier tasks and never the new one. ``selector_clip_norm`` stands in
    place of ``training.clip_norm`` while a selector is trained.
    """

    top_k: Count = 1
    teacher_forcing: bool = True
    expert_init: Literal["fresh", "selector"] = "fresh"
    selector_clip_norm: Positive | None = 1.0
    selector_untrained: bool = False


def choose_experts(ranked: np.ndarray, k: int, true: np.ndarray | None) -> np.ndarray:
    """Return the k experts of each sample, shape (n, min(k, t)), as task numbers.

    With ``true`` (teacher forcing) the true task takes the last place where it is not there.
    """
    chosen = ranked[:, :k].copy()
    if true is not None:
        absent = ~(chosen == true[:, None]).any(axis=1)
        chosen[absent, -1] = true[absent]
    return chosen


def _ranked(scores: Tensor) -> np.ndarray:
    return scores.argsort(dim=1, descending=True, stable=True).numpy() + 1


class Experts(Learner):
    """Dynamic ConPET."""

    Options = Options
    has_memory_features = False  # no head over all classes to choose exemplars by
    experts = True
    redraw = False  # selector and expert see one plan, so frozen scores are computed once

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.options: Options = context.options
        self.task = context.task
        self.adapters: dict[int, State] = {}
        self.heads: dict[int, Head] = {}
        self.selector_adapter: State | None = None
        self.selector_head: Head | None = None

    def _head(self, rows: int, *purpose: str | int) -> Head:
        head = Head(self.backbone.width, rows, self.context.seed.of("init", *purpose))
        return head.to(self.backbone.device)

    def _expert_head(self, task: int) -> Head:
        return self._head(len(self.stream.classes[task - 1]), "expert", task)

    def load(self, states: Sequence[Path], selector: Path | None) -> None:
        """Take up all earlier experts, and the selector where there is one."""
        for task, folder in enumerate(states, 1):
            self.backbone.load(folder)
            self.adapters[task] = self.backbone.state()
            self.heads[task] = self._expert_head(task)
            with kept_tensors(folder) as tensors:
                self.heads[task].take(tensors)
        if selector is not None:
            self.backbone.load(selector)
            self.selector_adapter = self.backbone.state()
            self.selector_head = self._head(self.task, "selector")
            with kept_tensors(selector) as tensors:
                self.selector_head.take(tensors)
        self.backbone.reset()

    def tensors(self) -> dict[str, Tensor]:
        """Return the head of what was trained in this job: the newest expert, or the selector."""
        return self._trained_head().tensors()

    def parameters(self) -> list[nn.Parameter]:
        """Return the adapter and head of what is trained in this job."""
        return [*self.backbone.parameters(), *self._trained_head().parameters()]

    def _trained_head(self) -> Head:
        head = self.heads.get(self.task, self.selector_head)
        assert head is not None
        return head

    # -- the selector -----------------------------------------------------------------------

    def train_selector(self) -> Plan:
        """Train selector t on the plan: cross-entropy on the task number."""
        plan = self.plan()
        if self.options.expert_init == "selector" and self.adapters:
            self.backbone.load_state(self.adapters[max(self.adapters)])
        elif self.selector_adapter is not None:
            self.backbone.load_state(self.selector_adapter)
        if self.selector_head is None:
            self.selector_head = self._head(self.task, "selector")
        head = self.selector_head
        head.grow(self.task)

        def loss(batch: np.ndarray) -> Tensor:
            return F.cross_entropy(head(self.hidden(batch)), self._task_targets(batch))

        def accuracy(drawn: np.ndarray) -> float:
            unique, inverse = np.unique(drawn, return_inverse=True)
            with torch.no_grad():
                features = self.backbone.features(self.stream, unique).to(self.backbone.device)
                found = head(features).argmax(1).cpu().numpy() + 1
            return mean_by_task(
                (found == self.stream.task[unique])[inverse], self.stream.task[drawn]
            )

        clip = {"clip_norm": self.options.selector_clip_norm}
        training = self.context.training.model_copy(update=clip)
        untrained = self.options.selector_untrained
        self.fit(plan, loss, accuracy, self.parameters(), training, untrained)
        self.selector_adapter = self.backbone.state()
        return plan

    def _task_targets(self, batch: np.ndarray) -> Tensor:
        return torch.from_numpy(self.stream.task[batch].astype(np.int64) - 1).to(
            self.backbone.device
        )

    @torch.no_grad()
    def task_scores(self, indices: np.ndarray) -> Tensor:
        """Return the selector's scores of all tasks, shape (n, t), on the CPU."""
        if self.task == 1:
            return torch.zeros(len(indices), 1)
        if self.selector_adapter is None or self.selector_head is None:
            raise UserError("experts: no selector: run `conpet select` first")
        self.backbone.load_state(self.selector_adapter)
        features = self.backbone.features(self.stream, indices).to(self.backbone.device)
        return self.selector_head(features).cpu()

    def rank(self, indices: np.ndarray) -> np.ndarray:
        """Return all tasks of each sample, the likeliest first, shape (n, t)."""
        return _ranked(self.task_scores(indices))

    # -- the experts ------------------------------------------------------------------------

    @torch.no_grad()
    def frozen_scores(
        self, indices: np.ndarray, chosen: np.ndarray, tasks: Sequence[int]
    ) -> Tensor:
        """Return the scores of the given experts where they are chosen, UNCHOSEN elsewhere.

        Each expert sees only the samples that chose it: the cost does not grow with the number of
        experts. Shape (n, seen), on the CPU.
        """
        scores = torch.full((len(indices), self.stream.seen), UNCHOSEN)
        for task in tasks:
            rows = np.flatnonzero((chosen == task).any(axis=1))
            if not len(rows):
                continue
            self.backbone.load_state(self.adapters[task])
            features = self.backbone.features(self.stream, indices[rows]).to(self.backbone.device)
            scores[torch.from_numpy(rows)] = self._joined(
                scores[torch.from_numpy(rows)], task, self.heads[task](features).cpu()
            )
        return scores

    def _joined(self, scores: Tensor, task: int, own: Tensor) -> Tensor:
        """Return scores (n, seen) with an expert's own (n, its classes) at their places.

        Of two experts that both know a class the surer counts.
        """
        places = torch.from_numpy(self.stream.columns(task)).to(own.device)
        if self.stream.shared:
            own = torch.maximum(own, scores[:, places])
        return scores.index_copy(1, places, own)

    def _chosen_in_training(self, trained: np.ndarray) -> np.ndarray:
        """Return the experts of training samples, shape (n, k)."""
        true = self.stream.task[trained]
        if not self.options.teacher_forcing:
            return choose_experts(self.rank(trained), self.options.top_k, None)
        if self.options.top_k == 1:
            return true[:, None]  # whatever the selector says
        return choose_experts(self.rank(trained), self.options.top_k, true)

    def train(self) -> Plan:
        """Train expert t on the plan; what former experts say of it is computed once."""
        plan = self.plan()
        old = range(1, self.task)
        trained, validated = plan.trained(), plan.validated()
        chosen = self._chosen_in_training(trained)
        mine = (chosen == self.task).any(axis=1)
        # only what asks this expert gives a gradient, so only there the others' word counts
        base = torch.full((len(trained), self.stream.seen), UNCHOSEN)
        base[torch.from_numpy(mine)] = self.frozen_scores(trained[mine], chosen[mine], old)
        chosen_valid = choose_experts(self.rank(validated), self.options.top_k, None)
        base_valid = self.frozen_scores(validated, chosen_valid, old)

        if self.options.expert_init == "selector" and self.selector_adapter is not None:
            self.backbone.load_state(self.selector_adapter)
        else:
            self.backbone.reset()
        head = self.heads[self.task] = self._expert_head(self.task)
        mine_valid = np.flatnonzero((chosen_valid == self.task).any(axis=1))

        def loss(batch: np.ndarray) -> Tensor | None:
            places = np.searchsorted(trained, batch)
            here = mine[places]
            if not here.any():
                return None  # nothing in the batch asks this expert: no gradient, no pass
            scores = base[torch.from_numpy(places[here])].to(self.backbone.device)
            own = head(self.hidden(batch[here]))
            scores = self._joined(scores, self.task, own)
            # averaged over the whole batch, as if the others had passed too
            return F.cross_entropy(scores, self.targets(batch[here]), reduction="sum") / len(batch)

        def accuracy(drawn: np.ndarray) -> float:
            scores = base_valid.clone()
            if len(mine_valid):
                with torch.no_grad():
                    features = self.backbone.features(self.stream, validated[mine_valid])
                    own = head(features.to(self.backbone.device)).cpu()
                rows = torch.from_numpy(mine_valid)
                scores[rows] = self._joined(scores[rows], self.task, own)
            right = scores.argmax(1).numpy() == self.stream.label[validated]
            return mean_by_task(right[np.searchsorted(validated, drawn)], self.stream.task[drawn])

        self.fit(plan, loss, accuracy, self.parameters())
        self.adapters[self.task] = self.backbone.state()
        return plan

    def representations(self, indices: np.ndarray) -> np.ndarray:
        """Return what the selector reads, shape (n, width): the experts share no space."""
        self.backbone.load_state(self.selector_adapter or self.adapters[self.task])
        return super().representations(indices)

    def predict(self, indices: np.ndarray) -> Prediction:
        """Let the selector's top-k experts answer; the arg max over their classes wins."""
        task_scores = self.task_scores(indices)
        ranked = _ranked(task_scores)
        chosen = choose_experts(ranked, self.options.top_k, None)
        scores = self.frozen_scores(indices, chosen, sorted(self.adapters))
        if self.task == 1:
            return Prediction(F.log_softmax(scores, dim=1))
        return Prediction(
            F.log_softmax(scores, dim=1), ranked[:, :RANKS], F.log_softmax(task_scores, dim=1)
        )

    def predict_in_task(self, indices: np.ndarray, found: Prediction) -> np.ndarray:
        """Ask each sample's own expert, whomever the selector would have asked."""
        true = self.stream.task[indices]
        scores = self.frozen_scores(indices, true[:, None], sorted(self.adapters))
        return self.stream.best_in_task(scores.numpy(), indices)


LEARNER = Experts
