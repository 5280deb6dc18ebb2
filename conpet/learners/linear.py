"""Fine-tuning: one adapter, one linear head, cross-entropy, task after task.

Nothing in the learner guards the past; what is kept depends on the replay alone. With a memory
it is EMR (Wang et al. 2019, arXiv 1903.02588, without the alignment), with dynamic replay Static
ConPET (Song et al. 2023, section 3.2), with full replay the upper bound.
"""

from __future__ import annotations

from conpet.learners.base import Classifier


class Linear(Classifier):
    """The common ground as it is."""


LEARNER = Linear
