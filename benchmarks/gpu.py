"""What a card makes of the suite: random backbones, ours and the plain way (docs/cluster.md).

Tokens a second of training, their share of what the card can do, and the memory of ten experts.
Weights are random and in bfloat16; adapters, heads and optimiser are float32. The plain way is
transformers and PEFT as one writes them first: the language model's head computed for every token,
batches padded to their longest text, PEFT's own LoRA layers. Both take the same batches.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.inside import matmul_rate
from benchmarks.library import Setup, Steps, prepare_process
from benchmarks.models import SHAPES, save_model
from benchmarks.plain import Naive
from benchmarks.report import Report, counts, spread, table
from benchmarks.texts import CLASSES, TASKS, make_stream
from benchmarks.timing import alternate, whole
from conpet.temporary import scratch

BATCH = {"minilm": 32, "llama-1.1b": 16}  # 8 for all others


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be asked for."""
    parser.add_argument(
        "--shapes", nargs="+", choices=list(SHAPES), default=["minilm", "llama-1.1b", "llama-7b"]
    )
    cuda = torch.cuda.is_available()
    parser.add_argument(
        "--device", choices=["cuda", "cpu"], default="cuda" if cuda else "cpu",
        help="default: the card, where there is one",
    )  # fmt: skip
    counts(parser, rounds=(5, "rounds that count"), steps=(20, "steps a round"))


def _settled(device: str) -> None:
    """Forget the last model's memory."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def _embedding(model: torch.nn.Module) -> int:
    tables = (m for m in model.modules() if isinstance(m, torch.nn.Embedding))
    return sum(table.weight.numel() for table in tables)


def measure(shape: str, device: str, rounds: int, steps: int, folder: Path) -> dict[str, Any]:
    """Measure one shape; its weights are drawn into ``folder``."""
    snapshot = save_model(shape, folder, torch.bfloat16, device)
    setup = Setup(snapshot, make_stream("long", snapshot)).but(
        training={"batch_size": BATCH.get(shape, 8)},
        replay={"batches": steps, "train_share": 1.0, "valid_batch_size": 2},
        compute={"device": device, "precision": "bfloat16"},
    )
    prepare_process(setup.settings.compute)

    def clock() -> float:
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    _settled(device)
    ours = Steps(setup)
    body = ours.learner.backbone
    ours.step(ours.batches[0])
    experts = setup.experts(TASKS, body)
    experts.predict(ours.batches[0])
    peak = torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else None
    naive = Naive(setup, dtype=torch.bfloat16, device=device)

    tokens = sum(int(setup.stream.lengths[batch].sum()) for batch in ours.batches)
    ways = [whole("ours", tokens, ours.epoch), whole("plain", tokens, naive.epoch)]
    rates = alternate(ways, rounds, clock)
    sizes = (4096, 8192) if device == "cuda" else (512,)
    best = max(matmul_rate((n, n, n), torch.bfloat16, clock, device) for n in sizes)
    # frozen weights: a pass forward and one back for the activations, two operations a weight each
    flops = 4 * (body.total_parameters - _embedding(body.model))
    return {
        "shape": shape,
        "parameters": body.total_parameters,
        "batch": setup.settings.training.batch_size,
        "matmul_tflops": best / 1e12,
        "peak_mb_ten_experts": peak,
        "mb_ten_models": TASKS * 2 * body.total_parameters / 2**20,
        "expert_kb": sum(t.nbytes for t in experts.adapters[1].values()) / 1024,
        "tokens_per_second": rates.as_dict("ours"),
        "share_of_matmul": rates.median("ours") * flops / best,
    }


def markdown(results: list[dict[str, Any]], device: str) -> str:
    """Return the table."""
    columns = (
        "Model", "Ours (tokens/s)", "Plain (tokens/s)", "Ratio", "Of the matrix rate",
        "Peak, ten experts (MB)", "Ten models (MB)",
    )  # fmt: skip
    rows = []
    for r in results:
        rates, peak = r["tokens_per_second"], r["peak_mb_ten_experts"]
        medians = (f"{rate:.1f}" for rate in rates["samples_per_second"].values())
        rows.append(
            [r["shape"], *medians, spread(rates["ratios"]["plain"]),
             f"{100 * r['share_of_matmul']:.0f} %", "–" if peak is None else f"{peak:.1f}",
             f"{r['mb_ten_models']:.1f}"]
        )  # fmt: skip
    head = f"{device}; {TASKS} tasks of {CLASSES} classes; bfloat16\n\n"
    return head + table(columns, rows)


def run(args: argparse.Namespace) -> Report:
    """Measure the shapes asked for."""
    name = torch.cuda.get_device_name() if args.device == "cuda" else "CPU, one thread"
    results = []
    for shape in args.shapes:
        with scratch() as folder:
            found = measure(shape, args.device, args.rounds, args.steps, folder / shape)
        results.append(found)
        print(json.dumps(found), file=sys.stderr, flush=True)  # the next may not fit
    return Report(markdown(results, name), {"device": name, "results": results})
