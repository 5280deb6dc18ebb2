"""What a method may say of Dynamic ConPET."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from conpet.config.settings import Count, Positive, Share
from conpet.config.strict import Strict
from conpet.errors import UserError


class Options(Strict):
    """``top_k`` experts answer; with teacher forcing the true task's expert is one in training.

    ``selector_untrained``: whether the best selector may be the one before training (the authors'
    rule), which finds all earlier tasks and never the new one. ``selector_clip_norm`` stands in
    place of ``training.clip_norm`` while a selector is trained. The rest goes beyond the paper:

    ``redraw``: fresh batches in every pass of selector and expert (the authors' code), not one
    plan for all. ``selector``: what it is trained to tell apart; with ``lda`` classes, and then
    class means and a shared covariance of its representations of ``selector_fit`` speak: the
    plan's samples, and more of a class that has less than ``selector_least`` of them, or all.
    ``routing``: ``hard`` leaves the classes of experts that are not asked out, ``soft`` weighs
    experts by the selector's log p(task). ``expert_init``: an expert starts ``fresh``; from the
    ``selector``, and the next selector from the expert (the authors' LLaMA code); or from a
    ``shared`` adapter, the selector's, which is carried on by itself from expert 1.
    ``expert_head``: with ``lda`` class means and covariance of the expert's representations of its
    task speak in place of the head that was trained. ``layers``: how many
    of the backbone's last layers are read by what is fitted, the selector's and the experts'
    (:func:`conpet.models.layers.side_by_side`).
    ``fill``: an expert's batches hold only samples that give it a gradient. ``expert_share``: of
    each epoch's batches, from task 2 on, that an expert follows. ``temperature``: the scores of
    each expert and selector are set to one scale on validation data.
    """

    top_k: Count = 1
    teacher_forcing: bool = True
    expert_init: Literal["fresh", "selector", "shared"] = "fresh"
    expert_head: Literal["trained", "lda"] = "trained"
    layers: Annotated[int, Field(ge=1, le=1000)] = 1
    selector_clip_norm: Positive | None = 1.0
    selector_untrained: bool = False
    redraw: bool = False
    selector: Literal["tasks", "classes", "lda"] = "tasks"
    selector_fit: Literal["plan", "history"] = "plan"
    selector_least: Count = 5
    routing: Literal["hard", "soft"] = "hard"
    fill: bool = False
    expert_share: Share = 1.0
    temperature: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Options:
        if self.fill and not self.teacher_forcing and self.routing == "hard":
            raise ValueError("fill needs teacher_forcing: a sample is its own task's expert's")
        if self.layers > 1 and "lda" not in (self.selector, self.expert_head):
            raise ValueError("layers: what is trained reads the last one alone: say selector: lda")
        if self.selector_fit != "plan" and self.selector != "lda":
            raise ValueError("selector_fit: only what is fitted is fitted on it: say selector: lda")
        return self


#: what is left where a class does not say its task
_SHARED = {
    "selector": "tasks",
    "routing": "hard",
    "prior": "none",
    "expert_init": "fresh",
    "expert_head": "trained",
    "temperature": False,
}


def starts_from_expert(options: Mapping[str, Any], task: int) -> bool:
    """Say whether the selector of a task (from 2 on) starts from an expert."""
    begins = options.get("expert_init")
    return begins == "selector" or (begins == "shared" and task == 2)


def check_effect(options: Options) -> None:
    """Raise a UserError where an option has no effect; what is learnt is opened all the same."""
    least = Options.model_fields["selector_least"].default
    fitted = (options.selector, options.selector_fit) == ("lda", "plan")
    if options.selector_least != least and not fitted:
        raise UserError(
            "options: selector_least: it adds to the plan's samples that selector: lda is fitted "
            "on: leave it out"
        )
    if options.routing == "soft" and not options.teacher_forcing:
        raise UserError(
            "options: teacher_forcing: with routing: soft the true task's expert is asked alone in "
            "training: leave it out"
        )


def check_shared(options: Options, prior: str) -> None:
    """Raise a UserError unless options and prior go with tasks that share classes."""
    asked = {**vars(options), "prior": prior}
    for name, only in _SHARED.items():
        if asked[name] != only:
            raise UserError(
                f"experts: where tasks share classes, a class says no task: leave {name} at "
                f"{str(only).lower()}"
            )
