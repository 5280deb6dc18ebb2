"""The stream: what a task sees must not depend on what comes after it."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from conpet.data.encoding import SPLITS, encode_part
from conpet.data.schema import Mention
from conpet.data.stream import Stream, open_stream
from conpet.errors import UserError
from conpet.seeds import derive
from tests.data.encoded_tiny import ADDITIONS, CLASSES, PARAMS, TASKS, parts, write_parts
from tests.data.tokenizers_tiny import wordpiece
from tests.replay.streams import make_stream

LAST = TASKS + len(ADDITIONS)


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("encoded")
    return write_parts(folder, wordpiece(folder))


def arrays(stream: Stream) -> dict[str, np.ndarray]:
    values = {f.name: getattr(stream, f.name) for f in fields(stream)}
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


def test_an_earlier_stream_is_a_prefix_of_a_later_one(paths: list[Path]) -> None:
    streams = [open_stream(paths, t) for t in range(1, LAST + 1)]
    for t, (now, later) in enumerate(pairwise(streams), 1):
        assert now.tasks == t
        for name, value in arrays(now).items():
            other = getattr(later, name)
            assert len(other) > len(value)
            assert np.array_equal(other[: len(value)], value), name
        for split in SPLITS:
            for task in range(1, t + 1):
                assert np.array_equal(now.of(split, [task]), later.of(split, [task]))
        assert later.classes[:t] == now.classes
        assert later.names[: now.seen] == now.names


@pytest.mark.parametrize("task", range(1, TASKS + 1))
def test_additions_change_nothing_for_the_tasks_before(paths: list[Path], task: int) -> None:
    base, both = open_stream(paths[:1], task), open_stream(paths, task)
    for name, value in arrays(base).items():
        assert np.array_equal(value, getattr(both, name)), name
        assert value.dtype == getattr(both, name).dtype
    assert base.classes == both.classes
    assert both.later == [*base.later, *[sorted(names) for names in ADDITIONS]]


def test_every_sample_is_where_it_belongs(paths: list[Path]) -> None:
    stream = open_stream(paths, LAST)
    found = parts()
    rows = {p: tasks for p, (_, tasks) in enumerate(found)}
    assert len(stream.task) == sum(len(samples) for samples, _ in found)
    names = stream.names
    for i in range(len(stream.task)):
        sample = found[stream.part[i]][0][stream.row[i]]
        assert names[stream.label[i]] == sample.label
        task = next(t for t in rows[stream.part[i]] if t["task"] == stream.task[i])
        assert stream.row[i] in task[SPLITS[stream.split[i]]]
        low, high = stream.class_range(int(stream.task[i]))
        assert low <= stream.label[i] < high
        assert stream.class_task[stream.label[i]] == stream.task[i]


def test_class_numbers_follow_arrival(paths: list[Path]) -> None:
    stream = open_stream(paths, LAST)
    ranges = [stream.class_range(t) for t in range(1, LAST + 1)]
    assert ranges[0] == (0, CLASSES)
    assert all(a[1] == b[0] for a, b in pairwise(ranges))
    assert ranges[-1][1] == stream.seen == TASKS * CLASSES + 3
    assert [len(names) for names in stream.classes] == [3] * 5 + [2, 1]
    assert stream.names[-3:] == ["late1", "late2", "last"]
    assert len(set(stream.names)) == stream.seen


def test_later_classes_are_known_by_name_only(paths: list[Path]) -> None:
    stream = open_stream(paths, 2)
    whole = open_stream(paths, LAST)
    assert stream.classes + stream.later == whole.classes
    assert stream.seen == 2 * CLASSES
    assert stream.label.max() == stream.seen - 1
    assert set(stream.task) == {1, 2}
    assert stream.offsets[-1] == len(stream.ids)


def test_lengths_and_ids_fit(paths: list[Path]) -> None:
    for task in (1, 3, TASKS, LAST):
        stream = open_stream(paths, task)
        assert stream.offsets[0] == 0
        assert (stream.lengths > 0).all()
        assert stream.lengths.sum() == len(stream.ids)
        assert (stream.pool < stream.lengths).all()
        ends = stream.ids[stream.offsets[1:] - 1]
        assert len(set(ends.tolist())) == 1  # every text ends with [SEP]


def test_of_is_in_stream_order_whatever_is_asked(paths: list[Path]) -> None:
    stream = open_stream(paths, 4)
    whole = stream.of("train", [3, 1])
    assert np.array_equal(whole, stream.of("train", (1, 3)))
    assert (np.diff(whole) > 0).all()
    assert set(stream.task[whole]) == {1, 3}
    assert set(stream.split[whole]) == {0}
    everything = [stream.of(split, range(1, 5)) for split in SPLITS]
    assert sorted(np.concatenate(everything)) == list(range(len(stream.task)))
    assert len(stream.of("train", [])) == len(stream.of("train", [5])) == 0


def test_parts_out_of_order_or_missing(paths: list[Path]) -> None:
    for given in ([], paths[1:], [paths[1], paths[0]], [paths[0], paths[2]], [paths[0]] * 2):
        with pytest.raises(UserError, match="give all, in order") as caught:
            open_stream(given, 2)
        assert "\n" not in str(caught.value)


def test_a_stream_with_dropped_samples(tmp_path: Path) -> None:
    """Rows still name the samples they came from when others could not be encoded."""
    found, tasks = parts()[0]
    long_named = [
        replace(s, mentions=(s.mentions[0], Mention("tail", 12, len(s.text)))) for s in found[::2]
    ]
    found[::2] = long_named
    out = tmp_path / "x.safetensors"
    params = PARAMS.model_copy(update={"max_length": 22})
    dropped = encode_part(found, tasks, params, wordpiece(tmp_path), out)
    stream = open_stream([out], TASKS)
    assert sum(dropped.values()) > 20
    assert len(stream.task) + sum(dropped.values()) == len(found)
    assert [found[r].label for r in stream.row] == [stream.names[c] for c in stream.label]


def test_each_class_has_shots_of_its_own() -> None:
    stream = make_stream([60], classes=3)
    few = stream.drawn(5, lambda *purpose: derive(*map(str, purpose)))
    train, every = few.of("train", [1]), stream.of("train", [1])
    drawn = np.isin(every, train)
    places = {tuple(np.flatnonzero(drawn[stream.label[every] == c])) for c in range(3)}
    assert len(places) == 3


def test_shots_are_as_many_as_said_of_each_class_and_task() -> None:
    stream = make_stream([60, 60], classes=3)
    few = stream.drawn(5, lambda *purpose: derive(*map(str, purpose)))
    for task in (1, 2):
        counts = np.bincount(few.label[few.of("train", [task])], minlength=6)
        assert sorted(counts) == [0, 0, 0, 5, 5, 5]
        for split in ("valid", "test"):
            assert np.array_equal(few.of(split, [task]), stream.of(split, [task]))
