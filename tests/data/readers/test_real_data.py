"""The readers on the published files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from conpet.commands.checks import DataChecks, open_experiment
from conpet.config.raw import RawFile
from conpet.data.readers import read
from conpet.data.report import Report
from conpet.data.split import split_samples
from conpet.files import sha256
from tests.conftest import ROOT


def _counts(values: list[str]) -> set[int]:
    return set(Counter(values).values())


def test_fewrel_validation_relations(mirror: Path) -> None:
    report = Report()
    samples = read("fewrel", mirror / "fewrel", [RawFile(name="val_wiki.json")], {}, report)
    assert len({s.label for s in samples}) == 16
    assert _counts([s.label for s in samples]) == {700}
    assert report.as_dict() == {"dropped": {}, "notes": {}}
    assert sum(len(s.mentions) > 2 for s in samples) > 400
    first = samples[0]
    assert first.id == "val_wiki:P177:0"
    head, tail = first.mentions
    assert first.text[head.start : head.end] == "Cape Girardeau Bridge"
    assert first.text[tail.start : tail.end] == "Mississippi River"


def test_fewrel_lite(mirror: Path) -> None:
    report = Report()
    files = [RawFile(name="fewrel_lite.json")]
    samples = read("fewrel", mirror / "fewrel_lite", files, {}, report)
    assert len({s.label for s in samples}) == 80
    assert _counts([s.label for s in samples]) == {135}
    assert report.dropped == 0


def test_fewrel_full(mirror: Path) -> None:
    experiment = open_experiment("fewrel", ROOT / "config", DataChecks())
    data, about = experiment.datasets["fewrel_full"], experiment.split("fewrel_full", "base")
    (file,), report = data.files, Report()
    assert sha256(mirror / "fewrel_full" / file.name) == file.sha256
    samples = read(data.format, mirror / "fewrel_full", [file], data.options, report)
    labels = [s.label for s in samples]
    assert (len(samples), len(set(labels)), report.dropped) == (55_979, 80, 0)
    assert about.order is not None
    found = split_samples(samples, about.order.model_dump(), about.split)
    assert [len(task["classes"]) for task in found["tasks"]] == [8] * 10
    sizes = [len(task["train"]) for task in found["tasks"]]
    # eight classes of 700, of which 21 copies are left out
    assert (max(sizes), min(sizes) > 4_480 - 21) == (4_480, True)
    assert found["samples_without_task"] == 0


def test_clinc150(mirror: Path) -> None:
    report = Report()
    samples = read("clinc150", mirror / "clinc150", [RawFile(name="data_full.json")], {}, report)
    assert Counter(s.split for s in samples) == {"train": 15000, "valid": 3000, "test": 4500}
    assert len({s.label for s in samples}) == 150
    for split, each in (("train", 100), ("valid", 20), ("test", 30)):
        assert _counts([s.label for s in samples if s.split == split]) == {each}
    assert report.as_dict() == {"dropped": {}, "notes": {"out_of_scope_skipped": 1200}}


def test_crossner(mirror: Path) -> None:
    files = [
        RawFile.model_validate({"name": f"{domain}/{part}.txt", "split": split})
        for domain in ("politics", "science", "music", "literature", "ai")
        for part, split in (("train", "train"), ("dev", "valid"), ("test", "test"))
    ]
    report = Report()
    samples = read("crossner", mirror / "crossner", files, {}, report)
    assert len(samples) == 31187
    assert len({s.label for s in samples}) == 39
    assert {s.split for s in samples} == {"train", "valid", "test"}
    assert all([m.role for m in s.mentions] == ["entity"] for s in samples)
    assert report.as_dict() == {"dropped": {}, "notes": {}}
