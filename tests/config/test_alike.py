"""Which methods train alike: of all shipped ones, and of variants in an experiment."""

from __future__ import annotations

import pytest

from conpet.config import Experiment, load_experiment
from conpet.config.alike import shared_trainings
from tests.conftest import ROOT


def shared(found: Experiment, dataset: str) -> dict[str, str]:
    return shared_trainings(found, dataset, "minilm")


def test_methods_that_differ_in_a_fitted_head_train_alike() -> None:
    assert shared(load_experiment("demo_all", ROOT / "config"), "demo") == {
        "finetune_lda": "finetune",
        "static_emr_lda": "static_emr",
        "static_emr_lda_history": "static_emr",
        "static_plus_layers": "static_plus",
        "static_plus_mean": "static_plus",
        "static_plus_beside": "static_plus",
        "static_plus_history": "static_plus",
        "static_plus_history_mean": "static_plus",
        "joint_lda": "joint",
        "joint_layers": "joint",
    }


def test_it_is_the_first_that_trains() -> None:
    found = load_experiment("ablation_layers", ROOT / "config")
    for dataset in found.datasets:
        plus = (
            "static_plus_layers", "static_plus_mean", "static_plus_history",
            "history_layers", "static_plus_history_mean",
        )  # fmt: skip
        bounds = dict.fromkeys(("joint_lda", "joint_layers"), "joint")
        assert shared(found, dataset) == dict.fromkeys(plus, "static_plus") | bounds


@pytest.mark.parametrize("name", ["ablation_rank", "ablation_budget", "ablation_memory"])
def test_what_trains_otherwise_is_never_shared(name: str) -> None:
    found = load_experiment(name, ROOT / "config")
    for dataset in found.datasets:
        assert not shared(found, dataset)


def test_where_nothing_is_trained_nothing_is_shared() -> None:
    found = load_experiment("training_free", ROOT / "config")
    assert len(found.methods) > 2
    for dataset in found.datasets:
        assert not shared(found, dataset)


def test_half_of_an_ablation_of_heads_is_trained() -> None:
    found = load_experiment("ablation_static", ROOT / "config")
    pairs = shared(found, "clinc150")
    assert (len(pairs), len(found.methods)) == (13, 26)
    assert pairs["ranpac"] == pairs["lda_history"] == "static_emr"
    assert pairs["kept_half"] == pairs["half"] == "prior"
