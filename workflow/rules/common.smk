"""Which files a job needs: the only functions of the workflow. Rules hold none."""

import fcntl
import functools
import hashlib
import itertools
import os
import shlex
import signal
import socket
import sys
import tempfile
from pathlib import Path

# Ctrl-C while this is read ends it at once: nothing has been started, or is half written for good
if workflow.is_main_process:
    signal.signal(signal.SIGINT, lambda number, _: os._exit(128 + number))

sys.path[:0] = [
    str(Path(workflow.basedir) / "workflow" / name) for name in ("processes", "scripts")
]

import asked
import console
import forkserver
import leftovers
import written_out
import stale
from checked import facts_of
from conpet.commands.checks import DataChecks, open_experiment
from conpet.commands.failures import in_one_line
from conpet import names
from conpet.commands.owner import check_owner, claim
from conpet.config.alike import shared_trainings
from conpet.config.loading import additions_file
from conpet.config.strict import choose
from conpet.environment import check_copy
from conpet.errors import UserError
from conpet.files import write_text
from conpet.learners.experts_options import starts_from_expert
from conpet.reporting.named import FIGURES, TABLES
from conpet.stores import AGAIN, is_deleted, sqlite_path
from conpet.temporary import sweep

# -I and -S: it needs the standard library alone, and less of its start is before its handlers
RUNNER = shlex.join(
    [sys.executable, "-IS", str(Path(workflow.basedir) / "workflow/processes/runner.py")]
)
# exec: no shell stands between Snakemake and the job, whose end would not be the job's
JOB = "exec 9>&2 2>/dev/null {RUNNER} {log:q} conpet"
GRAPH = shlex.join(
    [
        sys.executable,
        str(Path(workflow.basedir) / "workflow/scripts/graph.py"),
        str(Path(workflow.basedir) / "Snakefile"),
    ]
)
_MATRIX = "{dataset}/{model}/{method}/seed{seed}"
RUN = f"results/{{experiment}}/{_MATRIX}"
CELL = f"{RUN}/task{{task}}"
LOGS = f"results/{{experiment}}/logs/{_MATRIX}/task{{task}}"
BENCHMARKS = f"results/{{experiment}}/benchmarks/{_MATRIX}/task{{task}}"
NAME = (
    "{wildcards.dataset} {wildcards.model} {wildcards.method} seed {wildcards.seed}"
    " task {wildcards.task}"
)
# what every command that learns a task of a run is told
KEYS = (
    "--experiment {wildcards.experiment:q} --dataset {wildcards.dataset:q} --model {wildcards.model:q}"
    " --method {wildcards.method:q} --seed {wildcards.seed:q} --task {wildcards.task:q}"
)
# the settings that a job computes with are those that trigger it: it reads no config
TOLD = " --settings {params.settings:q}"


def stop(error):
    """End with one line, no Python traceback."""
    sys.exit(f"conpet: error: {error}")


def experiment_names():
    """Return the names of all experiments that there are."""
    return sorted(path.stem for path in Path("config/experiments").glob("*.yaml"))


try:
    check_copy(Path.cwd())
    asked.check(config, sys.argv)
    TOLERANCE = asked.tolerance(config)
    MIRROR = asked.mirror(config)
    STORE = asked.text(config, "store", "sqlite:///results/mlflow.db")
    ARTIFACTS = asked.text(config, "artifacts", "results/mlartifacts")
    typed = asked.experiment(config, experiment_names())
    named = open_experiment(typed, Path("config"), DataChecks())
    written_out.check(named, Path("results"))
    check_owner(named, Path("results"))
    FACTS = {named.name: facts_of(named, workflow.is_main_process)}
except UserError as error:
    stop(error)
except OSError as error:  # nothing can be written where the workflow is run
    stop(in_one_line(error))

EXPERIMENT = named.name
_loaded = {named.name: named}
# an experiment may be a YAML file anywhere: commands are told the file, paths carry its name
_references = {named.name: typed}

