"""What all rules share: the experiment that is asked for, names of files, and settings of jobs.

With inputs.smk, targets.smk and running.smk the only functions of the workflow: rules hold none.
"""

import functools
import hashlib
import os
import shlex
import signal
import socket
import sys
from pathlib import Path

# Ctrl-C while this is read ends it at once: nothing has been started, or is half written for good
if workflow.is_main_process:
    signal.signal(signal.SIGINT, lambda number, _: os._exit(128 + number))

sys.path[:0] = [
    str(Path(workflow.basedir) / "workflow" / name) for name in ("processes", "scripts")
]

import asked
import console
import written_out
import stale
from checked import facts_of
from conpet.commands.checks import DataChecks, open_experiment
from conpet.commands.failures import in_one_line
from conpet import names
from conpet.commands.owner import check_owner
from conpet.config.strict import choose
from conpet.environment import check_copy
from conpet.errors import UserError
from conpet.files import visible, write_text
from conpet.reporting.named import FIGURES, TABLES

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
    return [path.stem for path in visible(Path("config/experiments"), "*.yaml")]


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
