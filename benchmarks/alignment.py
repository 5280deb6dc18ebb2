"""What EA-EMR's fit does to old and new classes: a task learnt again, measured before and after it.

    snakemake tables --config experiment=fewrel_lite
    python -m benchmarks alignment fewrel_lite ea_emr 10

Reads the run of the experiment's first dataset, model and seed under results/.
"""

from __future__ import annotations

import argparse
from typing import Any

from benchmarks.report import Report, positive, table
from benchmarks.runs import aligned_of_run
from conpet.errors import UserError


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be asked for."""
    parser.add_argument("experiment")
    parser.add_argument("method", help="one of learner aligned")
    parser.add_argument("task", type=positive, help="2 or later; the one before it must be learnt")


def measure(learner: Any, task: int) -> dict[str, list[float]]:
    """Learn ``task``; return the accuracy (%) over all, old and new classes around the fit."""
    tested = learner.stream.of("test", range(1, task + 1))
    new = learner.stream.task[tested] == task
    shares: dict[str, list[float]] = {}

    def ask(when: str) -> None:
        right = learner.predict(tested).labels() == learner.stream.label[tested]
        shares[when] = [float(100 * part.mean()) for part in (right, right[~new], right[new])]

    fit = learner.after_task

    def measured(plan: Any) -> None:
        ask("before the fit")
        fit(plan)
        ask("after the fit")

    learner.after_task = measured
    learner.train()
    return shares


def run(args: argparse.Namespace) -> Report:
    """Measure a task of a run.

    Raises:
        UserError: the method fits no map, or the run does not lie there.
    """
    if args.task < 2:
        raise UserError(f"task {args.task}: nothing is fitted at the first: give 2 or later")
    shares = measure(aligned_of_run(args.experiment, args.method, args.task), args.task)
    rows = [[when, *(f"{share:.2f}" for share in found)] for when, found in shares.items()]
    return Report(table(["accuracy (%)", "whole", "old", "new"], rows), shares)
