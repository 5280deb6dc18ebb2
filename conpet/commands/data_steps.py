"""One dataset's way from raw files to token ids, before any workflow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conpet.config import Experiment
from conpet.config.raw import MANIFEST, RawFile
from conpet.data import steps
from conpet.data.encoding import encode_part
from conpet.data.samples import read_samples
from conpet.data.schema import Sample
from conpet.data.sources import read_manifest
from conpet.data.tokenizer import open_tokenizer
from conpet.errors import UserError
from conpet.files import read_json


class DataSteps:
    """One dataset's way from raw files to token ids, in a folder of its own."""

    def __init__(
        self, experiment: Experiment, dataset: str, results: Path, mirror: Path | None, folder: Path
    ) -> None:
        self.experiment = experiment
        self.name = dataset
        self.data = experiment.datasets[dataset]
        self.results = results
        self.mirror = mirror
        self.folder = folder
        self.parts = self.data.parts()
        self.raw = {part: self._raw(part) for part in self.parts}
        self.reports: dict[str, Any] = {}
        self.samples: dict[str, list[Sample]] = {}
        self.splits: dict[str, Any] = {}
        for part in self.parts:
            self._split(part)

    def _raw(self, part: str) -> Path:
        place = Path("data", self.name, part, "raw")
        source = self.data.part(part)
        found = self.results / place
        if source.generator is None and _is_current(found, source.sources(), self.mirror):
            return found
        about = self.experiment.fetch_dataset(self.name, part)
        where = self.experiment.places[self.name]
        steps.fetch_dataset(about, self.name, self.folder / place, self.mirror, where)
        return self.folder / place

    def _split(self, part: str) -> None:
        here = self.folder / part
        samples, report, tasks = here / "samples", here / "prepare.json", here / "tasks.json"
        names, raw = (self.name, part), self.raw[part]
        earlier = [self.folder / p / "samples" for p in self.splits]
        steps.prepare(self.experiment.prepare(*names), names, raw, samples, report, earlier)
        before = [self.folder / p / "tasks.json" for p in self.splits]
        steps.split(self.experiment.split(*names), names, samples, raw, before, tasks, False)
        self.reports[part], self.splits[part] = read_json(report), read_json(tasks)
        self.samples[part] = read_samples(samples)

    def snapshot(self, model: str) -> Path:
        """Return a model's folder: that of the results where it is the one, else fetched."""
        from conpet.models.fetching import fetch_model

        source = self.experiment.models[model].source
        found = self.results / "models" / model
        if (found / "source.json").is_file():
            record = read_json(found / "source.json")
            if record.items() >= source.model_dump().items():
                return found
        fetched = self.folder / "models" / model
        fetch_model(source, fetched, self.mirror)
        return fetched

    def encoded(self, model: str) -> list[Path]:
        """Return the encoded parts, made for a model."""
        about, tokenizer = self.experiment.encode(self.name, model), None
        paths = [self.folder / model / f"{part}.safetensors" for part in self.parts]
        for part, path in zip(self.parts, paths, strict=True):
            tokenizer = tokenizer or open_tokenizer(self.snapshot(model))
            encode_part(self.samples[part], self.splits[part]["tasks"], about, tokenizer, path)
        return paths


def _is_current(raw: Path, files: Sequence[RawFile], mirror: Path | None) -> bool:
    """Say whether a raw folder surely holds what fetching would bring."""
    if not (raw / MANIFEST).is_file():
        return False
    try:
        found = {entry.name: entry for entry in read_manifest(raw)}
    except UserError:
        return False
    if set(found) != {file.name for file in files}:
        return False
    # one's own files may have changed, and so may files that only the mirror vouches for
    return all(
        file.local_path() is None
        and found[file.name].split == file.split
        and (file.sha256 is not None or mirror is None)
        and (file.member is not None or file.sha256 in (None, found[file.name].sha256))
        for file in files
    )
