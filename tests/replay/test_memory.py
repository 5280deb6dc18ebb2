"""Exemplars: the samples nearest to K-means centroids, split for training and validation."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.cluster import KMeans

from conpet.config.settings import Exemplars, Settings, Training
from conpet.errors import UserError
from conpet.replay.base import Arrived
from conpet.replay.exemplars import (
    Memory,
    choose_memory,
    nearest_to_centroids,
    read_memory,
    write_memory,
)
from conpet.replay.memory import MemoryReplay
from tests.replay.streams import make_stream


def blobs(per_blob: int, centres: np.ndarray, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise = rng.normal(scale=0.1, size=(len(centres), per_blob, centres.shape[1]))
    return (centres[:, None] + noise).reshape(-1, centres.shape[1]).astype(np.float32)


def test_each_cluster_gives_the_sample_in_its_middle() -> None:
    centres = 10.0 * np.eye(5)
    points = blobs(12, centres)
    picked = nearest_to_centroids(points, 5, seed=3)
    expected = set()
    for blob in range(5):
        members = points[12 * blob : 12 * blob + 12].astype(np.float64)
        expected.add(12 * blob + int(((members - members.mean(0)) ** 2).sum(1).argmin()))
    assert set(picked) == expected


@pytest.mark.parametrize(
    ("n", "count", "seed"), [(60, 10, 0), (60, 50, 1), (33, 32, 2), (25, 1, 9)]
)
def test_picks_by_brute_force(n: int, count: int, seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(n, 6)).astype(np.float32)
    picked = nearest_to_centroids(points, count, seed)
    means = KMeans(count, n_init=10, random_state=seed).fit(points.astype(np.float64))
    distances = np.linalg.norm(points[:, None] - means.cluster_centers_[None], axis=2)
    taken: list[int] = []
    for centre in range(count):
        rest = [row for row in range(n) if row not in taken]
        least = min(distances[row, centre] for row in rest)
        near = [row for row in rest if distances[row, centre] < least + 1e-5]
        taken.append(near[0])  # both rows of a cluster of two are equally near
    assert picked == taken


@pytest.mark.parametrize("distinct", [1, 2, 5])
def test_no_sample_is_kept_twice(distinct: int) -> None:
    points = np.repeat(np.arange(distinct, dtype=np.float32)[:, None], 30 // distinct, axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picked = nearest_to_centroids(points, 8, seed=1)
    assert len(picked) == len(set(picked)) == 8


@pytest.mark.parametrize("n", [1, 4, 5])
def test_fewer_samples_than_asked_for_are_all_kept(n: int) -> None:
    points = np.random.default_rng(0).normal(size=(n, 3))
    assert nearest_to_centroids(points, 5, seed=0) == list(range(n))


def test_a_large_seed_is_no_trouble() -> None:
    points = np.random.default_rng(0).normal(size=(20, 3))
    seeds = (2**63 - 1, 2**62, 0)
    assert all(len(nearest_to_centroids(points, 4, seed)) == 4 for seed in seeds)


def sample_data(counts: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    labels = rng.permutation(np.repeat(np.arange(7, 7 + len(counts)), counts))
    outputs = rng.normal(size=(len(labels), 4)).astype(np.float32)
    return outputs, labels, 1000 + 3 * np.arange(len(labels))


@pytest.mark.parametrize(
    ("per_class", "train", "valid"), [(20, 16, 4), (10, 8, 2), (5, 4, 1), (2, 2, 0), (1, 1, 0)]
)
def test_four_fifths_of_a_class_serve_training(per_class: int, train: int, valid: int) -> None:
    outputs, labels, indices = sample_data([30, 25, 40])
    memory = choose_memory(outputs, labels, indices, per_class, 0.8, seed=2)
    label = dict(zip(indices.tolist(), labels.tolist(), strict=True))
    for name in (7, 8, 9):
        assert sum(label[i] == name for i in memory.train.tolist()) == train
        assert sum(label[i] == name for i in memory.valid.tolist()) == valid
    everything = [*memory.train.tolist(), *memory.valid.tolist()]
    assert len(set(everything)) == len(everything) == 3 * per_class
    assert memory.train.dtype == memory.valid.dtype == np.int64


def test_each_class_is_chosen_from_its_own_samples() -> None:
    outputs, labels, indices = sample_data([30, 25, 40])
    memory = choose_memory(outputs, labels, indices, 6, 0.8, seed=2)
    kept = {*memory.train.tolist(), *memory.valid.tolist()}
    for name in (7, 8, 9):
        rows = np.flatnonzero(labels == name)
        picked = nearest_to_centroids(outputs[rows], 6, 2)
        assert {int(indices[rows[p]]) for p in picked} <= kept


def test_small_classes_keep_what_they_have() -> None:
    outputs, labels, indices = sample_data([1, 3, 30])
    memory = choose_memory(outputs, labels, indices, 10, 0.8, seed=2)
    label = dict(zip(indices.tolist(), labels.tolist(), strict=True))
    found = [sum(label[i] == name for i in memory.train.tolist()) for name in (7, 8, 9)]
    assert found == [1, 2, 8]
    assert len(memory.valid) == 0 + 1 + 2


def test_the_same_seed_keeps_the_same_samples() -> None:
    data = sample_data([30, 40])
    one, again, other = (choose_memory(*data, 8, 0.8, seed=s) for s in (4, 4, 5))
    assert np.array_equal(one.train, again.train)
    assert np.array_equal(one.valid, again.valid)
    assert not np.array_equal(one.train, other.train)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_outputs_of_a_run_that_diverged(bad: float) -> None:
    outputs, labels, indices = sample_data([30, 40])
    outputs[3, 1] = bad
    with pytest.raises(UserError, match=r"not finite: training diverged: lower training\.lr"):
        choose_memory(outputs, labels, indices, 8, 0.8, seed=1)


def test_written_and_read(tmp_path: Path) -> None:
    memory = Memory(np.array([5, 3, 9]), np.array([], np.int64))
    path = tmp_path / "memory.json"
    write_memory(path, memory)
    first = path.read_bytes()
    found = read_memory(path, 10)
    assert found.train.tolist() == [5, 3, 9]
    assert found.valid.tolist() == []
    assert found.train.dtype == found.valid.dtype == np.int64
    write_memory(path, found)
    assert path.read_bytes() == first


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        '{"train": [1]}',
        '{"train": ["a"], "valid": []}',
        "3",
        '{"train": 3, "valid": []}',
        '{"train": [1.5], "valid": []}',
        '{"train": [[1]], "valid": []}',
    ],
)
def test_what_is_no_memory_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "memory.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"memory\.json: not a memory file: learn the task"):
        read_memory(path, 10)
    path.write_text("{")
    with pytest.raises(UserError, match=r"memory\.json: not a JSON file"):
        read_memory(path, 10)


@pytest.mark.filterwarnings("error")
def test_equal_samples_are_kept_without_a_word() -> None:
    assert nearest_to_centroids(np.zeros((9, 3)), 4, seed=1) == [0, 1, 2, 3]


def test_a_memory_without_a_sample(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    path.write_text('{"train": [], "valid": []}')
    with pytest.raises(UserError, match=r"memory\.json: a memory without a sample"):
        read_memory(path, 10)


@pytest.mark.parametrize("index", [-1, 10, 2**40])
def test_a_memory_of_samples_that_are_not_there(tmp_path: Path, index: int) -> None:
    path = tmp_path / "memory.json"
    path.write_text(json.dumps({"train": [1, index], "valid": []}))
    with pytest.raises(UserError, match=r"memory\.json: keeps samples that the encoded"):
        read_memory(path, 10)


def test_a_memory_grows_and_knows_whose_its_samples_are() -> None:
    tasks = np.array([1, 1, 1, 2, 2, 2])
    first = Memory(np.array([2, 0]), np.array([1]))
    both = first.joined(Memory(np.array([4]), np.array([3, 5])))
    assert both.train.tolist() == [2, 0, 4]
    assert both.valid.tolist() == [1, 3, 5]
    for task, expected in ((1, first.train), (2, np.array([4]))):
        assert both.of(task, tasks).train.tolist() == expected.tolist()


def waves(indices: np.ndarray) -> np.ndarray:
    return np.stack([np.sin(indices * k) for k in (1.0, 2.0, 3.0)], axis=1)


@pytest.mark.parametrize(("per_class", "share"), [(20, 0.8), (10, 0.5)])
def test_replay_chooses_on_all_outputs_and_by_its_settings(per_class: int, share: float) -> None:
    stream = make_stream([80])
    settings = Settings(memory=Exemplars(per_class=per_class, train_share=share))
    replay = MemoryReplay(MemoryReplay.Options(), settings)
    kept = replay.keep(Arrived(stream, Training(), Memory.empty()), waves, 1)
    train = stream.of("train", [1])
    wanted = choose_memory(waves(train), stream.label[train], train, per_class, share, 1)
    assert kept.train.tolist() == wanted.train.tolist()
    assert kept.valid.tolist() == wanted.valid.tolist()
