"""Finished runs to MLflow, and MLflow stores looked at and compared."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Option

from conpet.commands import options as o
from conpet.commands.checks import DataChecks
from conpet.commands.results import matrix_of
from conpet.config.matrix import Matrix
from conpet.config.stages import Track
from conpet.config.strict import name_in
from conpet.replay import upper_bound
from conpet.run import RunKey

app = typer.Typer()
Where = Annotated[str, typer.Argument(help="a store, or a dump-store's .json")]


@app.command()
def track_store(out: o.Out, store: o.Store = o.STORE, artifacts: o.Artifacts = o.ARTIFACTS) -> None:
    """Make MLflow's store."""
    from conpet.tracking import create_store

    create_store(store, artifacts, out)


@app.command()
def track(
    experiment: o.Name,
    dataset: o.Dataset,
    model: o.Model,
    method: o.Method,
    seed: o.Seed,
    run: Annotated[Path, Option(help="the run's folder")],
    out: o.Out,
    settings: o.Handed = None,
    store: o.Store = o.STORE,
    artifacts: o.Artifacts = o.ARTIFACTS,
    config_dir: o.ConfigDir = o.CONFIG,
) -> None:
    """Log one finished run to MLflow; an older one is replaced."""
    from conpet.run.reading import read_run
    from conpet.tracking import track_run

    keys = {"dataset": dataset, "model": model, "method": method}
    about = o.told(
        Track, settings, (experiment, config_dir),
        lambda e: o.known(e, **keys).track(dataset, model, method), DataChecks(),
    )  # fmt: skip
    key = RunKey(name_in(experiment), dataset, model, method, seed)
    learnt = read_run(run, key, about.tasks).complete()
    params: dict[str, Any] = {
        "learner": about.learner,
        "replay": about.replay,
        "options": about.options,
        "replay_options": about.replay_options,
        "settings": about.settings.model_dump(mode="json"),
    }
    # of the training, not of today: a store rebuilt later says the same
    last = learnt.last.trainings[-1]
    tags = {
        "git_commit": last.timing.get("git_commit", ""),
        "data_sha256": last.state["encoded_sha256"],
        "config_sha256": hashlib.sha256(about.text().encode()).hexdigest(),
    }
    if taken := last.timing.get("taken_from"):
        tags["taken_from"] = str(taken)
    track_run(learnt, params, tags, store, artifacts, out, about.look, about.title)


@app.command()
def track_summary(
    out: o.Out,
    experiment: o.Name = "",
    settings: o.Handed = None,
    results: o.Results = o.RESULTS,
    store: o.Store = o.STORE,
    artifacts: o.Artifacts = o.ARTIFACTS,
    config_dir: o.ConfigDir = o.CONFIG,
) -> None:
    """Log an experiment's tables, figures and report."""
    from conpet import tracking
    from conpet.reporting.named import FIGURES, TABLES

    matrix, _ = matrix_of(settings, experiment, config_dir, results)
    here = results / matrix.name
    params = {
        "seeds": matrix.seeds,
        "tasks": matrix.task_counts,
        "models": list(matrix.models),
        "methods": list(matrix.methods),
    }
    values = tracking.read_values(here / "tables")
    lines = [
        tracking.Line(
            dataset, model, method, found, matrix.methods[method].title,
            matrix.methods[method].look, {"seeds": matrix.seeds, "tasks": matrix.tasks(dataset)},
            matrix.tasks(dataset),
        )
        for (dataset, model, method), found in values.items()
    ]  # fmt: skip
    summary = tracking.Summary(
        matrix.name,
        [here / "tables" / f"{name}.{end}" for name in TABLES for end in ("csv", "md", "tex")],
        [here / "figures" / f"{name}.{end}" for name in FIGURES for end in ("svg", "png")],
        params,
        {"config_sha256": matrix.config_sha256},
        matrix.title,
        _best(matrix, values),
        [here / "report.html"],
        lines,
    )
    tracking.track_summary(summary, store, artifacts, out)


def _best(matrix: Matrix, values: dict[tuple[str, str, str], dict[str, float]]) -> dict[str, float]:
    """Return the best whole accuracy on each dataset, upper bounds aside."""
    found: dict[str, float] = {}
    for (dataset, _, method), known in values.items():
        if not upper_bound(matrix.methods[method]):
            name = f"best_whole_accuracy/{dataset}"
            found[name] = max(found.get(name, 0.0), known["whole_accuracy"])
    return found


@app.command()
def log_model(
    package: Annotated[Path, Option(help="packaged learner")],
    tracked: Annotated[Path, Option(help="the run's tracked.json")],
    out: o.Out,
    store: o.Store = o.STORE,
) -> None:
    """Log a packaged learner to its run in MLflow, and register it."""
    from conpet.tracking.models import log_package

    log_package(package, tracked, store, out)


@app.command()
def ui(
    store: o.Store = o.STORE,
    artifacts: o.Artifacts = o.ARTIFACTS,
    port: Annotated[int, Option(help="where it listens, on this machine alone")] = 5000,
) -> None:
    """Open MLflow's pages on this machine."""
    from conpet.tracking import ui_command, ui_pages

    command = ui_command(store, artifacts, port)
    print(f"MLflow opens in some seconds at http://127.0.0.1:{port} (stop with Ctrl-C)")
    for name, address in ui_pages(store, port).items():
        print(f"  {name}: {address}")
    print(end="", flush=True)
    # in this process's place: what stops it stops the server
    os.execvp(command[0], command)


@app.command()
def diff_stores(a: Where, b: Where) -> None:
    """Compare all that two MLflow stores hold, but for ids."""
    from conpet.tracking.inventory import differences

    lines = differences(a, b)
    print("\n".join(lines) if lines else "identical")
    if lines:
        raise SystemExit(1)


@app.command()
def dump_store(
    out: Annotated[Path, Option(help="JSON to write", dir_okay=False)], store: o.Store = o.STORE
) -> None:
    """Write all that an MLflow store holds, but for ids, as JSON."""
    from conpet.tracking.inventory import dump

    print(f"{out}: {dump(store, out):,} things")
