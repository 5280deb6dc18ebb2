"""One task of one run: train, select, evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from conpet.commands import options as o
from conpet.commands.checks import LearningChecks
from conpet.config import Experiment
from conpet.config.stages import Evaluate, Learn
from conpet.config.strict import name_in
from conpet.errors import UserError
from conpet.run import RunKey

app = typer.Typer()


def _learn(keys: tuple[str, str, str, int], experiment: Experiment) -> Learn:
    """Return an experiment's settings of a task, its keys checked."""
    dataset, model, method, task = keys
    o.known(experiment, dataset=dataset, model=model, method=method)
    last = experiment.tasks(dataset)
    if not 1 <= task <= last:
        raise UserError(f"--task {task}: {dataset} has tasks 1 to {last}")
    return experiment.learn(*keys)


@app.command()
def train(
    experiment: o.Name,
    dataset: o.Dataset,
    model: o.Model,
    method: o.Method,
    seed: o.Seed,
    task: o.Task,
    snapshot: o.Snapshot,
    encoded: o.Encoded,
    out: o.Out,
    state: o.States = None,
    selector: o.Selector = None,
    trained: Annotated[
        Path | None,
        Option(help="the state of this task of a method that trains alike: taken over"),
    ] = None,
    settings: o.Handed = None,
    config_dir: o.ConfigDir = o.CONFIG,
) -> None:
    """Learn one task from the earlier states, and write the new one."""
    from conpet.commands.job import Job
    from conpet.commands.job_run import train_task

    keys = dataset, model, method, task
    source = experiment, config_dir
    about = o.told(Learn, settings, source, lambda e: _learn(keys, e), LearningChecks())
    job = Job(about, RunKey(name_in(experiment), dataset, model, method, seed), task)
    train_task(job, snapshot, encoded, state or [], selector, out, trained)


@app.command()
def select(
    experiment: o.Name,
    dataset: o.Dataset,
    model: o.Model,
    method: o.Method,
    seed: o.Seed,
    task: o.Task,
    snapshot: o.Snapshot,
    encoded: o.Encoded,
    out: o.Out,
    state: o.States = None,
    previous: Annotated[Path | None, Option(help="the previous task's selector")] = None,
    settings: o.Handed = None,
    config_dir: o.ConfigDir = o.CONFIG,
) -> None:
    """Train one task's selector (Dynamic ConPET) from the previous one."""
    from conpet.commands.job import Job
    from conpet.commands.job_run import train_selector

    keys = dataset, model, method, task
    source = experiment, config_dir
    about = o.told(Learn, settings, source, lambda e: _learn(keys, e), LearningChecks())
    job = Job(about, RunKey(name_in(experiment), dataset, model, method, seed), task)
    train_selector(job, snapshot, encoded, state or [], previous, out)


@app.command()
def evaluate(
    snapshot: o.Snapshot,
    encoded: o.Encoded,
    state: o.States,
    metrics: Annotated[Path, Option(help="metrics to write")],
    predictions: Annotated[Path, Option(help="predictions to write")],
    selector: o.Selector = None,
    settings: o.Handed = None,
) -> None:
    """Test a state on all tasks that it has seen; what it is, it says itself."""
    from conpet.commands.asking import Asked, evaluate_state

    asked = Asked(_asked(settings), snapshot, encoded, state or [], selector)
    evaluate_state(asked, metrics, predictions)


def _asked(settings: Path | None) -> Evaluate | None:
    return None if settings is None else o.read_settings(Evaluate, settings)
