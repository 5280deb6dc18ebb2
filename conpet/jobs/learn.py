"""Training, selecting, remembering and evaluating: one learner, one task, one job."""

from __future__ import annotations

import hashlib
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from conpet.config import Experiment
from conpet.config.strict import validate
from conpet.data.stream import Stream, open_stream
from conpet.errors import UserError
from conpet.evaluation import task_metrics
from conpet.files import atomic, atomic_folder, read_json, sha256, write_json
from conpet.learners import find
from conpet.learners.base import Context, Learner, Seeds
from conpet.models.backbone import Backbone
from conpet.progress import Listener, Progress
from conpet.provenance import commit
from conpet.replay.memory import read_memory, write_memory
from conpet.replay.plan import Plan
from conpet.run import RunKey
from conpet.tracking.live import live


@dataclass(frozen=True)
class Cell:
    """One place in an experiment's matrix, at one task."""

    experiment: Experiment
    dataset: str
    model: str
    method: str
    seed: int
    task: int

    def name(self) -> str:
        """Return what progress lines call it."""
        return f"{self.dataset} {self.model} {self.method} seed {self.seed} task {self.task}"

    def key(self) -> dict[str, Any]:
        """Return the keys that every file about this cell starts with."""
        return {
            "experiment": self.experiment.name,
            "dataset": self.dataset,
            "model": self.model,
            "method": self.method,
            "seed": self.seed,
            "task": self.task,
        }


def build(
    cell: Cell, snapshot: Path, encoded: Sequence[Path], memories: Sequence[Path], what: str
) -> Learner:
    """Make the cell's learner with its backbone and stream, nothing loaded yet."""
    method = cell.experiment.methods[cell.method]
    model = cell.experiment.models[cell.model]
    settings = cell.experiment.settings(cell.dataset, cell.model, cell.method)
    learner = find(method.learner)
    stream = open_stream(encoded, cell.task)
    if stream.tasks != cell.task:
        raise UserError(
            f"task {cell.task}: the encoded files hold {stream.tasks} tasks: give all parts"
        )
    seeds = Seeds(cell.seed, cell.dataset)
    # an expert starts fresh with its task; every other adapter starts once
    purpose = ("adapter", cell.task) if learner.experts else ("adapter", 1)
    backbone = Backbone(
        snapshot,
        cell.model,
        model.pooling,
        model.lora_targets,
        settings.tuning,
        settings.compute,
        seeds.of(*purpose),
    )
    context = Context(
        backbone=backbone,
        stream=stream,
        settings=settings,
        strategy=method.replay,
        options=validate(learner.Options, method.options, f"method {cell.method}: options"),
        seed=seeds,
        memories=[read_memory(path) for path in memories],
        progress=Progress(f"{what} {cell.name()}", listener=_listener(cell, what)),
    )
    return learner(context)


def take_up(
    cell: Cell, learner: Learner, folders: Sequence[Path], selector: Path | None, last: int
) -> None:
    """Have a learner take up the states of tasks 1..last, oldest first (or the last one alone).

    Raises:
        UserError: a folder holds no state, or one of another task or learner; one is missing.
    """
    name = cell.experiment.methods[cell.method].learner
    found = [read_json(folder / "state.json") for folder in folders]
    for folder, state in zip(folders, found, strict=True):
        if state.get("learner") != name:
            raise UserError(
                f"{folder}: a state of learner {state.get('learner')}, not {name}: "
                f"give the states of method {cell.method}"
            )
    tasks = [state.get("task") for state in found]
    wanted = list(range(1, last + 1))
    if tasks != wanted and (learner.experts or tasks != wanted[-1:]):
        raise UserError(
            f"--states: they are of tasks {tasks}, but tasks {wanted} are needed, oldest first"
        )
    learner.load(folders, selector)


def _listener(cell: Cell, what: str) -> Listener | None:
    """Return where the job's loss is streamed, if anywhere."""
    if what not in ("train", "select"):
        return None
    key = RunKey(cell.experiment.name, cell.dataset, cell.model, cell.method, cell.seed)
    return live(key, cell.task, what)


