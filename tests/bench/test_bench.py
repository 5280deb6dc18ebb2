"""`conpet bench` on a tiny model: everything runs, and says what it should."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from conpet.bench.changes import CHANGES
from conpet.bench.measure import Contender, Rates, alternate
from conpet.bench.profile import REST, kind_of
from conpet.bench.setup import Setup
from conpet.bench.texts import LENGTHS, TASKS, make_stream
from conpet.cli import main
from conpet.errors import UserError
from tests.models.architectures import save_model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("bench")
    return [save_model(folder / name, name) for name in ("bert", "llama")]


def bench(snapshots: list[Path], out: Path, *more: str) -> dict[str, dict[str, dict]]:
    main(
        ["bench", "--snapshot", *map(str, snapshots), "--out", str(out), "--rounds", "1",
         "--steps", "2", "--epochs", "1", "--batch", "4", "--inference-texts", "12", *more]
    )  # fmt: skip
    return json.loads((out / "bench.json").read_text())


def test_all_contenders_run_on_two_architectures(snapshots: list[Path], tmp_path: Path) -> None:
    found = bench(
        snapshots, tmp_path, "--only", "rates", "--texts", "short", "--precision", "float32"
    )
    assert set(found) == {"about", *(s.name for s in snapshots)}
    for name in (s.name for s in snapshots):
        rates = found[name]["short, float32"]["rates"]
        assert len(rates) == 4
        for measured in rates.values():
            assert all(value > 0 for value in measured["samples_per_second"].values())
            assert "peer_naive" in measured["ratios"]
    assert "peer_hf" in (tmp_path / "bench.md").read_text()


def test_machine_profile_and_changes(
    snapshots: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = bench(
        snapshots[:1], tmp_path, "--only", "machine", "profile", "changes", "--texts", "short",
        "--precision", "float32",
    )  # fmt: skip
    cell = found[snapshots[0].name]["short, float32"]
    assert set(cell["share"]) == {"batch 8", "batch 32"}
    assert 0 < cell["share"]["batch 8"]["share"] < 1
    assert len(cell["changes"]) == len(CHANGES) + 2  # and sorted evaluation, padded or not
    assert sum(cell["profile"]["shares"].values()) == pytest.approx(1)
    assert cell["profile"]["shares"]["matrix products"] > 0.05
    for name, change in cell["changes"].items():
        assert change["difference"] < 1e-4, name
    assert "| no padding |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("aten::baddbmm", "matrix products"),
        ("aten::add_", "sums and other elementwise"),
        ("aten::index_select", "copies and gathers"),
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
    with pytest.raises(UserError, match=r"^--texts wide: use some of long, short$"):
        make_stream("wide", snapshots[0])


def test_static_batches_are_half_new(snapshots: list[Path]) -> None:
    setup = Setup(snapshots[0], "short", "float32", batch=8, steps=3)
    batches = setup.batches()
    assert [len(b) for b in batches] == [8, 8, 8]
    assert [(setup.stream.task[b] == TASKS).sum() for b in batches] == [4, 4, 4]


def test_rounds_alternate_and_the_first_is_not_counted() -> None:
    order: list[str] = []

    def contender(name: str, seconds: float) -> Contender:
        def run(_: object) -> tuple[int, float]:
            order.append(name)
            return 10, seconds * len(order)

        return Contender(name, run)

    rates = alternate([contender("a", 1), contender("b", 2)], 2, lambda: 0.0)
    assert order == ["a", "b"] * 3
    assert rates.values["a"] == pytest.approx([10 / 3, 10 / 5])


def test_ratios_are_taken_round_by_round() -> None:
    rates = Rates({"ours": [4.0, 2.0, 9.0], "other": [2.0, 2.0, 3.0]})
    assert rates.ratio("ours", "other") == {"median": 2.0, "least": 1.0, "most": 3.0}
    assert np.isclose(rates.median("ours"), 4.0)


def test_a_mistake_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "--snapshot", str(tmp_path / "none"), "--rounds", "0"])
    assert str(stopped.value) == "conpet: error: --rounds 0: 1 or more"
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "--snapshot", str(tmp_path / "none")])
    assert "no such file" in str(stopped.value)
