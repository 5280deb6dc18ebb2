"""The examples' learner and replay, and the document's loss, are taken in as a user's own are."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.chain import Chain, write_yaml
from tests.conftest import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a copy of the package, and in it the two files, and a helper."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(ROOT / "conpet", folder / "conpet", ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy2(ROOT / "examples/nearest_class_mean.py", folder / "conpet/learners/ncm.py")
    shutil.copy2(ROOT / "examples/reservoir.py", folder / "conpet/replay")
    (folder / "conpet/learners/my_tools.py").write_text("HELP = 1\n")
    return folder


DOCUMENT = (ROOT / "docs/own-method.md").read_text(encoding="utf-8")


def block(after: str) -> str:
    """Return the indented block that follows words of docs/own-method.md."""
    lines = DOCUMENT.split(after)[1].split("\n\n", 1)[1].split("\n")
    taken = itertools.takewhile(lambda line: not line or line.startswith("    "), lines)
    return textwrap.dedent("\n".join(taken))


def python(package: Path, code: str, *words: str | Path) -> str:
    """Run code that knows the copy; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], cwd=package, capture_output=True,
        text=True, check=False, env={**os.environ, "PYTHONPATH": str(package)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_they_keep_to_the_contract(package: Path) -> None:
    code = "from conpet.testing import check_learner, check_replay; check_replay('reservoir'); "
    python(package, code + "check_learner('ncm', ['none']); check_learner('linear', ['reservoir'])")


def test_the_documents_loss_goes_from_file_to_plan(package: Path, tmp_path: Path) -> None:
    learner = package / "conpet/learners/focal.py"
    learner.write_text(block("**1. Write it**"))
    try:
        command = shlex.split(block("**2. Check that it keeps the contract**"))
        assert command[:2] == ["python", "-c"]
        python(package, command[2])
        in_two = textwrap.indent(block("`rows` says which count:"), "    ")
        learner.write_text(re.sub(r"(?s)    def loss\(.*?\n\n", in_two, learner.read_text()))
        python(package, command[2])
        assert "def loss_of" in learner.read_text()
        shutil.copytree(ROOT / "config", tmp_path / "config")
        steps = {"methods": "`config/methods/focal.yaml`", "experiments": "focal.yaml` (or any"}
        for kind, where in steps.items():
            (tmp_path / f"config/{kind}/focal.yaml").write_text(block(where))
        opened = "import pathlib, sys; from conpet.commands.checks import open_experiment; "
        opened += "print(*open_experiment('focal', pathlib.Path(sys.argv[1])).methods)"
        said = python(package, opened, tmp_path / "config").split()
        assert said == ["finetune", "static_emr", "focal"]
    finally:
        learner.unlink()


def test_a_helper_file_is_no_learner(package: Path) -> None:
    said = python(package, "from conpet import learners; print(*learners.names())").split()
    assert "ncm" in said
    assert "my_tools" not in said
    assert {"base", "head", "assembly"}.isdisjoint(said)


def test_a_method_of_each_learns_a_stream(package: Path, tmp_path: Path) -> None:
    chain = Chain(tmp_path)
    chain.prepare()
    methods = {
        "ncm": {"title": "NCM", "learner": "ncm", "replay": "none"},
        "reservoir": {
            "title": "Reservoir", "learner": "linear", "replay": "reservoir",
            "replay_options": {"size": 9},
        },
    }  # fmt: skip
    for name, value in methods.items():
        write_yaml(chain.config / f"methods/{name}.yaml", value)
    experiment = {"title": "T", "datasets": ["tiny"], "models": ["tiny"], "methods": [*methods]}
    write_yaml(chain.config / "experiments/mine.yaml", experiment)
    calls: list[list[str]] = []
    opened = ["--snapshot", chain.snapshot, "--encoded", chain.encoded]
    for method in methods:
        before: list[str | Path] = []
        for task in ("1", "2"):
            here = chain.results / "mine/tiny/tiny" / method / f"seed1/task0{task}"
            keys = ["--experiment", "mine", "--config-dir", chain.config, "--dataset", "tiny"]
            keys += ["--model", "tiny", "--method", method, "--seed", "1", "--task", task]
            calls.append([*map(str, ["train", *keys, *opened, *before, "--out", here / "state"])])
            before = ["--state", here / "state"]
            files = ["--metrics", here / "metrics.json", "--predictions", here / "p.parquet"]
            calls.append([*map(str, ["evaluate", *opened, *before, *files])])
    code = (  # one process: each imports torch for ten seconds
        "import json, sys; from conpet.commands import main\n"
        "for call in json.loads(sys.argv[1]): main(call)"
    )
    python(package, code, json.dumps(calls))
    assert len([*(chain.results / "mine").rglob("metrics.json")]) == 4
    assert len((here / "state/memory.json").read_text().split()) > 9
