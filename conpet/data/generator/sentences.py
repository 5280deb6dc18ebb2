"""Writes one sentence: a pattern's slots filled, with or without clauses around it.

The language of the patterns is described in ``texts/README.md``.
"""

from __future__ import annotations

import random
import re
from typing import Any

from conpet.data.generator.names import THINGS, Entity, Names
from conpet.data.generator.texts import Relation, load_texts

# the share of entities drawn from the held-out parts of names
UNSEEN_SHARE = {"train": 0.0, "valid": 0.0, "test": 0.5}
QUOTED_SHARE = 0.5
CLAUSE_SHARE = 0.6
OPTIONAL_SHARE = 0.4

_TOKEN = re.compile(r"\{[^}]+\}|'s\b|\w+|[^\w\s]")
_OPTIONAL = re.compile(r"\[([^]]*)\]")
# A clause in front of these would take the participle for itself.
_PARTICIPLES = ("born ", "founded ", "published ", "[born", "[founded")


class Writer:
    """Fills one pattern's slots; tokens and the places of head and tail gather on the way."""

    def __init__(self, names: Names, relation: Relation, pattern: str) -> None:
        self.names = names
        self.rng = names.rng
        self.texts = load_texts()
        self.year = self.rng.randint(1850, 1975)
        self.relation = relation
        self.tokens: list[str] = []
        self.spans: dict[str, list[list[int]]] = {"H": [], "T": []}
        self.marked = self._pair(_kinds(relation, pattern))
        self.used = {entity.name for entity in self.marked.values()}

    def _pair(self, kinds: dict[str, str]) -> dict[str, Entity]:
        head = self._entity(kinds["H"])
        surname, kind = "", kinds["T"]
        if self.names.chance(self.relation.shared_surname):
            surname = head.tokens[-1]
        # no number is drawn for a relation that has no say here: its sentences would be others
        if self.relation.other_gender and self.names.chance(self.relation.other_gender):
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
        year = str(self.year + self.rng.randint(*self.texts.slots.years[offset or kind]))
        month, day = self.rng.choice(self.texts.slots.months), str(self.rng.randint(1, 28))
        if kind == "month":
            return (month, year)
        if kind != "date":
            return (year,)
        return (day, month, year) if self.rng.random() < 0.5 else (month, day, ",", year)

    def _entity(self, kind: str, surname: str = "") -> Entity:
        if kind in THINGS:
            return Entity(kind, getattr(self.names, kind)())
        if kind in {"date", "month", "year"}:
            # The sentence's own year, so that "before" and "after" in the pattern are true.
            tokens = self._date(kind)
            return Entity(kind, (*tokens[:-1], str(self.year)))
        # drawn even where it is given, so that the numbers drawn after it stay as they are
        gender = {"man": 0, "woman": 1}.get(kind, self.rng.randrange(2))
        return self.names.person(gender, surname)

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
        self.tokens.extend(entity.tokens)
        span = list(range(start, len(self.tokens)))
        if quoted:
            self._push('"')
        return span

    def _slot(self, slot: str) -> None:
        role, slots = slot.partition(":")[0], self.texts.slots
        word = slot.removeprefix("t_")
        owner = self.marked["H" if word == slot else "T"]
        if role in self.spans:
            self.spans[role].append(self._name(self.marked[role]))
        elif slot == "clause":
            self.write(self.rng.choice(self.texts.clauses[self.relation.domain]))
        elif slot == "aside":
            if self.rng.random() < 0.5:
                self.write(self.rng.choice(self.texts.frames.asides[self.marked["H"].kind]))
        elif word in slots.gendered:
            self._push(slots.gendered[word][owner.gender])
        elif word == "partner":
            self._name(self._distractor(_partner(owner)))
        elif slot in slots.numbers:
            self._push(str(self.rng.randint(*slots.numbers[slot])))
        elif slot in slots.words:
            self._push(self.rng.choice(slots.words[slot]))
        elif slot.partition("_")[0] in slots.years:
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

    def write_one(self, frames: dict[str, tuple[str, ...]]) -> None:
        """Append one of the frames, with a clause or a plain one."""
        kind = "clause" if self.rng.random() < CLAUSE_SHARE else "plain"
        self.write(self.rng.choice(frames[kind]))

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


def write_sentence(rng: random.Random, relation: str, split: str, pattern: str) -> dict[str, Any]:
    """One sample of a pattern, with or without clauses around it."""
    texts = load_texts()
    writer = Writer(Names(rng, UNSEEN_SHARE[split]), texts.relations[relation], pattern)
    shape = rng.choices(("bare", "before", "after", "both"), (4, 3, 3, 1))[0]
    if pattern.startswith(_PARTICIPLES) and shape in {"before", "both"}:
        shape = "after"
    if shape in {"before", "both"}:
        writer.write_one(texts.frames.before)
    writer.write(pattern)
    if shape in {"after", "both"}:
        writer.write_one(texts.frames.after)
    return writer.finish()
