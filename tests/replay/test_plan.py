"""Batch plans: pure functions of a seed, with the sizes and shares of PROTOCOL section 4."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare

from conpet.config.settings import Memory as MemorySettings
from conpet.config.settings import Replay, Training
from conpet.data.stream import Stream, open_stream
from conpet.errors import UserError
from conpet.replay.memory import Memory
from conpet.replay.plan import (
    Plan,
    class_balanced_draw,
    cut,
    draw_history,
    frequency,
    make_plan,
)
from tests.data.encoded_tiny import write_parts
from tests.data.tokenizers_tiny import wordpiece
from tests.replay.streams import make_stream

STRATEGIES = ("none", "memory", "dynamic", "full")


def memories(stream: Stream, per_task: int = 5) -> list[Memory]:
    """Return the first samples of each earlier task, 4 of 5 for training."""
    kept = [stream.of("train", [t])[:per_task] for t in range(1, stream.tasks)]
    n = per_task * 4 // 5
    return [Memory(k[:n], k[n:]) for k in kept]


def plan(stream: Stream, strategy: str, seed: int = 1, **keys: Any) -> Plan:
    training = Training(epochs=keys.pop("epochs", 3), batch_size=keys.pop("size", 8))
    redraw = keys.pop("redraw", True)
    base = keys.pop("base", 5)
    kept = keys.pop("kept", None)
    return make_plan(
        stream, stream.tasks, strategy, training, Replay(**({"batches": 20} | keys)),
        MemorySettings(base_frequency=base), memories(stream) if kept is None else kept, seed,
        redraw=redraw,
    )  # fmt: skip


def flat(batches: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(batches)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_plan_depends_on_its_seed_and_nothing_else(strategy: str) -> None:
    stream = make_stream([40, 30, 50])
    first = plan(stream, strategy)
    again = plan(make_stream([40, 30, 50]), strategy)
    assert first.sha256() == again.sha256()
    for one, other in zip(flat_all(first), flat_all(again), strict=True):
        assert one.tobytes() == other.tobytes()
    assert plan(stream, strategy, seed=2).sha256() != first.sha256()


def test_the_global_generator_is_left_alone() -> None:
    np.random.seed(7)
    expected = np.random.random(2)
    np.random.seed(7)
    assert np.random.random() == expected[0]
    plan(make_stream([40, 30, 50]), "dynamic")
    assert np.random.random() == expected[1]


def flat_all(value: Plan) -> list[np.ndarray]:
    return [batch for batches in value.epochs for batch in batches] + value.valid


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_state_after_a_task_does_not_depend_on_later_ones(
    strategy: str, tmp_path: Path
) -> None:
    paths = write_parts(tmp_path, wordpiece(tmp_path))
    for task in (1, 3):
        alone = plan(open_stream(paths[:1], task), strategy)
        assert plan(open_stream(paths, task), strategy).sha256() == alone.sha256()


def test_the_hash_sees_every_index_and_border() -> None:
    a, b, c = np.arange(4), np.arange(4, 8), np.arange(3)
    plans = [
        Plan([[a, b]], [c]),
        Plan([[b, a]], [c]),
        Plan([[np.arange(8)]], [c]),
        Plan([[a], [b]], [c]),
        Plan([[a, b]], [c, c]),
        Plan([[a, b[::-1]]], [c]),
        Plan([[a, b, c]], []),
    ]
    hashes = [p.sha256() for p in plans]
    assert hashes[0] == Plan([[a.astype(np.int32), b]], [c.copy()]).sha256()
    assert len(set(hashes)) == len(plans)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_task_one_trains_on_its_own_data(strategy: str) -> None:
    p = plan(make_stream([21]), strategy, kept=[])
    assert p.sha256() == plan(make_stream([21]), "none").sha256()
    for batches in p.epochs:
        assert [len(b) for b in batches] == [8, 8, 5]
        assert sorted(flat(batches)) == list(range(21))
    assert len(p.valid) == 4
    assert all(v.tolist() == list(range(21, 27)) for v in p.valid)


def test_none_knows_the_newest_task_only() -> None:
    stream = make_stream([40, 30])
    p = plan(stream, "none")
    for batches in p.epochs:
        assert sorted(flat(batches)) == stream.of("train", [2]).tolist()
    assert not np.array_equal(flat(p.epochs[0]), flat(p.epochs[1]))
    assert np.array_equal(p.validated(), stream.of("valid", [2]))


def test_full_is_everything_every_epoch() -> None:
    stream = make_stream([40, 30, 20])
    p = plan(stream, "full")
    assert len(p.epochs) == 3
    for batches in p.epochs:
        assert [len(b) for b in batches] == [8] * 11 + [2]
        assert sorted(flat(batches)) == stream.of("train", [1, 2, 3]).tolist()
    assert np.array_equal(p.valid[0], stream.of("valid", [1, 2, 3]))
    assert np.array_equal(p.trained(), stream.of("train", [1, 2, 3]))


def test_memory_is_repeated_to_fill_the_budget() -> None:
    stream = make_stream([100, 40, 60])
    kept = memories(stream)
    p = plan(stream, "memory", batches=20)  # 16 batches of 8 = 128: room for 68, memory 8
    for batches in p.epochs:
        counts = Counter(flat(batches).tolist())
        assert {counts[i] for i in stream.of("train", [3])} == {1}
        assert {counts[i] for m in kept for i in m.train} == {9}
        assert set(counts) == {*stream.of("train", [3]), *flat([m.train for m in kept])}
    expected = [*stream.of("valid", [3]), *flat([m.valid for m in kept])]
    assert len(p.valid) == 4
    assert all(v.tolist() == expected for v in p.valid)


def test_the_frequencies_of_the_reference_run() -> None:
    """facts/reference_fewrel_lite.md: B 200, batch 8, 864 a task, 8 classes x 16 kept."""
    found = [frequency(int(200 * 0.8) * 8, 864, 8 * 16 * (t - 1), 5) for t in range(2, 11)]
    assert found == [4, 2, 2, 1, 1, 1, 1, 1, 1]
    stream = make_stream([864] * 3, classes=8)
    kept = [
        Memory(flat([stream.of("train", [t])[c::8][:16] for c in range(8)]), np.array([], int))
        for t in (1, 2)
    ]
    p = plan(stream, "memory", batches=200, kept=kept, epochs=1)
    assert len(p.epochs[0]) == (864 + 2 * 256) // 8 == 172  # "172-252 batches an epoch"


@pytest.mark.parametrize(
    ("budget", "new", "memory", "expected"),
    [
        (100, 40, 20, 3),
        (100, 41, 20, 3),
        (100, 99, 20, 1),
        (100, 100, 20, 7),
        (100, 300, 20, 7),
        (100, 0, 1, 100),
    ],
)
def test_frequency(budget: int, new: int, memory: int, expected: int) -> None:
    assert frequency(budget, new, memory, base=7) == expected


def test_the_memory_budget_counts_batches_of_the_size_that_is_trained() -> None:
    stream = make_stream([30, 30])
    p = plan(stream, "memory", size=4, batches=20)  # 16 batches of 4: room for 34, memory 4
    assert len(flat(p.epochs[0])) == 30 + 9 * 4


def test_memory_without_room_is_repeated_the_base_frequency() -> None:
    stream = make_stream([50, 50])
    p = plan(stream, "memory", batches=2, base=3)
    assert len(flat(p.epochs[0])) == 50 + 3 * 4


@pytest.mark.parametrize("given", [0, 1, 3])
def test_memory_needs_that_of_every_earlier_task(given: int) -> None:
    stream = make_stream([20, 20, 20])
    kept = [Memory(np.array([0]), np.array([1]))] * given
    with pytest.raises(UserError, match=f"task 3: needs 2 memories, got {given}"):
        plan(stream, "memory", kept=kept)


def shares(stream: Stream, batch: np.ndarray) -> tuple[int, int]:
    new = stream.task[batch] == stream.tasks
    return int(new.sum()), int((~new).sum())


@pytest.mark.parametrize("tasks", [2, 3, 9])
@pytest.mark.parametrize("redraw", [True, False])
def test_dynamic_batches_are_half_new_and_as_many_as_the_budget(tasks: int, redraw: bool) -> None:
    stream = make_stream([30] * tasks)
    p = plan(stream, "dynamic", batches=20, redraw=redraw)
    assert [len(batches) for batches in p.epochs] == [16, 16, 16]
    assert {shares(stream, b) for batches in p.epochs for b in batches} == {(4, 4)}
    assert set(stream.split[p.trained()]) == {0}
    assert len(p.valid) == 4
    assert {shares(stream, v) for v in p.valid} == {(4 * 16, 4 * 16)}
    assert set(stream.split[p.validated()]) == {1}


def test_dynamic_cost_does_not_grow_with_the_history() -> None:
    sizes = {
        tuple(len(b) for batches in plan(make_stream([30] * t), "dynamic").epochs for b in batches)
        for t in (2, 5, 12)
    }
    assert len(sizes) == 1
    big = plan(make_stream([3000, 30]), "dynamic")
    assert tuple(len(b) for batches in big.epochs for b in batches) in sizes


@pytest.mark.parametrize("count", [10, 64, 100, 3])
def test_new_samples_repeat_only_when_all_have_been_drawn(count: int) -> None:
    stream = make_stream([40, count])
    p = plan(stream, "dynamic", batches=20)  # 64 new ones an epoch
    for batches in p.epochs:
        drawn = flat(batches)
        counts = Counter(drawn[stream.task[drawn] == 2].tolist())
        assert sum(counts.values()) == 64
        least, most = 64 // count, -(-64 // count)
        assert set(counts.values()) <= {least, most}
        assert len(counts) == min(count, 64)
        seen: list[int] = [i for b in batches for i in b if stream.task[i] == 2]
        for start in range(0, 64 - count + 1, count):
            assert len(set(seen[start : start + count])) == count


def test_old_tasks_are_drawn_uniformly_however_large_they_are() -> None:
    sizes = [400, 10, 50, 3, 120]
    stream = make_stream([*sizes, 20])
    p = plan(stream, "dynamic", batches=1000, epochs=2)
    drawn = flat([flat(batches) for batches in p.epochs])
    old = drawn[stream.task[drawn] < 6]
    counts = np.bincount(stream.task[old], minlength=6)[1:6]
    assert counts.sum() == 2 * 800 * 4
    assert chisquare(counts).pvalue > 1e-3
    for t, size in enumerate(sizes, 1):
        within = old[stream.task[old] == t] - stream.of("train", [t])[0]
        assert chisquare(np.bincount(within, minlength=size)).pvalue > 1e-3


def test_old_and_new_validation_samples_are_drawn_the_same_way() -> None:
    stream = make_stream([20] * 4, valid=[200, 5, 40, 30])
    p = plan(stream, "dynamic", batches=200, epochs=3)
    drawn = flat(p.valid)
    counts = np.bincount(stream.task[drawn], minlength=5)[1:]
    assert counts[3] == counts[:3].sum() == 4 * 40 * 16
    assert chisquare(counts[:3]).pvalue > 1e-3
    new = Counter(p.valid[0][stream.task[p.valid[0]] == 4].tolist())
    assert max(new.values()) - min(new.values()) <= 1


def test_static_runs_redraw_and_dynamic_runs_do_not() -> None:
    stream = make_stream([40, 40])
    fresh = plan(stream, "dynamic")
    kept = plan(stream, "dynamic", redraw=False)
    epochs = [flat(batches).tolist() for batches in fresh.epochs]
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    assert len({v.tobytes() for v in fresh.valid}) == 4
    assert len({flat(batches).tobytes() for batches in kept.epochs}) == 1
    assert len({v.tobytes() for v in kept.valid}) == 1
    assert len(kept.epochs) == 3
    assert len(kept.valid) == 4


@pytest.mark.parametrize(
    ("batches", "train", "valid"), [(1, 1, 1), (2, 1, 1), (5, 4, 1), (400, 320, 80)]
)
def test_budgets_of_any_size(batches: int, train: int, valid: int) -> None:
    p = plan(make_stream([30, 30]), "dynamic", batches=batches)
    assert [len(b) for b in p.epochs] == [train] * 3
    assert [len(v) for v in p.valid] == [32 * valid] * 4


@pytest.mark.parametrize(
    ("size", "share", "new"), [(8, 0.25, 2), (8, 0.01, 1), (8, 0.99, 7), (8, 1.0, 8), (2, 0.5, 1)]
)
def test_other_shares_of_new_data(size: int, share: float, new: int) -> None:
    stream = make_stream([30, 30])
    p = plan(stream, "dynamic", size=size, new_share=share)
    assert {shares(stream, b) for batches in p.epochs for b in batches} == {(new, size - new)}


def test_a_batch_of_one_cannot_be_half_old() -> None:
    with pytest.raises(UserError, match=r"training\.batch_size: dynamic replay needs 2 or more"):
        plan(make_stream([30, 30]), "dynamic", size=1)
    assert len(plan(make_stream([30, 30]), "none", size=1).epochs[0]) == 30


def test_old_tasks_without_samples_are_passed_over() -> None:
    stream = make_stream([30, 0, 30], valid=[6, 0, 6])
    p = plan(stream, "dynamic")
    assert set(stream.task[p.trained()]) == {1, 3}
    assert set(stream.task[p.validated()]) == {1, 3}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_task_without_samples(strategy: str) -> None:
    with pytest.raises(UserError, match="task 2: no training sample"):
        plan(make_stream([9, 0]), strategy)
    with pytest.raises(UserError, match="task 2: no validation sample"):
        plan(make_stream([9, 9], valid=[6, 0]), strategy)


def test_cut_keeps_everything_in_order() -> None:
    batches = cut(np.arange(10), 4)
    assert [b.tolist() for b in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert cut(np.arange(0), 4) == []


def test_draw_history_draws_from_all_of_a_task() -> None:
    pools = [np.array([5]), np.array([], np.int64), np.arange(10, 110)]
    drawn = draw_history(pools, 4000, np.random.default_rng(0))
    assert len(drawn) == 4000
    assert chisquare([(drawn == 5).sum(), (drawn != 5).sum()]).pvalue > 1e-3
    assert set(drawn) == {5, *range(10, 110)}
    assert len(draw_history(pools, 0, np.random.default_rng(0))) == 0


@pytest.mark.parametrize(("count", "minimum"), [(200, 10), (200, 1), (20, 10), (0, 3)])
def test_a_class_balanced_draw_has_enough_of_every_class(count: int, minimum: int) -> None:
    labels = np.array([0] * 300 + [1] * 4 + [2] * 40 + [3] * 12)
    pools = [np.arange(304), np.arange(304, 356)]
    drawn = class_balanced_draw(pools, labels, count, minimum, np.random.default_rng(3))
    counts = np.bincount(labels[drawn], minlength=4)
    for label in range(4):
        members = np.flatnonzero(labels == label)
        enough = min(minimum, len(members))
        assert counts[label] >= enough
        assert len(set(drawn[labels[drawn] == label])) >= enough
    ensured = sum(min(minimum, int((labels == label).sum())) for label in range(4))
    assert len(drawn) == max(count, ensured)
    again = class_balanced_draw(pools, labels, count, minimum, np.random.default_rng(3))
    assert np.array_equal(drawn, again)


def test_a_class_balanced_draw_is_mixed() -> None:
    labels = np.repeat(np.arange(4), 50)
    drawn = class_balanced_draw([np.arange(200)], labels, 80, 10, np.random.default_rng(0))
    assert len(set(labels[drawn[:20]])) == 4
