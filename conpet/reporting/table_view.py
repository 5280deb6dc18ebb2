"""A table as the page shows it: its heading, its rows of headers, which columns are numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from conpet.reporting.numbers import DASH, PENDING
from conpet.reporting.table import Table

_NUMBER = re.compile(r"[<\[]?\s*[+\-−]?[\d.]")
_SPREAD = " ± "
#: columns that say what a row is about: they stay in sight when a table is scrolled sideways
_KEYS = ("Method", "Claim")
#: rows from which on a table is scrolled within the page
_LONG = 30
#: letters from which on a row's name is broken into lines
_WIDE = 36


@dataclass(frozen=True)
class Header:
    """A cell of a table's head; ``column`` is that whose name it is, None of a group's title."""

    text: str
    column: int | None
    across: int = 1
    down: int = 1


@dataclass(frozen=True)
class TableView:
    """A table below a heading. ``caption`` says what its cells are, without the page's title."""

    name: str
    heading: str
    caption: str
    table: Table

    @cached_property
    def heads(self) -> list[list[Header]]:
        """The rows of headers: one, or two where columns stand below titles that they share."""
        columns = self.table.columns
        if not self.table.grouped:
            return [[Header(name, i) for i, (_, name) in enumerate(columns)]]
        top = []
        for start, length, group in self.table.groups():
            if group:
                top.append(Header(group, None, across=length))
            else:
                top += [Header(columns[i][1], i, down=2) for i in range(start, start + length)]
        return [top, [Header(name, i) for i, (group, name) in enumerate(columns) if group]]

    @cached_property
    def numbers(self) -> frozenset[int]:
        """The columns of numbers: those to align on the right, and to sort by size."""
        return frozenset(
            column
            for column in range(self.table.labels, len(self.table.columns))
            if numeric([row[column] for row in self.table.rows])
        )

    @property
    def key(self) -> int:
        """The column that says what a row is about."""
        names = [name for _, name in self.table.columns[: self.table.labels]]
        return next((i for i, name in enumerate(names) if name in _KEYS), 0)

    @property
    def wide(self) -> bool:
        """Whether some row's name is too long for one line."""
        return any(len(row[self.key]) > _WIDE for row in self.table.rows)

    @property
    def long(self) -> bool:
        """Whether there are more rows than one sees at once."""
        return len(self.table.rows) > _LONG

    @cached_property
    def starts(self) -> frozenset[int]:
        """The columns that begin a group, or come after one."""
        if not self.table.grouped:
            return frozenset()
        return frozenset(start for start, _, _ in self.table.groups() if start)

    @cached_property
    def _spreads(self) -> list[int]:
        """How long the longest spread of each column is, in letters."""
        every = [[cell.partition(_SPREAD)[2] for cell in row] for row in self.table.rows]
        return [max(map(len, cells)) for cells in zip(*every, strict=True)]

    def parts(self, row: int, column: int) -> tuple[str, int, str]:
        """Return a cell in two parts with the digits to leave blank between them.

        So means stand below means where some spreads have more digits than others.
        """
        mean, sign, spread = self.table.rows[row][column].partition(_SPREAD)
        if not sign or column not in self.numbers:
            return f"{mean}{sign}{spread}", 0, ""
        return f"{mean}{sign}", min(2, self._spreads[column] - len(spread)), spread

    @property
    def legend(self) -> list[str]:
        """What marks in the table mean: short, and needed to read it."""
        return self.table.notes()[len(self.table.footnotes) :]


def view(table: Table, title: str, heading: str) -> TableView:
    """Return a table for a page with this title, which captions need not repeat."""
    caption = table.caption.removeprefix(f"{title}: ")
    return TableView(table.name, heading, caption[:1].upper() + caption[1:], table)


def numeric(cells: Sequence[str]) -> bool:
    """Say whether the cells are numbers, as far as there is anything in them."""
    said = [cell for cell in cells if cell not in ("", DASH, PENDING)]
    return all(_NUMBER.match(cell) for cell in said)
