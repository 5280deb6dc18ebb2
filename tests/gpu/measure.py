"""What a card makes of the suite: training tokens a second, their share of what the card can do,
and the memory of ten experts, beside the plain way, in one run.

    python tests/gpu/measure.py --shapes minilm llama-1.1b llama-7b --out gpu

Weights are random and in bfloat16; adapters, heads and optimiser are float32. The plain way is
transformers and PEFT as one writes them first: the language model's head computed for every token,
batches padded to their longest text, PEFT's own LoRA layers. Both take the same batches in turn.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch
import torch.nn.functional as F

from conpet.config.settings import Compute, Training, Tuning
from conpet.files import atomic, write_json
from conpet.models.backbone import Backbone
from conpet.models.batches import collate
from conpet.training import make_optimizer
from tests.gpu.shapes import CLASSES_PER_TASK, SHAPES, Shape, make_model, make_stream

EXPERTS = 10
LORA = {"r": 4, "lora_alpha": 8}
Step = Callable[[np.ndarray], None]


def synchronize(device: torch.device) -> None:
    """Wait for the card."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(work: Callable[[], Any], device: torch.device) -> float:
    """Return what ``work`` takes."""
    synchronize(device)
    start = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - start


def matmul_rate(device: torch.device, rounds: int) -> float:
    """Return the best bfloat16 matrix-multiplication rate seen here, in FLOP/s."""
    best = 0.0
    for size in (4096, 8192) if device.type == "cuda" else (512,):
        a = torch.randn(size, size, device=device, dtype=torch.bfloat16)
        for _ in range(3 + rounds):
            best = max(best, 2 * size**3 / seconds(lambda a=a: a @ a, device))
    return best


def peak_mb(device: torch.device) -> float | None:
    """Return the card's peak since the last reset."""
    return torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else None


