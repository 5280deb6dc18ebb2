"""What an experiment will cost, before it is run: counted by a dry run, timed on a few steps.

In a dry run every learner follows its plans to the end, with a backbone that counts what passes it
and computes nothing. So the counts are those that the states of a real run hold, whatever the
learner does. A seed draws its own plans, so each is followed, unless one passes so many texts that
others hardly differ: then the first stands for all.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from conpet.commands.data_steps import DataSteps
from conpet.commands.dry import DryBackbone
from conpet.commands.estimation_speed import Speed, measure
from conpet.commands.estimation_subject import Cost, Subject
from conpet.commands.length import too_long, trained
from conpet.config import Experiment
from conpet.config.alike import shared_trainings
from conpet.learners import learner_class
from conpet.learners.assembly import needed_states
from conpet.learners.base import Learner
from conpet.models.device import choose_device, named
from conpet.models.passed import Passed
from conpet.models.process import computing
from conpet.progress import Progress
from conpet.provenance import cpu
from conpet.replay.exemplars import Memory
from conpet.reporting.cost import flop
from conpet.run import RunKey
from conpet.run.reading import Run, read_run
from conpet.temporary import scratch

#: texts passed from which on seeds cost the same, as far as an estimate goes
ALIKE = 20_000


def estimate(
    experiment: Experiment, results: Path, mirror: Path | None
) -> tuple[list[dict[str, Any]], list[str], str]:
    """Return a row for each method, dataset and model, notes, and where the seconds are from."""
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    for dataset in experiment.datasets:
        with scratch() as folder:
            data = DataSteps(experiment, dataset, results, mirror, folder)
            notes += too_long(experiment, dataset, trained(data))
            for model in experiment.models:
                snapshot, encoded = data.snapshot(model), data.encoded(model)
                shared = shared_trainings(experiment, dataset, model)
                subjects = [
                    Subject(experiment, (dataset, model, method), snapshot, encoded,
                         folder / f"{model}-{method}",
                         shared.get(method) if learner_class(about.learner).takes_over() else None)
                    for method, about in experiment.methods.items()
                ]  # fmt: skip
                said = Progress(f"estimate {dataset} {model}")
                said.start(len(subjects))
                costs = []
                for subject in subjects:
                    with computing(subject.compute):
                        costs.append(count(subject))
                    said.step(f"{subject.keys[-1]} counted")
                both = list(zip(subjects, costs, strict=True))
                rates = [_known_rate(subject, cost, results) for subject, cost in both]
                speed = None
                if None in rates:
                    # one that tunes tells both speeds
                    timed = next((c for c, cost in both if cost.passed.trained_tokens), subjects[0])
                    with computing(timed.compute):
                        speed = measure(timed)
                notes += _shared(subjects)
                rows += [
                    _row(*pair, rate, speed) | {"there": _there(pair[0], results)}
                    for pair, rate in zip(both, rates, strict=True)
                ]
    return rows, notes, cpu()


def _shared(subjects: Sequence[Subject]) -> list[str]:
    """Return a line on methods whose training is another's."""
    shared = [
        f"{subject.keys[-1]} with {subject.taken_from}"
        for subject in subjects
        if subject.taken_from
    ]
    if not shared:
        return []
    dataset, model, _ = subjects[0].keys
    return [f"{dataset} {model}: trained once, and counted there: {', '.join(shared)}"]


def count(subject: Subject) -> Cost:
    """Follow plans with a backbone that counts: of all seeds, or of the first if it is long."""
    first, *others = subject.experiment.seeds
    found = [_followed(subject, first)]
    passed = found[0].passed
    alike = passed.trained_samples + passed.forward_samples > ALIKE
    found += found * len(others) if alike else [_followed(subject, seed) for seed in others]
    total = Passed()
    for cost in found:
        _add(total, cost.passed)
    return Cost(sum(cost.jobs for cost in found), total, sum(cost.stored for cost in found))


def _followed(subject: Subject, seed: int) -> Cost:
    cost = _count(subject, seed)
    shutil.rmtree(subject.folder)
    return cost


