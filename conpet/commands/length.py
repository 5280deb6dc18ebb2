"""How long a task is trained: chosen for data of one's own, and compared between methods.

A table of methods compares them where they train about as long; else it compares lengths.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from conpet.commands.data_steps import DataSteps
from conpet.config import Experiment
from conpet.config.settings import Settings
from conpet.replay import replay_class
from conpet.replay.base import part_of

STEPS = 100  # of a task: fewer learn little at this learning rate
_EPOCHS = (3, 30)
_KEPT = (2, 20)
_MOST_BATCHES = 1_000_000
_TIMES = 5  # as many samples as plain fine-tuning: a note is due


def settings_for(samples: float, of_class: float) -> list[str]:
    """Return YAML lines, the keys ``training``, ``replay`` and ``memory``, for data of that size.

    Args:
        samples: that a typical task is trained on.
        of_class: the same of a class.
    """
    about = Settings()
    size, samples = about.training.batch_size, max(1, samples)
    steps = math.ceil(samples / size)
    epochs = min(max(math.ceil(STEPS / steps), _EPOCHS[0]), _EPOCHS[1])
    return [
        f"# a task has about {samples:.0f} training samples: a pass is {steps} batches of {size};",
        f"# {STEPS} steps per task are aimed at, by {_EPOCHS[0]} to {_EPOCHS[1]} passes (guessed)",
        f"training: {{epochs: {epochs}, batch_size: {size}, lr: 1.0e-3}}",
        "# what an epoch of replay may cost: batches for the new samples once, as many old ones,",
        f"# and {1 - about.replay.train_share:.0%} of all of them for validation (guessed)",
        f"replay: {{batches: {_batches(samples, about)}}}",
        "# exemplars that memory keeps of a class: a tenth of its samples, "
        f"{_KEPT[0]} to {_KEPT[1]} (guessed)",
        f"memory: {{per_class: {min(max(round(of_class / 10), _KEPT[0]), _KEPT[1])}}}",
    ]


def trained(steps: DataSteps) -> list[int]:
    """Return how many samples each task of a dataset is trained on."""
    shots, found = steps.data.shots, []
    for part in steps.parts:
        labels = [sample.label for sample in steps.samples[part]]
        for task in steps.splits[part]["tasks"]:
            each = Counter(labels[row] for row in task["train"]).values()
            found.append(sum(each if shots is None else (min(n, shots) for n in each)))
    return found


def _batches(samples: float, about: Settings) -> int:
    """Return the budget of which an epoch trains on the new samples once, and as many old ones."""
    steps = math.ceil(2 * samples / about.training.batch_size)
    return min(math.ceil(steps / about.replay.train_share), _MOST_BATCHES)


def too_long(experiment: Experiment, dataset: str, samples: Sequence[int]) -> Iterator[str]:
    """Yield a line where dynamic replay trains on far more samples than fine-tuning would.

    Args:
        samples: that each task has to train on; dynamic replay begins with the second.
    """
    later = samples[1 : experiment.tasks(dataset)]
    if not any(later):
        return
    typical = sum(later) / len(later)
    found: dict[str, float] = {}
    better = 0
    for model in experiment.models:
        for name, method in experiment.methods.items():
            if replay_class(method.replay).shares_batches:
                about = experiment.settings(dataset, model, name)
                batches = max(1, part_of(about.replay.batches, about.replay.train_share))
                times = batches * about.training.batch_size / typical
                if times > _TIMES:
                    found[name] = max(times, found.get(name, 0))
                    better = _batches(typical, about)
    if found:
        yield (
            f"{', '.join(found)}: settings.replay.batches trains {max(found.values()):.0f} times "
            "the samples of plain fine-tuning, so a table compares lengths: "
            f"batches: {better} trains twice the samples"
        )
