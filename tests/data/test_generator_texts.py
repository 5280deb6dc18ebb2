"""The generator's texts hold together: so its code need not check them at each start."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from conpet.config.plain_yaml import parse
from conpet.data.generator import RESERVED, STANDARD
from conpet.data.generator.names import THINGS, Names
from conpet.data.generator.sentences import write_sentence
from conpet.data.generator.texts import SPLITS, load_texts
from tests.conftest import ROOT

FOLDER = ROOT / "conpet" / "data" / "generator" / "texts"
TEXTS = load_texts()
DATES = {"date", "month", "year"}
PEOPLE = {"person", "man", "woman"}
FILES = sorted(FOLDER.rglob("*.yaml"))


def fillable() -> set[str]:
    """The slots that any text may have."""
    slots = TEXTS.slots
    agreeing = {*slots.gendered, "partner"}
    found = {*PEOPLE, *THINGS, *agreeing, *(f"t_{word}" for word in agreeing)}
    found |= {*slots.words, *slots.numbers, *slots.years}
    return found | {f"date_{year}" for year in slots.years if year not in DATES}


def patterns() -> Iterator[tuple[str, str, str]]:
    for name, relation in TEXTS.relations.items():
        for split, lines in relation.patterns.items():
            for line in lines:
                yield name, split, line


def around() -> Iterator[tuple[str, str]]:
    """The texts put around or into a pattern, with where they stand."""
    yield from ((domain, line) for domain, lines in TEXTS.clauses.items() for line in lines)
    for kind, lines in TEXTS.frames.asides.items():
        yield from ((f"aside of {kind}", line) for line in lines)
    for frames in (TEXTS.frames.before, TEXTS.frames.after):
        yield from (("plain", line) for line in frames["plain"])


def slots(text: str) -> list[str]:
    return re.findall(r"\{([^}]*)\}", text)


def twice(items: list[str]) -> list[str]:
    return [item for item, count in Counter(items).items() if count > 1]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_key_twice_in_a_file(path: Path) -> None:
    assert parse(path.read_text(encoding="utf-8"))  # which refuses one


def test_every_relation_is_listed_and_described_once() -> None:
    described = [
        name
        for path in (FOLDER / "domains").iterdir()
        for name in parse(path.read_text(encoding="utf-8"))["relations"]
    ]
    assert sorted(described) == sorted([*STANDARD, *RESERVED])
    assert twice(described) == []


def test_types_and_domains_are_known() -> None:
    for name, relation in TEXTS.relations.items():
        assert {relation.head, relation.tail} <= {"person", *THINGS, *DATES}, name
        assert TEXTS.clauses[relation.domain], name
        if relation.shared_surname or relation.other_gender:
            assert relation.head == relation.tail == "person", name
            assert 0 <= relation.shared_surname <= 1 and 0 <= relation.other_gender <= 1, name


def test_every_relation_has_patterns_enough() -> None:
    for name, relation in TEXTS.relations.items():
        counts = {split: len(lines) for split, lines in relation.patterns.items()}
        assert counts["train"] >= 8 and counts["valid"] >= 2 and counts["test"] >= 4, name


def test_no_text_twice() -> None:
    assert twice([line for _, _, line in patterns()]) == []
    frames = [*TEXTS.frames.before.values(), *TEXTS.frames.after.values()]
    for lines in (*TEXTS.clauses.values(), *TEXTS.frames.asides.values(), *frames):
        assert twice(list(lines)) == []


def test_no_part_of_a_name_twice() -> None:
    for key, parts in {**TEXTS.names, **TEXTS.slots.words}.items():
        assert twice(list(parts)) == [], key
        assert all(part.isalpha() for part in parts), key
    # a person's gender is known by the first name
    assert not set(TEXTS.names["men"]) & set(TEXTS.names["women"])


def test_ranges_go_up() -> None:
    for key, (first, last) in {**TEXTS.slots.numbers, **TEXTS.slots.years}.items():
        assert first < last, key
    assert all(len(forms) == 2 for forms in TEXTS.slots.gendered.values())
    assert len(TEXTS.slots.months) == 12


def test_every_pattern_marks_head_and_tail_once() -> None:
    for _, _, pattern in patterns():
        kept = re.sub(r"\[[^]]*\]", "", pattern)
        roles = sorted(slot.partition(":")[0] for slot in slots(kept) if slot[0] in "HT")
        assert roles == ["H", "T"], pattern
        assert len(re.findall(r"\{[HT][:}]", pattern)) == 2, pattern


def test_every_slot_is_known() -> None:
    known = fillable()
    for name, split, pattern in patterns():
        for slot in slots(pattern):
            role, _, kind = slot.partition(":")
            marked = role in {"H", "T"} and (not kind or kind in {"person", *THINGS, *DATES})
            assert marked or slot in {*known, "aside"}, f"{name}: {split}: {pattern}"
    for where, text in around():
        assert set(slots(text)) <= known, f"{where}: {text}"
    for text in (*TEXTS.frames.before["clause"], *TEXTS.frames.after["clause"]):
        assert slots(text) == ["clause"], text


def test_a_head_with_an_aside_has_one() -> None:
    for name, _, pattern in patterns():
        if "{aside}" in pattern:
            other = re.search(r"\{H:(\w+)\}", pattern)
            kind = other[1] if other else TEXTS.relations[name].head
            assert kind in TEXTS.frames.asides, pattern


def test_brackets_are_closed_and_not_nested() -> None:
    texts = [pattern for _, _, pattern in patterns()] + [text for _, text in around()]
    for text in texts:
        bare = re.sub(r"\{[\w:]+\}", "", text)
        assert not re.search(r"[{}\[\]]", re.sub(r"\[[^][]*\]", "", bare)), text


@pytest.mark.parametrize("relation", STANDARD + RESERVED)
def test_every_slot_can_be_filled(relation: str) -> None:
    rng = random.Random(0)
    for split in SPLITS:
        for pattern in TEXTS.relations[relation].patterns[split]:
            for _ in range(6):
                sample = write_sentence(rng, relation, split, pattern)
                assert sample["h"][2] and sample["t"][2], pattern


def test_every_list_of_name_parts_is_drawn_from() -> None:
    asked: set[str] = set()

    class Noting(dict[str, tuple[str, ...]]):
        def __getitem__(self, key: str) -> tuple[str, ...]:
            asked.add(key)
            return super().__getitem__(key)

    names = Names(random.Random(0), 0.5)
    names.parts = Noting(names.parts)
    for _ in range(50):
        for thing in THINGS:
            getattr(names, thing)()
        names.person(0)
        names.person(1)
    assert asked == set(TEXTS.names)
