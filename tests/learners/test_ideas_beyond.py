"""The ideas beyond the paper's learners: each test fails when its idea is taken out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from peft import PeftModel
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModel

from conpet.errors import UserError
from conpet.learners import fits, learner_class
from conpet.learners.der import distance
from conpet.models.stack import Stack
from conpet.replay import replay_class
from conpet.replay.exemplars import Memory, read_memory, write_memory
from tests.tiny import World, same_bytes

QUICK: dict[str, Any] = {"training": {"epochs": 1}}


def ready(world: World, name: str, states: list[Path], **keys: Any) -> tuple[Any, Any]:
    """Return a learner at task 2, its old state taken up, and its plan; nothing trained yet."""
    learner: Any = world.learner(name, 2, **keys)
    learner.load(states, None)
    plan = learner.plan()
    learner.before_task(plan)
    return learner, plan


def shaken(learner: Any) -> None:
    """Move all that is trained, as a few steps would."""
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in learner.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))


def adapter(state: Path) -> dict[str, Tensor]:
    return load_file(state / "adapter/adapter_model.safetensors")


def test_old_samples_are_held_to_what_the_state_before_said(world: World, tmp_path: Path) -> None:
    states = world.run("linear", tmp_path, tasks=1, **QUICK)
    keys: dict[str, Any] = {"replay": "dynamic", "options": {"distillation": 2.0}}
    learner, plan = ready(world, "linear", states, **keys)
    trained = plan.trained()
    old = trained[learner.stream.task[trained] == 1]
    assert learner.backbone.passed.forward_samples == len(old)  # once, and counted
    before = learner.predict(np.arange(len(learner.stream.label))).scores[:, :2].softmax(1)
    shaken(learner)
    batch = plan.epochs[0][0]
    is_old = torch.from_numpy(learner.stream.task[batch] == 1)
    assert 0 < is_old.sum() < len(batch)
    with torch.no_grad():
        scores = learner.head(learner.backbone.hidden(learner.stream, batch))
        apart = -(before[batch] * scores[:, :2].log_softmax(1)).sum(1)
        expected = F.cross_entropy(scores, learner.targets(batch))
        expected = expected + 2.0 * (apart * is_old).sum() / len(batch)
        torch.testing.assert_close(learner.loss(batch), expected)


def test_without_old_samples_there_is_nothing_to_distil(world: World, tmp_path: Path) -> None:
    for name, options in (("plain", {}), ("held", {"distillation": 5.0})):
        world.run("linear", tmp_path / name, tasks=2, options=options, **QUICK)
    assert same_bytes(tmp_path / "plain", tmp_path / "held")


def test_a_task_may_be_averaged_with_the_one_before(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = world.run("linear", tmp_path, tasks=1, **QUICK)
    ends = {}
    for share in (0.0, 0.25):
        learner: Any = world.learner("linear", 2, options={"average": share})
        learner.load(states, None)
        begun = [p.detach().clone() for p in learner.parameters()]
        monkeypatch.setattr(learner, "fit", lambda *_, learner=learner: shaken(learner))
        learner.train()
        ends[share] = [p.detach().clone() for p in learner.parameters()]
    for start, plain, mixed in zip(begun, ends[0.0], ends[0.25], strict=True):
        head = any(start is p for p in begun[-2:])
        rows = 2 if head else len(start)
        torch.testing.assert_close(mixed[:rows], 0.75 * plain[:rows] + 0.25 * start[:rows])
        assert torch.equal(mixed[rows:], plain[rows:])  # new classes were not there before
        assert not torch.equal(plain, start)


def test_olora_keeps_what_earlier_tasks_learnt_and_adds_to_it(world: World, tmp_path: Path) -> None:
    world.run("linear", tmp_path / "f", tasks=1, **QUICK)
    states = world.run("olora", tmp_path / "o", tasks=3, **QUICK)
    assert same_bytes(tmp_path / "o/state1", tmp_path / "f/state1")
    first, last = adapter(states[0]), adapter(states[2])
    assert first.keys() == last.keys()
    for name, weight in first.items():
        low = "lora_A" in name
        assert last[name].shape[0 if low else 1] == 12
        assert torch.equal(last[name][:4] if low else last[name][:, :4], weight)
        newest = last[name][8:] if low else last[name][:, 8:]
        assert newest.abs().sum() > 0
    trained = sum(p.numel() for p in world.newest.parameters())
    assert trained == sum(w.numel() for w in first.values()) + 6 * 33  # a LoRA, and the head


def test_olora_starts_a_task_with_the_answers_of_the_one_before(
    world: World, tmp_path: Path
) -> None:
    states = world.run("olora", tmp_path, tasks=1, **QUICK)
    learner, _ = ready(world, "olora", states)
    indices = learner.stream.of("test", [1, 2])
    asked: Any = world.learner("olora", 2)
    asked.load(states, None)
    torch.testing.assert_close(learner.predict(indices).scores, asked.predict(indices).scores)


def test_the_overlap_is_its_definition_and_strength_holds_it_down(
    world: World, tmp_path: Path
) -> None:
    states = world.run("olora", tmp_path, tasks=1, **QUICK)
    found = {}
    for strength in (0.0, 20.0):
        learner, plan = ready(world, "olora", states, options={"strength": strength})
        old = [w for n, w in sorted(adapter(states[0]).items()) if "lora_A" in n]
        new = [p for p in learner.newest if p.shape == old[0].shape]
        by_hand = sum(
            abs(float(a[i] @ b[j].detach()))
            for a, b in zip(old, new, strict=True)
            for i in range(4)
            for j in range(4)
        )
        assert learner.stack.overlap().item() == pytest.approx(by_hand, rel=1e-4)
        batch = plan.epochs[0][0]
        with torch.no_grad():
            scores = learner.head(learner.backbone.hidden(learner.stream, batch))
            plain = float(F.cross_entropy(scores, learner.targets(batch)))
        assert learner.loss(batch).item() == pytest.approx(plain + strength * by_hand, rel=1e-4)
        rising = iter(range(9))
        learner.accuracy = lambda drawn, n=rising: next(n) / 9  # the last epoch is kept
        learner.fit(plan, learner.loss, learner.accuracy, learner.parameters())
        found[strength] = learner.stack.overlap().item() / by_hand
    assert found[20.0] < 0.5 * found[0.0]


@pytest.mark.parametrize("fast", [True, False])
def test_stock_peft_reads_a_stack_of_loras(fast: bool, world: World, tmp_path: Path) -> None:
    keys: dict[str, Any] = {"compute": {"fast": fast}} | QUICK
    states = world.run("olora", tmp_path, tasks=2, **keys)
    learner: Any = world.learner("olora", 2, **keys)
    learner.load(states, None)
    indices = learner.stream.of("test", [1, 2])[:3]
    model = PeftModel.from_pretrained(
        AutoModel.from_pretrained(world.snapshot), states[1] / "adapter"
    )
    for row, index in zip(learner.backbone.features(learner.stream, indices), indices, strict=True):
        start, end = learner.stream.offsets[index : index + 2]
        ids = torch.from_numpy(learner.stream.ids[start:end].astype(np.int64))[None]
        with torch.no_grad():
            hidden = model(input_ids=ids).last_hidden_state[0].mean(0)
        torch.testing.assert_close(row, hidden, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "tuning",
    [
        {"type": "IA3", "config": {}},
        {"type": "full", "config": {}},
        {"type": "LORA", "config": {"r": 2, "use_dora": True}},
        {"type": "LORA", "config": {"r": 2, "bias": "lora_only"}},
        {"type": "LORA", "config": {"r": 2, "init_lora_weights": False}},
        {"type": "LORA", "config": {"r": 2, "rank_pattern": {"query": 3}}},
    ],
)
def test_only_plain_loras_are_stacked(tuning: dict[str, Any], world: World) -> None:
    with pytest.raises(UserError, match=r"^learner olora: stacks plain LoRAs, .*use tuning\.type"):
        world.learner("olora", 1, tuning=tuning)


def test_a_state_of_another_rank_is_refused(world: World, tmp_path: Path) -> None:
    states = world.run("olora", tmp_path, tasks=1, **QUICK)
    for rank in (3, 2):  # four is no multiple of three; of two it is, but not two LoRAs of two
        learner = world.learner("olora", 2, tuning={"config": {"r": rank}})
        with pytest.raises(UserError, match=r"is \d, not \d: made for another model or tuning"):
            learner.load(states, None)


def test_derpp_weights_labels_and_stored_logits(world: World, tmp_path: Path) -> None:
    states = world.run("der", tmp_path, tasks=1, replay="logits", **QUICK)
    memory = world.newest.keep()
    options = {"logits": 3.0, "labels": 0.25}
    keys: dict[str, Any] = {"replay": "logits", "memory": memory, "options": options}
    learner, plan = ready(world, "der", states, **keys)
    shaken(learner)
    batch = next(b for b in plan.epochs[0] if len(set(learner.stream.task[b])) == 2)
    place = {int(i): row for i, row in zip(memory.train, memory.scores, strict=True)}
    with torch.no_grad():
        scores = learner.head(learner.backbone.hidden(learner.stream, batch))
        total = 0.0
        for index, row, label in zip(batch.tolist(), scores, learner.targets(batch), strict=True):
            loss = float(F.cross_entropy(row, label))
            if index in place:
                apart = row[:2] - torch.from_numpy(place[index])
                loss = 0.25 * loss + 3.0 * float(apart.square().mean())
            total += loss
        assert float(learner.loss(batch)) == pytest.approx(total / len(batch), rel=1e-5)


def test_logits_are_those_of_the_state_that_stored_them(world: World, tmp_path: Path) -> None:
    states = world.run("der", tmp_path, tasks=2, replay="logits", **QUICK)
    memory = world.newest.keep()
    for task, state in enumerate(states, 1):
        asked: Any = world.learner("der", task, replay="logits")
        asked.load([state], None)
        kept = memory.of(task, world.newest.stream.task)
        said = torch.from_numpy(asked.memory_features(kept.train))
        stored = torch.from_numpy(np.stack(kept.scores))
        torch.testing.assert_close(stored, said, atol=1e-5, rtol=1e-5)
        assert stored.shape == (len(kept.train), 2 * task)


def test_derpp_without_its_logits_is_emr(world: World, tmp_path: Path) -> None:
    states = world.run("der", tmp_path, tasks=1, replay="logits", **QUICK)
    memory = world.newest.keep()
    learner: Any = world.learner(
        "der", 2, replay="logits", memory=memory, options={"logits": 0.0, "labels": 1.0}
    )
    plain: Any = world.learner("linear", 2, replay="memory", memory=memory)
    for one in (learner, plain):
        one.load(states, None)
    assert learner.plan().sha256() == plain.plan().sha256()
    for batch in learner.plan().epochs[0]:
        torch.testing.assert_close(learner.loss(batch), plain.loss(batch))


def test_drift_counts_the_classes_of_its_time_alone() -> None:
    scores = torch.tensor([[1.0, 2.0, 9.0], [4.0, 0.0, 1.0]])
    stored = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    found = distance(scores, stored, torch.tensor([2, 3]))
    torch.testing.assert_close(found, torch.tensor([5.0 / 2, 10.0 / 3]))


def test_logits_come_back_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    scores = (np.array([1.5, -2.123456789], np.float32), np.array([0.1, 0.2, 0.3], np.float32))
    write_memory(path, Memory(np.array([4, 1]), np.array([2]), scores))
    found = read_memory(path, 5)
    assert found.train.tolist() == [4, 1]
    for row, again in zip(scores, found.scores, strict=True):
        np.testing.assert_allclose(again, row, atol=1e-5)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"scores":[[1.5],[2.5]]', '"scores":[[1.5]]', "scores of 1 samples, not of the 2 kept"),
        ('"scores":[[1.5],[2.5]]', '"scores":[[1.5],[]]', "not a memory file"),
        ('"scores":[[1.5],[2.5]]', '"scores":[[1.5],["x"]]', "not a memory file"),
        ('"scores":[[1.5],[2.5]]', '"scores":[[1.5],[NaN]]', "not a memory file"),
        ('"scores":[[1.5],[2.5]]', '"scores":5', "not a memory file"),
    ],
)
def test_broken_logits_are_told(old: str, new: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    path.write_text('{"train":[4,1],"valid":[2],"scores":[[1.5],[2.5]]}'.replace(old, new))
    with pytest.raises(UserError, match=rf"memory\.json: {said}"):
        read_memory(path, 5)


def test_logits_are_kept_for_who_uses_them() -> None:
    assert not fits(learner_class("linear"), replay_class("logits"))
    assert not fits(learner_class("der"), replay_class("memory"))
    assert fits(learner_class("der"), replay_class("logits"))


def test_a_memory_without_logits_is_one_line(world: World, tmp_path: Path) -> None:
    bare = Memory(np.array([0, 1]), np.array([2]))
    with pytest.raises(UserError, match="task 2: the memory keeps no scores of its samples"):
        world.learner("der", 2, replay="logits", memory=bare)


def test_a_stack_needs_a_lora(world: World) -> None:
    with pytest.raises(UserError, match=r"^somebody: stacks plain LoRAs"):
        Stack(torch.nn.Linear(2, 2), "somebody")
