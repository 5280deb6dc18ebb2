"""Tasks that a table's rows name and the order does not: their rows leave the stream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from conpet.data.schema import Sample
from conpet.data.twins import twins
from conpet.wording import some


def unnamed_tasks(samples: Iterable[Sample], names: Sequence[str]) -> str:
    """Say which tasks of samples an order does not name; nothing where it names all.

    One that looks like a name of the order is probably the same, written otherwise in some rows.
    """
    left = Counter(sample.task for sample in samples if sample.task not in names)
    if not left:
        return ""
    shown = [f"{task!r} ({count} rows{_meant(task, names)})" for task, count in left.items()]
    # those that are probably a mistake come first
    listed = some(sorted(shown, key=lambda one: "did you mean" not in one))
    return f"left out, as order.names does not have their tasks: {listed}"


def _meant(task: str, names: Sequence[str]) -> str:
    return next((f": did you mean {name!r}?" for name in names if twins([task, name])), "")