# `conpet` lies beside this Python, also where its environment is not activated
os.environ.update(
    PATH=os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)]),
    PYTHONHASHSEED="0",
    CONPET_WORKFLOW=f"{os.getpid()}@{socket.gethostname()}",
)
if STORE.startswith("http"):
    os.environ.setdefault("CONPET_LIVE", STORE)  # training streams its loss curves there
console.install(logger)
if workflow.is_main_process:
    logger.addHandler(stale.Stale(workflow))


wildcard_constraints:
    experiment=rf"(?!(?:{'|'.join(names.TAKEN)})/){names.PATTERN}",
    dataset=names.PATTERN,
    model=names.PATTERN,
    method=names.PATTERN,
    seed="[0-9]+",
    task="[0-9][0-9]+",
    part="base|add[0-9]+",
    table="|".join(TABLES),
    figure="|".join(FIGURES),


# -- the config -----------------------------------------------------------------------------


class Keys(dict):
    """Wildcards by a dictionary."""

    __getattr__ = dict.__getitem__


def experiment_of(name):
    """Return an experiment by name, loaded once."""
    if name not in _loaded:
        try:
            names.check_name(name, "results")
            _loaded[name] = open_experiment(name, Path("config"), DataChecks())
            FACTS[name] = facts_of(_loaded[name], workflow.is_main_process)
        except UserError as error:
            stop(error)
    return _loaded[name]


def chosen(wildcards):
    """Return the experiment a file belongs to, if it has such a file."""
    return _chosen(tuple(wildcards.items()))


@functools.cache
def _chosen(items):
    wildcards = Keys(items)
    if "experiment" not in wildcards.keys():
        return owner(wildcards)
    experiment = experiment_of(wildcards.experiment)
    where = f"experiment {experiment.name}"
    try:
        for kind in ("dataset", "model", "method"):
            if kind in wildcards.keys():
                choose(kind, wildcards[kind], list(getattr(experiment, f"{kind}s")), where)
        if "task" in wildcards.keys() and not 1 <= int(wildcards.task) <= experiment.tasks(
            wildcards.dataset
        ):
            last = experiment.tasks(wildcards.dataset)
            raise UserError(
                f"{where}: no task {wildcards.task}: {wildcards.dataset} has 1 to {last}"
            )
        if "part" in wildcards.keys():
            choose("part", wildcards.part, experiment.datasets[wildcards.dataset].parts(), where)
    except UserError as error:
        stop(error)
    return experiment


def owner(wildcards):
    """Return an experiment that has the dataset or model of a shared file."""
    kind = "dataset" if "dataset" in wildcards.keys() else "model"
    for name in dict.fromkeys([*_loaded, *experiment_names()]):
        if wildcards[kind] in getattr(experiment_of(name), f"{kind}s"):
            return experiment_of(name)
    stop(f"{kind} {wildcards[kind]}: in none of config/experiments: add it to one")


def mirror(wildcards, output):
    """Return the mirror option. Taking ``output`` keeps it out of what reruns a job."""
    return f"--mirror {shlex.quote(MIRROR)}" if MIRROR else ""


def reference(wildcards, output):
    """Return what names an experiment: it may be a YAML file anywhere."""
    return _references.get(wildcards.experiment, wildcards.experiment)


def handed(text):
    """Return a file that holds a job's settings, named by their hash, so that a change reruns it."""
    path = Path(".snakemake/conpet") / f"{hashlib.sha256(text.encode()).hexdigest()}.json"
    if not path.is_file() or path.read_text(encoding="utf-8", errors="replace") != text:
        if not workflow.is_main_process:
            stop("config: changed while the workflow runs: run the same command again")
        try:
            write_text(path, text)
        except OSError as error:
            stop(in_one_line(error))
    return str(path)