def _count(subject: Subject, seed: int) -> Cost:
    dataset, _, method = subject.keys
    total, jobs = Passed(), 0
    states: list[Path] = []
    selector: Path | None = None
    memory: Memory | None = None
    kind = learner_class(subject.experiment.methods[method].learner)
    stored = 0
    for task in range(1, subject.experiment.tasks(dataset) + 1):
        if kind.experts and task > 1:
            chooser: Any = subject.learner(task, DryBackbone, seed, memory)
            chooser.load(states, selector)
            chooser.train_selector()
            selector = subject.folder / f"selector{task}"
            stored += _save(chooser, selector)
            _add(total, chooser.backbone.passed)
            jobs += 1
        learner = subject.learner(task, DryBackbone, seed, memory)
        learner.load(needed_states(kind, states), selector)
        learner.train()
        if subject.taken_from is not None:
            learner.backbone.passed = _fitting(learner)
        memory = learner.keep()
        states.append(subject.folder / f"state{task}")
        stored += _save(learner, states[-1])
        indices = learner.stream.of("test", range(1, task + 1))
        if len(indices):
            learner.predict_in_task(indices, learner.predict(indices))
        _add(total, learner.backbone.passed)
        jobs += 2  # it is trained, and evaluated
    return Cost(jobs, total, stored)


def _fitting(learner: Learner) -> Passed:
    """Return what passes where the training is taken over: what the head is fitted on."""
    spent = learner.fitting()
    return Passed() if spent is None else Passed(0, 0, spent.samples, spent.tokens)


def _save(learner: Any, folder: Path) -> int:
    folder.mkdir(parents=True)
    learner.save(folder)
    return sum(path.stat().st_size for path in folder.rglob("*.safetensors"))


def _add(total: Passed, more: Passed) -> None:
    total.add(more.trained_samples, more.trained_tokens, trained=True)
    total.add(more.forward_samples, more.forward_tokens, trained=False)


def _row(subject: Subject, cost: Cost, rate: float | None, speed: Speed | None) -> dict[str, Any]:
    dataset, model, method = subject.keys
    passed = cost.passed
    if rate is not None:
        seconds, source = _tokens(passed) * rate, "results"
    else:
        assert speed is not None
        seconds, source = speed.seconds(cost), "a few steps"
    return {
        "dataset": dataset, "model": model, "method": method,
        "seeds": len(subject.experiment.seeds),
        "jobs": cost.jobs, "samples": passed.trained_samples, "tokens": passed.trained_tokens,
        "forward_tokens": passed.forward_tokens, "tflop": round(_flop(subject, passed) / 1e12, 1),
        "bytes": cost.stored, "hours": round(seconds / 3600, 5), "from": source,
    }  # fmt: skip


def _flop(subject: Subject, passed: Passed) -> float:
    """Return it by the cost table's formula, with what passes forward alone."""
    backbone = subject.learner(1, DryBackbone).backbone
    tuned = sum(p.numel() for p in backbone.parameters())
    every = backbone.total_parameters
    return flop(every, tuned, passed.trained_tokens, passed.forward_tokens)


def _tokens(passed: Passed) -> int:
    """Return the tokens that a rate is of: those trained, of a method without training all."""
    return passed.trained_tokens or passed.forward_tokens


def _runs(subject: Subject, results: Path) -> Iterator[Run]:
    dataset, model, method = subject.keys
    for seed in subject.experiment.seeds:
        key = RunKey(subject.experiment.name, dataset, model, method, seed)
        yield read_run(results / key.path, key, subject.experiment.tasks(dataset))


def _there(subject: Subject, results: Path) -> int:
    """Return how many of its jobs have left what they are for, whatever it was made with."""
    return sum(len(run.trainings) + len(run.metrics) for run in _runs(subject, results))


def _known_rate(subject: Subject, cost: Cost, results: Path) -> float | None:
    """Return seconds per token of runs that are there, learnt on this kind of machine.

    None where there are none, or where the training is another's: what they say covers it too.
    """
    if subject.taken_from is not None:
        return None
    counter = "tokens_passed" if cost.passed.trained_tokens else "forward_tokens"
    seconds = tokens = 0.0
    for run in _runs(subject, results):
        for training in run.trainings:
            there = training.timing.get("device"), training.timing.get("cpu")
            if there == (named(choose_device(subject.compute)), cpu()):
                seconds += training.seconds
                tokens += int(training.state.get(counter, 0))
    return seconds / tokens if tokens else None
