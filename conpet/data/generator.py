"""The embedded demo dataset: invented relation-extraction sentences in FewRel's JSON schema.

No text of others is used, so the suite can be tried without a download. The patterns of the three
splits are disjoint: what is learnt by heart in training does not answer the test.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from conpet.data.generator_entities import GOODS, JOBS, MONTHS, Entity, Names
from conpet.data.generator_patterns import (
    AFTER,
    AFTER_PLAIN,
    ASIDES,
    BEFORE,
    BEFORE_PLAIN,
    CLAUSES,
    PATTERNS,
    RELATIONS,
    RESERVED,
    SHARED_SURNAME,
    STANDARD,
    Relation,
)
from conpet.errors import UserError
from conpet.files import write_json
from conpet.seeds import derive

__all__ = ["RESERVED", "SPLITS", "STANDARD", "generate", "write"]

SPLITS = ("train", "valid", "test")
UNSEEN_SHARE = {"train": 0.0, "valid": 0.0, "test": 0.5}
QUOTED_SHARE = 0.5
OTHER_GENDER_SHARE = 0.9
CLAUSE_SHARE = 0.6
OPTIONAL_SHARE = 0.4
ATTEMPTS = 200

_TOKEN = re.compile(r"\{[^}]+\}|'s\b|\w+|[^\w\s]")
_OPTIONAL = re.compile(r"\[([^]]*)\]")
_GENDERED = {
    "he": ("he", "she"),
    "his": ("his", "her"),
    "him": ("him", "her"),
    "son": ("son", "daughter"),
    "brother": ("brother", "sister"),
    "husband": ("husband", "wife"),
    "father": ("father", "mother"),
}
# A clause in front of these would take the participle for itself.
_PARTICIPLES = ("born ", "founded ", "published ", "[born", "[founded")
_NUMBERS = {"small": (3, 17), "few": (2, 6), "age": (41, 93), "age2": (18, 49)}
# Years from the sentence's own year; with "date_" before it a whole date.
_OFFSETS = {
    "year": (-9, 9),
    "date": (-9, 9),
    "month": (-9, 9),
    "prior": (-6, -1),
    "soon": (1, 6),
    "before": (-48, -26),
    "after": (26, 44),
}


class _Drawn(NamedTuple):
    """A sample in FewRel's schema and the identifier of its pattern."""

    sample: dict[str, Any]
    pattern: str