def _peak_memory_mb(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _stored_bytes(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*.safetensors"))


def _write_state(
    cell: Cell,
    learner: Learner,
    plan: Plan,
    encoded: Sequence[Path],
    out: Path,
    start: float,
    stage: str,
) -> None:
    """Write a state's folder; everything but timing.json is the same bytes every time."""
    history = learner.history
    method = cell.experiment.methods[cell.method]
    with atomic_folder(out) as folder:
        learner.save(folder)
        encoded_hash = hashlib.sha256("".join(sha256(p) for p in encoded).encode()).hexdigest()
        state = {
            **cell.key(),
            "learner": method.learner,
            "needs": {"states": "all" if learner.experts else "last", "selector": learner.experts},
            "stage": stage,
            "classes": learner.stream.classes,
            "settings": cell.experiment.params(
                stage, cell.dataset, cell.model, cell.method, cell.task
            ),
            "precision": learner.backbone.precision,
            "plan_sha256": plan.sha256(),
            "encoded_sha256": encoded_hash,
            "best_epoch": history.best_epoch,
            "trainable_parameters": sum(p.numel() for p in learner.parameters()),
            "total_parameters": learner.backbone.total_parameters,
            "stored_bytes": _stored_bytes(folder),
            "samples_passed": history.samples_passed,
            "tokens_passed": history.tokens_passed,
            "steps": history.steps,
            "epochs": history.epochs,
            "loss_curve": history.loss_curve(),
        }
        write_json(folder / "state.json", state)
        timing = {
            "seconds": round(time.monotonic() - start, 3),
            "peak_memory_mb": round(_peak_memory_mb(learner.backbone.device), 1),
            "threads": torch.get_num_threads(),
            "device": str(learner.backbone.device),
            "git_commit": commit(cell.experiment.config_dir),
        }
        write_json(folder / "timing.json", timing)
    learner.context.progress.close()


def train(
    cell: Cell,
    snapshot: Path,
    encoded: Sequence[Path],
    states: Sequence[Path],
    memories: Sequence[Path],
    selector: Path | None,
    out: Path,
) -> None:
    """Learn one task from the earlier states and write the new state."""
    start = time.monotonic()
    learner = build(cell, snapshot, encoded, memories, "train")
    take_up(cell, learner, states, selector, cell.task - 1)
    plan = learner.train()
    _write_state(cell, learner, plan, encoded, out, start, "train")


def select(
    cell: Cell,
    snapshot: Path,
    encoded: Sequence[Path],
    states: Sequence[Path],
    previous: Path | None,
    out: Path,
) -> None:
    """Train the selector of one task (Dynamic ConPET) from the previous selector."""
    from conpet.learners.experts import Experts

    start = time.monotonic()
    learner = build(cell, snapshot, encoded, [], "select")
    if not isinstance(learner, Experts):
        raise UserError(f"method {cell.method}: its learner has no selector: nothing to select")
    take_up(cell, learner, states, previous, cell.task - 1 if states else 0)
    plan = learner.train_selector()
    _write_state(cell, learner, plan, encoded, out, start, "select")


def remember(
    cell: Cell, snapshot: Path, encoded: Sequence[Path], states: Sequence[Path], out: Path
) -> None:
    """Choose the newest task's exemplars by K-means on what the new state says of them."""
    learner = build(cell, snapshot, encoded, [], "remember")
    take_up(cell, learner, states, None, cell.task)
    write_memory(out, cell.task, learner.remember())


def evaluate(
    cell: Cell,
    snapshot: Path,
    encoded: Sequence[Path],
    states: Sequence[Path],
    selector: Path | None,
    metrics: Path,
    predictions: Path,
) -> None:
    """Predict the test samples of all seen tasks; write predictions and their metrics."""
    import pandas as pd

    learner = build(cell, snapshot, encoded, [], "evaluate")
    take_up(cell, learner, states, selector, cell.task)
    stream: Stream = learner.stream
    indices = stream.of("test", range(1, cell.task + 1))
    if not len(indices):
        raise UserError(f"{cell.dataset}: no test sample in tasks 1..{cell.task}: check the split")
    found = learner.predict(indices)
    guess = found.labels()
    tasks = stream.task[indices]
    values = task_metrics(stream.label[indices], guess, tasks, found.selected, cell.task)
    names = stream.names
    frame = pd.DataFrame(
        {
            "part": stream.part[indices],
            "row": stream.row[indices],
            "task": tasks,
            "label": [names[i] for i in stream.label[indices]],
            "prediction": [names[i] for i in guess],
            "correct": guess == stream.label[indices],
            "score": found.scores.max(1).values.numpy(),
            "selected_task": found.selected[:, 0] if found.selected is not None else -1,
        }
    )
    with atomic(predictions) as temporary:
        frame.to_parquet(temporary, index=False, compression="zstd")
    write_json(
        metrics, {**cell.key(), "classes_seen": stream.seen, "samples": len(indices), **values}
    )
    learner.context.progress.say(f"whole accuracy {100 * values['whole_accuracy']:.1f} %")
