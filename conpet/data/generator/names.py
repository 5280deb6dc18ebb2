"""Invented names, put together from the parts in ``texts/names.yaml``."""

from __future__ import annotations

import random
from typing import NamedTuple

from conpet.data.generator.texts import load_texts
from conpet.seeds import derive


class Entity(NamedTuple):
    """A name as tokens; ``gender`` is 0 (he) or 1 (she) and means something for people only."""

    kind: str
    tokens: tuple[str, ...]
    gender: int = 0

    @property
    def name(self) -> str:
        """The name, lowercased, tokens joined by spaces, as FewRel gives it."""
        return " ".join(self.tokens).lower()

    @property
    def identifier(self) -> str:
        """A stable number in Wikidata's style, larger than any that Wikidata has given out."""
        return f"Q9{derive('demo entity', self.name) % 10**10:010d}"


# the types of entities that are not people or dates; each is a method of Names
THINGS = ("city", "country", "region", "company", "school", "work")


class Names:
    """Draws names with one random generator; ``unseen`` is the share drawn from held-out parts."""

    def __init__(self, rng: random.Random, unseen: float) -> None:
        self.rng = rng
        self.unseen = unseen
        self.parts = load_texts().names

    def part(self, of: str) -> str:
        """One part of a name; the last quarter of the parts is held out."""
        parts = self.parts[of]
        cut = len(parts) * 3 // 4
        held_out = self.rng.random() < self.unseen
        return self.rng.choice(parts[cut:] if held_out else parts[:cut])

    def person(self, gender: int, surname: str = "") -> Entity:
        """A man (0) or a woman (1), with a given or a new surname."""
        first = self.part("women" if gender else "men")
        initial = (f"{self.rng.choice('ABCDEFGHJKLMNPRSTVW')}.",) if self.chance(0.1) else ()
        return Entity("person", (first, *initial, surname or self.part("surnames")), gender)

    def chance(self, probability: float) -> bool:
        """Whether something of this probability happens."""
        return self.rng.random() < probability

    def town(self) -> str:
        """A town's name of one word."""
        return self.part("town_stems") + self.rng.choice(self.parts["town_ends"])

    def city(self) -> tuple[str, ...]:
        """A town, at times with a word before or after it."""
        town = self.town()
        forms = ((town,), (town,), (town,), ("Port", town), ("New", town), (town, "Bay"))
        return self.rng.choice(forms)

    def country(self) -> tuple[str, ...]:
        """A country."""
        land = self.part("land_stems") + self.rng.choice(self.parts["land_ends"])
        return (self.part("directions"), land) if self.chance(0.2) else (land,)

    def region(self) -> tuple[str, ...]:
        """A province, a county or the like."""
        land = self.town() if self.chance(0.5) else self.part("land_stems") + "shire"
        return (land, self.rng.choice(self.parts["region_kinds"]))

    def company(self) -> tuple[str, ...]:
        """A company, named after something or after its owners."""
        kind = self.rng.choice(self.parts["company_kinds"])
        first, second = self.part("surnames"), self.part("surnames")
        forms = (
            (self.part("coined"), kind),
            (first, kind),
            (first, "&", second if second != first else "Sons"),
            (self.town(), kind),
        )
        return self.rng.choice(forms)

    def school(self) -> tuple[str, ...]:
        """A university, college or academy."""
        town, surname = self.town(), self.part("surnames")
        forms = (
            (surname, "University"),
            (town, "University"),
            (surname, "College"),
            (town, "Academy"),
            (town, "Institute", "of", self.rng.choice(("Technology", "Music", "Art"))),
        )
        return self.rng.choice(forms)

    def work(self) -> tuple[str, ...]:
        """The title of a book, film, song or opera: a title does not tell which."""
        adjective, noun, other = self.part("adjectives"), self.part("nouns"), self.part("nouns")
        forms = (
            ("The", adjective, noun),
            (adjective, noun),
            ("The", noun, "of", self.town()),
            ("The", noun, "and", "the", other if other != noun else "Sea"),
            (
                "An" if noun[0] in "AEIO" or noun == "Hour" else "A",
                noun,
                "for",
                self.part(self.rng.choice(("women", "men"))),
            ),
        )
        return self.rng.choice(forms)