class _Writer:
    """Fills one pattern's slots; tokens and the places of head and tail gather on the way."""

    def __init__(self, names: Names, relation: str, pattern: str) -> None:
        self.names = names
        self.rng = names.rng
        self.year = self.rng.randint(1850, 1975)
        self.domain = RELATIONS[relation].domain
        self.tokens: list[str] = []
        self.spans: dict[str, list[list[int]]] = {"H": [], "T": []}
        self.marked = self._pair(relation, _kinds(RELATIONS[relation], pattern))
        self.used = {entity.name for entity in self.marked.values()}

    def _pair(self, relation: str, kinds: dict[str, str]) -> dict[str, Entity]:
        head = self._entity(kinds["H"])
        surname, kind = "", kinds["T"]
        if self.names.chance(SHARED_SURNAME.get(relation, 0.0)):
            surname = head.tokens[-1]
        if relation == "spouse" and self.names.chance(OTHER_GENDER_SHARE):
            kind = _partner(head)
        tail = self._entity(kind, surname)
        # Two people of one sentence have two first names, even where they share the other.
        while tail.name == head.name or (
            tail.kind == "person" and tail.tokens[0] == head.tokens[0]
        ):
            tail = self._entity(kind, surname)
        return {"H": head, "T": tail}

    def _date(self, word: str) -> tuple[str, ...]:
        kind, _, offset = word.partition("_")
        year = str(self.year + self.rng.randint(*_OFFSETS[offset or kind]))
        month, day = self.rng.choice(MONTHS), str(self.rng.randint(1, 28))
        if kind == "month":
            return (month, year)
        if kind != "date":
            return (year,)
        return (day, month, year) if self.rng.random() < 0.5 else (month, day, ",", year)

    def _entity(self, kind: str, surname: str = "") -> Entity:
        if kind in {"person", "man", "woman"}:
            gender = {"man": 0, "woman": 1}.get(kind, self.rng.randrange(2))
            return self.names.person(gender, surname)
        if kind in {"date", "month", "year"}:
            # The sentence's own year, so that "before" and "after" in the pattern are true.
            tokens = self._date(kind)
            return Entity(kind, (*tokens[:-1], str(self.year)))
        return Entity(kind, getattr(self.names, kind)())

    def _distractor(self, kind: str) -> Entity:
        while (entity := self._entity(kind)).name in self.used:
            pass
        self.used.add(entity.name)
        return entity

    def _push(self, word: str) -> None:
        if word in {",", ";", "."} and self.tokens and self.tokens[-1] == ",":
            self.tokens.pop()
        starts_with_vowel = word[0].lower() in "aeiou" and not word.lower().startswith(
            ("uni", "eu")
        )
        if self.tokens and self.tokens[-1] == "a" and starts_with_vowel:
            self.tokens[-1] = "an"
        self.tokens.append(word)

    def _name(self, entity: Entity) -> list[int]:
        quoted = entity.kind == "work" and self.rng.random() < QUOTED_SHARE
        if quoted:
            self._push('"')
        start = len(self.tokens)
        for word in entity.tokens:
            self.tokens.append(word)
        span = list(range(start, len(self.tokens)))
        if quoted:
            self._push('"')
        return span

    def _slot(self, slot: str) -> None:
        role = slot.partition(":")[0]
        if role in self.spans:
            self.spans[role].append(self._name(self.marked[role]))
        elif slot == "clause":
            self.write(self.rng.choice(CLAUSES[self.domain]))
        elif slot == "aside":
            if self.rng.random() < 0.5:
                self.write(self.rng.choice(ASIDES[self.marked["H"].kind]))
        elif slot.removeprefix("t_") in _GENDERED:
            owner = self.marked["T" if slot.startswith("t_") else "H"]
            self._push(_GENDERED[slot.removeprefix("t_")][owner.gender])
        elif slot in {"partner", "t_partner"}:
            owner = self.marked["T" if slot.startswith("t_") else "H"]
            self._name(self._distractor(_partner(owner)))
        elif slot in _NUMBERS:
            self._push(str(self.rng.randint(*_NUMBERS[slot])))
        elif slot in {"job", "goods"}:
            self._push(self.rng.choice(JOBS if slot == "job" else GOODS))
        elif slot.partition("_")[0] in _OFFSETS:
            self.tokens.extend(self._date(slot))
        else:
            self._name(self._distractor(slot))

    def write(self, pattern: str) -> None:
        """Append a pattern, its slots filled and its optional parts kept or left out."""
        chosen = _OPTIONAL.sub(
            lambda part: part[1] if self.names.chance(OPTIONAL_SHARE) else "", pattern
        )
        for token in _TOKEN.findall(chosen):
            if token.startswith("{"):
                self._slot(token[1:-1])
            else:
                self._push(token)

    def finish(self) -> dict[str, Any]:
        """The sample: the sentence closed, its first letter a capital."""
        self._push(".")
        first = self.tokens[0]
        self.tokens[0] = first[0].upper() + first[1:]
        head, tail = self.marked["H"], self.marked["T"]
        return {
            "tokens": self.tokens,
            "h": [head.name, head.identifier, self.spans["H"]],
            "t": [tail.name, tail.identifier, self.spans["T"]],
        }


def _partner(person: Entity) -> str:
    """The type of name that a person's husband or wife usually has."""
    return "man" if person.gender else "woman"


