"""A class of a few texts, taught without training: its seconds, and what earlier classes lose.

    snakemake tables --config experiment=training_free
    python -m benchmarks teaching training_free lda

Reads the run of the experiment's first dataset, model and seed under results/. A package of all
tasks but the last is taught classes of the last, each alone and then all of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from benchmarks.report import Report, counts, table
from benchmarks.runs import package_of_run
from conpet.data.marks import as_text
from conpet.data.schema import Sample
from conpet.predicting.predictor import Predictor, load
from conpet.temporary import scratch

ALL = "all of them"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be asked for."""
    parser.add_argument("experiment")
    parser.add_argument("method", help="one with a fitted head")
    counts(parser, texts=(5, "of a class"), classes=(5, "of the last task, taught alone"))


def right(predictor: Predictor, samples: Sequence[Sample]) -> np.ndarray:
    """Return which samples are given their own class, (n,) of bool."""
    said = predictor.predict([as_text(sample) for sample in samples]).labels
    return np.array([a == sample.label for a, sample in zip(said, samples, strict=True)])


def measure(
    package: Path, snapshot: Path, samples: Sequence[Sample], each: int, most: int
) -> list[dict[str, Any]]:
    """Return what teaching each of the unknown classes came to, and then all of them."""
    from scipy.stats import binomtest

    opened = load(package, snapshot=snapshot)
    tested = [s for s in samples if s.split == "test" and s.label in opened.classes]
    before = right(opened, tested)
    unknown = list(dict.fromkeys(s.label for s in samples if s.label not in opened.classes))
    found = []
    for names in (*([name] for name in unknown[:most]), unknown):
        predictor = load(package, snapshot=snapshot)
        chosen = [
            sample
            for name in names
            for sample in [s for s in samples if s.label == name and s.split == "train"][:each]
        ]
        start = process_time()
        predictor.teach([as_text(s) for s in chosen], [s.label for s in chosen])
        seconds = process_time() - start
        after = right(predictor, tested)
        lost, won = int((before & ~after).sum()), int((after & ~before).sum())
        own = right(predictor, [s for s in samples if s.split == "test" and s.label in names])
        found.append({
            "taught": names[0] if len(names) == 1 else ALL, "seconds": seconds,
            "before": float(before.mean()), "after": float(after.mean()), "lost": lost, "won": won,
            "p": float(binomtest(lost, lost + won).pvalue) if lost + won else 1.0,
            "found": float(own.mean()), "tested": len(tested),
        })  # fmt: skip
    return found


def run(args: argparse.Namespace) -> Report:
    """Teach classes of a run's last task to what was learnt before it.

    Raises:
        UserError: the method's head is trained, or the run does not lie there.
    """
    with scratch() as folder:
        package, snapshot, samples = package_of_run(args.experiment, args.method, folder / "model")
        found = measure(package, snapshot, samples, args.texts, args.classes)
    columns = ["taught", "seconds", "earlier classes before (%)", "after (%)", "lost", "won", "p",
               "of its own texts (%)"]  # fmt: skip
    rows = [
        [row["taught"], f"{row['seconds']:.2f}", f"{100 * row['before']:.2f}",
         f"{100 * row['after']:.2f}", row["lost"], row["won"], f"{row['p']:.3f}",
         f"{100 * row['found']:.1f}"]
        for row in found
    ]  # fmt: skip
    return Report(table(columns, rows), found)
