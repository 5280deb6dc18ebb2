"""What one more expert costs: one backbone and many random experts in memory (docs/use.md).

    PACKAGE   a packaged learner with a linear head, whose shapes the random experts take
    BACKBONE  the backbone's folder
    TEXTS     .csv, .txt or .parquet with a column `text`

A selector of random weights sends texts to all of them, which is the worst case for a batch. Time
is the processor's, on one thread, and the sizes take turns, so that a busy machine is as unfair to
one as to the other; memory is that of a process of its own for each size.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

import conpet
from benchmarks.report import Report, counts, positive, table
from benchmarks.timing import Contender, Rates, alternate, whole
from benchmarks.ways import choose, package_of
from conpet.card import digests
from conpet.errors import UserError
from conpet.files import read_json, write_json
from conpet.temporary import scratch

ADAPTER, HEAD = "adapter/adapter_model.safetensors", "learner.safetensors"
CLASSES = 5  # of each expert


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be asked for."""
    for name in ("package", "backbone", "texts"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--experts", type=positive, nargs="+", default=[2, 10, 50, 200])
    counts(
        parser,
        count=(1000, "texts in a call"),
        singles=(20, "single texts a turn"),
        rounds=(3, "turns"),
    )


def noise(like: dict[str, torch.Tensor], rows: int, seed: int) -> dict[str, torch.Tensor]:
    """Return random tensors of the same shapes, but ``rows`` rows for a head's."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {
        name: (rows, *value.shape[1:]) if name.startswith("head.") else value.shape
        for name, value in like.items()
    }
    return {name: 0.05 * torch.randn(s, generator=generator) for name, s in shapes.items()}


def make(package: Path, experts: int, out: Path) -> int:
    """Write a package of so many random experts; return the bytes of one of them.

    Raises:
        UserError: the package's learner keeps more than adapters and linear heads.
    """
    about: dict[str, Any] = read_json(package / "model.json")
    if about["learner"] not in ("linear", "experts"):
        raise UserError(f"{package}: {about['learner']}: give a learner with a linear head")
    pattern = package / about["states"][0]
    names = [f"task{number:03d}" for number in range(1, experts + 1)]
    for seed, name in enumerate([*names, "selector"]):
        rows = experts if name == "selector" else CLASSES
        shutil.copytree(pattern, out / name)
        for file in (ADAPTER, HEAD):
            save_file(noise(load_file(pattern / file), rows, seed), out / name / file)
    classes = [[f"{name}-{number}" for number in range(CLASSES)] for name in names]
    about |= {"learner": "experts", "options": {}, "selector": "selector", "states": names}
    about |= {"task": experts, "classes": classes, "calibration": None}
    about["files"] = digests(out, [*names, "selector"])
    write_json(out / "model.json", about)
    return sum((out / names[0] / file).stat().st_size for file in (ADAPTER, HEAD))


def weigh(job: tuple[Path, Path, str]) -> float:
    """Return the resident memory in MB of a process that has opened a package and answered."""
    package, backbone, text = job
    conpet.load(package, snapshot=backbone).predict([text])
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def _single(count: int, predictor: Any, texts: Iterator[str]) -> Contender:
    return whole(str(count), 1, lambda: predictor.predict([next(texts)]))


def _all(count: int, predictor: Any, texts: list[str]) -> Contender:
    return whole(str(count), len(texts), lambda: predictor.predict(texts))


def run(args: argparse.Namespace) -> Report:
    """Make the packages, ask and weigh them."""
    texts = choose(args.texts, args.count)
    with scratch() as place:
        folders = {count: place / str(count) for count in args.experts}
        package = package_of(args.package)
        size = {count: make(package, count, folder) for count, folder in folders.items()}
        with multiprocessing.get_context("spawn").Pool(len(folders), maxtasksperchild=1) as pool:
            jobs = [(folder, args.backbone, texts[0]) for folder in folders.values()]
            memory = dict(zip(folders, pool.map(weigh, jobs, chunksize=1), strict=True))
        opened = {c: conpet.load(folder, snapshot=args.backbone) for c, folder in folders.items()}
        singles = [_single(c, p, itertools.cycle(texts[: args.singles])) for c, p in opened.items()]
        alone = alternate(singles, args.rounds * args.singles, time.process_time)
        batches = [_all(c, p, texts) for c, p in opened.items()]
        together = alternate(batches, args.rounds, time.process_time, warm_up=False)
    return report(alone, together, memory, size, len(texts))


def report(
    alone: Rates, together: Rates, memory: dict[int, float], size: dict[int, int], texts: int
) -> Report:
    """Return the figures of each number of experts; memory in MB, size in bytes."""
    rows, values = [], []
    fewest = min(size)
    for count, size_bytes in size.items():
        quartiles = 1000 / np.quantile(alone.values[str(count)], [0.75, 0.5, 0.25])
        low, middle, high = quartiles.tolist()
        each = 1000 / float(together.median(str(count)))
        more = (
            f"{(memory[count] - memory[fewest]) / (count - fewest):.2f}" if count > fewest else ""
        )
        rows.append(
            [count, f"{middle:.1f} ({low:.1f}–{high:.1f})", f"{each:.2f}", f"{memory[count]:.0f}",
             more, f"{size_bytes / 1e6:.2f}"]
        )  # fmt: skip
        values.append(
            {"experts": count, "one_text_ms": [low, middle, high], "text_of_many_ms": each,
             "memory_mb": memory[count], "expert_bytes": size_bytes}
        )  # fmt: skip
    columns = (
        "experts", "one text: CPU ms (quartiles)", f"each of {texts:,} at once: CPU ms",
        "memory: MB", "MB per expert more", "on disk: MB per expert",
    )  # fmt: skip
    return Report(table(columns, rows), values)
