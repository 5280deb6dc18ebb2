"""What EA-EMR's fit does to old and new classes: a task learnt again, measured before and after it.

    snakemake tables --config experiment=fewrel_lite
    python examples/alignment_fit.py fewrel_lite ea_emr 10

Reads the run of the experiment's first dataset, model and seed under results/; writes nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from conpet.replay.plan import Plan

from conpet.config import load_experiment
from conpet.jobs.learn import Cell, build, take_up
from conpet.learners.aligned import Aligned


def main() -> None:
    """Print whole, old and new classes' accuracy (%) before and after the fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment")
    parser.add_argument("method", help="one of learner aligned")
    parser.add_argument("task", type=int, help="2 or later; the task before it must be learnt")
    args = parser.parse_args()
    experiment = load_experiment(args.experiment)
    dataset, model = next(iter(experiment.datasets)), next(iter(experiment.models))
    cell = Cell(experiment, dataset, model, args.method, experiment.seeds[0], args.task)
    folder = Path("results", experiment.name, dataset, model)
    run = folder / args.method / f"seed{cell.seed}"
    parts = experiment.parts(dataset, args.task)
    kept = [run / f"task{task:02d}" / "memory.json" for task in range(1, args.task)]
    memories = kept if experiment.methods[args.method].replay == "memory" else []
    encoded = [folder / f"{part}.safetensors" for part in parts]
    learner = build(cell, Path("results/models", model), encoded, memories, "train")
    assert isinstance(learner, Aligned)
    take_up(cell, learner, [run / f"task{args.task - 1:02d}" / "state"], None, args.task - 1)
    tested = learner.stream.of("test", range(1, args.task + 1))
    new = learner.stream.task[tested] == args.task
    fit = learner.after_task

    def measure(when: str) -> None:
        right = learner.predict(tested).labels() == learner.stream.label[tested]
        shares = [100 * part.mean() for part in (right, right[~new], right[new])]
        print("{}: whole {:.2f}, old {:.2f}, new {:.2f}".format(when, *shares))

    def measured(plan: Plan) -> None:
        measure("before the fit")
        fit(plan)
        measure("after the fit")

    learner.after_task = measured  # type: ignore[method-assign]
    learner.train()


if __name__ == "__main__":
    main()
