"""The readers on the published files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from conpet.config.raw import RawFile
from conpet.data.readers import read
from conpet.data.report import Report


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
    data = load_datasets(["fewrel_full"], ROOT / "config", "test", DataChecks())[0]["fewrel_full"]
    form, options = data.reading("base")
    folder, report = mirror / "fewrel_full", Report()
    assert [sha256(folder / file.name) for file in data.files] == [f.sha256 for f in data.files]
    samples = read(form, folder, data.files, options, report)
    assert (len(samples), len({s.label for s in samples}), report.dropped) == (55_979, 80, 0)
    assert isinstance(data.order, FileOrder)
    order = load_experiment("fewrel_full", ROOT / "config", DataChecks())
    about = order.split("fewrel_full", "base")
    assert about.order is not None
    found = split_samples(samples, about.order.model_dump(), about.split)
    assert [len(task["classes"]) for task in found["tasks"]] == [8] * 10
    sizes = [len(task["train"]) for task in found["tasks"]]
    assert max(sizes) == 4_480  # eight classes of 560; of 21 copies that are left out some are here
    assert sum(sizes) >= 44_800 - 21
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
