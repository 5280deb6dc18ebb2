"""`python -m benchmarks speed` on tiny models: everything runs, and says what it should."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.inside import CHANGES, REST, achieved, kind_of
from benchmarks.library import Setup
from benchmarks.models import save_model
from benchmarks.speed import _number_types
from benchmarks.texts import LENGTHS, TASKS, make_stream, until
from benchmarks.timing import Contender, Rates, alternate
from conpet.models import unpadded

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("speed")
    return [save_model(name, folder / name) for name in ("tiny-bert", "tiny-llama")]


def speed(snapshots: list[Path], out: Path, *parts: str) -> dict[str, dict[str, dict]]:
    main(
        ["speed", "--snapshot", *map(str, snapshots), "--out", str(out), "--rounds", "1",
         "--steps", "2", "--epochs", "1", "--batch", "4", "--inference-texts", "12",
         "--texts", "few", "--precision", "float32", "--only", *parts]
    )  # fmt: skip
    return json.loads(out.with_suffix(".json").read_text())


def test_all_contenders_run_on_two_architectures(snapshots: list[Path], tmp_path: Path) -> None:
    found = speed(snapshots, tmp_path / "deep/speed", "rates")
    assert set(found) == {"about", *(s.name for s in snapshots)}
    for name in (s.name for s in snapshots):
        rates = found[name]["few, float32"]["rates"]
        assert len(rates) == 4
        for measured in rates.values():
            assert all(value > 0 for value in measured["samples_per_second"].values())
            assert "peer_naive" in measured["ratios"]
    assert "ours to peer_hf" in (tmp_path / "deep/speed.md").read_text()


def test_machine_profile_and_changes(
    snapshots: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = speed(snapshots[:1], tmp_path / "speed", "machine", "profile", "changes")
    cell = found[snapshots[0].name]["few, float32"]
    assert set(cell["share"]) == {"batch 8", "batch 32"}
    assert 0 < cell["share"]["batch 8"]["share"] < 1
    assert len(cell["changes"]) == len(CHANGES) + 2  # and sorted evaluation, padded or not
    assert sum(cell["profile"].values()) == pytest.approx(1)
    assert cell["profile"]["matrix products"] > 0
    for name, change in cell["changes"].items():
        assert change["difference"] < 1e-4, name
    assert "| freed memory kept |" in capsys.readouterr().out


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_product_of_a_step_is_counted(
    precision: str, snapshots: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = make_stream("few", snapshots[0])
    setup = Setup(snapshots[0], stream).but(
        training={"epochs": 1, "batch_size": 4}, replay={"batches": 2, "valid_batch_size": 2},
        compute={"precision": precision, "device": "cpu"},
    )  # fmt: skip
    ours = achieved(setup, 1, time.process_time)["gflop_a_step"]
    monkeypatch.setattr(unpadded, "by_hand", lambda *_: None)
    theirs = achieved(setup, 1, time.process_time)["gflop_a_step"]
    # LoRAs side by side multiply their zeros too
    assert theirs < ours < 1.2 * theirs


@pytest.mark.parametrize(
    ("hardware", "precision", "measured"),
    [
        (True, ["float32"], ["float32", "bfloat16"]),
        (False, ["auto", "float32"], ["float32"]),  # a product would take minutes
        (False, ["bfloat16"], ["float32", "bfloat16"]),  # as asked for
    ],
)
def test_products_in_bfloat16_are_measured_where_steps_are_taken_in_it(
    hardware: bool, precision: list[str], measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.speed.has_bfloat16", lambda _: hardware)
    assert _number_types(precision) == measured


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("aten::baddbmm", "matrix products"),
        ("aten::add_", "sums and other elementwise"),
        ("aten::index_select", "copies and gathers"),
        ("mkldnn::_linear_pointwise", "matrix products"),
        ("aten::empty", REST),
        ("addmm", REST),
    ],
)
def test_operations_are_sorted_by_kind_of_work(operation: str, kind: str) -> None:
    assert kind_of(operation) == kind


def test_texts_have_the_lengths_of_their_kind(snapshots: list[Path]) -> None:
    stream = make_stream("short", snapshots[0])
    _, _, least, most = LENGTHS["short"]
    assert stream.lengths.min() >= least
    assert stream.lengths.max() <= most
    assert set(stream.task) == set(range(1, TASKS + 1))
    cut = until(stream, 3)
    assert (cut.tasks, cut.seen, len(cut.later)) == (3, 12, TASKS - 3)
    assert len(cut.ids) == cut.lengths.sum()


def test_static_batches_are_half_new(snapshots: list[Path]) -> None:
    stream = make_stream("few", snapshots[0])
    setup = Setup(snapshots[0], stream).but(
        training={"batch_size": 8}, replay={"batches": 3, "train_share": 1.0}
    )
    batches = setup.batches()
    assert [len(b) for b in batches] == [8, 8, 8]
    assert [(stream.task[b] == TASKS).sum() for b in batches] == [4, 4, 4]


@pytest.mark.parametrize(("warm_up", "before"), [(True, 2), (False, 0)])
def test_rounds_alternate_and_the_first_is_not_counted(warm_up: bool, before: int) -> None:
    order: list[str] = []

    def contender(name: str, seconds: float) -> Contender:
        def run(_: object) -> tuple[int, float]:
            order.append(name)
            return 10, seconds * len(order)

        return Contender(name, run)

    rates = alternate([contender("a", 1), contender("b", 2)], 2, lambda: 0.0, warm_up)
    assert order == ["a", "b"] * (2 + before // 2)
    assert rates.values["a"] == pytest.approx([10 / (before + 1), 10 / (before + 3)])


def test_ratios_are_taken_round_by_round() -> None:
    rates = Rates({"ours": [4.0, 2.0, 9.0], "other": [2.0, 2.0, 3.0]})
    assert rates.ratio("ours", "other") == {"median": 2.0, "least": 1.0, "most": 3.0}
    assert np.isclose(rates.median("ours"), 4.0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["speed", "--snapshot", "none"], "no such file"),
        (["speed", "--snapshot", "a/x", "b/x"], "two folders of one name"),
        (["speed", "--snapshot", "none", "--batch", "1"], "--batch and --steps: 2 or more"),
        (["scale", "--tasks", "1"], "2 tasks or more"),
        (["alignment", "demo", "emr", "1"], "nothing is fitted at the first"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], said: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    line = str(stopped.value)
    assert line.startswith("benchmarks: error: ")
    assert said in line
    assert "\n" not in line


def test_an_option_that_is_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["speed", "--snapshot", "none", "--rounds", "0"])
    assert stopped.value.code == 2
    assert "--rounds: 0: give a whole number, 1 or more" in capsys.readouterr().err


@pytest.mark.parametrize("out", ["file/x", ".", "/proc/nope/x"])
def test_an_output_that_cannot_be_is_told_before_anything_is_measured(
    out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["speed", "--snapshot", "none", "--out", out])
    assert str(stopped.value).startswith(f"benchmarks: error: --out {out}: ")
