"""Metrics of finished runs -> tables, figures, report, MLflow."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from conpet.config import Experiment
from conpet.config.strict import choose, read_yaml
from conpet.files import atomic_folder
from conpet.provenance import commit
from conpet.reporting.collect import Results, collect_experiment, configuration
from conpet.run import RunKey

TARGETS = {
    "all": "tables, figures, report and MLflow: what is made where no target is named",
    "demo": "the same of the demo, whatever experiment is set",
    "tables": "all tables",
    "figures": "all figures",
    "report": "the page that shows everything",
    "mlflow": "every run in MLflow; a lost store is filled again",
    "models": "the trained learners, packaged and in MLflow's model registry",
    "partial": "tables, figures and page of what is finished by now",
    "publish": "tables and figures copied to results/published",
    "verify": "everything made again in a scratch folder, compared with what is published",
}


def _collect(experiment: Experiment, results: Path) -> Results:
    reported = experiment.config_dir / "author_results.csv"
    return collect_experiment(experiment, results, reported if reported.is_file() else None)


def table(experiment: Experiment, name: str, results: Path, out: Path) -> None:
    """Make one table."""
    from conpet.reporting.tables import TABLES, write_table

    choose("table", name, list(TABLES), "table")
    write_table(TABLES[name][0](_collect(experiment, results)), out, experiment.sha256())


def plot(experiment: Experiment, name: str, results: Path, out: Path) -> None:
    """Make one figure."""
    from conpet.reporting.figures import FIGURES, write_figure

    choose("figure", name, list(FIGURES), "plot")
    write_figure(FIGURES[name][0](_collect(experiment, results)), out)


def report(experiment: Experiment, results: Path, out: Path, store: str = "") -> None:
    """Make the page that shows everything; its links lead to MLflow's pages of the store."""
    from conpet.reporting.graph import job_counts
    from conpet.reporting.page import About, write_page

    pages = store if not store or store.startswith("http") else "http://127.0.0.1:5000"
    about = About(
        jobs=job_counts(experiment),
        store=pages,
        config=configuration(experiment),
        config_hash=experiment.sha256(),
        commit=commit(experiment.config_dir),
    )
    write_page(_collect(experiment, results), out, about)


def everything(experiment: Experiment, results: Path, out: Path) -> None:
    """Make all tables, figures and the page of what has been run so far; print the main table."""
    from conpet.reporting.figures import FIGURES, write_figure
    from conpet.reporting.tables import TABLES, terminal, write_table

    found = _collect(experiment, results)
    for name, (make_table, _) in TABLES.items():
        write_table(make_table(found), out / "tables" / name, experiment.sha256())
    for name, (make_figure, _) in FIGURES.items():
        write_figure(make_figure(found), out / "figures" / name)
    report(experiment, results, out / "report.html")
    print(terminal(TABLES["main"][0](found)))
    print(f"\ntables, figures and report of what is there: {out}")


def show(experiment: Experiment, results: Path) -> None:
    """Print the main table, and where figures, report and MLflow are."""
    from conpet.reporting.tables import TABLES, terminal

    print(terminal(TABLES["main"][0](_collect(experiment, results))))
    here = results / experiment.name
    print(f"\ntables   {here / 'tables'}\nfigures  {here / 'figures'}/accuracy.png and more")
    print(f"report   {here / 'report.html'}")
    conpet = Path(sys.executable).parent / "conpet"
    near = conpet.is_relative_to(Path.cwd())
    print(f"MLflow   {conpet.relative_to(Path.cwd()) if near else 'conpet'} ui")


def targets(config_dir: Path) -> None:
    """List what can be asked for, a line each."""
    from conpet.reporting.figures import FIGURES
    from conpet.reporting.tables import TABLES

    print("experiments: snakemake --config experiment=NAME")
    for path in sorted((config_dir / "experiments").glob("*.yaml")):
        print(f"  {path.stem:16} {read_yaml(path).get('title', '')}")
    print("targets")
    for name, meaning in TARGETS.items():
        print(f"  {name:16} {meaning}")
    print("  or a file:")
    for folder, things, end in (("tables", TABLES, "md"), ("figures", FIGURES, "png")):
        for name, (_, meaning) in things.items():
            print(f"  {f'results/EXPERIMENT/{folder}/{name}.{end}':44} {meaning}")


def track(
    experiment: Experiment,
    cell: tuple[str, str, str, int],
    run: Path,
    store: str,
    artifacts: Path,
    out: Path,
) -> None:
    """Log one finished run to MLflow."""
    from conpet.run.reading import read_run
    from conpet.tracking import track_run

    dataset, model, method, seed = cell
    key = RunKey(experiment.name, dataset, model, method, seed)
    learnt = read_run(run, key, experiment.tasks(dataset)).complete()
    chosen = experiment.methods[method]
    params = {
        "learner": chosen.learner,
        "replay": chosen.replay,
        "options": chosen.options,
        "settings": experiment.settings(dataset, model, method).model_dump(mode="json"),
    }
    # of the training, not of today: a store rebuilt later says the same
    last = learnt.last.learner
    tags = {
        "git_commit": last.timing.get("git_commit", ""),
        "data_sha256": last.state["encoded_sha256"],
        "config_sha256": experiment.sha256(),
    }
    track_run(learnt, params, tags, store, artifacts, out, chosen.look)


def track_summary(
    experiment: Experiment, results: Path, store: str, artifacts: Path, out: Path
) -> None:
    """Log an experiment's tables, figures and report to MLflow as one run."""
    from conpet import tracking
    from conpet.reporting.figures import FIGURES
    from conpet.reporting.tables import TABLES

    here = results / experiment.name
    tables = [here / "tables" / f"{name}.{end}" for name in TABLES for end in ("csv", "md", "tex")]
    figures = [here / "figures" / f"{name}.{end}" for name in FIGURES for end in ("svg", "png")]
    summary = tracking.Summary(
        experiment.name,
        tables,
        figures,
        {
            "seeds": experiment.seeds,
            "tasks": {name: experiment.tasks(name) for name in experiment.datasets},
            "models": list(experiment.models),
            "methods": list(experiment.methods),
        },
        {"config_sha256": experiment.sha256()},
        experiment.title,
        others=[here / "report.html"],
    )
    tracking.track_summary(summary, store, artifacts, out)


def publish(experiment: Experiment, results: Path, out: Path) -> None:
    """Copy an experiment's tables and figures to where they are kept for good."""
    here = results / experiment.name
    with atomic_folder(out) as folder:
        for kind in ("tables", "figures"):
            shutil.copytree(here / kind, folder / kind, ignore=shutil.ignore_patterns(".*"))
