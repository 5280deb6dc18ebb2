"""Classes of a stream: their numbers, in order of arrival, and which of them a task has.

A class may come again in a later task (domains that share labels); it keeps its first number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

Classes = Sequence[Sequence[str]]
ONE_TASK: Literal["one task"] = "one task"
Scenario = Literal["class-incremental", "domain-incremental", "classes partly shared", "one task"]


def arrival(classes: Classes) -> list[str]:
    """Return the names of all classes by number: in the order in which tasks first bring them."""
    return list(dict.fromkeys(name for names in classes for name in names))


def columns(classes: Classes) -> list[np.ndarray]:
    """Return the class numbers of each task, in the order of its names, each shape (classes,)."""
    number = {name: i for i, name in enumerate(arrival(classes))}
    return [np.array([number[name] for name in names], np.int64) for names in classes]


def first_task(classes: Classes) -> np.ndarray:
    """Return the task (from 1) that brought each class, ascending, shape (classes,)."""
    known: dict[str, int] = {}
    for task, names in enumerate(classes, 1):
        for name in names:
            known.setdefault(name, task)
    return np.array(list(known.values()), np.int64)


def scenario(classes: Classes) -> Scenario:
    """Return what kind of stream it is, in van de Ven and Tolias's terms (2019).

    Class-incremental: every task brings classes of its own. Domain-incremental: all have the same.
    Of one task neither can be said: nothing comes after it.
    """
    if len(classes) == 1:
        return ONE_TASK
    sets = [set(names) for names in classes]
    if sum(map(len, sets)) == len(set().union(*sets)):
        return "class-incremental"
    return "domain-incremental" if all(s == sets[0] for s in sets) else "classes partly shared"
