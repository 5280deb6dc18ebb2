"""The class orders that others have published: config/class_orders."""

from __future__ import annotations

from pathlib import Path

from conpet.config.dataset import ClassOrder, Dataset, FileOrder
from conpet.config.strict import choose, validate
from conpet.files import read_json, visible


def published_order(data: Dataset, config_dir: Path, place: str) -> list[list[str]]:
    """Return the classes of each task of a published order; empty for a dataset without one.

    Args:
        place: where the dataset is said, for messages.

    Raises:
        UserError: there is no such order, or its file is not one.
    """
    if not isinstance(data.order, FileOrder):
        return []
    folder = config_dir / "class_orders"
    known = [path.stem for path in visible(folder, "*.json")]
    choose("class order", data.order.file, known, f"{place}: order.file")
    path = folder / f"{data.order.file}.json"
    return validate(ClassOrder, read_json(path), str(path)).tasks
