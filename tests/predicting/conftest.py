"""A tiny run learnt and packaged once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chain import Chain

TASKS = 3
Packaged = Callable[[str], Path]


@pytest.fixture(scope="session")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    chain = Chain(tmp_path_factory.mktemp("predicting"))
    lda = {"options": {"selector": "lda", "expert_head": "lda", "routing": "soft"}}
    chain.methods["dynamic_lda"] = {**chain.methods["dynamic"], **lda}
    chain.write_methods()
    chain.prepare()
    return chain


@pytest.fixture(scope="session")
def packaged(learnt: Chain) -> Packaged:
    """Return a function: method -> the folder of its run, packaged inside."""

    def run(method: str) -> Path:
        folder = learnt.results / "tiny/tiny/tiny" / method / "seed1"
        if not folder.is_dir():
            learnt.learn(method, TASKS, folder)
            experts = method.startswith("dynamic")
            tasks = range(1, TASKS + 1) if experts else [TASKS]
            selector = ["--selector", folder / f"task{TASKS:02d}/selector"] if experts else []
            states = [w for t in tasks for w in ("--state", folder / f"task{t:02d}/state")]
            learnt.ask("package", *learnt.of, *states, *selector, "--out", folder / "model")
        return folder

    return run
