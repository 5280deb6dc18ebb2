"""No replay: the new task's samples alone."""

from __future__ import annotations

from conpet.replay.base import Replay


class NoReplay(Replay):
    """What is gone is gone."""

    brings_old = False


REPLAY = NoReplay
