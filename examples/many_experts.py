"""What one more expert costs: time a text and memory, with one backbone and many random experts.

    python examples/many_experts.py PACKAGE BACKBONE TEXTS --experts 2 10 50 200

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
import json
import multiprocessing
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from conpet.errors import UserError
from conpet.predicting.outside import read_texts
from conpet.predicting.predictor import Predictor

ADAPTER, HEAD = "adapter/adapter_model.safetensors", "learner.safetensors"
CLASSES = 5  # of each expert


def noise(like: dict[str, torch.Tensor], rows: int, seed: int) -> dict[str, torch.Tensor]:
    """Return random tensors of the same shapes, but ``rows`` rows for a head's."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: 0.05 * torch.randn(
            (rows, *value.shape[1:]) if name.startswith("head.") else value.shape,
            generator=generator,
        )
        for name, value in like.items()
    }  # fmt: skip


def make(package: Path, experts: int, out: Path) -> int:
    """Write a package of so many random experts; return the bytes of one of them.

    Raises:
        UserError: the package's learner keeps more than adapters and linear heads.
    """
    about: dict[str, Any] = json.loads((package / "model.json").read_text())
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
    (out / "model.json").write_text(json.dumps(about))
    return sum((out / names[0] / file).stat().st_size for file in (ADAPTER, HEAD))


def weigh(job: tuple[Path, Path, str]) -> float:
    """Return the resident memory in MB of a process that has opened a package and answered."""
    package, backbone, text = job
    Predictor(package, backbone).predict([text])
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def clock(predictor: Predictor, texts: list[str]) -> float:
    """Return the seconds of the processor that texts take in one call."""
    began = time.process_time()
    predictor.predict(texts)
    return time.process_time() - began


def run(args: argparse.Namespace) -> str:
    """Make the packages, ask and weigh them; return a Markdown table."""
    texts = [text for text in dict.fromkeys(read_texts(args.texts, "text")) if text.strip()]
    random.Random(0).shuffle(texts)
    texts = texts[: args.count]
    package = args.package / "model" if (args.package / "model").is_dir() else args.package
    with tempfile.TemporaryDirectory() as name:
        folders = {count: Path(name) / str(count) for count in args.experts}
        size = {count: make(package, count, folder) for count, folder in folders.items()}
        with multiprocessing.get_context("spawn").Pool(len(folders), maxtasksperchild=1) as pool:
            jobs = [(folder, args.backbone, texts[0]) for folder in folders.values()]
            memory = dict(zip(folders, pool.map(weigh, jobs, chunksize=1), strict=True))
        opened = {c: Predictor(folder, args.backbone) for c, folder in folders.items()}
        alone: dict[int, list[float]] = {count: [] for count in folders}
        together: dict[int, list[float]] = {count: [] for count in folders}
        for _ in range(args.rounds):
            for text, count in itertools.product(texts[: args.singles], folders):
                alone[count].append(clock(opened[count], [text]))
            for count, predictor in opened.items():
                together[count].append(clock(predictor, texts))
    lines = [
        f"| experts | one text: CPU ms (quartiles) | each of {len(texts):,} at once: CPU ms "
        "| memory: MB | MB an expert more | on disk: MB an expert |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    fewest = min(folders)
    for count in folders:
        low, middle, high = (1000 * q for q in statistics.quantiles(alone[count], n=4))
        batch = 1000 * statistics.median(together[count]) / len(texts)
        more = (memory[count] - memory[fewest]) / (count - fewest) if count > fewest else None
        lines.append(
            f"| {count} | {middle:.1f} ({low:.1f}–{high:.1f}) | {batch:.2f} | {memory[count]:.0f} "
            f"| {'' if more is None else f'{more:.2f}'} | {size[count] / 1e6:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", type=Path)
    parser.add_argument("backbone", type=Path)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--experts", type=int, nargs="+", default=[2, 10, 50, 200])
    parser.add_argument("--count", type=int, default=1000, help="texts in a call (default: 1000)")
    parser.add_argument("--singles", type=int, default=20, help="single texts a turn (default: 20)")
    parser.add_argument("--rounds", type=int, default=3, help="turns (default: 3)")
    try:
        print(run(parser.parse_args()))
    except UserError as error:
        sys.exit(f"many_experts: error: {error}")


if __name__ == "__main__":
    main()
