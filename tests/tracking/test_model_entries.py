"""What a store is told of a package, by name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from conpet.card import Calibration
from conpet.tracking import model_entries


def test_a_calibration_is_that_of_the_answers_as_they_are_given() -> None:
    found = Calibration(
        samples=1234, accuracy=0.75, temperature=2.5, nll=[0.9, 0.4], ece=[0.3, 0.1],
        threshold=0.35, kept=0.95, auroc=0.8, outside=10, outside_refused=0.6,
    )  # fmt: skip
    about: Any = SimpleNamespace(
        calibration=found, classes=[["a", "b"], ["b", "c"]], method="m", dataset="d", task=2,
        seed=7, backbone=SimpleNamespace(title="B"),
    )  # fmt: skip
    assert model_entries.calibration(about) == {
        "calibration/valid_accuracy": 0.75, "calibration/temperature": 2.5,
        "calibration/ece": 0.1, "calibration/nll": 0.4, "calibration/threshold": 0.35,
        "calibration/outside_auroc": 0.8, "calibration/outside_refused": 0.6,
    }  # fmt: skip
    assert model_entries.note(about) == (
        "**m** on **d** with B, seed 7: 3 classes in 2 tasks. Right on 75.0 % of 1,234 validation "
        "texts; calibration error 0.300, 0.100 at temperature 2.50. Texts of no class: AUROC "
        "0.800; the threshold 0.350 keeps 95 % of the validation texts and refuses 60.0 % of 10 "
        "such texts."
    )
