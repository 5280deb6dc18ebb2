"""What the suite makes of a card: random backbones, ours, the plain way and a compiled one.

First a check, a minute on a card, by itself with --check: every learner's steps are recorded, learn
what plain steps learn, and the same bytes twice. Then tokens per second of training beside the
card's matrix rate, and inference with one and ten experts (docs/cluster.md). Weights are random and
in bfloat16; adapters, heads and optimiser are float32. All ways take the same batches:

    recorded   this suite, compute.graphs: auto
    layered    compute.graphs: compiled (--layered)
    unrecorded compute.graphs: off
    plain      transformers and PEFT as one writes them first, the language model's head computed
    compiled   transformers and PEFT without that head, by torch.compile (takes a minute a shape)

`python -m benchmarks.gpu` needs torch, transformers, peft and pydantic alone.
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

from benchmarks.gpu_check import LEARNERS, Found, check_all
from benchmarks.gpu_profile import profile_steps
from benchmarks.inside import matmul_rate
from benchmarks.library import Setup, prepare_process
from benchmarks.models import SHAPES, draw_model, make_config
from benchmarks.plain import Compiled, Naive
from benchmarks.recording import Recording, experts_swapped
from benchmarks.report import Report, counts, positive, spread, table
from benchmarks.texts import CLASSES, TASKS, make_stream
from benchmarks.timing import Clock, Contender, alternate, whole
from conpet.temporary import scratch

TEXTS = (32, 640)  # asked at once
LARGE = (
    "llama-1.1b",
    "llama-7b",
)  # of these the unrecorded way is left out: two backbones fit, with the plain


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be asked for."""
    shapes = ["minilm", "smollm2-135m", "llama-1.1b", "llama-7b"]
    parser.add_argument("--check", action="store_true", help="check alone, measure nothing")
    parser.add_argument(
        "--learners", nargs="*", choices=list(LEARNERS), default=list(LEARNERS),
        help="learners that are checked (default: all)",
    )  # fmt: skip
    parser.add_argument("--shapes", nargs="*", choices=list(SHAPES), default=shapes)
    parser.add_argument(
        "--compiled", nargs="*", choices=list(SHAPES), default=["minilm"],
        help="shapes that are compiled too (default: minilm)",
    )  # fmt: skip
    parser.add_argument(
        "--layered", nargs="*", choices=list(SHAPES), default=[],
        help="shapes whose layers are compiled too (default: none)",
    )  # fmt: skip
    parser.add_argument("--batch", nargs="+", type=positive, default=[8, 32])
    cuda = torch.cuda.is_available()
    parser.add_argument(
        "--device", choices=["cuda", "cpu"], default="cuda" if cuda else "cpu",
        help="default: the card, where there is one",
    )  # fmt: skip
    counts(parser, rounds=(3, "rounds that count"), steps=(16, "steps a round"))


def _clock(device: str) -> Clock:
    def clock() -> float:
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    return clock


