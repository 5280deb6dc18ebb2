"""Methods and datasets written out in an experiment, whole or as a variant of a named one."""

from __future__ import annotations

from typing import Any

import pytest

from conpet.config import load_experiment
from conpet.errors import UserError
from tests.config.conftest import Project
from tests.conftest import ROOT

E = "experiments/e.yaml"


def test_a_variant_differs_in_what_it_says_alone() -> None:
    found = load_experiment("ablation_topk", ROOT / "config")
    named = load_experiment("fewrel_val", ROOT / "config").methods["dynamic"]
    assert [m.options.get("top_k", 1) for m in found.methods.values()] == [1, 2, 3]
    for name, method in found.methods.items():
        assert (method.learner, method.replay) == (named.learner, named.replay)
        assert method.title.endswith(name[-1])


def test_another_kind_of_tuning_takes_nothing_over() -> None:
    found = load_experiment("ablation_tuning", ROOT / "config")
    tuning = {m: found.settings("fewrel_val", "minilm", m).tuning for m in found.methods}
    assert (tuning["ia3"].type, tuning["ia3"].config) == ("IA3", {})
    assert (tuning["full"].type, tuning["full"].config) == ("full", {})
    assert tuning["dora"].config == {**tuning["lora"].config, "use_dora": True}


def test_a_datasets_variant_has_an_order_of_its_own() -> None:
    found = load_experiment("ablation_order", ROOT / "config")
    named = load_experiment("fewrel_val", ROOT / "config").datasets["fewrel_val"]
    assert [d.order.model_dump() for d in found.datasets.values()] == [
        {"seed": seed, "tasks": 8} for seed in (1, 2, 3)
    ]
    assert all(d.files == named.files and d.split == named.split for d in found.datasets.values())


def test_with_nothing_beside_its_name_it_is_the_shared_one() -> None:
    found = load_experiment("ablation_layers", ROOT / "config")
    named = load_experiment("clinc150", ROOT / "config")
    assert found.datasets["clinc150"] == named.datasets["clinc150"]
    assert found.methods["static_plus"] == named.methods["static_plus"]
    assert found.methods["history_layers"].replay == named.methods["static_plus_history"].replay


def test_one_name_is_one_dataset_in_all_experiments() -> None:
    # tables of two experiments are read side by side
    seen: dict[str, tuple[str, object]] = {}
    for path in sorted((ROOT / "config/experiments").glob("*.yaml")):
        for name, data in load_experiment(path.stem, ROOT / "config").datasets.items():
            first, known = seen.setdefault(name, (path.stem, data))
            assert data == known, f"{name} of {first} is not {name} of {path.stem}"
    assert len(seen) > 10


@pytest.mark.parametrize(
    ("methods", "line"),
    [
        ({"mine": {"base": "plane"}}, "methods.mine: base"),
        ({"mine": {"base": "plain", "options": {"no": 1}}}, "methods.mine: options"),
        ({"mine": {"base": "plain", "lerner": "ewc"}}, "methods.mine: lerner"),
        ({"mine": {"replay": "none"}}, "methods.mine: learner"),
        ({"plane": None}, "unknown method 'plane': did you mean 'plain'?"),
        ({"a/b": {"base": "plain"}}, "methods.a/b: a name has letters"),
        ({}, "methods"),
    ],
)
def test_a_mistake_in_a_variant_is_one_line(
    methods: dict[str, object], line: str, project: Project
) -> None:
    project.set("experiments/e.yaml", "methods", methods)
    message = project.mistake()
    assert line in message
    assert "\n" not in message


def test_what_a_method_is_compared_with_is_there(project: Project) -> None:
    def load(other: str) -> str:
        project.set(E, "methods", {"mine": {"base": "plain", "against": [other]}, "own": {
            "base": "plain", "family": "kin"}})  # fmt: skip
        return project.load().methods["mine"].against[0]

    assert [load(name) for name in ("own", "kin", "many")] == ["own", "kin", "many"]
    with pytest.raises(UserError, match=r"methods.mine: against: unknown method 'nmany': did you"):
        load("nmany")


def test_what_a_method_is_claimed_to_be_ahead_of_is_there(project: Project) -> None:
    def load(other: str) -> list[str]:
        project.set(E, "methods", {"mine": {"base": "plain", "ahead": {other: 5}}, "own": {
            "base": "plain", "family": "kin"}})  # fmt: skip
        return list(project.load().methods["mine"].ahead)

    assert [load(name) for name in ("own", "many")] == [["own"], ["many"]]
    for name in ("nmany", "kin"):  # a claim that nothing would check
        with pytest.raises(UserError, match=f"methods.mine: ahead: unknown method '{name}'"):
            load(name)


def test_a_variant_is_never_shown_as_its_base(project: Project) -> None:
    def titles(**variant: Any) -> str:
        project.set(E, "methods", {"plain": {"base": "plain", **variant}})
        return project.load().methods["plain"].title

    same = titles()
    assert titles(title="Mine") == "Mine"
    assert titles(look={"color": "#000000"}) == same
    assert titles(settings={"head": {"type": "ncm"}}) == f"{same}, type: ncm"
    many = {"epochs": 2, "lr": 0.5, "batch_size": 3, "weight_decay": 0.2}
    assert titles(settings={"training": many}) == f"{same}, epochs: 2, lr: 0.5, batch_size: 3, ..."
