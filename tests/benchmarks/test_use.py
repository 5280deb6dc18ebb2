"""What trained learners cost in use, on tiny packages; and what EA-EMR's fit is measured to do."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import alignment, experts, routes, teaching, ways
from benchmarks.timing import Rates
from conpet.data.schema import Sample
from tests.chain import Chain
from tests.predicting.conftest import Packaged, learnt, packaged
from tests.tiny import World, make_samples

pytestmark = pytest.mark.slow

__all__ = ["learnt", "packaged"]
TEXTS = [s.text for s in make_samples()[::9]]


def test_routes_take_turns_and_are_compared(packaged: Packaged, learnt: Chain) -> None:
    package = ways.package_of(packaged("static_emr"))
    first, _ = ways.library(package, learnt.snapshot)
    every = {"conpet.load": first, **ways.loops(package, learnt.snapshot)}
    args = argparse.Namespace(rounds=2, singles=3)
    one, many, answers = routes.measure(every, TEXTS, args, 0)
    wrong, gaps = routes.compare(answers)
    assert (wrong, gaps) == ([], {"conpet.load": 0})
    assert len(one.values["conpet.load"]) == 2
    report = routes.report(one, many, gaps, ["a label differs"])
    assert report.values["transformers + peft, whole learner"]["speed_to_plain"] == 1
    assert report.values["conpet.load"]["one_text_ms"] > 0
    assert len(report.markdown.splitlines()) == 2 + len(every)
    assert report.faults == ["a label differs"]


def test_random_experts_are_asked_and_weighed(
    packaged: Packaged, learnt: Chain, tmp_path: Path
) -> None:
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS) + "\n")
    found = experts.run(
        argparse.Namespace(
            package=packaged("static_emr"), backbone=learnt.snapshot, texts=tmp_path / "texts.txt",
            experts=[2], count=6, singles=2, rounds=1,
        )
    )  # fmt: skip
    (value,) = found.values
    low, middle, high = value["one_text_ms"]
    assert 0 < low <= middle <= high
    assert value["memory_mb"] > 10
    # two maps 32 -> 32 of rank 4 in each of two layers and a head of five classes, float32
    assert value["expert_bytes"] > 4 * (2 * 2 * 2 * 4 * 32 + 5 * 33)


def test_what_one_more_expert_takes() -> None:
    rates = Rates({"2": [10.0, 20.0], "6": [10.0, 20.0]})
    found = experts.report(rates, rates, {2: 100.0, 6: 102.0}, {2: 9000, 6: 9000}, 7)
    assert found.markdown.splitlines()[-1].split(" | ")[3:5] == ["102", "0.50"]


def test_the_fit_is_measured_before_and_after(tmp_path: Path) -> None:
    world = World(tmp_path)
    states = world.run("aligned", tmp_path / "run", tasks=1, replay="dynamic")
    learner = world.learner("aligned", 2, replay="dynamic")
    learner.load(states, None)
    shares = alignment.measure(learner, 2)
    assert list(shares) == ["before the fit", "after the fit"]
    for whole, old, new in shares.values():
        assert whole == pytest.approx((old + new) / 2)  # as many of each


def test_what_is_taught_is_timed_and_earlier_classes_are_asked(
    packaged: Packaged, learnt: Chain
) -> None:
    head = {"tuning": {"type": "none"}, "head": "lda"}
    learnt.methods["frozen"] = {
        "title": "LDA", "learner": "linear", "replay": "none", "settings": head
    }  # fmt: skip
    learnt.write_methods()
    package = packaged("frozen") / "model"
    samples = [replace(s, split="test") for s in make_samples()[::9]]
    for name, word in (("seventh", "w5x"), ("eighth", "w4x")):
        for i in range(6):
            text, split = f"is {word}{i % 3} is w0x{(i + 1) % 3} it", "test" if i > 4 else "train"
            samples.append(Sample(f"{name}{i}", text, name, split))
    alone, together = teaching.measure(package, learnt.snapshot, samples, 5, 1)
    assert (alone["taught"], together["taught"]) == ("seventh", teaching.ALL)
    for row in (alone, together):
        assert 0 < row["seconds"] < 5
        assert row["tested"] == len(samples) - 12
        change = row["won"] - row["lost"]
        assert row["after"] - row["before"] == pytest.approx(change / row["tested"])
        assert row["found"] == 1.0
        assert 0 < row["p"] <= 1