def _settled(device: str) -> None:
    """Forget the last model's memory."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def _peak(device: str) -> float | None:
    return torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else None


def set_up(shape: str, device: str, batch: int, steps: int, folder: Path) -> Setup:
    """Return the texts and settings of a shape; its weights are drawn on the device."""
    if not (folder / "config.json").is_file():
        make_config(shape).save_pretrained(folder)
    return Setup(folder, make_stream("long", folder), load=draw_model).but(
        training={"batch_size": batch},
        replay={"batches": steps, "train_share": 1.0, "valid_batch_size": 2},
        compute={"device": device, "precision": "bfloat16", "fast": device == "cuda"},
    )


def measure(
    setup: Setup, shape: str, device: str, rounds: int, compiled: bool, layered: bool
) -> dict[str, Any]:
    """Measure the training steps of a shape."""
    prepare_process(setup.settings.compute)
    clock, where, begun = _clock(device), torch.device(device), time.monotonic()
    _settled(device)
    ours: dict[str, Recording] = {}
    seconds: dict[str, float] = {}

    def note(stage: str) -> None:
        seconds[stage] = time.monotonic() - begun
        print(f"{shape}: {stage} after {seconds[stage]:.1f} s", file=sys.stderr, flush=True)

    ours["recorded"] = recorded = Recording(setup)
    recorded.epoch()
    note("recorded")
    peak, body = _peak(device), recorded.learner.backbone
    if shape not in LARGE:
        ours["unrecorded"] = Recording(setup.but(compute={"graphs": "off"}))
    if layered:
        ours["layered"] = Recording(setup.but(compute={"graphs": "compiled"}))
        ours["layered"].epoch()
        note("layered")
    tokens = sum(int(setup.stream.lengths[batch].sum()) for batch in recorded.batches)
    ways = [whole(name, tokens, one.epoch) for name, one in ours.items()]

    def draw(auto: str) -> Any:
        return draw_model(setup.snapshot, torch.bfloat16, where, auto)

    for name, way in (("plain", Naive), ("compiled", Compiled)):
        if name == "plain" or compiled:
            made = way(setup, dtype=torch.bfloat16, device=device, draw=draw)
            ways.append(Contender(name, whole(name, tokens, made.epoch).run))
    rates = alternate(ways, rounds, clock)
    note("measured")
    # frozen weights: a pass forward and one back for the activations, two operations a weight each
    embeddings = (m for m in body.model.modules() if isinstance(m, torch.nn.Embedding))
    flops = 4 * (body.total_parameters - sum(e.weight.numel() for e in embeddings))
    steps = len(recorded.batches)
    return {
        "shape": shape, "batch": setup.settings.training.batch_size,
        "parameters": body.total_parameters, "graphs": recorded.recorded,
        "why": {name: one.why for name, one in ours.items() if one.why}, "seconds": seconds,
        "peak_mb": peak, "tokens_per_second": rates.as_dict("recorded"),
        "step_ms": 1000 * tokens / steps / rates.median("recorded"),
        "flops_a_second": rates.median("recorded") * flops,
        "profiles": {
            name: profile_steps(one.epoch, steps) for name, one in ours.items() if device == "cuda"
        },
    }  # fmt: skip


def inference(setup: Setup, device: str, rounds: int, texts: int) -> dict[str, Any]:
    """Measure answers by one adapter, and by a selector and ten experts, together and in turn."""
    _settled(device)
    everything = setup.stream.of("test", range(1, TASKS + 1))
    indices = everything[:: max(1, len(everything) // texts)][:texts]
    one = setup.learner("linear")
    ten = setup.experts(TASKS, one.backbone)
    owners = setup.stream.task[indices][:, None]  # as from a selector that is always right

    def asking() -> None:
        ten.selector.ask(indices)
        ten.frozen_scores(indices, owners, range(1, TASKS + 1))

    def swapping() -> None:
        with experts_swapped():
            asking()

    ways = [
        whole("ten experts", len(indices), asking),
        whole("swapped", len(indices), swapping),
        whole("one adapter", len(indices), lambda: one.predict(indices)),
    ]
    return alternate(ways, rounds, _clock(device)).as_dict("ten experts")


def markdown(name: str, checked: list[Found], best: float, results: list[dict[str, Any]]) -> str:
    """Return the tables."""
    text = f"{name}; {TASKS} tasks of {CLASSES} classes\n\n"
    columns = ("Learner", "Shape", "Precision", "Recorded", "Differs by", "Same bytes", "Good")
    text += table(
        columns,
        [[f.name, f.shape, f.precision, f.recorded,
          "–" if f.difference is None else f"{f.difference:.1e}", f.same,
          "yes" if f.good else f"NO {f.why}"] for f in checked],
    )  # fmt: skip
    if not results:
        return text
    text += f"\nMatrix products: {best / 1e12:.1f} TFLOP/s in bfloat16\n\n"
    rows = []
    for r in results:
        rates, ratios = (
            r["tokens_per_second"]["samples_per_second"],
            r["tokens_per_second"]["ratios"],
        )
        rows.append(
            [r["shape"], r["batch"], f"{r['step_ms']:.2f}", f"{rates['recorded']:.0f}",
             *(spread(ratios[way]) if way in ratios else "–"
               for way in ("layered", "unrecorded", "plain", "compiled")),
             f"{100 * r['flops_a_second'] / best:.1f} %",
             *_answers(r.get("inference"))]
        )  # fmt: skip
    about = (
        "Model", "Batch", "Step (ms)", "Tokens/s",
        "× layered", "× unrecorded", "× plain", "× compiled",
        "Of the matrix rate",
        *(f"{n} texts: {what}" for n in TEXTS
          for what in ("one adapter/s", "ten experts/s", "× swapped")),
    )  # fmt: skip
    return text + table(about, rows)


def _answers(found: dict[str, Any] | None) -> list[str]:
    """Return the cells of answers a second, and how many times swapping that is."""
    cells = []
    for n in map(str, TEXTS):
        if found is None:
            cells += ["–"] * 3
            continue
        rates = found[n]["samples_per_second"]
        cells += [f"{rates[way]:.0f}" for way in ("one adapter", "ten experts")]
        cells.append(spread(found[n]["ratios"]["swapped"]))
    return cells


def run(args: argparse.Namespace) -> Report:
    """Check, then measure the shapes asked for."""
    name = torch.cuda.get_device_name() if args.device == "cuda" else "CPU, one thread"
    with scratch() as folder:
        checked = check_all(args.device, folder, args.learners) if args.learners else []
    best, results = 0.0, []
    if not args.check:
        clock, sizes = _clock(args.device), (4096, 8192) if args.device == "cuda" else (256,)
        best = max(matmul_rate((n, n, n), torch.bfloat16, clock, args.device) for n in sizes)
    for shape in () if args.check else args.shapes:
        with scratch() as folder:
            for batch in args.batch:
                setup = set_up(shape, args.device, batch, args.steps, folder)
                found = measure(
                    setup, shape, args.device, args.rounds, shape in args.compiled,
                    shape in args.layered,
                )  # fmt: skip
                if batch == args.batch[0]:
                    for texts in TEXTS:
                        said = inference(setup, args.device, args.rounds, texts)
                        found.setdefault("inference", {})[str(texts)] = said
                results.append(found)
                print(json.dumps(found), file=sys.stderr, flush=True)  # the next may not fit
    values = {
        "device": name,
        "matmul": best,
        "check": [vars(f) for f in checked],
        "results": results,
    }
    faults = [f"{f.name}, {f.shape}, {f.precision}: not as it should be" for f in checked
              if not f.good and args.device == "cuda"]  # fmt: skip
    return Report(markdown(name, checked, best, results), values, faults)


if __name__ == "__main__":
    from benchmarks.alone import main

    main(sys.modules[__name__])
