"""A results folder as the workflow leaves it: made up, plausible, as small as a test needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conpet.config import Method
from conpet.config.strict import read_yaml, validate
from conpet.data.samples import write_samples
from conpet.data.schema import Sample
from conpet.evaluation import task_metrics
from conpet.files import write_json
from conpet.reporting.collect import Results, collect
from conpet.run import RunFolder, RunKey
from conpet.seeds import derive
from tests.conftest import ROOT

# accuracy when new, what a later task takes away, how fast that saturates, replay
METHODS: dict[str, tuple[float, float, float, str]] = {
    "finetune": (0.97, 0.90, 0.9, "none"),
    "ewc": (0.95, 0.80, 0.8, "none"),
    "lwf": (0.93, 0.62, 0.7, "none"),
    "emr": (0.95, 0.22, 0.35, "memory"),
    "ea_emr": (0.95, 0.20, 0.35, "memory"),
    "crl": (0.93, 0.16, 0.3, "memory"),
    "static_emr": (0.95, 0.12, 0.3, "dynamic"),
    "static_ea_emr": (0.95, 0.10, 0.3, "dynamic"),
    "static_crl": (0.92, 0.09, 0.25, "dynamic"),
    "dynamic": (0.94, 0.08, 0.3, "dynamic"),
    "limitless": (0.95, 0.05, 0.2, "full"),
    "joint": (0.96, 0.04, 0.2, "full"),
}
EXPERTS = {"dynamic", "limitless"}
SHIPPED = [path.stem for path in sorted((ROOT / "config" / "methods").glob("*.yaml"))]
BACKBONE = 22_700_000
LORA = 36_864


def cells(
    datasets: Sequence[str] = ("demo",),
    models: Sequence[str] = ("minilm",),
    methods: Sequence[str] = tuple(METHODS),
    seeds: Sequence[int] = (100, 200, 300),
    n_tasks: int = 5,
    experiment: str = "demo",
) -> dict[RunKey, int]:
    return {
        RunKey(experiment, dataset, model, method, seed): n_tasks
        for dataset in datasets
        for model in models
        for method in methods
        for seed in seeds
    }


def about(*methods: str) -> dict[str, Method]:
    """What the methods that come with the project say of themselves."""
    paths = [ROOT / "config/methods" / f"{name}.yaml" for name in methods or METHODS]
    return {path.stem: validate(Method, read_yaml(path), str(path)) for path in paths}


def known() -> dict[str, Any]:
    """The fields of Results that a configuration gives, of the project's methods."""
    methods = about()
    return {"about": methods, "titles": {name: method.title for name, method in methods.items()}}


def build(
    root: Path,
    matrix: Mapping[RunKey, int],
    per_class: int = 8,
    classes_per_task: int = 4,
    **extra: Any,
) -> Results:
    """Write every run of the matrix under ``root`` and collect it."""
    experiment = next(iter(matrix)).experiment
    sizes = {key.dataset: tasks for key, tasks in matrix.items()}
    for dataset, n_tasks in sizes.items():
        _write_data(root, experiment, dataset, n_tasks, per_class, classes_per_task)
    for model in {key.model for key in matrix}:
        write_json(root / "models" / model / "source.json", {"kind": "wheel", "sha256": "ab" * 32})
    for key, tasks in matrix.items():
        _write_run(root, key, tasks, per_class, classes_per_task)
    return collect(experiment, root, matrix, **(known() | extra))


def class_name(task: int, index: int) -> str:
    return f"task{task:02d}_class{index:02d}"


def _write_data(
    root: Path, experiment: str, dataset: str, n_tasks: int, per_class: int, classes: int
) -> None:
    samples, tasks = [], []
    for task in range(1, n_tasks + 1):
        names = [class_name(task, c) for c in range(classes)]
        start = len(samples)
        for name in names:
            for i in range(per_class):
                text = f'Sample {i} of <{name}> & co says "hello" to & < > the reader'
                samples.append(Sample(f"{name}-{i}", text, name))
        rows = list(range(start, len(samples)))
        # as many more, whose texts nobody asks for, are trained on
        train = [10_000 + row for row in rows]
        tasks.append({"task": task, "classes": names, "train": train, "valid": [], "test": rows})
    write_samples(root / "data" / dataset / "base" / "samples.parquet", samples)
    content = {"dataset": dataset, "part": "base", "order": {}, "tasks": tasks}
    write_json(root / experiment / dataset / "base.tasks.json", content)