def settings(stage):
    """Return a function of wildcards: the file with what a stage of the experiment depends on."""
    names = {
        "fetch_model": ["model"],
        "fetch_dataset": ["dataset", "part"],
        "prepare": ["dataset", "part"],
        "split": ["dataset", "part"],
        "encode": ["dataset", "model"],
        "learn": ["dataset", "model", "method", "task"],
        "evaluate": ["dataset", "model", "method"],
        "package": ["dataset", "model", "method"],
        "track": ["dataset", "model", "method"],
        "matrix": [],
    }[stage]

    @functools.cache
    def told(experiment, *keys):
        return handed(getattr(experiment, stage)(*keys).text())

    def resolve(wildcards):
        keys = [int(wildcards.task) if name == "task" else wildcards[name] for name in names]
        return told(chosen(wildcards), *keys)

    return resolve


def each(option, files):
    """Return an option given once for each file."""
    return " ".join(f"{option} {shlex.quote(str(file))}" for file in files)


def given(option, name):
    """Return a function: the input called ``name`` as an option, once a file."""

    def resolve(wildcards, input):
        found = input.get(name, [])
        return each(option, [found] if isinstance(found, str) else found)

    return resolve


def threads(wildcards):
    """Return how many threads a learning job computes with."""
    cell = (wildcards.dataset, wildcards.model, wildcards.method)
    return chosen(wildcards).settings(*cell).compute.threads


def gpu_mb(wildcards, input):
    """Return what a job takes of a GPU's memory: its context, the model and what is computed.

    It limits nothing unless a profile says how much there is (profiles/gpu).
    """
    # its name in the error of one that is not there yet has Snakemake ask again once it is
    with os.scandir(input.snapshot) as files:
        weights = sum(f.stat().st_size for f in files if f.name.endswith(".safetensors"))
    return 1000 + 2 * weights // 2**20


# -- one job's inputs -----------------------------------------------------------------------


def has_experts(wildcards):
    """Say whether the method keeps an expert and a selector a task."""
    return FACTS[chosen(wildcards).name][wildcards.method]["experts"]


def at(wildcards, tasks, name):
    """Return the files called ``name`` of the given tasks of the same run."""
    return [f"{RUN.format(**wildcards)}/task{task:02d}/{name}" for task in tasks]


def encoded(wildcards):
    """Return the encoded parts that hold tasks 1..t."""
    parts = chosen(wildcards).parts(wildcards.dataset, int(wildcards.task))
    folder = "results/{experiment}/{dataset}/{model}".format(**wildcards)
    return [f"{folder}/{part}.safetensors" for part in parts]


def kept_files(wildcards):
    """Return the folder that is published: of streams as their own config says them."""
    for name in named.datasets:
        path = additions_file(Path("config"), name)
        if path.is_file():
            stop(f"{path}: adds tasks to {name}: publish without it, or under a name of its own")
    return f"results/published/{EXPERIMENT}"


def local_files(wildcards):
    """Return the raw files of a part that lie on this machine: fetched again when they change."""
    part = chosen(wildcards).datasets[wildcards.dataset].part(wildcards.part)
    stale.check_raw(
        workflow, part.sources(), "results/data/{dataset}/{part}/raw".format(**wildcards)
    )
    found = [file.local_path() for file in part.sources()]
    return [str(path) for path in found if path and path.is_file()]


def local_model(wildcards):
    """Return no file: of a model's own folder on this machine, only other bytes count."""
    source = chosen(wildcards).models[wildcards.model].source
    stale.check_model(workflow, source, f"results/models/{wildcards.model}")
    return []


def earlier_parts(wildcards):
    """Return tasks.json of the parts before this one."""
    parts = chosen(wildcards).datasets[wildcards.dataset].parts()
    folder = "results/{experiment}/{dataset}".format(**wildcards)
    return [f"{folder}/{part}.tasks.json" for part in parts[: parts.index(wildcards.part)]]


def earlier_samples(wildcards):
    """Return samples of the parts before this one, where what stands there is dropped here."""
    data = chosen(wildcards).datasets[wildcards.dataset]
    parts = data.parts() if data.duplicates != "keep" else [wildcards.part]
    folder = "results/data/{dataset}".format(**wildcards)
    return [f"{folder}/{part}/samples.parquet" for part in parts[: parts.index(wildcards.part)]]


