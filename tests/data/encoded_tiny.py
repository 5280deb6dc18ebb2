"""Small encoded parts: five tasks in a base, two later additions."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from conpet.config.partition import Partition
from conpet.config.stages import Encode
from conpet.data.encoding import encode_part
from conpet.data.schema import Mention, Sample
from conpet.data.split import split_samples

PARAMS = Encode(
    kind="relation",
    template="{tail} is the {mask} of {head}.",
    pooling="mask",
    max_length=40,
    max_cloze_words=50,
)
TASKS, CLASSES = 5, 3
ADDITIONS = (["late1", "late2"], ["last"])


def samples(names: list[str], count: int, seed: int) -> list[Sample]:
    """Return ``count`` samples a class, of random lengths, in a mixed order."""
    rng = random.Random(seed)
    found = []
    for name in names:
        for i in range(count):
            words = [
                "marie",
                "lived",
                "warsaw",
                *rng.choices(["one", "two", "x"], k=rng.randint(0, 9)),
            ]
            text = " ".join(words)
            mentions = (Mention("head", 0, 5), Mention("tail", 12, 18))
            found.append(Sample(f"{name}-{i}", text, name, "", mentions))
    rng.shuffle(found)
    return found


def parts() -> list[tuple[list[Sample], list[dict[str, Any]]]]:
    """Return the samples and tasks of the base and of each addition."""
    cut = Partition(scheme="per_class")
    names = [f"c{i:02d}" for i in range(TASKS * CLASSES)]
    base = samples(names, 20, 1)
    found = [(base, split_samples(base, {"seed": 1, "tasks": TASKS}, cut)["tasks"])]
    for number, late in enumerate(ADDITIONS):
        new = samples(late, 10 + 10 * number, number + 2)
        found.append((new, split_samples(new, late, cut, first_task=TASKS + 1 + number)["tasks"]))
    return found


def write_parts(folder: Path, tokenizer: Any) -> list[Path]:
    """Encode all parts; return their files in order."""
    paths = []
    for number, (found, tasks) in enumerate(parts()):
        paths.append(folder / f"part{number}.safetensors")
        encode_part(found, tasks, PARAMS, tokenizer, paths[-1])
    return paths