def _write_run(root: Path, key: RunKey, tasks: int, per_class: int, classes: int) -> None:
    rng = np.random.default_rng(derive(*key.cell, key.seed, tasks))
    folder, experts = RunFolder(root / key.path), key.method in EXPERTS
    new, drop, speed, replay = METHODS.get(key.method, METHODS["emr"])
    jitter = rng.normal(0, 0.012)
    for t in range(1, tasks + 1):
        chance = {
            i: new - 0.01 * t - drop * (1 - np.exp(-speed * (t - i) * 2)) + jitter
            for i in range(1, t + 1)
        }
        frame = _predict(rng, t, chance, per_class, classes, experts and t > 1)
        ranked = None
        if experts and t > 1:
            other = np.where(frame["selected_task"] == frame["task"], 1, frame["task"])
            ranked = np.stack([frame["selected_task"], other], axis=1)
        metrics = task_metrics(frame["label"], frame["prediction"], frame["task"], ranked, t)
        count = {"classes_seen": t * classes, "samples": len(frame)}
        write_json(folder.metrics(t), {**key.of_task(t), **count, **metrics})
        frame.to_parquet(folder.predictions(t))
        _write_training(rng, folder.state(t), key, t, replay)
        if experts and t > 1:
            _write_training(rng, folder.selector(t), key, t, replay)


def _predict(
    rng: np.random.Generator,
    t: int,
    chance: dict[int, float],
    per_class: int,
    classes: int,
    selects: bool,
) -> pd.DataFrame:
    rows = []
    for i in range(1, t + 1):
        for c in range(classes):
            for _ in range(per_class):
                label = class_name(i, c)
                right = bool(rng.random() < chance[i])
                task = i if right else int(rng.integers(1, t + 1))
                wrong = (c + 1) % classes
                guess = label if right else class_name(task, wrong)
                rows.append(
                    {
                        "part": 0,
                        "row": len(rows),
                        "task": i,
                        "label": label,
                        "prediction": guess,
                        "correct": guess == label,
                        "score": -float(rng.exponential(0.2)),
                        "selected_task": task if selects else -1,
                    }
                )
    return pd.DataFrame(rows)


def _write_training(
    rng: np.random.Generator, folder: Path, key: RunKey, t: int, replay: str
) -> None:
    experts = key.method in EXPERTS
    new = 480 + 40 * (derive(key.dataset, t) % 5)
    samples = {"none": new, "memory": new + 320 * (t > 1), "dynamic": 800 if t > 1 else new}
    passed = 10 * samples.get(replay, new * t)
    head = 384 * 4 * (1 if experts else t)
    epochs = [
        {"epoch": e, "loss": 2.0 * 0.6**e + 0.05, "valid_accuracy": 0.95 - 0.5 * 0.55**e}
        for e in range(10)
    ]
    write_json(
        folder / "state.json",
        {
            "learner": "experts" if experts else "linear",
            "needs": {"states": "all" if experts else "last", "selector": experts},
            "task": t,
            "classes": [[class_name(i, c) for c in range(4)] for i in range(1, t + 1)],
            "settings": {"replay": replay, "settings": {"training": {"epochs": 10, "lr": 1e-3}}},
            "plan_sha256": "cd" * 32,
            "encoded_sha256": "ef" * 32,
            "best_epoch": 8,
            "trainable_parameters": LORA + head,
            "total_parameters": BACKBONE + LORA + head,
            "stored_bytes": 4 * (LORA + head) + 900,
            "samples_passed": passed,
            "tokens_passed": passed * 31,
            "forward_samples": 90 * t,
            "forward_tokens": 90 * t * 31,
            "steps": passed // 16,
            "epochs": epochs,
            "loss_curve": [[i, 2.0 * 0.97**i] for i in range(0, 100, 5)],
        },
    )
    if replay == "memory":
        kept = list(range(2 * t))  # two of every task: one to validate on
        write_json(folder / "memory.json", {"train": kept[::2], "valid": kept[1::2]})
    seconds = passed * 0.004 * float(1 + 0.03 * rng.normal()) + 2
    timing = {"seconds": seconds, "peak_memory_mb": 640.0 + 3 * t}
    write_json(folder / "timing.json", {**timing, "threads": 1, "git_commit": "5eed"})
