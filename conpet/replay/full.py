"""Full replay: all samples of all tasks in every epoch, whatever it costs (an upper bound)."""

from __future__ import annotations

import numpy as np

from conpet.replay.base import Arrived, Plan, Replay, shuffled


class Full(Replay):
    """Joint training over the whole history."""

    whole_history = True

    def mixed(self, arrived: Arrived, rng: np.random.Generator, redraw: bool) -> Plan:
        """Return epochs over everything."""
        training, tasks = arrived.training, range(1, arrived.task + 1)
        everything = arrived.stream.of("train", tasks)
        batches = shuffled(everything, training.epochs, training.batch_size, rng)
        return Plan(batches, [arrived.stream.of("valid", tasks)] * (training.epochs + 1))


REPLAY = Full
