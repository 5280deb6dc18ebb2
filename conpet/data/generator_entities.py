"""Invented names of the demo dataset, put together from parts.

The last quarter of each list of parts is kept out of the training and validation sentences; the
test sentences use it for about half of their entities.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from conpet.seeds import derive


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


MEN = _words(
    "Adrian Albin Anton Basil Bertram Casper Conrad Cyril Dario Edwin Emil Felix Gareth Gregor "
    "Henrik Hugo Ivan Jasper Joris Kasimir Lambert Leon Lucas Magnus Marcel Matthias Nicholas "
    "Oscar Otto Pascal Quentin Raoul Roland Samuel Stefan Theo Tobias Ulrich Victor Walter"
)
WOMEN = _words(
    "Ada Agnes Alma Beatrice Bianca Camille Celia Clara Daphne Dora Edith Elena Esther Flora "
    "Frida Gloria Greta Hanna Helen Ida Irene Julia Karin Laura Lydia Magda Marta Miriam Nadia "
    "Nora Olga Paula Rosa Sabine Selma Sofia Tessa Ursula Vera Wilma"
)
SURNAMES = _words(
    "Abernal Aldane Arkwell Balthorn Barnaby Bexley Brandt Brisco Calloway Castellan Corvin "
    "Crane Dallow Darnell Delacourt Dorne Eastlake Ellery Farrow Fenwick Finch Galloway Garland "
    "Gentry Halloran Harker Hesse Hollis Ingram Ives Jarrow Kessel Kincaid Lang Larkin Lindqvist "
    "Lockhart Maddox Marlow Merrin Mercer Norling Oakes Orlov Osborne Pallister Pembry Quill "
    "Radley Renner Rosales Sandoval Sayer Selwyn Sterling Tarrant Thorne Tiller Underhill Vance "
    "Varga Velasco Voss Wakeman Weller Winslow Wray Yardley Yates Zeller"
)
TOWN_STEMS = _words(
    "Alm Ash Bar Bel Bram Cal Car Dar Del Dun East El Fal Far Gul Glen Hal Har Hol Ill Kar Kel "
    "Lan Lin Mar Mel Mor Nor Os Pel Per Ral Ros Sal Sel Sten Tal Tor Val Ver Wal Wes Win Zel"
)
TOWN_ENDS = _words(
    "bach borg bridge burn by dale den field ford gate ham haven holm hurst ley mere mouth ness "
    "port stad stead ton vik wick worth"
)
LAND_STEMS = _words(
    "Albor Ander Arval Bethen Caldor Carvel Dravon Elbar Esten Fersk Gorm Halcy Ildar Jorvan Kalin "
    "Lomar Lusar Mardon Navar Nerid Orsin Palver Quillan Rovan Sarmet Silvar Tamar Torin Ustan "
    "Valdor Vesper Warden Ymir Zaran"
)
LAND_ENDS = _words("ia land mark ova esia any")
DIRECTIONS = _words("North South East West Upper Lower New Old")
REGION_KINDS = _words("County Province District Valley Hills Coast Highlands Marches")
COINED = _words(
    "Acrion Altera Axiom Bluefin Borealis Brightwell Cobalt Corona Dynamo Eastgate Everlast "
    "Fairmont Fulcrum Granite Halyard Helios Ironbridge Juniper Kestrel Lodestar Lumina Meridian "
    "Monolith Nimbus Northstar Octagon Orbital Pinnacle Polaris Quantum Redwood Sextant Summit "
    "Tidewater Unicorn Vanguard Vertex Westwind Zephyr Zenith"
)
COMPANY_KINDS = _words(
    "Press Motors Foods Group Industries Media Bank Works Holdings Records Systems Airlines Mills "
    "Pictures Chemicals Instruments Shipping Stores Publishing Energy"
)
ADJECTIVES = _words(
    "Ancient Bitter Borrowed Broken Burning Clear Crimson Distant Empty Endless Forgotten Frozen "
    "Gentle Golden Hidden Hollow Last Lonely Lost Narrow Nameless Patient Quiet Restless Scarlet "
    "Second Secret Silent Silver Sleeping Stolen Strange Sudden Tender Unseen Velvet Wandering "
    "White Wild Winter"
)
NOUNS = _words(
    "Anchor Autumn Bell Bridge Candle Castle Clock Crown Dream Echo Ember Falcon Feather Forest "
    "Garden Gate Harbour Hour Island Journey Kingdom Lantern Letter Meadow Mirror Moon Mountain "
    "Nightingale Ocean Orchard Promise River Rose Sailor Shadow Shore Song Storm Stranger Tower "
    "Valley Window Winter Witness"
)
JOBS = _words(
    "painter chemist engineer poet actor lawyer historian architect sculptor violinist "
    "journalist economist surgeon geologist photographer botanist pianist translator "
    "astronomer politician goldsmith dancer"
)
GOODS = _words(
    "timber clocks wool copper glass paper salt toys leather wine bicycles cheese steel tea "
    "pianos amber silk lenses"
)
MONTHS = _words(
    "January February March April May June July August September October November December"
)


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


class Names:
    """Draws names with one random generator; ``unseen`` is the share drawn from held-out parts."""

    def __init__(self, rng: random.Random, unseen: float) -> None:
        self.rng = rng
        self.unseen = unseen

    def part(self, parts: tuple[str, ...]) -> str:
        """One part of a name."""
        cut = len(parts) * 3 // 4
        held_out = self.rng.random() < self.unseen
        return self.rng.choice(parts[cut:] if held_out else parts[:cut])

    def person(self, gender: int, surname: str = "") -> Entity:
        """A man (0) or a woman (1), with a given or a new surname."""
        first = self.part(WOMEN if gender else MEN)
        initial = (f"{self.rng.choice('ABCDEFGHJKLMNPRSTVW')}.",) if self.chance(0.1) else ()
        return Entity("person", (first, *initial, surname or self.part(SURNAMES)), gender)

    def chance(self, probability: float) -> bool:
        """Whether something of this probability happens."""
        return self.rng.random() < probability

    def town(self) -> str:
        """A town's name of one word."""
        return self.part(TOWN_STEMS) + self.rng.choice(TOWN_ENDS)

    def city(self) -> tuple[str, ...]:
        """A town, at times with a word before or after it."""
        town = self.town()
        forms = ((town,), (town,), (town,), ("Port", town), ("New", town), (town, "Bay"))
        return self.rng.choice(forms)

    def country(self) -> tuple[str, ...]:
        """A country."""
        land = self.part(LAND_STEMS) + self.rng.choice(LAND_ENDS)
        return (self.part(DIRECTIONS), land) if self.chance(0.2) else (land,)

    def region(self) -> tuple[str, ...]:
        """A province, a county or the like."""
        land = self.town() if self.chance(0.5) else self.part(LAND_STEMS) + "shire"
        return (land, self.rng.choice(REGION_KINDS))

    def company(self) -> tuple[str, ...]:
        """A company, named after something or after its owners."""
        kind = self.rng.choice(COMPANY_KINDS)
        first, second = self.part(SURNAMES), self.part(SURNAMES)
        forms = (
            (self.part(COINED), kind),
            (first, kind),
            (first, "&", second if second != first else "Sons"),
            (self.town(), kind),
        )
        return self.rng.choice(forms)

    def school(self) -> tuple[str, ...]:
        """A university, college or academy."""
        town, surname = self.town(), self.part(SURNAMES)
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
        adjective, noun, other = self.part(ADJECTIVES), self.part(NOUNS), self.part(NOUNS)
        forms = (
            ("The", adjective, noun),
            (adjective, noun),
            ("The", noun, "of", self.town()),
            ("The", noun, "and", "the", other if other != noun else "Sea"),
            (
                "An" if noun[0] in "AEIO" or noun == "Hour" else "A",
                noun,
                "for",
                self.part(self.rng.choice((WOMEN, MEN))),
            ),
        )
        return self.rng.choice(forms)
