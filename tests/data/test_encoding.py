"""Token ids on disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

from conpet.data.encoding import SPLITS, encode_part, read_part
from conpet.data.schema import Mention, Sample
from conpet.data.template import encode, vocabulary
from conpet.errors import UserError
from tests.conftest import ROOT
from tests.data.encoded_tiny import PARAMS, parts
from tests.data.tokenizers_tiny import RESERVED, byte_level, sentencepiece, wordpiece


def write(tmp_path: Path, tokenizer: Any = None, **params: Any) -> Path:
    found, tasks = parts()[0]
    out = tmp_path / "deep" / "base.safetensors"
    encode_part(
        found, tasks, PARAMS.model_copy(update=params), tokenizer or wordpiece(tmp_path), out
    )
    return out


@pytest.mark.parametrize("pooling", ["mask", "last", "mean"])
def test_each_row_is_its_sample(tmp_path: Path, pooling: str) -> None:
    tokenizer = sentencepiece()
    part = read_part(write(tmp_path, tokenizer, pooling=pooling))
    found, tasks = parts()[0]
    a, v = part.arrays, vocabulary(tokenizer)
    place = 0
    for task in tasks:
        for number, name in enumerate(SPLITS):
            for row in task[name]:
                ids, at = encode(found[row], PARAMS.template, tokenizer, v, PARAMS.max_length)
                start, end = a["offsets"][place : place + 2]
                assert a["ids"][start:end].tolist() == ids
                assert a["pool"][place] == (len(ids) - 1 if pooling == "last" else at)
                assert (a["task"][place], a["split"][place]) == (task["task"], number)
                assert a["row"][place] == row
                classes = [name for t in part.about["tasks"] for name in t["classes"]]
                assert classes[a["label"][place]] == found[row].label
                place += 1
    assert place == len(a["pool"]) == len(a["offsets"]) - 1 == 300
    assert part.about["dropped"] == {}
    assert part.about["pad"] == v.pad


def test_the_same_bytes_every_time(tmp_path: Path) -> None:
    """In one process and in two that hash differently."""
    first = write(tmp_path).read_bytes()
    assert write(tmp_path).read_bytes() == first
    code = (
        "from pathlib import Path; from tests.data.test_encoding import write; "
        f"write(Path({str(tmp_path)!r}))"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        check=True,
    )
    assert (tmp_path / "deep" / "base.safetensors").read_bytes() == first


def test_dtypes_are_the_ones_that_are_memory_mapped(tmp_path: Path) -> None:
    kinds = {name: str(a.dtype) for name, a in read_part(write(tmp_path)).arrays.items()}
    assert kinds == {
        "ids": "int32", "offsets": "int64", "pool": "int32", "label": "int32",
        "task": "int32", "split": "int8", "row": "int32",
    }  # fmt: skip


def one_task(samples: list[Sample], **rows: list[int]) -> list[dict[str, Any]]:
    names = sorted({s.label for s in samples})
    return [{"task": 1, "classes": names, "train": [], "valid": [], "test": []} | rows]


def long_named(words: int, name: str = "a") -> Sample:
    text = f"marie lived {' '.join(['two'] * words)}"
    mentions = (Mention("head", 0, 5), Mention("tail", 12, len(text)))
    return Sample(name, text, "c", "", mentions)


@pytest.mark.parametrize(("words", "kept"), [(45, 1), (46, 0)])
def test_training_texts_with_a_long_cloze_are_left_out(
    tmp_path: Path, words: int, kept: int
) -> None:
    """More than 50 words, mask not counted (docs/methods.md, Input and representation)."""
    tokenizer = byte_level(*RESERVED)
    found = [long_named(words + 1)]  # and "is", "the", "of", "marie."
    out = tmp_path / "x.safetensors"
    params = PARAMS.model_copy(update={"max_length": 400})
    tasks = one_task(found, train=[0], test=[0])
    dropped = encode_part(found, tasks, params, tokenizer, out)
    part = read_part(out)
    assert part.arrays["split"].tolist() == [0] * kept + [2]
    assert dropped == part.about["dropped"]
    expected = {} if kept else {"training text whose cloze is too long": 1}
    assert dropped == expected


def test_what_cannot_fit_is_left_out_and_counted(tmp_path: Path) -> None:
    tokenizer = wordpiece(tmp_path)
    found = [long_named(30), long_named(2), long_named(25)]
    tasks = one_task(found, train=[0, 1], valid=[0], test=[2, 1, 0])
    out = tmp_path / "x.safetensors"
    dropped = encode_part(found, tasks, PARAMS, tokenizer, out)
    assert dropped == {
        "train text whose mentions and cloze exceed max_length": 1,
        "valid text whose mentions and cloze exceed max_length": 1,
        "test text whose mentions and cloze exceed max_length": 2,
    }
    arrays = read_part(out).arrays
    assert arrays["row"].tolist() == [1, 1]
    assert arrays["split"].tolist() == [0, 2]
    assert np.diff(arrays["offsets"]).min() > 0


def test_a_part_of_which_nothing_is_left(tmp_path: Path) -> None:
    found = [long_named(30)]
    out = tmp_path / "x.safetensors"
    encode_part(found, one_task(found, train=[0]), PARAMS, wordpiece(tmp_path), out)
    part = read_part(out)
    assert part.arrays["offsets"].tolist() == [0]
    assert len(part.arrays["ids"]) == 0


def test_no_text_is_longer_than_allowed(tmp_path: Path) -> None:
    arrays = read_part(write(tmp_path, byte_level(*RESERVED), max_length=20)).arrays
    lengths = np.diff(arrays["offsets"])
    assert lengths.max() == 20
    assert (arrays["pool"] < lengths).all()


def test_a_failure_leaves_no_file(tmp_path: Path) -> None:
    found, tasks = parts()[0]
    out = tmp_path / "none" / "x.safetensors"
    with pytest.raises(IndexError):
        encode_part(found[:10], tasks, PARAMS, wordpiece(tmp_path), out)
    assert not out.exists()
    assert not out.parent.exists() or not list(out.parent.iterdir())


@pytest.mark.parametrize(
    "content", [None, b"", b"no tensors here", b"\x08" + b"\0" * 7 + b"{}      "]
)
def test_what_is_no_encoded_file(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_part(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: not an encoded file (")
    assert message.endswith("run `conpet encode`")
    assert "\n" not in message


def test_metadata_says_what_the_ids_cannot(tmp_path: Path) -> None:
    path = write(tmp_path)
    with safe_open(path, framework="numpy") as file:
        assert set(file.metadata()) == {"conpet"}
    about = read_part(path).about
    assert [task["task"] for task in about["tasks"]] == [1, 2, 3, 4, 5]
    assert about["single_markers"] is True
