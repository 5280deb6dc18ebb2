"""Dynamic sampling: a fixed budget, half new, old tasks alike (docs/methods.md, Replay)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare  # type: ignore[import-untyped]

from conpet.config.settings import Budget, Settings, Training
from conpet.data.stream import Stream
from conpet.errors import UserError
from conpet.replay.base import Arrived, Batches, cut, draw_history, part_of
from conpet.replay.dynamic import Dynamic
from conpet.replay.exemplars import Memory
from tests.replay.streams import flat, make_stream, plan


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


def rehearsal(stream: Stream, minimum: int = 10, **keys: Any) -> tuple[list[Batches], np.ndarray]:
    """Return a second stage's batches and its old samples."""
    training = Training(epochs=keys.pop("epochs", 3), batch_size=keys.pop("size", 8))
    settings = Settings(training=training, replay=Budget(**({"batches": 20} | keys)))
    replay = Dynamic(Dynamic.Options(), settings)
    stage = replay.rehearsal(
        Arrived(stream, training, Memory.empty()), minimum, np.random.default_rng(1)
    )
    return stage.epochs(stream.of("train", [stream.tasks])), stage.old


@pytest.mark.parametrize("tasks", [2, 9])
def test_a_rehearsal_is_one_pass_of_epochs_times_the_budget_half_new(tasks: int) -> None:
    stream = make_stream([30] * tasks)
    (batches,), old = rehearsal(stream)
    assert len(batches) == 3 * 20  # nothing of it is for validation
    assert {shares(stream, b) for b in batches} == {(4, 4)}
    drawn = flat(batches)
    assert np.array_equal(old, np.unique(drawn[stream.task[drawn] < tasks]))
    new = Counter(drawn[stream.task[drawn] == tasks].tolist())
    assert set(new) == set(stream.of("train", [tasks]).tolist())
    assert len({tuple(sorted(set(stream.label[b]))) for b in batches}) > 1  # mixed


def test_a_rehearsal_holds_some_of_every_class() -> None:
    stream = make_stream([300, 40, 1, 30])
    (batches,), _ = rehearsal(stream, minimum=10)
    drawn = flat(batches)
    for label in np.unique(stream.label):
        held = set(drawn[stream.label[drawn] == label].tolist())
        members = (stream.label == label) & (stream.split == 0)
        assert len(held) >= min(10, int(members.sum()))
    (long,), _ = rehearsal(stream, minimum=300, batches=1)
    assert len(long) == -(-341 // 4)  # so many as hold all 341 old samples
    assert len(set(flat(long)[stream.task[flat(long)] < 4].tolist())) == 341


def test_a_rehearsal_without_old_places_is_none() -> None:
    for tasks, share in ((1, 0.5), (2, 1.0)):
        epochs, old = rehearsal(make_stream([30] * tasks), new_share=share)
        assert epochs == []
        assert len(old) == 0
    with pytest.raises(UserError, match=r"training\.batch_size: dynamic replay needs 2 or more"):
        rehearsal(make_stream([30, 30]), size=1)


@pytest.mark.parametrize(
    ("tasks", "size", "new"), [(2, 16, 8), (4, 16, 4), (10, 16, 2), (40, 16, 1), (3, 2, 1)]
)
def test_new_classes_may_have_their_share_of_the_classes_seen(
    tasks: int, size: int, new: int
) -> None:
    stream = make_stream([30] * tasks)
    p = plan(stream, "dynamic", size=size, new_share="classes")
    assert {shares(stream, b) for batches in p.epochs for b in batches} == {(new, size - new)}


def test_old_samples_may_be_drawn_by_class() -> None:
    """A task of eight classes and one of two: by task their classes come 1 : 4, by class alike."""
    stream = make_stream([64, 64, 64], classes=8)
    keep = (stream.task != 2) | (stream.label < 10)
    thin = replace(
        stream,
        classes=[stream.classes[0], stream.classes[1][:2], stream.classes[2]],
        **{n: getattr(stream, n)[keep] for n in ("pool", "label", "task", "split", "row", "part")},
    )
    drawn = {}
    for draw in ("task", "class"):
        p = plan(thin, "dynamic", batches=400, epochs=2, options={"draw": draw})
        batches = flat([b for batches in p.epochs for b in batches])
        old = batches[thin.task[batches] < 3]
        drawn[draw] = np.unique(thin.label[old], return_counts=True)[1]
    assert chisquare(drawn["class"]).pvalue > 1e-3
    assert len(drawn["class"]) == 10
    by_task = drawn["task"].sum() * np.array([1 / 16] * 8 + [1 / 4] * 2)
    assert chisquare(drawn["task"], by_task).pvalue > 1e-3


@pytest.mark.parametrize(("count", "share", "part"), [(90, 0.7, 63), (100, 0.29, 29), (8, 0.8, 6)])
def test_a_share_is_cut_off_and_not_below_itself(count: int, share: float, part: int) -> None:
    assert part_of(count, share) == part


def test_validation_stays_half_new_whatever_the_batches_have() -> None:
    stream = make_stream([30, 30])
    p = plan(stream, "dynamic", batches=20, new_share=0.25)
    assert {(int((stream.task[drawn] == 2).sum()), len(drawn)) for drawn in p.valid} == {(64, 128)}


def test_a_rehearsal_draws_old_tasks_alike() -> None:
    stream = make_stream([400, 20, 30])
    (batches,), _ = rehearsal(stream, minimum=1, batches=100)
    counts = np.bincount(stream.task[np.concatenate(batches)], minlength=4)[1:3]
    assert counts.sum() == 3 * 100 * 4
    assert chisquare(counts).pvalue > 1e-3
