"""Predictions of single samples, and the texts they are of."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from conpet.data.marks import excerpt
from conpet.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from conpet.data.schema import Sample
    from conpet.run.reading import Run

_LETTERS = 240  # of a text that is shown
_AGAIN = "delete metrics.json beside it, and snakemake makes both again"
_COLUMNS = ("label", "prediction", "correct", "score")


def read_predictions(path: Path) -> pd.DataFrame:
    """Read predictions.parquet, indexed by the sample: its number of part and its row there.

    Raises:
        UserError: the file is missing or is not such a file.
    """
    import pandas as pd

    try:
        frame = pd.read_parquet(path, columns=["part", "row", *_COLUMNS])
    except (OSError, ValueError, KeyError) as error:
        line = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: not a predictions file ({line}): {_AGAIN}") from None
    return frame.set_index(["part", "row"])


def last_predictions(run: Run) -> pd.DataFrame | None:
    """Read the predictions after a run's last evaluated task; None where there are none.

    Raises:
        UserError: they are not those that the run's metrics were computed from.
    """
    path = run.folder.predictions(len(run.metrics))
    if not run.metrics or not path.is_file():
        return None
    frame, told = read_predictions(path), run.metrics[-1]
    right = int(frame["correct"].sum())
    if len(frame) != told["samples"] or right != round(told["whole_accuracy"] * len(frame)):
        raise UserError(
            f"{path}: {right} of {len(frame)} are right, but metrics.json beside it says "
            f"{told['whole_accuracy']:.4f} of {told['samples']}: of another run: {_AGAIN}"
        )
    return frame


def part_name(number: int) -> str:
    """Return the name of a stream's part by its place: 0 is base, 1 the first addition."""
    return "base" if number == 0 else f"add{number}"


@dataclass
class Texts:
    """Sample texts, each samples.parquet read once; none where the file is not there."""

    root: Path
    _known: dict[tuple[str, int], list[Sample]] = field(default_factory=dict)

    def get(self, dataset: str, part: int, row: int) -> str:
        """Return the text of one sample, its mentions marked, or a part of it; '' if unknown."""
        from conpet.data.samples import read_samples

        if (dataset, part) not in self._known:
            path = self.root / "data" / dataset / part_name(part) / "samples.parquet"
            self._known[dataset, part] = read_samples(path) if path.is_file() else []
        samples = self._known[dataset, part]
        return excerpt(samples[row], _LETTERS) if 0 <= row < len(samples) else ""
