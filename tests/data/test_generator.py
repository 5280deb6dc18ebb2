from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conpet.data import generator
from conpet.data.generator import RESERVED, STANDARD, generate, write
from conpet.data.generator.names import Names
from conpet.data.generator.sentences import Writer, write_sentence
from conpet.data.generator.texts import load_texts
from conpet.errors import UserError
from conpet.files import sha256
from tests.conftest import ROOT

ALL = STANDARD + RESERVED
COUNTS = {"train": 60, "valid": 12, "test": 24}
# The files of seed 100 with 36, 8 and 16 samples: the demo's published results were made of the
# standard relations' ones.
SUMS = {
    STANDARD: (
        "c1aadc9174f97772f3bac828bff26645a6836f9d7cc0387cfc490512d28cda67",
        "164e68dc3d9b629f62c8158cfbfe053e908c50b91a3630ec06489f807eb54cf8",
        "b3ffefd544fa7f7608eb45af0e59bc42f90a7b9a606b4c93b6d4c0e8f337db5e",
    ),
    RESERVED: (
        "6f8c48acc9ac4472f603b8b515dc8aa348926f34e8d5d1c237ab452568ddd08d",
        "98af340f3e257b4fd3d248688744deb17a191b676adec13df249864487bb7262",
        "e5ed33271f3bf3a0b1c1e86ea26fc941780558f3240795d20fd219a7c338d865",
    ),
}


@pytest.fixture(scope="module")
def made() -> dict[str, dict[str, list[dict[str, Any]]]]:
    return generate(100, ALL, **COUNTS)


def _all(made: dict[str, dict[str, list[dict[str, Any]]]]) -> Iterator[tuple[str, str, dict]]:
    for split, relations in made.items():
        for relation, samples in relations.items():
            for sample in samples:
                yield split, relation, sample


def test_24_standard_and_4_reserved_relations() -> None:
    assert (len(STANDARD), len(RESERVED)) == (24, 4)
    assert not set(STANDARD) & set(RESERVED)
    assert set(ALL) == set(load_texts().relations)


def test_importing_reads_no_texts() -> None:
    code = "import conpet.data.generator, conpet.data.generator.texts as texts\n"
    code += "assert texts.load_texts.cache_info().currsize == 0\n"
    code += "assert len(conpet.data.generator.STANDARD) == 24\n"
    code += "assert texts.load_texts.cache_info().currsize == 1"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize("relations", [STANDARD, RESERVED], ids=["standard", "reserved"])
def test_the_files_stay_the_same_bytes(tmp_path: Path, relations: tuple[str, ...]) -> None:
    paths = write(tmp_path, 100, relations, 36, 8, 16)
    assert tuple(sha256(path) for path in paths) == SUMS[relations]


def test_same_arguments_same_bytes(tmp_path: Path) -> None:
    first = write(tmp_path / "a", 3, STANDARD, 6, 2, 3)
    second = write(tmp_path / "b", 3, STANDARD, 6, 2, 3)
    other = write(tmp_path / "c", 4, STANDARD, 6, 2, 3)
    assert [path.name for path in first] == ["train.json", "valid.json", "test.json"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert all(a.read_bytes() != b.read_bytes() for a, b in zip(first, other, strict=True))


def test_written_files_hold_what_is_generated(tmp_path: Path) -> None:
    paths = write(tmp_path, 5, ["capital", "spouse"], 4, 1, 2)
    read = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}
    assert read == generate(5, ["capital", "spouse"], 4, 1, 2)


def test_counts_and_order_of_relations() -> None:
    few = generate(100, ["spouse", "author"], 3, 0, 2)
    assert {split: {name: len(found) for name, found in few[split].items()} for split in few} == {
        "train": {"spouse": 3, "author": 3},
        "valid": {"spouse": 0, "author": 0},
        "test": {"spouse": 2, "author": 2},
    }
    assert list(few["train"]) == ["spouse", "author"]


def test_schema_is_fewrels(made: dict[str, Any]) -> None:
    for _, _, sample in _all(made):
        assert list(sample) == ["tokens", "h", "t"]
        assert all(isinstance(token, str) and token for token in sample["tokens"])
        assert not any(character.isspace() for token in sample["tokens"] for character in token)
        for role in ("h", "t"):
            name, identifier, spans = sample[role]
            assert name == name.lower()
            assert re.fullmatch(r"Q9\d{10}", identifier)
            assert spans


def test_spans_name_the_entities(made: dict[str, Any]) -> None:
    for _, _, sample in _all(made):
        marked: list[int] = []
        for role in ("h", "t"):
            name, _, spans = sample[role]
            for span in spans:
                assert " ".join(sample["tokens"][index] for index in span).lower() == name
                assert span == list(range(span[0], span[-1] + 1))
                marked += span
        assert len(marked) == len(set(marked))


