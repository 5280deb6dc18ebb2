"""What the names of a file and its folder say: of which split, and of which thing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

from conpet.config.raw import Split

_SPLITS = {"train": "train", "training": "train", "test": "test", "eval": "test"}
_SPLITS |= dict.fromkeys(("valid", "validation", "dev", "val"), "valid")


def split_of(file: Path) -> Split:
    """Return the split that a file's name says, or its folder's: train, valid, test or nothing."""
    if folder_says_split(file):
        return cast(Split, _SPLITS[file.absolute().parent.name.lower()])
    found = _splits_in(file.stem)
    return cast(Split, found.pop()) if len(found) == 1 else ""


def folder_says_split(file: Path) -> bool:
    """Say whether a file lies in a folder of one split, and its own name says none."""
    return not _splits_in(file.stem) and file.absolute().parent.name.lower() in _SPLITS


def _splits_in(name: str) -> set[str]:
    return {_SPLITS[word] for word in re.split(r"[^a-z]+", name.lower()) if word in _SPLITS}


def name_without_split(file: Path) -> str:
    """Return what a file's name says beside its split: nothing for ``train.csv``, 2 for train2."""
    stem = re.sub(r"(?<![A-Za-z0-9])([A-Za-z]+)(\d+)", _apart, file.stem)
    words = re.split(r"[^A-Za-z0-9]+", stem)
    return "_".join(word for word in words if word and word.lower() not in _SPLITS)


def _apart(word: re.Match[str]) -> str:
    """Return a word and its number, with something between them where the word names a split."""
    return "_".join(word.groups()) if word[1].lower() in _SPLITS else word[0]