def _kinds(relation: Relation, pattern: str) -> dict[str, str]:
    """The types of head and tail: the relation's, unless the pattern says otherwise."""
    kinds = {"H": relation.head, "T": relation.tail}
    kinds.update(re.findall(r"\{([HT]):(\w+)\}", pattern))
    return kinds


def _sentence(rng: random.Random, relation: str, split: str, pattern: str) -> dict[str, Any]:
    """One sample of a pattern, with or without clauses around it."""
    writer = _Writer(Names(rng, UNSEEN_SHARE[split]), relation, pattern)
    shape = rng.choices(("bare", "before", "after", "both"), (4, 3, 3, 1))[0]
    if pattern.startswith(_PARTICIPLES) and shape in {"before", "both"}:
        shape = "after"
    if shape in {"before", "both"}:
        writer.write(rng.choice(BEFORE if rng.random() < CLAUSE_SHARE else BEFORE_PLAIN))
    writer.write(pattern)
    if shape in {"after", "both"}:
        writer.write(rng.choice(AFTER if rng.random() < CLAUSE_SHARE else AFTER_PLAIN))
    return writer.finish()


def _draw(seed: int, relation: str, split: str, count: int, taken: set[str]) -> list[_Drawn]:
    """``count`` samples whose text is not in ``taken``, which grows by theirs."""
    rng = random.Random(derive("demo", seed, relation, split))
    patterns = PATTERNS[relation][split]
    order = rng.sample(range(len(patterns)), len(patterns))
    drawn: list[_Drawn] = []
    for index in range(count):
        number = order[index % len(order)]
        for _ in range(ATTEMPTS):
            sample = _sentence(rng, relation, split, patterns[number])
            text = " ".join(sample["tokens"])
            if text not in taken:
                break
        else:
            raise UserError(f"demo data: {relation}: {split}: no new sentence: ask for fewer")
        taken.add(text)
        drawn.append(_Drawn(sample, f"{relation}/{split}/{number}"))
    return drawn


def _check(relations: Sequence[str], counts: dict[str, int]) -> None:
    for relation in relations:
        if relation not in RELATIONS:
            known = ", ".join(RELATIONS)
            raise UserError(f"demo data: no relation {relation!r}: use some of {known}")
    if not relations or len(set(relations)) != len(relations):
        raise UserError("demo data: relations: name at least one, and each only once")
    for split, count in counts.items():
        if count < 0:
            raise UserError(f"demo data: {split}: {count} samples: ask for 0 or more")


def generate(
    seed: int, relations: Sequence[str], train: int, valid: int, test: int
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Make the samples of the relations: ``{split: {relation: [sample, ...]}}``.

    A sample has FewRel's keys ``tokens``, ``h`` and ``t``; ``h`` and ``t`` are [name in lower
    case, identifier, token indices of each mention]. The counts are per relation. The samples of
    a relation depend on the seed only, not on the other relations, and asking for more of them
    keeps the first ones.

    Raises:
        UserError: a relation that is unknown or given twice, or a negative count.
    """
    counts = {"train": train, "valid": valid, "test": test}
    _check(relations, counts)
    made: dict[str, dict[str, list[dict[str, Any]]]] = {split: {} for split in SPLITS}
    for relation in relations:
        taken: set[str] = set()
        for split in SPLITS:
            drawn = _draw(seed, relation, split, counts[split], taken)
            made[split][relation] = [one.sample for one in drawn]
    return made


def write(
    folder: Path,
    seed: int = 100,
    relations: Sequence[str] = STANDARD,
    train: int = 60,
    valid: int = 12,
    test: int = 24,
) -> list[Path]:
    """Write ``train.json``, ``valid.json`` and ``test.json`` into ``folder``; return their paths.

    The same arguments give the same bytes. For the errors see :func:`generate`.
    """
    made = generate(seed, relations, train, valid, test)
    paths = [folder / f"{split}.json" for split in SPLITS]
    for path, split in zip(paths, SPLITS, strict=True):
        write_json(path, made[split])
    return paths
