"""A look at a dataset before anything is learnt: sizes, lengths, samples as models read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from conpet.commands.data_steps import DataSteps
from conpet.commands.description_stream import spread, unknown, unreadable
from conpet.commands.length import too_long, trained
from conpet.config import Experiment
from conpet.config.dataset import NamedOrder
from conpet.data.classes import scenario
from conpet.data.duplicates import count_duplicates
from conpet.data.encoding import SPLITS, read_part
from conpet.data.readers import DOUBTFUL, has_marks
from conpet.data.schema import Sample
from conpet.data.shortage import barely_tested, mostly_cut, mostly_dropped, shortages
from conpet.data.sources import read_manifest
from conpet.data.stream import open_stream
from conpet.data.tokenizer import longest, open_tokenizer
from conpet.data.twins import missing_values, twins
from conpet.data.unnamed import unnamed_tasks
from conpet.errors import UserError
from conpet.predicting.outside import read_outside
from conpet.temporary import scratch
from conpet.wording import some

PERCENTILES = (5, 25, 50, 75, 95, 99, 100)
_ANY_LENGTH = 1 << 30


def describe(
    experiment: Experiment,
    dataset: str,
    results: Path,
    mirror: Path | None,
    compared: Experiment | None = None,
) -> dict[str, Any]:
    """Return all there is to say of a dataset, JSON-able.

    Raw files and models are taken from ``results`` where a workflow left them and they are what
    the config says; everything else is made in a folder that is removed again.

    Args:
        compared: the experiment whose methods would learn it, if there are any.
    """
    with scratch() as folder:
        data = _Description(experiment, dataset, results, mirror, folder)
        report = data.report()
        if compared is not None:
            report["warnings"] += too_long(compared, dataset, trained(data))
        return report


class _Description(DataSteps):
    """What there is to say of one dataset."""

    def report(self) -> dict[str, Any]:
        """Return the whole description."""
        data = self.data
        dropped = {part: value["dropped"] for part, value in self.reports.items()}
        return {
            "dataset": self.name,
            "title": data.title,
            "licence": data.licence,
            "citation": data.citation,
            "homepage": data.homepage,
            "kind": data.kind,
            "format": data.format,
            "template": data.template,
            "split": ", ".join(dict.fromkeys(data.partition(part).scheme for part in self.parts)),
            "scenario": scenario([task["classes"] for task in self._all_tasks()]),
            "files": [
                {"part": part, "name": f.name, "bytes": f.bytes, "source": f.source}
                for part, raw in self.raw.items()
                for f in read_manifest(raw)
            ],
            "samples": sum(len(found) for found in self.samples.values()),
            "samples_without_task": sum(v["samples_without_task"] for v in self.splits.values()),
            "samples_beyond_most": sum(
                v.get("samples_beyond_most", 0) for v in self.splits.values()
            ),
            "test_samples_left_out": sum(
                v.get("test_samples_left_out", 0) for v in self.splits.values()
            ),
            "rare_classes": _sum(v.get("rare_classes", {}) for v in self.splits.values()),
            "dropped": {part: value for part, value in dropped.items() if value},
            "notes": {part: v["notes"] for part, v in self.reports.items() if v["notes"]},
            "warnings": self._warnings(),
            "duplicates": count_duplicates(self._put()),
            "tasks": [task for part in self.parts for task in self._tasks(part)],
            "models": {model: self._model(model) for model in self.experiment.models},
        }

    def _all_tasks(self) -> list[dict[str, Any]]:
        return [task for part in self.parts for task in self.splits[part]["tasks"]]

    def _tasks(self, part: str) -> Iterable[dict[str, Any]]:
        labels = np.array([sample.label for sample in self.samples[part]])
        for task in self.splits[part]["tasks"]:
            counts = {name: dict.fromkeys(SPLITS, 0) for name in task["classes"]}
            for split in SPLITS:
                for label in labels[task[split]]:
                    counts[label][split] += 1
            yield {"task": task["task"], "part": part, "classes": counts}

    def _warnings(self) -> list[str]:
        """Return what a user should know before anything is trained: a line each."""
        lines: list[str] = list(self._stream_warnings())
        for part in self.parts:
            partition, samples = self.data.partition(part), self.samples[part]
            labels = [sample.label for sample in samples]
            lines += shortages(self.splits[part]["tasks"], labels, partition)
            lines += filter(None, [barely_tested(self.splits[part]["tasks"], labels)])
            gone = [found["count"] for found in self.reports[part]["dropped"].values()]
            rare = self.splits[part].get("rare_classes", {}).values()
            lines += filter(None, [mostly_dropped(sum(gone), sum(rare), len(samples))])
            notes = self.reports[part]["notes"].items()
            lines += [f"{key}: {value}" for key, value in notes if key.endswith(DOUBTFUL)]
            own = sum(bool(sample.split) for sample in samples)
            if own and partition.scheme != "official":
                lines.append(
                    f"{own} of {len(samples)} samples have a split of their own, which split: "
                    f"{partition.scheme} does not keep: official does"
                )
        names = [name for task in self._all_tasks() for name in task["classes"]]
        if len(set(names)) == 1:
            lines.append(f"one class, {names[0]}: nothing to tell apart: is it the labels' column?")
        lines += filter(None, [twins(names), missing_values(names)])
        if isinstance(self.data.order, NamedOrder):
            lines += filter(None, [unnamed_tasks(self.samples["base"], self.data.order.names)])
        if self.data.outside:
            try:
                read_outside(self.raw["base"], self.data.outside)
            except UserError as error:
                lines.append(f"packaging will stop: {error}")
        if marked := self._marked():
            lines.append(
                f"{marked} of {sum(map(len, self.samples.values()))} texts hold marks like <e1> or "
                f"<e>, read as letters: format: marked reads them as mentions"
            )
        return lines

    def _marked(self) -> int:
        """Return how many texts without mentions hold the marks of format ``marked``."""
        return sum(
            not sample.mentions and has_marks(sample.text)
            for samples in self.samples.values()
            for sample in samples
        )

    def _stream_warnings(self) -> Iterable[str]:
        """Yield what concerns the stream as a whole."""
        tasks = self._all_tasks()
        first: dict[str, int] = {}
        again: dict[str, list[int]] = {}
        for task in tasks:
            for name in task["classes"]:
                if first.setdefault(name, task["task"]) != task["task"]:
                    again.setdefault(name, [first[name]]).append(task["task"])
        if again and len(again) < len(first):
            name, at = next(iter(again.items()))
            yield (
                f"{len(again)} of {len(first)} classes stand in several tasks ({name} in "
                f"{_listed(at)}) and are taken for the same: give a prefix where they are not"
            )
        if (shots := self.data.shots) is None:
            return
        labels = {part: [s.label for s in self.samples[part]] for part in self.parts}
        few = [
            f"{name} in task {task['task']}"
            for part in self.parts
            for task in self.splits[part]["tasks"]
            for name in task["classes"]
            if sum(labels[part][row] == name for row in task["train"]) < shots
        ]
        if few:
            yield (
                f"{len(few)} classes ({some(few)}) have fewer samples to train "
                f"on than the {shots} of shots: all of them are taken"
            )

    def _put(self) -> Iterable[tuple[Sample, str]]:
        """Yield the samples of tasks' classes with the split that each was put into, if any."""
        for part in self.parts:
            tasks = self.splits[part]["tasks"]
            named = {name for task in tasks for name in task["classes"]}
            splits = {row: split for task in tasks for split in SPLITS for row in task[split]}
            yield from (
                (sample, splits.get(row, ""))
                for row, sample in enumerate(self.samples[part])
                if sample.label in named
            )

    def _model(self, model: str) -> dict[str, Any]:
        from conpet.data.template import encode, render, vocabulary

        about = self.experiment.encode(self.name, model)
        tokenizer = open_tokenizer(self.snapshot(model))
        vocab = vocabulary(tokenizer)
        paths = self.encoded(model)
        stream = replace(
            open_stream(paths, self.experiment.tasks(self.name)),
            validation=self.data.split.validation,
        )

        def sample(index: int) -> Sample:
            return self.samples[self.parts[stream.part[index]]][stream.row[index]]

        def whole(index: int) -> int:
            text, _ = encode(sample(index), about.template, tokenizer, vocab, _ANY_LENGTH)
            return len(text)

        lengths = stream.lengths.copy()
        warnings = list(
            unreadable(stream, self._all_tasks(), about.max_length, longest(self.snapshot(model)))
        )
        # a text that was cut fills all the room there is
        for index in np.flatnonzero(lengths == about.max_length).tolist():
            lengths[index] = whole(index)
        values = np.percentile(lengths, PERCENTILES).round().astype(int).tolist()
        warnings += filter(None, [mostly_cut(lengths.tolist(), about.max_length)])
        return {
            "max_length": about.max_length,
            "single_markers": vocab.single,
            "encoded": len(lengths),
            "percentiles": dict(zip(map(str, PERCENTILES), values, strict=True)),
            "cut": int((lengths > about.max_length).sum()),
            "warnings": warnings,
            "unknown": unknown(stream, tokenizer, vocab),
            "dropped": _sum(read_part(path).about["dropped"] for path in paths),
            "rendered": [
                {
                    "id": sample(i).id,
                    "task": int(stream.task[i]),
                    "label": sample(i).label,
                    "tokens": int(stream.lengths[i]),
                    "text": render(
                        stream.ids[stream.offsets[i] : stream.offsets[i + 1]].tolist(),
                        tokenizer,
                        vocab,
                    ),
                }
                for i in spread(stream)
            ],
        }


def _listed(tasks: Sequence[int]) -> str:
    return f"tasks {', '.join(map(str, tasks[:-1]))} and {tasks[-1]}"


def _sum(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in counts:
        for reason, count in each.items():
            total[reason] = total.get(reason, 0) + count
    return total
