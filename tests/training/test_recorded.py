"""Recorded steps are the steps that Python takes: weights, losses, best epoch, counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from conpet.config.settings import Compute
from conpet.errors import UserError
from conpet.learners.ewc import _root
from conpet.models.fused import fuse
from conpet.testing.world import World
from conpet.training import choose_engine, given
from conpet.training.given import Rows
from tests.training.standin import Kept, Refusing, flat, trained
from tests.training.worlds import CASES, Padded, check_same, pair

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("case", CASES)
def test_a_recorded_training_is_the_training(case: str, padded: Padded, tmp_path: Path) -> None:
    tasks = 1 if case == "seq" else 2
    engine = Kept()
    check_same(*pair(padded, tmp_path, case, tasks, engine))
    assert engine.recorded > 0 and engine.replayed > engine.recorded


def test_the_selector_too(padded: Padded, tmp_path: Path) -> None:
    padded.run("experts", tmp_path, tasks=2, replay="dynamic")
    for options in ({}, {"selector": "classes"}):
        found = []
        for engine in (None, Kept()):
            learner: Any = padded.learner(
                "experts", 2, replay="dynamic", options=options, prior="plan"
            )
            learner.load([tmp_path / "state1"], None)
            learner.context.engine = engine
            learner.train_selector()
            found.append(learner)
        assert engine is not None and engine.replayed
        check_same(found[0], found[1])


@pytest.mark.parametrize("step", [1, 2])
def test_a_loss_against_a_bank_with_room_for_more(
    step: int, padded: Padded, tmp_path: Path
) -> None:
    states = padded.run("contrastive", tmp_path, tasks=1, replay="full")
    learner: Any = padded.learner("contrastive", 2, replay="full", options={"compared": 20})
    learner.load(states, None)
    samples = learner.stream.of("train", [2] if step == 1 else [1, 2])
    batch, rows = samples[[0, 5, 3, len(samples) - 1]], 7
    draw = torch.Generator().manual_seed(1)
    entries = torch.randn(len(samples) + 1, learner.options.projection, generator=draw)
    hidden = torch.randn(rows, learner.backbone.width, generator=draw)
    found = []
    for room in (None, rows):
        split = learner._step_one(samples, [[batch]]) if step == 1 else learner._step_two(samples)
        (bank,) = split.changes
        bank.copy_(torch.nn.functional.normalize(entries, dim=1))
        prepared = split.prepare(batch)
        if room is None:
            x, one = hidden[: len(batch)].clone(), given.as_it_comes(prepared, torch.device("cpu"))
        else:
            row = torch.from_numpy(given.packed(prepared, room))
            x, one = hidden.clone(), given.unpacked(row, prepared.form(room))[2]
        x.requires_grad_()
        value = split.loss(x, one)
        value.backward()
        found.append((value.detach(), x.grad, bank[:-1]))
    (a, gradient, bank), (b, padded_gradient, again) = found
    torch.testing.assert_close(b, a)
    torch.testing.assert_close(padded_gradient[: len(batch)], gradient)
    assert not padded_gradient[len(batch) :].any() and gradient.abs().min() > 0
    torch.testing.assert_close(again, bank)
    assert not torch.equal(bank, torch.nn.functional.normalize(entries, dim=1)[:-1])


def test_lora_in_one_step_is_recorded_too(padded: Padded) -> None:
    found = []
    for engine in (None, Kept()):
        learner = padded.learner("linear", 1, replay="dynamic")
        assert fuse(learner.backbone.model)
        found.append(trained(learner, engine))
    check_same(found[0], found[1])


def test_the_same_bytes_twice(padded: Padded) -> None:
    runs = [trained(padded.learner("linear", 1, replay="dynamic"), Kept()) for _ in range(2)]
    assert torch.equal(flat(runs[0].parameters()), flat(runs[1].parameters()))
    assert runs[0].history == runs[1].history


def test_warming_up_leaves_no_trace(padded: Padded) -> None:
    runs = [trained(padded.learner("linear", 1, replay="dynamic"), Kept(warm)) for warm in (1, 5)]
    assert torch.equal(flat(runs[0].parameters()), flat(runs[1].parameters()))


@pytest.mark.parametrize("case", ["linear", "contrastive"])  # the latter draws for every batch
def test_where_nothing_can_be_recorded_python_goes_on(
    case: str, padded: Padded, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    keys: dict[str, Any] = CASES[case]
    for engine in (None, Refusing()):
        learner = padded.learner(case, 1, replay="dynamic", **keys)
        learner.context.progress.quiet = False
        found.append(trained(learner, engine))
    assert torch.equal(flat(found[0].parameters()), flat(found[1].parameters()))
    assert found[0].history == found[1].history
    assert found[0].backbone.passed == found[1].backbone.passed
    said = [line for line in capsys.readouterr().err.splitlines() if "not recorded" in line]
    assert said == [
        "test: steps are not recorded, which is slower: called a synchronizing CUDA operation"
    ]


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"learner": "linear", "tuning": {"config": {"lora_dropout": 0.1}}}, "draws anew"),
        ({"learner": "linear", "fast": True}, "without padding"),
    ],
)
def test_what_is_not_recorded_says_why(
    keys: dict[str, Any], why: str, padded: Padded, tmp_path: Path, capsys: Any
) -> None:
    keys = dict(keys)
    world: Any = World(tmp_path) if keys.pop("fast", False) else padded
    learner = world.learner(keys.pop("learner"), 1, replay="dynamic", **keys)
    learner.context.progress.quiet = False
    engine = Kept()
    trained(learner, engine)
    assert not engine.recorded
    assert why in (err := capsys.readouterr().err) and "not recorded" in err


@pytest.mark.parametrize(
    ("hook", "why"),
    [
        ("loss", "this learner's loss is not in two"),
        ("hidden", "`hidden` is this learner's own"),
    ],
)
def test_what_is_ones_own_stays_with_python(
    hook: str, why: str, padded: Padded, capsys: Any
) -> None:
    from conpet.learners.linear import Linear

    def doubled(self: Linear, batch: np.ndarray) -> torch.Tensor:
        value: torch.Tensor = getattr(Linear, hook)(self, batch)
        return 2 * value

    learner = padded.learner(type("Own", (Linear,), {hook: doubled}), 1, replay="dynamic")
    learner.context.progress.quiet = False
    engine = Kept()
    trained(learner, engine)
    assert not engine.recorded
    assert why in capsys.readouterr().err


# -- a fault would be seen ------------------------------------------------------------------------


def test_rows_that_count_for_nothing_would_be_seen(
    padded: Padded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the mask the rows that fill a short batch move the weights."""

    def unmasked(self: Rows, loss: Any) -> torch.Tensor:
        return loss("none").sum() if self.mask is not None else loss("sum")

    monkeypatch.setattr(Rows, "sum", unmasked)
    with pytest.raises(AssertionError):
        check_same(*pair(padded, tmp_path, "every text", 2, Kept()))


