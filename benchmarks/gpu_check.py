"""Whether recorded steps work here: every learner, against its plain steps, and twice."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from benchmarks.library import Earlier, Setup, learn
from benchmarks.models import save_model
from benchmarks.texts import make_stream, until
from conpet.progress import Progress

#: learner -> its replay
LEARNERS = {
    "linear": "dynamic", "lwf": "none", "aligned": "dynamic", "ewc": "dynamic", "olora": "dynamic",
    "der": "logits", "seq": "dynamic", "experts": "dynamic", "contrastive": "dynamic",
}  # fmt: skip
TASKS = 2
#: of some learners' gradients a part is rounding alone here, which AdamW would make whole steps
OTHER: dict[str, dict[str, Any]] = {"contrastive": {"training": {"eps": 0.1}}}
#: norm of the difference of all that states keep over its norm
NEAR = {"float32": 1e-5, "bfloat16": 0.1}


class Noting(Progress):
    """Keeps what a job says."""

    def __init__(self) -> None:
        super().__init__("check")
        self.quiet = True
        self.said: list[str] = []

    def say(self, text: str) -> None:
        """Keep a line."""
        self.said.append(text)


@dataclass
class Found:
    """What a learner's trainings were like.

    Attributes:
        recorded: steps that were recorded, of all shapes and stages.
        difference: between recorded and plain steps, if all were taken.
        same: whether two recorded trainings gave the same bytes.
        why: what the job said where it did not record.
    """

    name: str
    shape: str
    precision: str
    recorded: int = 0
    difference: float | None = None
    same: bool = False
    seconds: float = 0.0
    why: str = ""
    near: bool = field(init=False, default=False)

    @property
    def good(self) -> bool:
        """Whether it is as it should be."""
        return self.recorded > 0 and self.near and self.same and not self.why


def _learnt(setup: Setup, learner: str, out: Path) -> tuple[dict[str, torch.Tensor], int, str]:
    """Learn the first tasks; return what is kept of the last, steps recorded, complaints."""
    states: list[Path] = []
    selector: Path | None = None
    recorded, said = 0, []
    for task in range(1, TASKS + 1):
        now = Setup(setup.snapshot, until(setup.stream, task), setup.settings, setup.pooling)
        stages = ["train_selector", "train"] if learner == "experts" and task > 1 else ["train"]
        for stage in stages:
            folder, progress = out / f"{stage}{task}", Noting()
            earlier = Earlier(states, selector)
            made = learn(now, learner, LEARNERS[learner], earlier, folder, stage, progress)
            recorded += getattr(made.context.engine, "recorded", 0)
            # after task 1 `seq` trains nothing but its head, which needs no pass
            said += [s for s in progress.said if "not recorded" in s and not made.backbone.frozen]
            if stage == "train":
                states = [*states, folder]
            else:
                selector = folder
    files = sorted(p for folder in out.iterdir() for p in folder.rglob("*.safetensors"))
    kept = {
        f"{path.relative_to(out)}:{name}": tensor
        for path in files
        for name, tensor in load_file(path).items()
    }
    return kept, recorded, "; ".join(dict.fromkeys(said))


def _difference(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    """Return the norm of the difference of all numbers over the norm of ``b``'s."""
    both = [(a[name].double(), tensor.double()) for name, tensor in b.items()]
    apart = sum(float((x - y).square().sum()) for x, y in both)
    return (apart / sum(float(y.square().sum()) for _, y in both)) ** 0.5


def check(setup: Setup, learner: str, shape: str, folder: Path) -> Found:
    """Learn two tasks by recorded steps, once more, and by plain steps."""
    precision = setup.settings.compute.precision
    found, start = Found(learner, shape, precision), time.monotonic()
    try:
        first, found.recorded, found.why = _learnt(setup, learner, folder / "first")
        again, _, _ = _learnt(setup, learner, folder / "again")
        plain, _, _ = _learnt(setup.but(compute={"graphs": "off"}), learner, folder / "plain")
    except Exception as error:  # the others are to be checked all the same
        found.why = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        return found
    found.same = all(torch.equal(tensor, again[name]) for name, tensor in first.items())
    found.difference = _difference(first, plain)
    found.near = found.difference < NEAR[precision]
    found.seconds = time.monotonic() - start
    return found


def check_all(device: str, folder: Path, learners: list[str] | None = None) -> list[Found]:
    """Check the learners with a small encoder, and one of them in the other ways."""
    settings: dict[str, Any] = {
        "training": {"epochs": 2, "batch_size": 8, "lr": 0.003},
        "replay": {"batches": 10, "valid_batch_size": 8},
        "memory": {"per_class": 4},
        "compute": {"device": device, "precision": "float32", "fast": device == "cuda"},
    }
    rows: list[tuple[str, str, dict[str, Any]]] = [
        (name, "tiny-bert", OTHER.get(name, {})) for name in learners or LEARNERS
    ]
    if "linear" in (learners or LEARNERS):
        rows += [
            ("linear", "tiny-llama", {}),
            ("linear", "tiny-bert", {"training": {"clip_norm": 0.1}}),
        ]
    if "linear" in (learners or LEARNERS) and device == "cuda":
        rows += [("linear", shape, {"compute": {"precision": "bfloat16"}})
                 for shape in ("tiny-bert", "tiny-llama")]  # fmt: skip
    found = []
    for number, (learner, shape, other) in enumerate(rows):
        snapshot = folder / shape
        if not snapshot.is_dir():
            save_model(shape, snapshot)
        # without validation the last epoch is kept: of random texts the untrained state would be
        stream = make_stream("long", snapshot, tasks=TASKS, counts=(40, 0, 1))
        setup = Setup(snapshot, replace(stream, validation=False)).but(**settings)
        found.append(check(setup.but(**other), learner, shape, folder / f"run{number}"))
        print(found[-1], flush=True)
    return found
