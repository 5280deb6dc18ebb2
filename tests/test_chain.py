"""The commands one after the other, as the workflow runs them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import types
from pathlib import Path

import pandas as pd
import pytest
import torch

from conpet.config.strict import read_yaml
from conpet.data.stream import open_stream
from conpet.learners.assembly import assemble
from conpet.learners.base import Seeds
from conpet.models.batches import collate
from conpet.run.states import read_state
from tests.chain import METHODS, Chain, write_yaml

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    made = Chain(tmp_path_factory.mktemp("chain"))
    made.prepare()
    return made


@pytest.mark.parametrize("method", METHODS)
def test_a_method_runs_twice_to_the_same_bytes(method: str, chain: Chain, tmp_path: Path) -> None:
    chain.learn(method, 3, tmp_path / "a")
    chain.learn(method, 3, tmp_path / "b")
    files = sorted(
        p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file()
    )
    assert len(files) > 12
    for file in files:
        if file.name != "timing.json":
            same = (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
            assert same, f"{file} differs"
    metrics = json.loads((tmp_path / "a/task03/metrics.json").read_text())
    predictions = pd.read_parquet(tmp_path / "a/task03/predictions.parquet")
    assert metrics["whole_accuracy"] == pytest.approx(predictions["correct"].mean())
    assert metrics["samples"] == len(predictions) == 36
    assert metrics["classes_seen"] == 6
    assert (metrics["selector_accuracy"] is not None) == (method == "dynamic")


def test_stock_peft_loads_the_adapter_and_gives_the_same_logits(
    chain: Chain, tmp_path: Path
) -> None:
    from peft import PeftModel
    from safetensors.torch import load_file
    from transformers import AutoModel

    chain.learn("static_emr", 1, tmp_path)
    state = tmp_path / "task01/state"
    model = AutoModel.from_pretrained(chain.snapshot, attn_implementation="eager")
    model = PeftModel.from_pretrained(model, state / "adapter").eval()
    head = load_file(state / "learner.safetensors")
    stream = open_stream([chain.encoded], 1)
    indices = stream.of("test", [1])
    order = indices[stream.lengths[indices].argsort(kind="stable")]
    ids, mask, pool = collate(stream, order)
    with torch.no_grad():
        hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
    logits = hidden[torch.arange(len(ids)), pool] @ head["head.weight"].T + head["head.bias"]

    learner = assemble(
        read_state(state).settings, ("tiny", chain.snapshot), stream, Seeds(1, "tiny")
    )
    learner.load([state], None)
    ours = learner.predict(order).scores
    torch.testing.assert_close(logits.log_softmax(1), ours, rtol=1e-5, atol=1e-6)


def test_training_needs_neither_snakemake_nor_mlflow(chain: Chain, tmp_path: Path) -> None:
    blocker = """
import sys
class Hide:
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):
        return getattr(self.finder, name)
    def find_spec(self, name, path=None, target=None):
        hidden = name.split('.')[0] in ('snakemake', 'mlflow')
        return None if hidden else self.finder.find_spec(name, path, target)
