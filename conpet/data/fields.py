"""A text of several fields -> token ids: the template says where each stands, and what is between.

The template is the whole text: ``{premise} Hypothesis: {hypothesis} It is {mask}.`` What is too
long is cut at the end of the longest field, which is then the next, so that a short one stays
whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

_NAME = re.compile(r"\{(\w+)\}")
#: text -> ids: of one that begins, and of one that goes on after another
Tokenise = tuple[Callable[[str], list[int]], Callable[[str], list[int]]]


def cut_longest(lengths: Sequence[int], room: int) -> list[int] | None:
    """Return how many ids of each field stay, the longest cut first; None without room for all.

    Every field keeps one id at least. Of equally long ones the later is cut first.
    """
    if room < len(lengths):
        return None
    kept = list(lengths)
    over = sum(kept) - room
    while over > 0:
        highest = max(kept)
        at = [i for i, n in enumerate(kept) if n == highest]
        below = max((n for n in kept if n < highest), default=0)
        step = min(highest - below, -(-over // len(at)))
        for i in reversed(at):
            taken = min(step, over)
            kept[i] -= taken
            over -= taken
    return kept


def fill(
    values: Mapping[str, str], template: str, mask: list[int], tokenise: Tokenise, room: int
) -> tuple[list[int], int] | None:
    """Return the ids of a filled template and the place of the mask's last id.

    Args:
        values: the fields' texts by name.
        template: names fields as ``{name}``, and ``{mask}`` once.
        room: how many ids there may be.

    Returns:
        None where the template alone leaves no room for all fields.
    """
    pieces: list[tuple[str, list[int]]] = []

    def ids_of(text: str) -> list[int]:
        return tokenise[bool(pieces)](text)

    space = ""  # what is before a word is a part of it to most tokenizers
    for number, part in enumerate(_NAME.split(template)):
        if number % 2 == 0:
            words = part.rstrip()
            if words:
                pieces.append(("", ids_of(space + words)))
                space = ""
            space = part[len(words) :] or space
        elif part == "mask":
            pieces.append(("mask", mask))
            space = ""
        else:
            pieces.append((part, ids_of(space + values[part])))
            space = ""
    lengths = [len(ids) for name, ids in pieces if name not in ("", "mask")]
    fixed = sum(len(ids) for name, ids in pieces if name in ("", "mask"))
    if (kept := cut_longest(lengths, room - fixed)) is None:
        return None
    left = iter(kept)
    found: list[int] = []
    at = -1
    for name, ids in pieces:
        found += ids if name in ("", "mask") else ids[: next(left)]
        if name == "mask":
            at = len(found) - 1
    return found, at