def settle(device: torch.device) -> None:
    """Forget the past model's memory."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


class Ours:
    """The suite's backbone with one slot, and ten experts' adapters beside it."""

    def __init__(self, shape: Shape, stream: Any, device: torch.device) -> None:
        def load(_snapshot: Path, _dtype: torch.dtype, where: torch.device) -> Any:
            return make_model(shape, where, head=False)

        tuning = Tuning(config=dict(LORA))
        compute = Compute(device="cuda" if device.type == "cuda" else "cpu", precision="bfloat16")
        self.backbone = Backbone(
            Path(), "random", "last", shape.targets, tuning, compute, 1, load=load
        )  # fmt: skip
        self.stream = stream
        self.head = torch.nn.Linear(self.backbone.width, stream.seen, device=device)
        self.parameters = [*self.backbone.parameters(), *self.head.parameters()]
        self.optimizer = make_optimizer(self.parameters, Training(), 1e-4)
        self.experts = [self.backbone.state() for _ in range(EXPERTS)]

    def step(self, batch: np.ndarray) -> None:
        """Train on one batch."""
        self.optimizer.zero_grad(set_to_none=False)
        labels = torch.from_numpy(self.stream.label[batch].astype(np.int64))
        scores = self.head(self.backbone.hidden(self.stream, batch))
        F.cross_entropy(scores, labels.to(self.backbone.device)).backward()
        self.optimizer.step()

    def all_experts(self, batch: np.ndarray) -> None:
        """Let every expert see a batch, adapters swapped in one after the other."""
        for state in self.experts:
            self.backbone.load_state(state)
            self.backbone.features(self.stream, batch)


class Plain:
    """transformers and PEFT, as one writes it first."""

    def __init__(self, shape: Shape, stream: Any, device: torch.device) -> None:
        from peft import LoraConfig, get_peft_model

        model = make_model(shape, device, head=True)
        self.model = get_peft_model(model, LoraConfig(target_modules=shape.targets, **LORA))
        self.device, self.stream = device, stream
        self.head = torch.nn.Linear(model.config.hidden_size, stream.seen, device=device)
        tuned = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW([*tuned, *self.head.parameters()], lr=1e-4)
        self.model.train()

    def step(self, batch: np.ndarray) -> None:
        """Train on one batch."""
        self.optimizer.zero_grad()
        ids, mask, pool = (t.to(self.device) for t in collate(self.stream, batch))
        found = self.model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        hidden = found.hidden_states[-1][torch.arange(len(ids), device=self.device), pool]
        labels = torch.from_numpy(self.stream.label[batch].astype(np.int64)).to(self.device)
        F.cross_entropy(self.head(hidden.float()), labels).backward()
        self.optimizer.step()


def _run(step: Step, batches: Sequence[np.ndarray]) -> None:
    for batch in batches:
        step(batch)


def measure(name: str, device: torch.device, rounds: int, steps: int) -> dict[str, Any]:
    """Measure one shape: ours and the plain way in turn, medians with their range."""
    shape = SHAPES[name]
    stream = make_stream(shape, EXPERTS, max(64, shape.batch * 2))
    rng = np.random.default_rng(1)
    batches = [rng.choice(len(stream.task), shape.batch, replace=False) for _ in range(steps)]
    tokens = int(sum(stream.lengths[b].sum() for b in batches))
    settle(device)
    ours = Ours(shape, stream, device)
    _run(ours.step, batches[:2])
    ours.all_experts(batches[0])
    mine = peak_mb(device)
    inner = ours.backbone.total_parameters - _embedding(ours.backbone.model)
    plain = Plain(shape, stream, device)
    _run(plain.step, batches[:2])
    ways: dict[str, tuple[Step, list[float]]] = {"ours": (ours.step, []), "plain": (plain.step, [])}
    rates = []
    for _ in range(rounds):
        rates.append(matmul_rate(device, 2))
        for step, found in ways.values():
            found.append(tokens / seconds(lambda step=step: _run(step, batches), device))
    # frozen weights: a pass forward and one back for the activations, two operations a weight each
    flops = 4 * inner
    rate = max(rates)
    result: dict[str, Any] = {
        "shape": name,
        "parameters": ours.backbone.total_parameters,
        "batch": shape.batch,
        "matmul_tflops": round(rate / 1e12, 3),
        "peak_mb_ten_experts": mine and round(mine, 1),
        "mb_ten_models": round(EXPERTS * 2 * ours.backbone.total_parameters / 2**20, 1),
        "expert_kb": round(sum(t.nbytes for t in ours.experts[0].values()) / 1024, 1),
    }
    for way, (_, found) in ways.items():
        result[way] = {
            "tokens_per_second": round(float(np.median(found)), 1),
            "range": [round(min(found), 1), round(max(found), 1)],
            "share_of_matmul": float(f"{np.median(found) * flops / rate:.3g}"),
        }
    pairs = [a / b for a, b in zip(ways["ours"][1], ways["plain"][1], strict=True)]
    result["ratio"] = round(float(np.median(pairs)), 3)
    result["ratio_range"] = [round(min(pairs), 3), round(max(pairs), 3)]
    return result


def _embedding(model: Any) -> int:
    return sum(
        module.weight.numel()
        for module in model.modules()
        if isinstance(module, torch.nn.Embedding)
    )


def markdown(results: Sequence[dict[str, Any]], device: str) -> str:
    """Return the table."""
    lines = [
        f"{device}; {EXPERTS} tasks of {CLASSES_PER_TASK} classes; bfloat16",
        "",
        "| Model | Ours (tokens/s) | Plain (tokens/s) | Ratio | Of the matrix rate |"
        " Peak, ten experts (MB) | Ten models (MB) |",
        "|" + " --- |" * 7,
    ]
    for r in results:
        cells = [
            r["shape"], r["ours"]["tokens_per_second"], r["plain"]["tokens_per_second"],
            f"{r['ratio']} ({r['ratio_range'][0]}–{r['ratio_range'][1]})",
            f"{100 * r['ours']['share_of_matmul']:.0f} %", r["peak_mb_ten_experts"] or "–",
            r["mb_ten_models"],
        ]  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure the shapes asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument(
        "--shapes", nargs="+", choices=sorted(SHAPES), default=["minilm", "llama-1.1b", "llama-7b"]
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    args = parser.parse_args()
    device = torch.device(args.device)
    if device.type == "cpu":
        torch.set_num_threads(1)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU, one thread"
    results = []
    for shape in args.shapes:
        results.append(measure(shape, device, args.rounds, args.steps))
        print(json.dumps(results[-1]), flush=True)
    text = markdown(results, name)
    if args.out:
        write_json(args.out.with_suffix(".json"), {"device": name, "results": results})
        with atomic(args.out.with_suffix(".md")) as temporary:
            temporary.write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    main()
