"""A world small enough to learn in a second: a random BERT and texts of a few known words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from conpet.config.settings import Compute, Settings
from conpet.config.strict import merge
from conpet.data.encoding import encode_part
from conpet.data.schema import Sample
from conpet.data.stream import open_stream
from conpet.learners import find
from conpet.learners.base import Context, Learner, Seeds
from conpet.models.backbone import Backbone
from conpet.progress import Progress
from conpet.replay.memory import Memory

CLASSES = 6
TASKS = 3
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ENCODE = {"template": "it is {mask}", "pooling": "mask", "max_length": 16, "max_cloze_words": 50}


def make_snapshot(folder: Path) -> Path:
    """Save a random two-layer BERT and its tokenizer."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

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
    """Makes learners on the tiny data. ``newest`` is the one that wrote the last state."""

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

    def learner(
        self,
        name: str,
        task: int,
        *,
        replay: str = "none",
        options: dict[str, Any] | None = None,
        memories: list[Memory] | None = None,
        seed: int = 1,
        encoded: Path | None = None,
        **over: Any,
    ) -> Learner:
        """Return a learner at a task, nothing loaded."""
        kind = find(name)
        settings = self.settings(**over)
        seeds = Seeds(seed, "tiny")
        backbone = Backbone(
            self.snapshot, "tiny", self.pooling, self.targets, settings.tuning,
            self.compute, seeds.of("adapter", task if kind.experts else 1),
        )  # fmt: skip
        progress = Progress("test")
        progress.quiet = True
        context = Context(
            backbone=backbone, settings=settings, strategy=replay,
            stream=open_stream([encoded or self.encoded], task),
            options=kind.Options.model_validate(options or {}), seed=seeds,
            memories=memories or [], progress=progress,
        )  # fmt: skip
        return kind(context)

    def run(self, name: str, out: Path, tasks: int = TASKS, **keys: Any) -> list[Path]:
        """Learn tasks 1..tasks, writing states (and selectors beside them); return the states."""
        states: list[Path] = []
        memories: list[Memory] = []
        selector: Path | None = None
        for task in range(1, tasks + 1):
            if find(name).experts and task > 1:
                chooser: Any = self.learner(name, task, **keys)
                chooser.load(states, selector)
                chooser.train_selector()
                selector = out / f"selector{task}"
                selector.mkdir(parents=True)
                chooser.save(selector)
            learner = self.newest = self.learner(name, task, memories=memories, **keys)
            learner.load(states, selector)
            learner.train()
            folder = out / f"state{task}"
            folder.mkdir(parents=True)
            learner.save(folder)
            (folder / "history.json").write_text(json.dumps(learner.history.epochs))
            states.append(folder)
            if keys.get("replay") == "memory":
                memories.append(learner.remember())
        return states


def same_bytes(a: Path, b: Path) -> bool:
    """Say whether two folders hold the same files with the same bytes."""
    files = sorted(p.relative_to(a) for p in a.rglob("*") if p.is_file())
    others = sorted(p.relative_to(b) for p in b.rglob("*") if p.is_file())
    return files == others and all((a / f).read_bytes() == (b / f).read_bytes() for f in files)