def test_one_name_one_identifier(made: dict[str, Any]) -> None:
    names: dict[str, str] = {}
    for _, _, sample in _all(made):
        for role in ("h", "t"):
            name, identifier, _ = sample[role]
            assert names.setdefault(identifier, name) == name


def test_sentences_are_well_formed(made: dict[str, Any]) -> None:
    lengths = []
    for _, _, sample in _all(made):
        text = " ".join(sample["tokens"])
        assert not re.search(r"[{}\[\]]|, [,.;]|\b[aA] [aeioAEIO]|^[a-z]", text), text
        assert re.search(r"(?<![,;]) \.$", text), text
        assert text.count('"') % 2 == 0
        lengths.append(len(sample["tokens"]))
    assert 18 <= sum(lengths) / len(lengths) <= 30


def test_no_sentence_twice(made: dict[str, Any]) -> None:
    texts = [" ".join(sample["tokens"]) for _, _, sample in _all(made)]
    assert len(texts) == len(set(texts)) == 28 * 96


def test_head_and_tail_come_in_both_orders(made: dict[str, Any]) -> None:
    for relation in ALL:
        samples = made["train"][relation]
        head_first = sum(sample["h"][2][0][0] < sample["t"][2][0][0] for sample in samples)
        assert 0.1 < head_first / len(samples) < 0.95, relation


def test_samples_do_not_depend_on_the_other_relations(made: dict[str, Any]) -> None:
    alone = generate(100, ["director"], **COUNTS)
    some = generate(100, ["place_of_burial", "director"], **COUNTS)
    for split in COUNTS:
        assert alone[split]["director"] == some[split]["director"] == made[split]["director"]


def test_asking_for_more_keeps_the_first(made: dict[str, Any]) -> None:
    few = generate(100, ["borders"], 7, 3, 5)
    for split, count in (("train", 7), ("valid", 3), ("test", 5)):
        assert few[split]["borders"] == made[split]["borders"][:count]


def test_samples_use_the_patterns_of_their_split(monkeypatch: pytest.MonkeyPatch) -> None:
    used: dict[str, set[str]] = {split: set() for split in COUNTS}

    def note(rng: random.Random, relation: str, split: str, pattern: str) -> dict[str, Any]:
        used[split].add(pattern)
        return write_sentence(rng, relation, split, pattern)

    monkeypatch.setattr(generator, "write_sentence", note)
    generate(1, ["employer"], 40, 40, 40)
    patterns = load_texts().relations["employer"].patterns
    assert used == {split: set(patterns[split]) for split in COUNTS}


def test_distractors_are_not_head_or_tail() -> None:
    texts = load_texts()
    writer = Writer(Names(random.Random(1), 0.0), texts.relations["spouse"], "{H} knew {T}")
    for clause in texts.clauses["family"] * 20:
        writer.write(clause)
    head, tail = (writer.marked[role].tokens for role in "HT")
    text = " ".join(writer.tokens)
    assert " ".join(head) not in text
    assert " ".join(tail) not in text


def test_test_has_names_that_training_never_shows(made: dict[str, Any]) -> None:
    names = load_texts().names
    seen: dict[str, set[str]] = {"train": set(), "test": set()}
    for split, _, sample in _all(made):
        if split in seen:
            seen[split] |= set(sample["tokens"])
    for parts in ({*names["men"], *names["women"]}, set(names["surnames"])):
        new = (seen["test"] - seen["train"]) & parts
        assert len(new) >= len(parts) // 5
    marked = {
        split: {sample[role][0] for _, samples in made[split].items() for sample in samples
                for role in ("h", "t")}
        for split in ("train", "test")
    }  # fmt: skip
    assert len(marked["train"]) > 1000
    assert len(marked["test"] - marked["train"]) > len(marked["test"]) / 2


def test_dates_of_a_sentence_agree() -> None:
    pattern = "{H} ({date_before} - {T}) was a {job}[ from {city}]"
    assert pattern in load_texts().relations["date_of_death"].patterns["test"]
    for seed in range(30):
        sample = write_sentence(random.Random(seed), "date_of_death", "test", pattern)
        text = " ".join(sample["tokens"])
        years = [
            int(year) for year in re.findall(r"\d{4}", text[text.index("(") : text.index(")")])
        ]
        assert 20 < years[1] - years[0] < 50


@pytest.mark.parametrize(
    ("relations", "train", "message"),
    [
        (["author", "owner_of"], 1, "no relation 'owner_of'"),
        (["author", "author"], 1, "each only once"),
        ([], 1, "at least one"),
        (["author"], -1, "-1 samples"),
    ],
)
def test_mistakes_give_one_clear_line(relations: list[str], train: int, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        generate(1, relations, train, 1, 1)
    assert "\n" not in str(caught.value)


def test_no_new_sentence_left_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    fixed = {"tokens": ["Same", "."], "h": [], "t": []}
    monkeypatch.setattr(generator, "write_sentence", lambda *_: fixed)
    with pytest.raises(UserError, match="no new sentence"):
        generate(1, ["author"], 2, 0, 0)
