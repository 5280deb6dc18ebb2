"""The embedded demo dataset: invented relation-extraction sentences in FewRel's JSON schema.

No text of others is used, so the suite can be tried without a download. The patterns of the three
splits are disjoint: what is learnt by heart in training does not answer the test. What is said
stands in ``texts/``: a new relation needs no code.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conpet.data.generator.sentences import write_sentence
from conpet.data.generator.texts import SPLITS, load_texts
from conpet.errors import UserError
from conpet.files import write_json
from conpet.seeds import derive

__all__ = ["RESERVED", "STANDARD", "generate", "write"]

ATTEMPTS = 200

STANDARD: tuple[str, ...]
RESERVED: tuple[str, ...]


def __getattr__(name: str) -> tuple[str, ...]:
    # read when asked for: importing this module costs no reading
    if name in {"STANDARD", "RESERVED"}:
        return load_texts().standard if name == "STANDARD" else load_texts().reserved
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _draw(
    seed: int, relation: str, split: str, count: int, taken: set[str]
) -> list[dict[str, Any]]:
    """``count`` samples whose text is not in ``taken``, which grows by theirs."""
    rng = random.Random(derive("demo", seed, relation, split))
    patterns = load_texts().relations[relation].patterns[split]
    order = rng.sample(patterns, len(patterns))
    drawn = []
    for index in range(count):
        for _ in range(ATTEMPTS):
            sample = write_sentence(rng, relation, split, order[index % len(order)])
            text = " ".join(sample["tokens"])
            if text not in taken:
                break
        else:
            raise UserError(f"demo data: {relation}: {split}: no new sentence: ask for fewer")
        taken.add(text)
        drawn.append(sample)
    return drawn


def _check(relations: Sequence[str], counts: dict[str, int]) -> None:
    known = load_texts().relations
    for relation in relations:
        if relation not in known:
            raise UserError(f"demo data: no relation {relation!r}: use some of {', '.join(known)}")
    if not relations or len(set(relations)) != len(relations):
        raise UserError("demo data: relations: name at least one, and each only once")
    for split, count in counts.items():
        if count < 0:
            raise UserError(f"demo data: {split}: {count} samples: ask for 0 or more")


def generate(
    seed: int, relations: Sequence[str], train: int, valid: int, test: int
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Make the samples of the relations: ``{split: {relation: [sample, ...]}}``.

    A sample has FewRel's keys ``tokens``, ``h`` and ``t``; ``h`` and ``t`` are [name in lower
    case, identifier, token indices of each mention]. The counts are per relation. The samples of
    a relation depend on the seed only, not on the other relations, and asking for more of them
    keeps the first ones.

    Raises:
        UserError: a relation that is unknown or given twice, or a negative count.
    """
    counts = {"train": train, "valid": valid, "test": test}
    _check(relations, counts)
    made: dict[str, dict[str, list[dict[str, Any]]]] = {split: {} for split in SPLITS}
    for relation in relations:
        taken: set[str] = set()
        for split in SPLITS:
            made[split][relation] = _draw(seed, relation, split, counts[split], taken)
    return made


def write(
    folder: Path, seed: int, relations: Sequence[str], train: int, valid: int, test: int
) -> list[Path]:
    """Write ``train.json``, ``valid.json`` and ``test.json`` into ``folder``; return their paths.

    The same arguments give the same bytes. For the errors see :func:`generate`.
    """
    made = generate(seed, relations, train, valid, test)
    paths = [folder / f"{split}.json" for split in SPLITS]
    for path, split in zip(paths, SPLITS, strict=True):
        write_json(path, made[split])
    return paths
