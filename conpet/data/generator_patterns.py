"""The relations of the demo dataset: their types, and the clauses put around a pattern.

The clauses say something about third entities, often with the words of a confusable relation, so
that it does not do to look for a word such as "born" somewhere in the sentence.
"""

from __future__ import annotations

from typing import NamedTuple

from conpet.data.generator_patterns_groups import GROUPS
from conpet.data.generator_patterns_people import PEOPLE
from conpet.data.generator_patterns_works import WORKS
from conpet.data.generator_plain_people import PLAIN_PEOPLE
from conpet.data.generator_plain_things import PLAIN_THINGS

# Patterns full of other facts, and plain ones, which share words with those of other splits.
_RICH = {**PEOPLE, **WORKS, **GROUPS}
_PLAIN = {**PLAIN_PEOPLE, **PLAIN_THINGS}
PATTERNS: dict[str, dict[str, tuple[str, ...]]] = {
    relation: {split: rich + _PLAIN[relation].get(split, ()) for split, rich in splits.items()}
    for relation, splits in _RICH.items()
}


class Relation(NamedTuple):
    """Types of head and tail, and the domain whose clauses surround the patterns."""

    head: str
    tail: str
    domain: str


RELATIONS: dict[str, Relation] = {
    "place_of_birth": Relation("person", "city", "life"),
    "place_of_death": Relation("person", "city", "life"),
    "residence": Relation("person", "city", "life"),
    "educated_at": Relation("person", "school", "life"),
    "employer": Relation("person", "company", "life"),
    "author": Relation("work", "person", "works"),
    "director": Relation("work", "person", "works"),
    "composer": Relation("work", "person", "works"),
    "performer": Relation("work", "person", "works"),
    "headquarters": Relation("company", "city", "companies"),
    "founded_by": Relation("company", "person", "companies"),
    "owned_by": Relation("company", "company", "companies"),
    "subsidiary": Relation("company", "company", "companies"),
    "capital": Relation("country", "city", "lands"),
    "located_in": Relation("city", "country", "lands"),
    "borders": Relation("country", "country", "lands"),
    "publication_date": Relation("work", "date", "dates"),
    "founding_date": Relation("company", "date", "dates"),
    "date_of_birth": Relation("person", "date", "dates"),
    "date_of_death": Relation("person", "date", "dates"),
    "spouse": Relation("person", "person", "family"),
    "sibling": Relation("person", "person", "family"),
    "parent": Relation("person", "person", "family"),
    "student_of": Relation("person", "person", "family"),
    "place_of_burial": Relation("person", "city", "life"),
    "publisher": Relation("work", "company", "works"),
    "chief_executive": Relation("company", "person", "companies"),
    "based_on": Relation("work", "work", "works"),
}

RESERVED: tuple[str, ...] = ("place_of_burial", "publisher", "chief_executive", "based_on")
STANDARD: tuple[str, ...] = tuple(name for name in RELATIONS if name not in RESERVED)

# How often head and tail, both people, bear the same family name.
SHARED_SURNAME: dict[str, float] = {"spouse": 0.5, "sibling": 0.5, "parent": 0.5, "student_of": 0.1}

CLAUSES: dict[str, tuple[str, ...]] = {
    "life": (
        "{person} was born in {city}",
        "{person} had died in {city}",
        "{person} was living in {city}",
        "{person} moved to {city}",
        "{person} had studied at {school}",
        "{person} taught at {school}",
        "{person} worked for {company}",
        "{person} was buried in {city}",
        "{person} graduated from {school}",
        "{person} came from {city}",
    ),
    "works": (
        "{person} wrote {work}",
        "{person} directed {work}",
        "{person} composed the music of {work}",
        "{person} sang the songs of {work}",
        "{work} was a film by {person}",
        "{work} was a novel by {person}",
        "{work} was an opera by {person}",
        "{person} recorded {work}",
        "{work} was published by {company}",
        "{work} was based on a book by {person}",
    ),
    "companies": (
        "{company} had its headquarters in {city}",
        "{company} was founded by {person}",
        "{company} was owned by {person}",
        "{company} belonged to {company}",
        "{company} was a subsidiary of {company}",
        "{person} had bought {company}",
        "{person} founded {company}",
        "{company} was based in {city}",
        "{person} was the head of {company}",
    ),
    "lands": (
        "{city} is the capital of {country}",
        "{city} is located in {region}",
        "{country} borders {country}",
        "{region} lies in {country}",
        "{country} is a neighbour of {country}",
        "the capital of {country} is {city}",
        "the border of {region} is close to {city}",
        "{city} is a town in {country}",
    ),
    "dates": (
        "{person} was born on {date}",
        "{person} died on {date}",
        "{company} was founded on {date}",
        "{work} was published on {date}",
        "{work} came out in {month}",
        "{person} was born in {month}",
        "{person} founded {company} in {month}",
        "{person} died in {year}",
    ),
    "family": (
        "{man} married {woman}",
        "{person} was taught by {person}",
        "{person} was a child of {person}",
        "{person} had a brother called {man}",
        "{person} had a sister called {woman}",
        "{person} was a student of {person}",
        "{woman} divorced {man}",
        "{person} was the only parent of {person}",
        "{man} was the father of {person}",
    ),
}

# Around a pattern: "{clause}" is a clause of the domain, the rest says nothing of any relation.
BEFORE: tuple[str, ...] = (
    "while {clause},",
    "although {clause},",
    "whereas {clause},",
    "{clause}, but",
    "{clause}, and",
)
BEFORE_PLAIN: tuple[str, ...] = (
    "according to {person},",
    "as a letter from {person} shows,",
    "it is often said that",
    "the archive of {city} shows that",
    "a note by {person} tells us that",
    "as far as is known,",
)
AFTER: tuple[str, ...] = (
    ", while {clause}",
    ", whereas {clause}",
    "; {clause}",
    ", and {clause}",
    ", although {clause}",
)
AFTER_PLAIN: tuple[str, ...] = (
    ", as {person} noted in a diary",
    ", a fact that {person} often repeated",
    ", according to a report of {company}",
    ", if the archive of {city} can be trusted",
    ", as the papers of {country} reported",
)

ASIDES: dict[str, tuple[str, ...]] = {
    "person": (
        ", a {job} by profession,",
        ", known as a {job},",
        ", a friend of {person},",
        ", a cousin of {person},",
        ", whose family came from {city},",
    ),
    "work": (
        ", well known in {country},",
        ", first announced as {work},",
        ", praised by {person},",
        ", often compared to {work},",
    ),
    "company": (
        ", a maker of {goods},",
        ", a dealer in {goods},",
        ", once a rival of {company},",
        ", well known in {country},",
    ),
    "country": (
        ", a large exporter of {goods},",
        ", once an ally of {country},",
        ", known for its {goods},",
    ),
    "city": (
        ", known for its {goods},",
        ", the twin town of {city},",
        ", often painted by {person},",
    ),
}
