"""Defaults never change: jobs are handed, and hashes are made of, what differs from them."""

from __future__ import annotations

from conpet.config.settings import Settings
from conpet.learners import learner_class, names
from conpet.replay import names as replay_names
from conpet.replay import replay_class

SETTINGS = {
    "training": {
        "epochs": 3, "batch_size": 8, "lr": 1e-3, "weight_decay": 0.01, "eps": 1e-4,
        "betas": [0.9, 0.999], "clip_norm": None,
    },
    "replay": {"batches": 200, "train_share": 0.8, "new_share": 0.5, "valid_batch_size": 32},
    "memory": {"per_class": 20, "train_share": 0.8, "base_frequency": 5},
    "tuning": {"type": "LORA", "config": {"r": 4, "lora_alpha": 1, "lora_dropout": 0.0}},
    "encoding": {"max_length": 128, "max_cloze_words": 50},
    "compute": {
        "device": "auto", "precision": "float32", "threads": 1, "eval_batch_size": 64, "fast": True,
        "graphs": "auto", "weights": "whole",
    },
    "head": "grow", "prior": "none", "target": "uniform",
}  # fmt: skip
OPTIONS = {
    "aligned": {"epochs": 20, "lr": 1e-4, "batch_size": 32},
    "contrastive": {
        "temperature": 0.1, "distillation_temperature": 0.1, "projection": 64,
        "clip_norm": 10.0, "compared": 500, "class_minimum": 10,
    },
    "der": {"logits": 0.1, "labels": 0.5},
    "ewc": {"strength": 1000.0, "fisher_samples": 200, "probes": 8},
    "experts": {
        "top_k": 1, "teacher_forcing": True, "expert_init": "fresh", "selector_clip_norm": 1.0,
        "expert_head": "trained", "layers": 1, "selector_untrained": False, "redraw": False,
        "selector": "tasks", "selector_fit": "plan", "selector_least": 5, "routing": "hard",
        "fill": False, "expert_share": 1.0, "temperature": False,
    },
    "linear": {"distillation": 0.0, "average": 0.0},
    "lwf": {"strength": 0.1},
    "olora": {"strength": 0.5},
}  # fmt: skip
REPLAY_OPTIONS = {"dynamic": {"draw": "task"}, "memory": {}, "logits": {}, "none": {}, "full": {}}
#: a key that came later goes here with the default that is the old behaviour


def test_the_defaults_of_settings_are_what_they_were() -> None:
    assert Settings().model_dump() == SETTINGS


def test_the_defaults_of_the_learners_are_what_they_were() -> None:
    found = {name: learner_class(name).Options().model_dump() for name in OPTIONS}
    assert found == OPTIONS
    assert set(OPTIONS) <= set(names())


def test_the_defaults_of_the_replays_are_what_they_were() -> None:
    found = {name: replay_class(name).Options().model_dump() for name in REPLAY_OPTIONS}
    assert found == REPLAY_OPTIONS
    assert set(REPLAY_OPTIONS) <= set(replay_names())
