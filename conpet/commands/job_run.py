"""A task or a selector learnt: one learner, one task, one job."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from conpet.commands.alike import Taken, take_over
from conpet.commands.job import Job
from conpet.config.stages import Learn
from conpet.data.stream import Stream, open_stream
from conpet.errors import UserError
from conpet.files import atomic_folder, write_json
from conpet.learners import code, learner_class
from conpet.learners.assembly import assemble
from conpet.learners.base import Learner, Seeds
from conpet.learners.experts_options import starts_from_expert
from conpet.models.device import named
from conpet.models.process import prepare_process
from conpet.progress import Listener, Progress
from conpet.provenance import commit, cpu
from conpet.replay import replay_class
from conpet.replay.base import Plan
from conpet.replay.exemplars import read_memory, write_memory
from conpet.run import MEMORY_FILE, STATE_FILE, TIMING_FILE
from conpet.run.inputs import Inputs
from conpet.run.states import (
    check_classes,
    check_same_run,
    check_tasks,
    read_selector,
    read_state,
)
from conpet.tracking.live import live
from conpet.training.spent import Spent


def open_encoded(encoded: Sequence[Path], task: int) -> Stream:
    """Return the stream of tasks 1..task.

    Raises:
        UserError: the files hold fewer tasks.
    """
    stream = open_stream(encoded, task)
    if stream.tasks != task:
        raise UserError(f"task {task}: the encoded files hold {stream.tasks} tasks: give all parts")
    return stream


def make_learner(
    job: Job, snapshot: Path, stream: Stream, states: Sequence[Path], what: str
) -> Learner:
    """Make a job's learner, with the memory that the newest state keeps."""
    prepare_process(job.about.settings.compute)
    keeps = bool(states) and replay_class(job.about.replay).keeps
    memory = read_memory(states[-1] / MEMORY_FILE, len(stream.label)) if keeps else None
    progress = Progress(f"{what} {job.name}", listener=_listener(job, what))
    seeds = Seeds(job.key.seed, job.key.dataset)
    stream = as_told(job.about, stream, seeds)
    return assemble(job.about, (job.key.model, snapshot), stream, seeds, memory, progress)


def as_told(about: Learn, stream: Stream, seeds: Seeds) -> Stream:
    """Return a stream with the validation samples and the shots that a run is to have.

    Raises:
        UserError: samples were set aside for validation, but are to be trained on.
    """
    if not about.validation and len(stream.of("valid", range(1, stream.tasks + 1))):
        raise UserError(
            "split.validation is false, but the encoded file has validation samples: it was made "
            "with another split: make it again"
        )
    stream = replace(stream, validation=about.validation)
    return stream if about.shots is None else stream.drawn(about.shots, seeds.of)


def _listener(job: Job, what: str) -> Listener | None:
    """Return where the job's loss is streamed, if anywhere."""
    return live(job.key, job.task, what) if what in ("train", "select") else None


def take_up(
    job: Job,
    learner: Learner,
    inputs: Inputs,
    states: Sequence[Path],
    selector: Path | None,
    tasks: tuple[int, int],
) -> None:
    """Have a learner take up states of tasks 1..n (or n alone), and the selector of a task.

    Args:
        tasks: n, and the selector's task.

    Raises:
        UserError: a folder holds no state, or one of another task, run, setting, model or data;
            one is missing, or one too many.
    """
    found = [(folder, read_state(folder)) for folder in states]
    check_tasks([state for _, state in found], tasks[0], learner.experts)
    if selector is not None:
        if not learner.experts:
            raise UserError(f"--selector: learner {job.about.learner} has none: leave it out")
        found.append((selector, read_selector(selector, tasks[1])))
    check_same_run(found, job.state())
    for folder, state in found:
        check_classes(folder, state, learner.stream.classes)
    inputs.check(found)
    learner.load(states, selector)


def train_task(
    job: Job,
    snapshot: Path,
    encoded: Sequence[Path],
    states: Sequence[Path],
    selector: Path | None,
    out: Path,
    trained: Path | None = None,
) -> None:
    """Learn one task from the earlier states and write the new state, with what it keeps.

    Args:
        trained: the state that a method which trains alike has of the task: taken over then.
    """
    start = (time.monotonic(), time.process_time())
    learner = make_learner(job, snapshot, open_encoded(encoded, job.task), states, "train")
    inputs = Inputs(snapshot, encoded)
    take_up(job, learner, inputs, states, selector, (job.task - 1, job.task))
    taken = None
    if trained is None:
        plan = learner.train()
    else:
        plan, taken = take_over(job, learner, inputs, trained)
    learner.keep()
    _write_state(job, learner, plan, inputs, out, (start, "train"), taken)


