"""A world small enough to learn in a second: a random BERT and texts of a few known words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from conpet.config.settings import Compute, Settings
from conpet.config.stages import Encode
from conpet.config.strict import merge
from conpet.data.encoding import encode_part
from conpet.data.schema import Sample
from conpet.data.stream import Stream, open_stream
from conpet.learners import learner_class
from conpet.learners.base import Context, Learner, Seeds
from conpet.models.backbone import Backbone
from conpet.progress import Progress
from conpet.replay import replay_class
from conpet.replay.base import Replay
from conpet.replay.exemplars import Memory

CLASSES = 6
TASKS = 3
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ENCODE = Encode(
    kind="sentence", template="it is {mask}", pooling="mask", max_length=16, max_cloze_words=50
)


def make_snapshot(folder: Path) -> Path:
    """Save a random two-layer BERT and its tokenizer."""
    from transformers import BertConfig, BertModel, BertTokenizerFast, utils

    utils.logging.disable_progress_bar()
    folder.mkdir(parents=True, exist_ok=True)
    words = [f"w{c}x{k}" for c in range(CLASSES) for k in range(3)] + ["it", "is", "a", "the"]
    vocab = SPECIAL + [f"[unused{i}]" for i in range(8)] + words
    (folder / "vocab.txt").write_text("\n".join(vocab) + "\n")
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocab), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=32,
    )  # fmt: skip
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def make_samples() -> list[Sample]:
    """Return texts that hold two words of their class and a filler."""
    rng = np.random.default_rng(0)
    samples = []
    for c in range(CLASSES):
        for split, count in (("train", 16), ("valid", 4), ("test", 6)):
            for i in range(count):
                a, b = rng.integers(3, size=2)
                text = f"the w{c}x{a} a w{c}x{b}"
                samples.append(Sample(f"{c}-{split}-{i}", text, f"class{c}", split))
    return samples


def make_encoded(folder: Path, snapshot: Path, tasks: int = TASKS) -> Path:
    """Encode the first ``tasks`` tasks of two classes each."""
    from transformers import AutoTokenizer

    samples = make_samples()
    size = CLASSES // TASKS
    cut: list[dict[str, Any]] = []
    for t in range(tasks):
        names = [f"class{c}" for c in range(t * size, (t + 1) * size)]
        rows = {
            split: [i for i, s in enumerate(samples) if s.label in names and s.split == split]
            for split in ("train", "valid", "test")
        }
        cut.append({"task": t + 1, "classes": names, **rows})
    out = folder / f"encoded{tasks}.safetensors"
    encode_part(samples, cut, ENCODE, AutoTokenizer.from_pretrained(snapshot), out)
    return out


class World:
    """Makes learners on the tiny data. ``newest`` is the one that wrote the last state.

    Args:
        folder: where model, data and states are written.
    """

    pooling = "mean"
    targets: list[str] | str = ["query", "value"]
    compute = Compute()
    newest: Learner

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.snapshot = make_snapshot(folder / "model")
        self.encoded = make_encoded(folder, self.snapshot)

    def settings(self, **over: Any) -> Settings:
        """Return quick settings."""
        quick = {
            "training": {"epochs": 3, "batch_size": 4, "lr": 0.03},
            "replay": {"batches": 20, "valid_batch_size": 8},
            "memory": {"per_class": 4},
        }
        value = merge(merge(Settings().model_dump(), quick), over)
        return Settings.model_validate(value)

    def stream(self, task: int, encoded: Path | None = None) -> Stream:
        """Return the stream of tasks 1..task."""
        return open_stream([encoded or self.encoded], task)

    def learner(
        self,
        learner: str | type[Learner],
        task: int,
        *,
        replay: str | type[Replay] = "none",
        options: dict[str, Any] | None = None,
        memory: Memory | None = None,
        seed: int = 1,
        encoded: Path | None = None,
        **over: Any,
    ) -> Learner:
        """Return a learner at a task, nothing loaded; ``over`` are settings."""
        kind = learner_class(learner) if isinstance(learner, str) else learner
        chosen = replay_class(replay) if isinstance(replay, str) else replay
        settings = self.settings(**over)
        seeds = Seeds(seed, "tiny")
        backbone = Backbone(
            self.snapshot, "tiny", self.pooling, self.targets, settings.tuning,
            self.compute, seeds.of("adapter", task if kind.experts else 1),
        )  # fmt: skip
        progress = Progress("test")
        progress.quiet = True
        context = Context(
            backbone=backbone, settings=settings, replay=chosen(chosen.Options(), settings),
            stream=self.stream(task, encoded), options=kind.Options.model_validate(options or {}),
            seed=seeds, memory=memory or Memory.empty(), progress=progress,
        )  # fmt: skip
        return kind(context)

    def run(
        self, learner: str | type[Learner], out: Path, tasks: int = TASKS, **keys: Any
    ) -> list[Path]:
        """Learn tasks 1..tasks, writing states (and selectors beside them); return the states."""
        states: list[Path] = []
        memory = Memory.empty()
        selector: Path | None = None
        kind = learner_class(learner) if isinstance(learner, str) else learner
        for task in range(1, tasks + 1):
            if kind.experts and task > 1:
                chooser: Any = self.learner(kind, task, memory=memory, **keys)
                chooser.load(states, selector)
                chooser.train_selector()
                selector = out / f"selector{task}"
                selector.mkdir(parents=True)
                chooser.save(selector)
            made = self.newest = self.learner(kind, task, memory=memory, **keys)
            made.load(states, selector)
            made.train()
            memory = made.keep()
            folder = out / f"state{task}"
            folder.mkdir(parents=True)
            made.save(folder)
            (folder / "history.json").write_text(json.dumps(made.history.epochs))
            states.append(folder)
        return states


def same_bytes(a: Path, b: Path) -> bool:
    """Say whether two folders hold the same files with the same bytes."""
    files = sorted(p.relative_to(a) for p in a.rglob("*") if p.is_file())
    others = sorted(p.relative_to(b) for p in b.rglob("*") if p.is_file())
    return files == others and all((a / f).read_bytes() == (b / f).read_bytes() for f in files)


def selector_of(states: Sequence[Path]) -> Path | None:
    """Return the newest selector of a run of :meth:`World.run`, where there is one."""
    last = states[-1]
    found = last.with_name(last.name.replace("state", "selector"))
    return found if found.is_dir() else None
