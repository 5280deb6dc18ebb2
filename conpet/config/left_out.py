"""A variant that leaves its base's test samples out must draw the same ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conpet.config.partition import Partition
from conpet.config.strict import read_yaml
from conpet.errors import UserError

#: what decides which samples a base draws for its test, beside its split
_DRAWN_BY = ("files", "generator", "format", "options", "order", "duplicates", "labels", "tasks")

#: what is done with samples once they are drawn
_AFTER = ("without_test", "validation")


def check_left_out(value: dict[str, Any], split: Partition, config_dir: Path, place: str) -> None:
    """Refuse a variant with ``without_test`` that would draw other test samples than its base.

    One generator cuts all classes, in the order of the tasks: another order, or another split,
    draws others for every class. Where files say the split nothing is drawn.

    Args:
        value: what the variant says, ``base`` among it.
        split: what comes of it.

    Raises:
        UserError: the key that differs, and what to do.
    """
    if not split.without_test or split.scheme == "official":
        return
    base = str(value["base"])
    under = read_yaml(config_dir / "datasets" / f"{base}.yaml")
    cut = Partition.model_validate(under.get("split") or {}).model_dump()
    own = Partition.model_validate(value.get("split") or {}).model_dump()
    told = [key for key in value.get("split") or {} if key not in _AFTER]
    other = [f"split.{key}" for key in told if own[key] != cut[key]]
    other += [key for key in _DRAWN_BY if key in value and value[key] != under.get(key)]
    if other:
        raise UserError(
            f"{place}: without_test leaves out the test samples that {base} draws, and with "
            f"another {other[0]} others are drawn: leave {other[0]} as it is in {base} (for fewer "
            "tasks say tasks in the experiment)"
        )
