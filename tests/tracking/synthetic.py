"""Run folders as the workflow leaves them, made up in milliseconds."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from conpet.files import write_bytes, write_json
from conpet.run import MEMORY_FILE, RunFolder, RunKey
from conpet.seeds import derive

METHODS = ("finetune", "emr", "static_emr", "dynamic", "joint")
SPAN = 30.0  # seconds of a task's training
BIRTH = 1_760_000_000  # when the first task began, seconds since 1970
CLASSES = 4
SAMPLES = 100

# What is left of a task's accuracy after each later task.
KEPT = {"finetune": 0.2, "emr": 0.85, "static_emr": 0.97, "dynamic": 0.95, "joint": 1.0}


def accuracy(method: str, seed: int, task: int, of: int) -> float:
    """Accuracy on task ``of`` after ``task``: a whole number of right samples."""
    noise = (derive(method, seed, of) % 7) / 100
    return round((0.97 - noise) * KEPT.get(method, 0.5) ** (task - of) * SAMPLES) / SAMPLES


def metrics(key: RunKey, task: int) -> dict[str, Any]:
    """metrics.json after a task; all tasks have the same number of test samples."""
    of = [accuracy(key.method, key.seed, task, number) for number in range(1, task + 1)]
    mean = sum(of) / task
    top = range(1, min(task, 3) + 1)
    selector = {str(k): 1 - 0.3 / k * (task - 1) / task for k in top}
    dynamic = key.method == "dynamic"
    return {
        **key.of_task(task),
        "classes_seen": CLASSES * task,
        "samples": SAMPLES * task,
        "whole_accuracy": mean,
        "average_accuracy": mean,
        "macro_f1": max(0.0, mean - 0.01),
        "task_accuracy": of,
        "task_samples": [SAMPLES] * task,
        "selector_accuracy": selector if dynamic else None,
        "selector_confusion": None,
    }


def _needs(key: RunKey) -> dict[str, Any]:
    experts = key.method == "dynamic"
    return {"states": "all" if experts else "last", "selector": experts}


def _state(key: RunKey, task: int, kind: str) -> dict[str, Any]:
    steps = 40 * (task if key.method == "joint" else 1)
    curve = [[step, 2.5 * math.exp(-3 * step / steps) + 0.1] for step in range(1, steps + 1)]
    learner = {"dynamic": "experts"}.get(key.method, "linear")
    learnt = {
        "training": {"epochs": 3, "lr": 0.001, "batch_size": 16},
        "tuning": {"type": "LORA", "config": {"r": 4}},
    }
    return {
        "learner": learner,
        "needs": _needs(key),
        "task": task,
        "classes": [[f"P{CLASSES * t + c}" for c in range(CLASSES)] for t in range(task)],
        "settings": {"learner": learner, "replay": "none", "settings": learnt},
        "plan_sha256": f"{derive(str(key), kind, task):064x}",
        "encoded_sha256": f"{derive(key.dataset, key.model):064x}",
        "best_epoch": 2,
        "trainable_parameters": 36_864 + 385 * CLASSES * task,
        "total_parameters": 22_713_216,
        "stored_bytes": 150_000 + 1_540 * CLASSES * task,
        "samples_passed": 16 * steps,
        "tokens_passed": 16 * steps * 40,
        "steps": steps,
        "epochs": [
            {"epoch": e, "loss": 2.0 / (e + 1), "valid_accuracy": 0.7 + 0.1 * e} for e in range(3)
        ],
        "loss_curve": curve[:: max(1, steps // 100)][:100],
    }


def _training(folder: Path, key: RunKey, task: int, kind: str, end: float, seconds: float) -> None:
    write_json(folder / "state.json", _state(key, task, kind))
    timing = {"seconds": seconds, "peak_memory_mb": 612.5, "threads": 1}
    write_json(folder / "timing.json", timing)
    write_bytes(folder / "learner.safetensors", b"head" * 100 + bytes([task]))
    write_json(folder / "adapter" / "adapter_config.json", {"peft_type": "LORA", "r": 4})
    write_bytes(folder / "adapter" / "adapter_model.safetensors", bytes([task]) * 1000)
    os.utime(folder / "state.json", (end, end))


def build_task(run: Path, key: RunKey, task: int) -> None:
    """Write ``task{task:02d}`` of a run: states, memory and metrics with fixed file times."""
    folder = RunFolder(run)
    end = BIRTH + 60.0 * task
    if key.method == "dynamic" and task >= 2:
        _training(folder.selector(task), key, task, "selector", end - SPAN, 10.0)
    _training(folder.state(task), key, task, "", end, SPAN)
    if key.method in ("emr", "static_emr"):
        write_json(folder.state(task) / MEMORY_FILE, {"train": list(range(task)), "valid": []})
    write_json(folder.metrics(task), metrics(key, task))
    os.utime(folder.metrics(task), (end + 5, end + 5))


def build_run(results: Path, key: RunKey, tasks: int = 3) -> Path:
    """Write a run's folder under ``results`` and return it."""
    run = results / key.path
    for task in range(1, tasks + 1):
        build_task(run, key, task)
    return run


def config(key: RunKey) -> dict[str, Any]:
    """A resolved config, nested as the workflow gives it."""
    return {
        "dataset": {"name": key.dataset, "tasks": 5, "order": {"by": "seed", "seed": 1}},
        "model": {"name": key.model, "pooling": "cls"},
        "method": {
            "learner": "experts" if key.method == "dynamic" else "linear",
            "replay": {"strategy": "dynamic", "budget": 320},
            "tuning": {"peft_type": "LORA", "r": 4, "target_modules": ["query", "value"]},
            "train": {"learning_rate": 0.001, "epochs": 3, "weight_decay": 0.0, "seed": None},
        },
        "seed": key.seed,
    }


TAGS = {"git_commit": "0123456789abcdef0123456789abcdef01234567", "data_sha256": "ab" * 32}
