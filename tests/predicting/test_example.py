"""The example with transformers and peft alone says what the predictor says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import conpet
from tests.chain import Chain
from tests.predicting.conftest import Packaged
from tests.tiny import make_samples

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "plain_peft.py"


@pytest.mark.parametrize("method", ["static_emr", "dynamic"])
def test_the_same_labels(method: str, packaged: Packaged, learnt: Chain) -> None:
    run = packaged(method)
    texts = [s.text for s in make_samples()[::6]]
    command = [sys.executable, str(SCRIPT), str(run / "model"), str(learnt.snapshot), *texts]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = [line.split("\t") for line in done.stdout.splitlines()]
    assert [text for _, text in found] == texts
    assert [label for label, _ in found] == conpet.load(run).predict(texts).labels
    imported = SCRIPT.read_text()
    assert "import conpet" not in imported
    assert "from conpet" not in imported


@pytest.mark.parametrize(
    "changed",
    [{"learner": "aligned"}, {"options": {"selector": "lda"}}, {"options": {"top_k": 2}}],
)
def test_a_learner_that_answers_otherwise_is_refused(
    changed: dict[str, object], packaged: Packaged, learnt: Chain, tmp_path: Path
) -> None:
    shutil.copytree(packaged("dynamic") / "model", tmp_path / "model")
    about = tmp_path / "model/model.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | changed))
    command = [sys.executable, str(SCRIPT), str(about.parent), str(learnt.snapshot), "a text"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("this example asks linear heads one by one; conpet.load")


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), str(tmp_path), str(tmp_path), "a text"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f"{tmp_path}: no package: `conpet package` writes one (docs/use.md)\n"
    (tmp_path / "model.json").write_text("{}")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{tmp_path}: no model: ")


@pytest.mark.parametrize(
    ("texts", "said"),
    [(["a [MASK] b", "c"], "a text holds [MASK] itself"), (["a", " "], "a text is empty")],
)
def test_a_text_that_would_shift_the_answers_is_refused(
    texts: list[str], said: str, packaged: Packaged, learnt: Chain
) -> None:
    run = packaged("dynamic")
    command = [sys.executable, str(SCRIPT), str(run / "model"), str(learnt.snapshot), *texts]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith(said)
