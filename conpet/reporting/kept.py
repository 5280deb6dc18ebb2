"""What a method must keep of its data to learn another task: the other half of its price."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from conpet.config.method import Method
from conpet.errors import UserError
from conpet.files import read_json
from conpet.replay import replay_class
from conpet.reporting.collect import Results
from conpet.run.folder import MEMORY_FILE
from conpet.run.reading import Run


def kept_samples(results: Results, run: Run) -> float:
    """Return how many samples of all tasks a finished run keeps to go on learning.

    What draws on the history keeps all training and validation samples that came, what fits its
    head on it the training samples: of its tasks alone, where the data have more, and the shots
    alone, where few are drawn. A memory keeps its exemplars (some to validate on), a head that is
    fitted on so many of each class keeps those (beside a memory the larger of both, as they may be
    the same), and everything else keeps none. NaN where a file is not there.
    """
    state = run.last.learner
    if not state.state:
        return math.nan
    fitted_on = _fitted_on(run)
    if _draws_on_history(results.method(run.key.method)):
        return _history(results, run, ("train", "valid"))
    if fitted_on == "history":
        return _history(results, run, ("train",)) + _kept_to_validate(run)
    if (state.folder / MEMORY_FILE).is_file():
        memory = read_json(state.folder / MEMORY_FILE)
        held = float(len(memory["train"]) + len(memory["valid"]))
    else:
        held = 0.0
    # a memory's may be among those of the head: the larger of the two is kept at least
    own = _of_each_class(results, run, fitted_on) if isinstance(fitted_on, int) else 0.0
    return math.nan if math.isnan(own) else max(held, own)


def _history(results: Results, run: Run, splits: Sequence[str]) -> float:
    """Return how many samples of some splits the run's tasks have learnt from."""
    sizes = {split: [len(task[split]) for _, task in _tasks(results, run)] for split in splits}
    if not all(sizes.values()):
        return math.nan
    if _shots(run) is not None:
        found = _by_class(results, run)
        if found is None:
            return math.nan
        sizes["train"] = [found.total()]
    return float(sum(map(sum, sizes.values())))


def _kept_to_validate(run: Run) -> int:
    """Return how many samples a memory keeps for validation alone; 0 without a memory."""
    path = run.last.learner.folder / MEMORY_FILE
    return len(read_json(path)["valid"]) if path.is_file() else 0


def _of_each_class(results: Results, run: Run, wanted: int) -> float:
    """Return how many samples so many of each class are: a small class has fewer."""
    found = _by_class(results, run)
    if found is None:
        return math.nan
    return float(sum(min(count, wanted) for count in found.values()))


def _tasks(results: Results, run: Run) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the run's tasks as their data were cut, each with the name of its part."""
    folder = results.root / results.experiment / run.key.dataset
    seen: set[int] = set()
    # the base first: what an addition was once may lie there still
    for path in sorted(folder.glob("*.tasks.json"), key=lambda p: (p.name[:3] == "add", p.name)):
        for task in read_json(path)["tasks"]:
            if task["task"] <= len(run.tasks) and task["task"] not in seen:
                seen.add(task["task"])
                yield path.name.partition(".")[0], task


def _by_class(results: Results, run: Run) -> Counter[str] | None:
    """Return the training samples of each class, all tasks; None where the data are not there."""
    import pandas as pd

    found: Counter[str] = Counter()
    labels: dict[str, Any] = {}
    for part, task in _tasks(results, run):
        path = results.root / "data" / run.key.dataset / part / "samples.parquet"
        if not path.is_file():
            return None
        if part not in labels:
            labels[part] = pd.read_parquet(path, columns=["label"])["label"]
        of_task = labels[part].iloc[task["train"]].value_counts()
        found.update({str(name): int(n) for name, n in of_task.clip(upper=_shots(run)).items()})
    return found or None


def _shots(run: Run) -> int | None:
    """Return how many samples of each class and task are trained on; None for all."""
    found: int | None = run.last.learner.state["settings"].get("shots")
    return found


def _fitted_on(run: Run) -> int | str:
    """Return what the head is fitted on, as the state says: the plan where it says nothing.

    Where nothing is trained the head adds the newest task's samples to its sums, whatever is said:
    but for so many of a class that comes again.
    """
    state = run.last.learner.state
    head = state["settings"].get("settings", {}).get("head")
    found: int | str = head.get("samples", "plan") if isinstance(head, dict) else "plan"
    if state.get("trainable_parameters") != 0:
        return found
    classes = state.get("classes", [])
    again = sum(map(len, classes)) > len(set().union(*classes))
    return found if isinstance(found, int) and again else "plan"


def _draws_on_history(method: Method) -> bool:
    try:
        kind = replay_class(method.replay)
    except UserError:  # a replay of its own, which is not there any more
        return False
    return kind.brings_old and not kind.keeps
