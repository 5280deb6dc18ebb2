"""What the benchmarks know of the workflow's runs, and of files that a user brings."""

from __future__ import annotations

from pathlib import Path

from conpet.commands.checks import DataChecks, open_experiment
from conpet.config.stages import Learn
from conpet.config.strict import choose
from conpet.data.samples import read_samples
from conpet.data.schema import Sample
from conpet.data.stream import open_stream
from conpet.errors import UserError
from conpet.learners.aligned import Aligned
from conpet.learners.assembly import assemble
from conpet.learners.base import Seeds
from conpet.models.process import prepare_process
from conpet.predicting.outside import read_texts
from conpet.predicting.package import package
from conpet.replay.exemplars import read_memory
from conpet.run import MEMORY_FILE, RunFolder, RunKey
from conpet.run.states import read_state

__all__ = ["aligned_of_run", "package_of_run", "read_texts"]


def package_of_run(experiment: str, method: str, out: Path) -> tuple[Path, Path, list[Sample]]:
    """Package a run under results/ as it was before its last task.

    The run is of the experiment's first dataset, model and seed.

    Returns:
        The package, the model's folder, and all samples of the dataset.

    Raises:
        UserError: what was learnt does not lie there, or the dataset is of several parts.
    """
    known = open_experiment(experiment, Path("config"), DataChecks())
    dataset, model, seed = next(iter(known.datasets)), next(iter(known.models)), known.seeds[0]
    choose("method", method, list(known.methods), "METHOD")
    tasks, folder = known.tasks(dataset), Path("results", known.name, dataset, model)
    parts = known.parts(dataset, tasks)
    if len(parts) > 1 or tasks < 2:
        raise UserError(f"dataset {dataset}: give one of several tasks and one part")
    run = RunFolder(Path("results") / RunKey(known.name, dataset, model, method, seed).path)
    snapshot, encoded = Path("results/models", model), folder / f"{parts[0]}.safetensors"
    states = [run.state(task) for task in range(1, tasks)]
    package(known.package(dataset, model, method), snapshot, [encoded], states, None, [], out)
    return (
        out,
        snapshot,
        read_samples(Path("results/data") / dataset / parts[0] / "samples.parquet"),
    )


def aligned_of_run(experiment: str, method: str, task: int) -> Aligned:
    """Return EA-EMR as a run under results/ has it before ``task``.

    The run is of the experiment's first dataset, model and seed.

    Raises:
        UserError: the method fits no map, or what was learnt before does not lie there.
    """
    known = open_experiment(experiment, Path("config"), DataChecks())
    dataset, model, seed = next(iter(known.datasets)), next(iter(known.models)), known.seeds[0]
    choose("method", method, list(known.methods), "METHOD")
    about: Learn = known.learn(dataset, model, method, task)
    folder = Path("results", known.name, dataset, model)
    run = RunFolder(Path("results") / RunKey(known.name, dataset, model, method, seed).path)
    before = run.state(task - 1)
    read_state(before)
    stream = open_stream([folder / f"{p}.safetensors" for p in known.parts(dataset, task)], task)
    kept = before / MEMORY_FILE
    memory = read_memory(kept, len(stream.label)) if kept.is_file() else None
    prepare_process(about.settings.compute)
    snapshot = Path("results/models", model)
    learner = assemble(about, (model, snapshot), stream, Seeds(seed, dataset), memory)
    if not isinstance(learner, Aligned):
        raise UserError(f"method {method}: fits no map: give one of learner aligned")
    learner.load([before], None)
    return learner
