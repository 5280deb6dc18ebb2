from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conpet.data import generator
from conpet.data.generator import RESERVED, STANDARD, generate, write
from conpet.data.generator_entities import MEN, SURNAMES, WOMEN, Names
from conpet.data.generator_patterns import CLAUSES, PATTERNS, RELATIONS
from conpet.errors import UserError

ALL = STANDARD + RESERVED
COUNTS = {"train": 60, "valid": 12, "test": 24}


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
    assert set(ALL) == set(RELATIONS) == set(PATTERNS)


def test_same_arguments_same_bytes(tmp_path: Path) -> None:
    first = write(tmp_path / "a", seed=3, train=6, valid=2, test=3)
    second = write(tmp_path / "b", seed=3, train=6, valid=2, test=3)
    other = write(tmp_path / "c", seed=4, train=6, valid=2, test=3)
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


def test_no_pattern_in_two_splits() -> None:
    home: dict[str, tuple[str, str]] = {}
    for relation, splits in PATTERNS.items():
        assert len(splits["train"]) >= 8 and len(splits["valid"]) >= 2 and len(splits["test"]) >= 4
        for split, patterns in splits.items():
            for pattern in patterns:
                assert home.setdefault(pattern, (relation, split)) == (relation, split), pattern
            assert len(set(patterns)) == len(patterns)


def test_samples_use_the_patterns_of_their_split() -> None:
    used = {
        split: {one.pattern for one in generator._draw(1, "employer", split, 40, set())}
        for split in COUNTS
    }
    assert not used["train"] & used["test"]
    for split, patterns in used.items():
        count = len(PATTERNS["employer"][split])
        assert patterns == {f"employer/{split}/{number}" for number in range(count)}


def test_every_pattern_marks_head_and_tail_once() -> None:
    for splits in PATTERNS.values():
        for pattern in (pattern for patterns in splits.values() for pattern in patterns):
            kept = re.sub(r"\[[^]]*\]", "", pattern)
            roles = sorted(re.findall(r"\{([HT])(?::\w+)?\}", kept))
            assert roles == ["H", "T"], pattern
            assert len(re.findall(r"\{[HT][:}]", pattern)) == 2, pattern


@pytest.mark.parametrize("relation", ALL)
def test_every_slot_can_be_filled(relation: str) -> None:
    rng = random.Random(0)
    for split, patterns in PATTERNS[relation].items():
        for pattern in patterns:
            for _ in range(6):
                sample = generator._sentence(rng, relation, split, pattern)
                assert sample["h"][2] and sample["t"][2], pattern


def test_distractors_are_not_head_or_tail() -> None:
    writer = generator._Writer(Names(random.Random(1), 0.0), "spouse", "{H} knew {T}")
    for clause in CLAUSES["family"] * 20:
        writer.write(clause)
    head, tail = (writer.marked[role].tokens for role in "HT")
    text = " ".join(writer.tokens)
    assert " ".join(head) not in text
    assert " ".join(tail) not in text


def test_test_has_names_that_training_never_shows(made: dict[str, Any]) -> None:
    first_names = set(MEN) | set(WOMEN)
    seen: dict[str, set[str]] = {"train": set(), "test": set()}
    for split, _, sample in _all(made):
        if split in seen:
            seen[split] |= set(sample["tokens"])
    for parts in (first_names, set(SURNAMES)):
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
    assert pattern in PATTERNS["date_of_death"]["test"]
    for seed in range(30):
        sample = generator._sentence(random.Random(seed), "date_of_death", "test", pattern)
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
    monkeypatch.setattr(generator, "_sentence", lambda *_: fixed)
    with pytest.raises(UserError, match="no new sentence"):
        generate(1, ["author"], 2, 0, 0)