def test_a_stale_buffer_would_be_seen(
    padded: Padded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that went on reading its first batch would learn that alone."""
    read = given.unpacked
    monkeypatch.setattr(
        "conpet.training.recorded.unpacked", lambda row, *rest: read(first(row), *rest)
    )
    seen: dict[int, torch.Tensor] = {}

    def first(row: torch.Tensor) -> torch.Tensor:
        return seen.setdefault(row.data_ptr(), row.clone())

    with pytest.raises(AssertionError):
        check_same(*pair(padded, tmp_path, "linear", 1, Kept()))


def test_a_text_cut_by_its_row_would_be_seen(
    padded: Padded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conpet.training.recorded.row_bucket", lambda tokens: tokens // 2)
    with pytest.raises(AssertionError):
        check_same(*pair(padded, tmp_path, "linear", 1, Kept(), pooling="mean"))


def test_a_loss_that_is_no_number_ends_the_training(padded: Padded) -> None:
    learner = padded.learner("linear", 1, replay="dynamic", training={"lr": 100.0, "eps": 1e-6})
    with torch.no_grad():
        learner.head.weight.fill_(float("nan"))
    with pytest.raises(UserError, match="epoch 1/3: the loss is nan: lower training"):
        trained(learner, Kept())


@pytest.mark.parametrize("engine", [None, Kept()])
def test_weights_that_overflow_in_the_last_step_end_it_too(
    engine: Kept | None, padded: Padded, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = {"epochs": 1, "batch_size": 64}
    learner = padded.learner("linear", 1, replay="none", training=once)
    step = torch.optim.AdamW.step

    def overflowing(self: torch.optim.AdamW) -> None:
        step(self)
        self.param_groups[0]["params"][0].data.fill_(float("inf"))

    monkeypatch.setattr(torch.optim.AdamW, "step", overflowing)
    with pytest.raises(UserError, match="epoch 1/1: weights are not numbers any more: lower"):
        trained(learner, engine)


def test_batches_without_gradient(padded: Padded) -> None:
    """Before any gradient they do nothing; after it momentum and decay go on."""
    found = []
    for engine in (None, Kept()):
        learner = padded.learner("linear", 1, replay="dynamic")
        with_all = learner._split.prepare
        plan = learner.plan()
        empty = {tuple(b) for epoch in plan.epochs for b in (epoch[0], epoch[5], epoch[-1])}

        def prepare(batch: np.ndarray, empty: Any = empty, with_all: Any = with_all) -> Any:
            return None if tuple(batch) in empty else with_all(batch)

        learner.__dict__["_split"] = replace(learner._split, prepare=prepare)
        found.append(trained(learner, engine))
    check_same(found[0], found[1])
    losses = found[1].history.losses
    assert [losses[i] for i in (0, 5, 15)] == [0, 0, 0]
    assert engine is not None and engine.recorded >= 2


def test_on_a_cpu_nothing_is_recorded() -> None:
    cpu, card = torch.device("cpu"), torch.device("cuda")
    assert choose_engine(Compute(), cpu) is None
    assert choose_engine(Compute(graphs="off"), card) is None


def compiling(monkeypatch: pytest.MonkeyPatch, backend: Any) -> None:
    """Have layers compiled as on a card, by a backend that takes no compiler."""
    compile_ = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f, **keys: compile_(f, backend=backend, **keys))


def test_compiled_layers_learn_the_same(padded: Padded, monkeypatch: pytest.MonkeyPatch) -> None:
    compiling(monkeypatch, "aot_eager")
    found = []
    for graphs in ("auto", "compiled"):
        learner = padded.learner("linear", 1, replay="dynamic")
        learner.backbone._compile = graphs == "compiled"
        found.append(trained(learner, Kept()))
    check_same(*found)
    layer = next(m for n, m in found[1].backbone.model.named_modules() if n.endswith("layer.0"))
    assert "forward" not in vars(layer)  # as it was


def test_layers_that_cannot_be_compiled_are_recorded_as_they_are(
    padded: Padded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Any:
        raise RuntimeError("no compiler\nhere")

    compiling(monkeypatch, fails)
    said: list[str] = []
    learner = padded.learner("linear", 1, replay="dynamic")
    learner.backbone._compile = True
    monkeypatch.setattr(learner.context.progress, "say", said.append)
    engine = Kept()
    check_same(
        trained(padded.learner("linear", 1, replay="dynamic"), None), trained(learner, engine)
    )
    assert engine.recorded
    assert next(line for line in said if "slower" in line).startswith("layers are not compiled")
    assert "no compiler here" in "".join(said)


def test_importances_are_recorded_too(padded: Padded) -> None:
    """Few classes ask for a backward pass each, many for random signs."""
    for probes in (8, 1):
        found = []
        for engine in (None, Kept()):
            learner = padded.learner("ewc", 2, replay="none", options={"probes": probes})
            learner.context.engine = engine
            found.append(learner.fisher(learner.stream.of("train", [2])))
        assert engine is not None and engine.replayed > engine.recorded > 0
        for name, value in found[0].items():
            torch.testing.assert_close(found[1][name], value, rtol=1e-4, atol=1e-7)


def test_both_roots_are_roots() -> None:
    p = torch.tensor([0.5, 0.3, 0.2, 0.0], dtype=torch.float64)
    closed = torch.diag(p.sqrt()) - torch.outer(p, p.sqrt())
    wanted = torch.diag(p) - torch.outer(p, p)
    torch.testing.assert_close(closed @ closed.T, wanted)
    torch.testing.assert_close(_root(p) @ _root(p).T, wanted)