sys.meta_path = [Hide(finder) for finder in sys.meta_path]
from conpet.commands import main
main(sys.argv[1:])
needless = {'sklearn', 'matplotlib', 'pandas', 'pyarrow'} & set(sys.modules)
assert not needless, f'a training job loads {needless}'
"""
    command = [
        sys.executable, "-c", blocker, "train", "--config-dir", chain.config,
        "--experiment", "tiny", "--dataset", "tiny", "--model", "tiny", "--method", "static_emr",
        "--seed", "1", "--task", "1", "--snapshot", chain.snapshot, "--encoded", chain.encoded,
        "--out", tmp_path / "state",
    ]  # fmt: skip
    done = subprocess.run(
        [str(c) for c in command], capture_output=True, text=True, cwd=ROOT, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "state/adapter/adapter_model.safetensors").is_file()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("train", "emr", 9), "task 9: tiny has tasks 1 to 3"),
        (("train", "emr", 2), "they are of tasks [], but tasks [1] are needed"),
        (("train", "emrr", 1), "did you mean 'emr'"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    words: tuple[str, str, int], says: str, chain: Chain, tmp_path: Path
) -> None:
    command, method, task = words
    with pytest.raises(SystemExit) as stopped:
        chain.job(command, method, task, "--out", tmp_path / "state")
    message = str(stopped.value.code)
    assert says in message
    assert "\n" not in message
    assert not list(tmp_path.iterdir())


def test_a_broken_encoded_file_is_one_line(chain: Chain, tmp_path: Path) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(chain.encoded.read_bytes()[:100])
    with pytest.raises(SystemExit, match="not an encoded file"):
        chain(
            "train", *chain.of, "--dataset", "tiny", "--model", "tiny", "--method", "emr",
            "--seed", "1", "--task", "1", "--snapshot", chain.snapshot, "--encoded", broken,
            "--out", tmp_path / "state",
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == [broken]


def test_params_counts_without_weights(capsys: pytest.CaptureFixture[str]) -> None:
    from conpet.commands import main

    main(["params", "llama-7b", "minilm", "--config-dir", str(ROOT / "config")])
    row, small = (line.split() for line in capsys.readouterr().out.splitlines()[1:])
    assert row == ["llama-7b", "6,607,343,616", "131,072,000", "2,097,152", "3,213"]
    # without a pooler, as it is loaded: a state of it says the same
    assert small == ["minilm", "22,565,376", "0", "36,864", "612"]


def test_states_of_other_tasks_or_methods_are_refused(chain: Chain, tmp_path: Path) -> None:
    chain.learn("dynamic", 1, tmp_path / "dynamic")
    expert, out = tmp_path / "dynamic/task01/state", tmp_path / "out"
    for method, states, said in (
        ("dynamic", [], "--state: they are of tasks [], but tasks [1] are needed"),
        ("static_emr", [], "--state: they are of tasks [], but tasks [1] are needed"),
        ("dynamic", [expert, expert], "--state: they are of tasks [1, 1], but tasks [1] are"),
        ("static_emr", [expert], f"{expert}: a state of method dynamic, not static_emr"),
        ("static_emr", [tmp_path / "none"], f"{tmp_path}/none/state.json: no such file"),
    ):
        given = [word for state in states for word in ("--state", state)]
        with pytest.raises(SystemExit, match=re.escape(said)):
            chain.job("train", method, 2, *given, "--out", out)
        assert not out.exists()


def test_a_state_shaped_by_other_settings_is_refused(chain: Chain, tmp_path: Path) -> None:
    chain.learn("emr", 1, tmp_path)
    state = tmp_path / "task01/state"
    about = read_state(state).settings
    other = about.settings.tuning.model_copy(update={"config": {"r": 8}})
    settings = about.settings.model_copy(update={"tuning": other})
    told = tmp_path / "settings.json"
    told.write_text(about.model_copy(update={"settings": settings}).text())
    with pytest.raises(SystemExit, match=r"learnt with settings\.tuning .*'r': 4.*, not .*'r': 8"):
        chain.job("train", "emr", 2, "--state", state, "--settings", told, "--out", tmp_path / "x")


def test_a_job_computes_with_what_it_was_handed(chain: Chain, tmp_path: Path) -> None:
    """Whatever the config says meanwhile: it is not read."""
    config = chain.config / "methods/emr.yaml"
    chain.learn("emr", 1, tmp_path / "a")
    about = read_state(tmp_path / "a/task01/state").settings
    told = tmp_path / "settings.json"
    told.write_text(about.text())
    before = config.read_text()
    config.write_text("not: [yaml")
    try:
        chain.job("train", "emr", 1, "--settings", told, "--out", tmp_path / "b")
    finally:
        config.write_text(before)
    first, again = (tmp_path / name / "state.json" for name in ("a/task01/state", "b"))
    assert first.read_bytes() == again.read_bytes()


def test_settings_that_are_not_those_of_their_name_are_refused(
    chain: Chain, tmp_path: Path
) -> None:
    told = tmp_path / f"{'0' * 64}.json"
    told.write_text("{}")
    with pytest.raises(SystemExit, match=r"0\.json: was changed: run the workflow again"):
        chain.job("train", "emr", 1, "--settings", told, "--out", tmp_path / "state")


def test_a_renamed_experts_learner_is_what_it_is(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flags decide what a state needs, never the learner's name."""
    from conpet import learners

    copy = learners.learner_class("experts")
    known = learners.names()
    monkeypatch.setattr(learners, "names", lambda: [*known, "mine"])
    monkeypatch.setitem(sys.modules, "conpet.learners.mine", types.SimpleNamespace(LEARNER=copy))  # type: ignore[misc]
    chain.methods["mine"] = {"learner": "experts", "replay": "dynamic"}
    write_yaml(
        chain.config / "methods/mine.yaml", {"title": "M", "learner": "mine", "replay": "dynamic"}
    )
    experiment = read_yaml(chain.config / "experiments/tiny.yaml")
    write_yaml(
        chain.config / "experiments/tiny.yaml",
        {**experiment, "methods": [*experiment["methods"], "mine"]},
    )
    for method in ("dynamic", "mine"):
        chain.learn(method, 2, tmp_path / method)
    ours, theirs = (
        json.loads((tmp_path / method / "task02/state/state.json").read_text())
        for method in ("dynamic", "mine")
    )
    assert ours["needs"] == theirs["needs"] == {"states": "all", "selector": True}
    weights = [tmp_path / m / "task02/state/learner.safetensors" for m in ("dynamic", "mine")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