def earlier_states(wildcards):
    """Return what training goes on from: all experts, or the last state alone."""
    task = int(wildcards.task)
    first = 1 if has_experts(wildcards) else max(1, task - 1)
    return at(wildcards, range(first, task), "state")


def trained(wildcards):
    """Return the state of the method that trains alike: what it has trained is taken over."""
    experiment = chosen(wildcards)
    if not FACTS[experiment.name][wildcards.method]["takes_over"]:
        return []
    shared = shared_by(experiment.name, wildcards.dataset, wildcards.model)
    if wildcards.method not in shared:
        return []
    first = Keys({**wildcards, "method": shared[wildcards.method]})
    return at(first, [int(wildcards.task)], "state")


@functools.cache
def shared_by(experiment, dataset, model):
    """Return the methods of an experiment whose training is another's, and whose."""
    return shared_trainings(experiment_of(experiment), dataset, model)


def states(wildcards):
    """Return what answers after task t: all experts, or the last state alone."""
    task = int(wildcards.task)
    return at(wildcards, range(1 if has_experts(wildcards) else task, task + 1), "state")


def selector(wildcards):
    """Return the selector of task t: one task needs none."""
    task = int(wildcards.task)
    return at(wildcards, [task], "selector") if task > 1 and has_experts(wildcards) else []


def previous_selector(wildcards):
    """Return the selector that this one goes on from."""
    task = int(wildcards.task)
    return at(wildcards, [task - 1], "selector") if task > 2 else []


def selector_start(wildcards):
    """Return the states a selector starts from, or is trained with the memory of, if any."""
    experiment, name = chosen(wildcards), wildcards.method
    started = starts_from_expert(experiment.methods[name].options, int(wildcards.task))
    needed = started or FACTS[experiment.name][name]["keeps"]
    return earlier_states(wildcards) if needed else []


# -- the last task of a run ------------------------------------------------------------------


def last(function):
    """Return a function of wildcards: what ``function`` says of the run's last task."""

    def resolve(wildcards):
        return function(Keys(**wildcards, task=last_task(wildcards)))

    return resolve


def last_task(wildcards):
    """Return the last task of a run, with its leading zero."""
    return f"{chosen(wildcards).tasks(wildcards.dataset):02d}"


def outside(wildcards):
    """Return the raw files, where the dataset has texts of none of its classes."""
    texts = chosen(wildcards).datasets[wildcards.dataset].outside
    return [f"results/data/{wildcards.dataset}/base/raw"] if texts else []


# -- what an experiment makes ---------------------------------------------------------------


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


# -- Ctrl-C ----------------------------------------------------------------------------------


def plan_quietly():
    """Have Ctrl-C end the planning of jobs without a traceback: Snakemake's locks are let go."""
    if workflow.is_main_process:
        signal.signal(signal.SIGINT, lambda number, _: sys.exit(128 + number))
        forkserver.sweep(Path(".snakemake/conpet"))


def end_quietly():
    """Have Ctrl-C stop nothing any more: all is done, and Python is about to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def leave_ctrl_c_to_snakemake():
    """Have Ctrl-C end the jobs, as Snakemake does it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


# -- one run at a time ----------------------------------------------------------------------


def lock():
    """Refuse a second run in this folder. The kernel frees the lock, even after ``kill -9``.

    What killed jobs left in the system's folder for temporary files goes first.
    """
    sweep(Path(tempfile.gettempdir()))
    global _lock_file
    _lock_file = open(".snakemake/conpet.lock", "a+")
    try:
        fcntl.flock(_lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        _lock_file.seek(0)
        stop(
            f"{os.getcwd()}: another run is at work here ({_lock_file.read().strip()}): wait for it"
        )
    _lock_file.truncate(0)
    _lock_file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
    _lock_file.flush()
    claim(named, Path("results"))
    if not workflow.local_exec:
        leftovers.cancel(Path.cwd())


def start_forkserver():
    """Start the process that learning jobs are forked from, where jobs run on this machine."""
    if workflow.local_exec:
        forkserver.start(Path(".snakemake/conpet"))
