"""Which files a job takes, by its wildcards: functions alone, for the rules."""

import functools
from pathlib import Path

import stale
from conpet.config.alike import shared_trainings
from conpet.config.loading import additions_file
from conpet.data.sources import own_file
from conpet.learners.experts_options import starts_from_expert


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
    mirror = Path(MIRROR) if MIRROR else None
    found = {file: own_file(file, wildcards.dataset, mirror) for file in part.sources()}
    found = {file: path for file, path in found.items() if path and path.is_file()}
    # a mirror's are no inputs: without the mirror what was fetched from it stands
    own = [path for file, path in found.items() if file.local_path()]
    raw = "results/data/{dataset}/{part}/raw".format(**wildcards)
    stale.check_raw(workflow, found, raw, own)
    return [str(path) for path in own]


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