def train_selector(
    job: Job,
    snapshot: Path,
    encoded: Sequence[Path],
    states: Sequence[Path],
    previous: Path | None,
    out: Path,
) -> None:
    """Train the selector of one task (Dynamic ConPET) from the previous selector."""
    start = (time.monotonic(), time.process_time())
    if not learner_class(job.about.learner).experts:
        raise UserError(f"method {job.key.method}: its learner has no selector: nothing to select")
    if replay_class(job.about.replay).keeps and job.task > 1 and not states:
        raise UserError(
            f"--state: replay {job.about.replay} keeps a memory: give the states of all tasks "
            "before, oldest first"
        )
    if job.task > 2 and previous is None:
        raise UserError("--previous: a selector goes on from that of the task before: give it")
    if starts_from_expert(job.about.options, job.task) and not states:
        raise UserError(
            f"--state: expert_init: {job.about.options['expert_init']}: a selector starts from an "
            "expert: give the states of all tasks before, oldest first"
        )
    inputs = Inputs(snapshot, encoded)
    stream = open_encoded(encoded, job.task)
    learner: Any = make_learner(job, snapshot, stream, states, "select")
    take_up(job, learner, inputs, states, previous, (job.task - 1 if states else 0, job.task - 1))
    plan = learner.train_selector()
    _write_state(job, learner, plan, inputs, out, (start, "select"))


def _write_state(
    job: Job,
    learner: Learner,
    plan: Plan,
    inputs: Inputs,
    out: Path,
    begun: tuple[tuple[float, float], str],
    taken: Taken | None = None,
) -> None:
    """Write a state's folder; everything but timing.json is the same bytes every time."""
    history, passed, (start, stage) = learner.history, learner.backbone.passed, begun
    fitting = learner.fitting()
    with atomic_folder(out) as folder:
        learner.save(folder)
        if stage == "train" and learner.context.replay.keeps:
            write_memory(folder / MEMORY_FILE, learner.keep())
        state = {
            **job.keys(),
            "learner": job.about.learner,
            "stage": stage,
            "needs": {"states": "all" if learner.experts else "last", "selector": learner.experts},
            "classes": learner.stream.classes,
            # how texts were encoded is the encoded file's to say
            "settings": job.about.model_dump(mode="json", exclude={"settings": {"encoding"}}),
            "precision": learner.backbone.precision,
            "plan_sha256": plan.sha256(),
            "encoded_sha256": inputs.encoded_sha256,
            "snapshot_sha256": inputs.snapshot_sha256,
            "best_epoch": history.best_epoch,
            "trainable_parameters": sum(p.numel() for p in learner.parameters()),
            "total_parameters": learner.backbone.total_parameters,
            "stored_bytes": sum(p.stat().st_size for p in folder.rglob("*.safetensors")),
            "samples_passed": passed.trained_samples,
            "tokens_passed": passed.trained_tokens,
            "forward_samples": passed.forward_samples,
            "forward_tokens": passed.forward_tokens,
            "steps": history.steps,
            "epochs": history.epochs,
            "loss_curve": history.loss_curve(),
        }
        if fitting is not None:
            state["fitting"] = {"samples": fitting.samples, "tokens": fitting.tokens}
        if taken is not None:
            state |= taken.of_state(fitting or Spent())
        write_json(folder / STATE_FILE, state)
        write_json(folder / TIMING_FILE, _timing(job, learner, start, taken))
    learner.context.progress.close()


def _timing(
    job: Job, learner: Learner, start: tuple[float, float], taken: Taken | None
) -> dict[str, Any]:
    """Return what a clock and a memory gauge say of a job, and what it ran with."""
    fitting = learner.fitting()
    timing = {
        "seconds": round(time.monotonic() - start[0], 3),
        "cpu_seconds": round(time.process_time() - start[1], 3),
        "peak_memory_mb": round(_peak_memory_mb(learner.backbone.device), 1),
        "threads": torch.get_num_threads(),
        "device": named(learner.backbone.device),
        "cpu": cpu(),
        "git_commit": commit(),
        "code_sha256": code(job.about.learner, job.about.replay, job.about.settings.head.type),
    }
    if fitting is not None:
        timing["fitting_seconds"] = round(fitting.seconds, 3)
        timing["fitting_cpu_seconds"] = round(fitting.cpu_seconds, 3)
    return timing if taken is None else taken.of_timing(timing, fitting or Spent())


def _peak_memory_mb(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
