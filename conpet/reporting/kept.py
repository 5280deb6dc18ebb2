"""What a method must keep of its data to learn another task: the other half of its price."""

from __future__ import annotations

import math

from conpet.config.method import Method
from conpet.errors import UserError
from conpet.files import read_json
from conpet.replay import replay_class
from conpet.reporting.collect import Results
from conpet.run.folder import MEMORY_FILE
from conpet.run.reading import Run


def kept_samples(results: Results, run: Run) -> float:
    """Return how many samples of all tasks a finished run keeps to go on learning.

    What draws on the history, or fits its head on it, keeps all training samples that came. A
    memory keeps its exemplars, a head that is fitted on so many of each class keeps those, and
    everything else keeps none. NaN where a file is not there.
    """
    state = run.last.learner
    if not state.state:
        return math.nan
    fitted_on = _fitted_on(run)
    if _draws_on_history(results.method(run.key.method)) or fitted_on == "history":
        folder = results.root / results.experiment / run.key.dataset
        streams = [read_json(path) for path in sorted(folder.glob("*.tasks.json"))]
        sizes = [len(task["train"]) for stream in streams for task in stream["tasks"]]
        return float(sum(sizes)) if sizes else math.nan
    if (state.folder / MEMORY_FILE).is_file():
        memory = read_json(state.folder / MEMORY_FILE)
        return float(len(memory["train"]) + len(memory["valid"]))
    return (
        float(fitted_on * run.last.metrics["classes_seen"]) if isinstance(fitted_on, int) else 0.0
    )


def _fitted_on(run: Run) -> int | str:
    """Return what the head is fitted on, as the state says: the plan where it says nothing."""
    head = run.last.learner.state["settings"].get("settings", {}).get("head")
    found: int | str = head.get("samples", "plan") if isinstance(head, dict) else "plan"
    return found


def _draws_on_history(method: Method) -> bool:
    try:
        kind = replay_class(method.replay)
    except UserError:  # a replay of its own, which is not there any more
        return False
    return kind.brings_old and not kind.keeps
