"""A learner put together from what a job is told: backbone, stream, replay, seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from conpet.config.stages import Learn
from conpet.config.strict import validate
from conpet.data.stream import Stream
from conpet.learners import check_takes, learner_class
from conpet.learners.base import Context, Learner, Seeds
from conpet.models.backbone import Backbone
from conpet.progress import Progress
from conpet.replay import replay_class
from conpet.replay.exemplars import Memory
from conpet.training import choose_engine


def assemble(
    about: Learn,
    model: tuple[str, Path],
    stream: Stream,
    seeds: Seeds,
    memory: Memory | None = None,
    progress: Progress | None = None,
    backbone_type: type[Backbone] = Backbone,
) -> Learner:
    """Return a learner at the stream's last task, nothing loaded yet.

    Args:
        model: what adapters call their base model, and the folder with its weights.
        memory: what is kept of the tasks before.
        backbone_type: what the backbone is made of; another counts, and computes nothing.
    """
    learner, replay = learner_class(about.learner), replay_class(about.replay)
    check_takes(about.learner, about.settings.head)
    # an expert starts fresh with its task; every other adapter starts once
    purpose = ("adapter", stream.tasks if learner.experts else 1)
    name, snapshot = model
    backbone = backbone_type(
        snapshot, name, about.pooling, about.lora_targets, about.settings.tuning,
        about.settings.compute, seeds.of(*purpose),
    )  # fmt: skip
    own = validate(replay.Options, about.replay_options, f"replay {about.replay}: options")
    return learner(
        Context(
            backbone=backbone,
            stream=stream,
            settings=about.settings,
            replay=replay(own, about.settings),
            options=validate(learner.Options, about.options, f"learner {about.learner}: options"),
            seed=seeds,
            memory=memory or Memory.empty(),
            progress=progress or Progress("conpet"),
            engine=choose_engine(about.settings.compute, backbone.device),
        )
    )


def needed_states(learner: type[Learner], states: Sequence[Path]) -> Sequence[Path]:
    """Return those of a run's states, oldest first, that a learner answers from."""
    return states if learner.experts else states[-1:]
