"""Batch plans are pure functions of a seed, with the sizes of docs/methods.md, Replay."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from conpet.data.stream import open_stream
from conpet.errors import UserError
from conpet.replay.base import Plan
from conpet.replay.dynamic import new_places
from conpet.replay.exemplars import Memory
from conpet.replay.memory import frequency
from tests.data.encoded_tiny import write_parts
from tests.data.tokenizers_tiny import wordpiece
from tests.replay.streams import flat, make_stream, memory, plan

REPLAYS = ("none", "memory", "dynamic", "full")


@pytest.mark.parametrize("replay", REPLAYS)
def test_a_plan_depends_on_its_seed_and_nothing_else(replay: str) -> None:
    stream = make_stream([40, 30, 50])
    first = plan(stream, replay)
    again = plan(make_stream([40, 30, 50]), replay)
    assert first.sha256() == again.sha256()
    for one, other in zip(flat_all(first), flat_all(again), strict=True):
        assert one.tobytes() == other.tobytes()
    assert plan(stream, replay, seed=2).sha256() != first.sha256()


def test_the_global_generator_is_left_alone() -> None:
    np.random.seed(7)
    expected = np.random.random(2)
    np.random.seed(7)
    assert np.random.random() == expected[0]
    plan(make_stream([40, 30, 50]), "dynamic")
    assert np.random.random() == expected[1]


def flat_all(value: Plan) -> list[np.ndarray]:
    return [batch for batches in value.epochs for batch in batches] + value.valid


@pytest.mark.parametrize("replay", REPLAYS)
def test_the_state_after_a_task_does_not_depend_on_later_ones(replay: str, tmp_path: Path) -> None:
    paths = write_parts(tmp_path, wordpiece(tmp_path))
    for task in (1, 3):
        alone = plan(open_stream(paths[:1], task), replay)
        assert plan(open_stream(paths, task), replay).sha256() == alone.sha256()


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


@pytest.mark.parametrize("replay", REPLAYS)
def test_task_one_trains_on_its_own_data(replay: str) -> None:
    p = plan(make_stream([21]), replay)
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
    kept = memory(stream)
    p = plan(stream, "memory", batches=20)  # 16 batches of 8 = 128: room for 68, memory 8
    for batches in p.epochs:
        counts = Counter(flat(batches).tolist())
        assert {counts[i] for i in stream.of("train", [3])} == {1}
        assert {counts[i] for i in kept.train} == {9}
        assert set(counts) == {*stream.of("train", [3]), *kept.train}
    expected = [*stream.of("valid", [3]), *kept.valid]
    assert len(p.valid) == 4
    assert all(v.tolist() == expected for v in p.valid)


def test_the_frequencies_of_the_reference_run() -> None:
    """facts/reference_fewrel_lite.md: B 200, batch 8, 864 a task, 8 classes x 16 kept."""
    found = [frequency(int(200 * 0.8) * 8, 864, 8 * 16 * (t - 1), 5) for t in range(2, 11)]
    assert found == [4, 2, 2, 1, 1, 1, 1, 1, 1]
    stream = make_stream([864] * 3, classes=8)
    rows = [stream.of("train", [t])[c::8][:16] for t in (1, 2) for c in range(8)]
    kept = Memory(flat(rows), np.array([], int))
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


@pytest.mark.parametrize(("tasks", "absent"), [((), 1), ((1,), 2), ((2,), 1)])
def test_memory_needs_something_of_every_earlier_task(tasks: tuple[int, ...], absent: int) -> None:
    stream = make_stream([20, 20, 20])
    rows = [stream.of("train", [t])[:2] for t in tasks]
    kept = Memory(flat([np.empty(0, int), *rows]), np.array([], int))
    with pytest.raises(UserError, match=f"task 3: the memory holds nothing of task {absent}"):
        plan(stream, "memory", kept=kept)


@pytest.mark.parametrize("replay", REPLAYS)
def test_a_task_without_samples(replay: str) -> None:
    with pytest.raises(UserError, match="task 2: no training sample"):
        plan(make_stream([9, 0]), replay)
    with pytest.raises(UserError, match="task 2: no validation sample"):
        plan(make_stream([9, 9], valid=[6, 0]), replay)


def test_half_of_an_odd_batch_is_rounded_one_way() -> None:
    assert {size: new_places(size, 0.5) for size in (3, 5, 7, 9)} == {3: 2, 5: 3, 7: 4, 9: 5}
    assert (new_places(2, 0.1), new_places(8, 0.25), new_places(8, 0.99)) == (1, 2, 7)
