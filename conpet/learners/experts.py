"""Dynamic ConPET: one PET module and head per task, and a selector that says whose task it is.

Old experts are frozen, so nothing is forgotten that the selector still finds; the selector is
carried on and trained on the replayed history. Song et al. 2023, section 3.3. The options beyond
the paper's are described in docs/methods.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from conpet.config.settings import Settings
from conpet.learners.base import Context, Learner, Prediction, kept_tensors, mean_by_task
from conpet.learners.experts_heads import ExpertHeads
from conpet.learners.experts_loss import expert_loss, joined
from conpet.learners.experts_options import Options, check_effect, check_shared
from conpet.learners.filling import filled, shortened
from conpet.learners.prior import Prior
from conpet.learners.routing import (
    UNCHOSEN,
    choose_experts,
    keep_to_asked,
    mix_asked,
    rank_tasks,
)
from conpet.learners.selector import Selector, Word
from conpet.models.backbone import State
from conpet.replay.base import Plan

RANKS = 3  # how many of the selector's tasks a prediction reports


class Experts(Learner):
    """Dynamic ConPET."""

    Options = Options
    has_memory_features = False  # no head over all classes to choose exemplars by
    experts = True
    has_prior = True
    redraw = False  # selector and expert see one plan, unless the options say otherwise

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.options: Options = context.options
        self.task = context.task
        self.adapters: dict[int, State] = {}
        self.check(self.options, context.settings, context.stream.shared)
        self.heads = ExpertHeads(self)
        self.prior = Prior(context.settings)
        self.selector = Selector(self)

    @classmethod
    def check(cls, options: Any, settings: Settings, shared: bool) -> None:
        """Refuse what has no effect, and what needs classes that say their task where they come
        again.
        """
        check_effect(options)
        if shared:
            check_shared(options, settings.prior)

    @classmethod
    def layers(cls, options: Any) -> int:
        """Return how many layers the discriminants read."""
        return int(options.layers)

    def load(self, states: Sequence[Path], selector: Path | None) -> None:
        """Take up all earlier experts, and the selector where there is one."""
        for task, folder in enumerate(states, 1):
            self.backbone.load(folder)
            self.adapters[task] = self.backbone.state()
            with kept_tensors(folder) as tensors:
                self.heads.take(task, tensors)
                self.prior.take(tensors)
        if selector is not None:
            self.backbone.load(selector)
            with kept_tensors(selector) as tensors:
                self.selector.take(self.backbone.state(), tensors)
        self.backbone.reset()

    def tensors(self) -> dict[str, Tensor]:
        """Return what was trained in this job beside its adapter: the expert's, or selector's."""
        if self.task not in self.heads.trained:
            return self.selector.tensors()
        return self.heads.tensors(self.task) | self.prior.tensors()

    def parameters(self) -> list[nn.Parameter]:
        """Return the adapter and head of what is trained in this job."""
        head = self.heads.trained.get(self.task, self.selector.head)
        assert head is not None
        return [*self.backbone.parameters(), *head.parameters()]

    def _plan(self, what: str) -> Plan:
        """Return the plan of the selector or the expert: one for both, unless drawn anew."""
        c = self.context
        if not self.options.redraw:
            return self.plan()
        return c.replay.plan(c.arrived, c.seed.of("plan", c.task, what), redraw=True)

    # -- the selector -----------------------------------------------------------------------

    def train_selector(self) -> Plan:
        """Train selector t on its plan."""
        plan = self._plan("selector")
        chained = self.options.expert_init == "selector"
        first = self.options.expert_init == "shared" and self.selector.adapter is None
        if (chained or first) and self.adapters:
            self.backbone.load_state(self.adapters[max(self.adapters)])
        elif self.selector.adapter is not None:
            self.backbone.load_state(self.selector.adapter)
        if first and self.adapters and self.selector.over_classes:
            self.selector.make_head().take(self.heads.trained[1].tensors())
        self.prior.learn(plan, self.stream)
        self.selector.train(plan)
        return plan

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
        asking = {task: np.flatnonzero((chosen == task).any(axis=1)) for task in tasks}
        asking = {task: rows for task, rows in asking.items() if len(rows)}
        if not asking:
            return scores
        experts = np.repeat(list(asking), [len(rows) for rows in asking.values()])
        features = self.backbone.features_of(
            self.stream, indices[np.concatenate(list(asking.values()))], experts,
            {task: self.adapters[task] for task in asking},
            self.heads.layers,
        )  # fmt: skip
        for task, rows in asking.items():
            at, own = torch.from_numpy(rows), features[torch.from_numpy(experts == task)]
            scores[at] = self._joined(scores[at], task, self.heads.scores(own, task))
        return scores

    def _joined(self, scores: Tensor, task: int, own: Tensor) -> Tensor:
        """Return scores (n, seen) with an expert's own (n, its classes) at their places."""
        places = torch.from_numpy(self.stream.columns(task)).to(own.device)
        return joined(scores, places, own, self.stream.shared)

    def _chosen_in_training(self, trained: np.ndarray) -> np.ndarray:
        """Return the experts of training samples, shape (n, k)."""
        true = self.stream.task[trained]
        forced = self.options.teacher_forcing
        # whatever the selector says; soft routing's log p(class | task) is the true expert's alone
        if self.options.routing == "soft" or (forced and self.options.top_k == 1):
            return true[:, None]
        ranked = rank_tasks(self.selector.ask(trained).tasks)
        return choose_experts(ranked, self.options.top_k, true if forced else None)

    def _own_plan(self) -> tuple[Plan, np.ndarray, np.ndarray]:
        """Return the expert's plan, the samples of it (n,), sorted, and their experts (n, k)."""
        plan, own = self._plan("expert"), self.stream.of("train", [self.task])
        if self.task > 1:
            plan = shortened(plan, self.options.expert_share)
        if not self.options.fill:
            trained = plan.trained()
            return plan, trained, self._chosen_in_training(trained)
        asked = np.union1d(plan.trained(), own)
        chosen = self._chosen_in_training(asked)
        teaches = np.zeros(len(self.stream.label), dtype=bool)
        teaches[asked] = (chosen == self.task).any(axis=1)
        rng = np.random.default_rng(self.context.seed.of("fill", self.task))
        plan = filled(plan, teaches, own, rng)
        trained = plan.trained()
        return plan, trained, chosen[np.searchsorted(asked, trained)]

    def _start(self) -> None:
        """Put the expert's first weights into the backbone, and make its head."""
        head = self.heads.make(self.task)
        if self.options.expert_init == "fresh" or self.selector.adapter is None:
            self.backbone.reset()
            return
        self.backbone.load_state(self.selector.adapter)
        rows = self.selector.rows(*self.stream.class_range(self.task))
        if rows is not None:
            head.take(rows)

    def train(self) -> Plan:
        """Train expert t on its plan; what former experts say of it is computed once."""
        old = range(1, self.task)
        self.prior.aim(self.stream)  # the selector may be asked whose samples these are
        plan, trained, chosen = self._own_plan()
        self.prior.learn(plan, self.stream)
        validated = plan.validated()
        mine = (chosen == self.task).any(axis=1)
        # only what asks this expert gives a gradient, so only there the others' word counts
        base = torch.full((len(trained), self.stream.seen), UNCHOSEN)
        base[torch.from_numpy(mine)] = self.frozen_scores(trained[mine], chosen[mine], old)
        word = self.selector.ask(validated)
        chosen_valid = choose_experts(rank_tasks(word.tasks), self.options.top_k, None)
        base_valid = self.frozen_scores(validated, chosen_valid, old)
        self._start()
        mine_valid = np.flatnonzero((chosen_valid == self.task).any(axis=1))

        def accuracy(drawn: np.ndarray) -> float:
            scores = base_valid.clone()
            if len(mine_valid):
                features = self.backbone.features(self.stream, validated[mine_valid])
                own = self.heads.scores(features, self.task)
                rows = torch.from_numpy(mine_valid)
                scores[rows] = self._joined(scores[rows], self.task, own)
            found = self._answer(word, scores, chosen_valid).argmax(1).numpy()
            right = found == self.stream.label[validated]
            return mean_by_task(right[np.searchsorted(validated, drawn)], self.stream.task[drawn])

        loss = expert_loss(self, trained, mine, base)
        asked = bool((self.stream.task[validated[mine_valid]] == self.task).any())
        self.fit(plan, loss, accuracy if asked else self._alone, self.parameters())
        self.adapters[self.task] = self.backbone.state()
        self.heads.fit(validated)
        return plan

    def _alone(self, drawn: np.ndarray) -> float:
        """Return the newest expert's accuracy within its task, on drawn samples of it.

        The answers of all cannot tell its epochs apart where the selector sends it no sample.
        """
        own = np.unique(drawn[self.stream.task[drawn] == self.task])
        if not len(own):
            return 0.0
        said = self.heads.scores(self.backbone.features(self.stream, own), self.task)
        scores = self._joined(torch.full((len(own), self.stream.seen), UNCHOSEN), self.task, said)
        found = self.stream.best_in_task(self.prior.in_answers(scores).numpy(), own)
        return float((found == self.stream.label[own]).mean())

    # -- asking -----------------------------------------------------------------------------

    def _answer(self, word: Word, scores: Tensor, chosen: np.ndarray) -> Tensor:
        """Return the answer's scores, (n, seen), from the selector's word and the experts'.

        Soft routing: classes whose expert is not asked share their task's mass as the selector
        has it over classes, evenly where its head is over tasks.
        """
        scores = self.prior.in_answers(scores)
        if self.options.routing == "hard":
            tasks = range(1, self.stream.tasks + 1)
            return keep_to_asked(scores, chosen, [self.stream.columns(t) for t in tasks])
        otherwise = word.classes
        if otherwise is None:
            otherwise = self.prior.in_answers(torch.zeros_like(scores))
        return mix_asked(word.tasks, scores, otherwise, chosen, self.stream.class_task)

    def predict(self, indices: np.ndarray) -> Prediction:
        """Let the selector's top-k experts answer; the arg max over the classes wins."""
        word = self.selector.ask(indices)
        ranked = rank_tasks(word.tasks)
        chosen = choose_experts(ranked, self.options.top_k, None)
        scores = self.frozen_scores(indices, chosen, sorted(self.adapters))
        answer = F.log_softmax(self._answer(word, scores, chosen), dim=1)
        if self.task == 1:
            return Prediction(answer)
        return Prediction(answer, ranked[:, :RANKS], F.log_softmax(word.tasks, dim=1))

    def predict_in_task(self, indices: np.ndarray, found: Prediction) -> np.ndarray:
        """Ask each sample's own expert, whomever the selector would have asked."""
        true = self.stream.task[indices]
        scores = self.frozen_scores(indices, true[:, None], sorted(self.adapters))
        scores = self.prior.in_answers(scores)
        return self.stream.best_in_task(scores.numpy(), indices)


LEARNER = Experts
