"""What is kept of representations: before and after, the same texts for all, the same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from conpet.commands.asking import some_of_each as sample
from conpet.reporting.projection import read_points
from tests.chain import Chain


def test_sample_takes_so_many_of_each_task() -> None:
    task = np.repeat([1, 2, 3], [10, 3, 20])
    indices = np.arange(0, 33, 2)
    drawn = sample(task, indices, 0, most=4)
    assert set(drawn) <= set(indices)
    assert [int((task[drawn] == t).sum()) for t in (1, 2, 3)] == [4, 2, 4]
    assert (np.diff(drawn) > 0).all()
    assert (sample(task, indices, 0, most=4) == drawn).all()


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    chain = Chain(tmp_path_factory.mktemp("represent"))
    chain.prepare()
    for method in ("finetune", "dynamic"):
        chain.learn(method, 2, chain.results / method)
        # two steps of a tiny model may leave it as it was, which is then the best epoch
        for number, path in enumerate(sorted((chain.results / method).rglob("adapter_model.*"))):
            move(path, len(method) + number)
    return chain


def move(path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = load_file(path)
    for name in weights:
        weights[name] = weights[name] + rng.normal(size=weights[name].shape).astype(np.float32)
    save_file(weights, path)


def represent(chain: Chain, method: str, name: str) -> Path:
    run, out = chain.results / method, chain.results / method / name
    states = [w for task in (1, 2) for w in ("--state", run / f"task{task:02d}/state")]
    selector = ["--selector", run / "task02/selector"] if method == "dynamic" else []
    chain.ask("represent", *(states if selector else states[-2:]), *selector, "--out", out)
    return out


def test_before_is_the_same_for_all_and_after_is_not(learnt: Chain) -> None:
    paths = {m: represent(learnt, m, "a") for m in ("finetune", "dynamic")}
    assert represent(learnt, "dynamic", "b").read_bytes() == paths["dynamic"].read_bytes()
    one, other = (read_points(path) for path in paths.values())
    assert (one.before == other.before).all()
    assert (one.task == other.task).all()
    assert set(one.task) == {1, 2}
    assert one.before.shape == one.after.shape == (len(one.task), one.before.shape[1])
    assert not np.allclose(one.before, one.after)
    assert not np.allclose(one.after, other.after)
