"""Checks that a learner, a replay or a head keeps to the contract, for files of one's own too::

    from conpet.testing import check_head, check_learner, check_replay
    check_learner("my_learner")        # conpet/learners/my_learner.py, or the class itself
    check_replay("my_replay")          # conpet/replay/my_replay.py, or the class itself
    check_head("my_head")              # conpet/heads/my_head.py

Each takes seconds on a random model of 32 dimensions, and raises an AssertionError that says what
is broken, with which replay. docs/own-method.md has the whole contract.
"""

from __future__ import annotations

from conpet.testing.learners import check_head, check_learner
from conpet.testing.replays import check_replay

__all__ = ["check_head", "check_learner", "check_replay"]
