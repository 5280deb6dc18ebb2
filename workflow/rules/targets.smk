"""What an experiment makes: the files behind each target."""

import hashlib
import itertools
import sys
from pathlib import Path

from conpet.reporting.named import FIGURES, TABLES
from conpet.stores import AGAIN, is_deleted, sqlite_path


def runs(experiment):
    """Return each run of the matrix: its folder and the files that say what it did."""
    found = {}
    for dataset, model, name, seed in itertools.product(
        experiment.datasets, experiment.models, experiment.methods, experiment.seeds
    ):
        keys = {"experiment": experiment.name, "dataset": dataset, "model": model}
        run = RUN.format(**keys, method=name, seed=seed)
        tasks = [f"{run}/task{task:02d}" for task in range(1, experiment.tasks(dataset) + 1)]
        selected = tasks[1:] if FACTS[experiment.name][name]["experts"] else []
        found[run] = [f"{task}/{file}" for task in tasks for file in ("metrics.json", "state")]
        found[run] += [f"{task}/selector" for task in selected]
    return found


def reported(wildcards):
    """Return the figures of others that the main table and the page show beside ours, if any."""
    file = Path("config/author_results.csv")
    shown = wildcards.get("table", "main") == "main"
    return [str(file)] if shown and file.is_file() else []


def one_run(wildcards):
    """Return the files of the run that is tracked."""
    return runs(chosen(wildcards))[RUN.format(**wildcards)]


def all_runs(wildcards):
    """Return the files of all runs of an experiment."""
    return [file for files in runs(chosen(wildcards)).values() for file in files]


def table_files(experiment):
    """Return an experiment's tables."""
    return expand("results/{e}/tables/{t}.{end}", e=experiment, t=TABLES, end=("csv", "md", "tex"))


def figure_files(experiment):
    """Return an experiment's figures."""
    return expand("results/{e}/figures/{f}.{end}", e=experiment, f=FIGURES, end=("svg", "png"))


def metrics_files(experiment):
    """Return the metrics and predictions of an experiment's runs.

    They are asked for beside what is made of them: a run that is gone would stay gone.
    """
    found = map(Path, all_runs(Keys(experiment=experiment)))
    tested = [path.parent for path in found if path.name == "metrics.json"]
    return [str(task / name) for task in tested for name in ("metrics.json", "predictions.parquet")]


def store_files():
    """Return what making the store makes: a mark, and the database where it is a file here."""
    files = {"made": "results/mlflow.json"}
    if (database := sqlite_path(STORE)) is not None:
        # every tracked run writes into it, so it is never an input: asked for, it is made anew
        files["database"] = update(str(database))
    return files


def tracked_files(experiment):
    """Return the marks of an experiment's runs and summary in MLflow, and the store."""
    if workflow.is_main_process and is_deleted(STORE, experiment):
        print(
            f"{experiment}: was deleted in MLflow: log it again:",
            AGAIN.replace("NAME", _references.get(experiment, experiment)),
            file=sys.stderr,
        )
    tracked = [f"{run}/tracked.json" for run in runs(experiment_of(experiment))]
    tracked.append(f"results/{experiment}/tracked.json")
    return [*tracked, *map(str, store_files().values())]


def learner_folders(experiment):
    """Return an experiment's packaged learners."""
    return [f"{run}/model" for run in runs(experiment_of(experiment))]


def model_files(experiment):
    """Return an experiment's packaged learners, and the marks of their models in MLflow."""
    logged = [f"{run}/logged_model.json" for run in runs(experiment_of(experiment))]
    return [*learner_folders(experiment), *logged]


def packaged_files(experiment):
    """Return the marks in MLflow of the learners that were packaged: a lost store had them too."""
    found = [run for run in runs(experiment_of(experiment)) if Path(run, "model").is_dir()]
    return [f"{run}/logged_model.json" for run in found]


def learner_to_ask(experiment):
    """Return a run's learner, ready to be asked and in MLflow: the last method's, bounds aside."""
    about = experiment_of(experiment)
    method = [m for m in about.methods if not FACTS[experiment][m]["bound"]][-1]
    dataset, model = next(iter(about.datasets)), next(iter(about.models))
    run = f"results/{experiment}/{dataset}/{model}/{method}/seed{about.seeds[0]}"
    return [f"{run}/model", f"{run}/logged_model.json"]


def everything(experiment):
    """Return all that an experiment is run for."""
    page = f"results/{experiment}/report.html"
    shown = [*table_files(experiment), *figure_files(experiment), page]
    logged = [*tracked_files(experiment), *packaged_files(experiment)]
    return [*shown, *logged, *metrics_files(experiment)]


def files_hash(experiment):
    """Return a hash of the names of all files of an experiment: which jobs there are."""
    named = [*table_files(experiment), *figure_files(experiment)]
    named += [file for files in runs(experiment_of(experiment)).values() for file in files]
    return hashlib.sha256("\n".join(named).encode()).hexdigest()
