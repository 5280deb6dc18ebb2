"""Where the boxes of a graph go: in rows, what waits below what it waits for."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from graphlib import TopologicalSorter

Node = str | tuple[str, str, int]  # a box, or the place where a way passes a row: from, to, row

_SWEEPS = 12


def rows(after: Mapping[str, Collection[str]]) -> dict[str, int]:
    """Return each name's row: below all that it waits for; a source right above what waits for it.

    ``after`` has no circles.
    """
    row: dict[str, int] = {}
    for name in TopologicalSorter(after).static_order():
        row[name] = max((row[need] + 1 for need in after[name]), default=0)
    for name, needs in after.items():
        if not needs:
            row[name] = min((row[n] for n in after if name in after[n]), default=1) - 1
    return row


def chains(after: Mapping[str, Collection[str]], row: Mapping[str, int]) -> list[list[Node]]:
    """Return every way from a box to one that waits for it, with the places where it passes rows.

    A way that follows from others is left out. ``after`` has no circles.
    """

    def before(name: str) -> set[str]:
        return {b for need in after[name] for b in (need, *before(need))}

    return [
        [need, *((need, name, between) for between in range(row[need] + 1, row[name])), name]
        for name, needs in after.items()
        for need in sorted(needs)
        if not any(need in before(other) for other in needs)
    ]


def place(
    row: Mapping[str, int], ways: Sequence[Sequence[Node]]
) -> dict[Node, tuple[float, float]]:
    """Return (across, down) of every box and passing place; in a row boxes are 1 or more apart."""
    there = dict.fromkeys([*row, *(node for way in ways for node in way)])
    down = {node: row[node] if isinstance(node, str) else node[2] for node in there}
    beside: dict[Node, list[Node]] = {node: [] for node in there}
    for way in ways:
        for one, other in itertools.pairwise(way):
            beside[one].append(other)
            beside[other].append(one)
    across: dict[Node, float] = {}
    for number in range(max(down.values(), default=-1) + 1):
        members = [node for node in there if down[node] == number]
        across |= {node: i - (len(members) - 1) / 2 for i, node in enumerate(members)}
    for sweep in range(_SWEEPS):
        numbers = sorted(set(down.values()), reverse=sweep % 2 == 1)
        for number in numbers:
            _settle([node for node in there if down[node] == number], beside, across)
    return {node: (across[node], float(down[node])) for node in there}


def _settle(
    members: Sequence[Node], beside: Mapping[Node, Sequence[Node]], across: dict[Node, float]
) -> None:
    """Move a row's members to the middle of what they are joined to, as far as there is room."""
    wish = {
        node: sum(across[n] for n in beside[node]) / len(beside[node])
        if beside[node]
        else across[node]
        for node in members
    }
    ordered = sorted(members, key=lambda node: (wish[node], across[node]))
    found: list[float] = []
    for i, node in enumerate(ordered):
        room = _room(ordered[i - 1], node) if i else 0.0
        found.append(max(wish[node], found[-1] + room) if found else wish[node])
    shift = sum(wish[node] - x for node, x in zip(ordered, found, strict=True)) / len(ordered)
    across.update((node, x + shift) for node, x in zip(ordered, found, strict=True))


def _room(left: Node, right: Node) -> float:
    boxes = isinstance(left, str) + isinstance(right, str)
    return (0.25, 0.62, 1.0)[boxes]
