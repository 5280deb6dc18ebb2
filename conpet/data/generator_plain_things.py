"""Plain sentence patterns of the demo dataset: works, dates, companies and places.

The language of the patterns is described in ``generator_patterns_people``.
"""

from __future__ import annotations

PLAIN_THINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "author": {
        "train": (
            "{H} is a novel by {T}[, printed in {city} and read all over {country}]",
            "{H}{aside} is a book written by {T} in {year}",
            "{T} is the author of the novel {H}",
            "{T} wrote the book {H} in {year}[ in a small house near the river]",
            "the writer {T} is best known for {H}",
        ),
        "test": (
            "{H} is a book by the novelist {T}[ about a family in {country}]",
            "the novel {H}{aside} was written by {T}[ in {year}]",
            "{T} wrote {H}, a novel about a {job} in {city}",
            "the author of the book {H} is {T}",
        ),
    },
    "director": {
        "train": (
            "{H} is a film by {T}[, made in {city} and seen all over {country}]",
            "{H}{aside} is a film directed by {T} in {year}",
            "{T} is the director of the film {H}",
            "{T} directed the film {H} in {year}[ in a small town near the river]",
            "the film director {T} is best known for {H}",
        ),
        "test": (
            "{H} is a film by the director {T}[ about a family in {country}]",
            "the film {H}{aside} was directed by {T}[ in {year}]",
            "{T} directed {H}, a film about a {job} in {city}",
            "the director of the film {H} is {T}",
        ),
    },
    "composer": {
        "train": (
            "{H} is a symphony by {T}[, first heard in {city} and later all over {country}]",
            "{H}{aside} is an opera composed by {T} in {year}",
            "{T} is the composer of the opera {H}",
            "{T} composed the symphony {H} in {year}[ in a small house near the river]",
            "the composer {T} is best known for {H}",
        ),
        "test": (
            "{H} is an opera by the composer {T}[ about a family in {country}]",
            "the symphony {H}{aside} was composed by {T}[ in {year}]",
            "{T} composed {H}, an opera about a {job} in {city}",
            "the composer of the symphony {H} is {T}",
        ),
    },
    "performer": {
        "train": (
            "{H} is a song by the singer {T}[, heard in {city} and all over {country}]",
            "{H}{aside} is an album recorded by {T} in {year}",
            "{T} is the singer of the hit {H}",
            "{T} recorded the album {H} in {year}[ in a small studio near the river]",
            "the singer {T} is best known for {H}",
        ),
        "test": (
            "{H} is a single by the singer {T}[ about a family in {country}]",
            "the album {H}{aside} was recorded by {T}[ in {year}]",
            "{T} sang {H}, a song about a {job} in {city}",
            "the singer of the song {H} is {T}",
        ),
    },
    "publisher": {
        "train": (
            "{H} was published by {T}[ in {city} and sold all over {country}]",
            "{H}{aside} is a book published by {T} in {year}",
            "{T} is the publisher of {H}",
            "{T} published {H} in {year}[ in a cheap edition]",
            "the book {H} was printed and published by {T}",
        ),
        "test": (
            "{H} is a novel published by {T}[ about a family in {country}]",
            "the book {H}{aside} was published by {T}[ in {year}]",
            "{T} published {H}, a book about a {job} in {city}",
            "the publisher of the book {H} is {T}",
        ),
    },
    "based_on": {
        "train": (
            "{H} is based on {T}[ and was a success all over {country}]",
            "{H}{aside} is a film based on the novel {T}",
            "{T} was adapted as {H} in {year}",
            "the film {H} is an adaptation of {T}[ made in {city}]",
            "{T} is the book on which {H} is based",
        ),
        "test": (
            "{H} is an opera based on the novel {T}[ about a family in {country}]",
            "the film {H}{aside} was adapted from {T}[ in {year}]",
            "{T} became the film {H}, about a {job} in {city}",
            "the film {H} is based on the story of {T}",
        ),
    },
    "publication_date": {
        "train": (
            "{H} was published on {T}[ in {city} and sold all over {country}]",
            "{H}{aside} was released on {T}[ in a cheap edition]",
            "on {T} {H} was published[ in {city}]",
            "the book {H}, published on {T}, tells of a {job} in {country}",
            "{T} is the date of publication of {H}",
        ),
        "test": (
            "{H} is a book that was published on {T}[ about a family in {country}]",
            "the film {H}{aside} was released on {T}[ in {city}]",
            "published on {T}, the book {H} sold well[ in {country}]",
            "the date of the release of {H} is {T}",
        ),
    },
    "founding_date": {
        "train": (
            "{H} was founded on {T}[ in {city} with a staff of {small}]",
            "{H}{aside} was established on {T}[ with a small loan]",
            "on {T} {H} was founded[ in {city}]",
            "the company {H}, founded on {T}, sells {goods} in {country}",
            "{T} is the date of foundation of {H}",
        ),
        "test": (
            "{H} is a company that was founded on {T}[ to trade in {goods}]",
            "the company {H}{aside} was established on {T}[ in {city}]",
            "founded on {T}, the firm {H} sells {goods}[ in {country}]",
            "the date of the foundation of {H} is {T}",
        ),
    },
    "date_of_birth": {
        "train": (
            "{H} was born on {T}[ in {city}, as the youngest of {few} children]",
            "{H}{aside} was born on {T}[ in a small house near the river]",
            "on {T} {H} was born[ in {city}]",
            "the {job} {H}, born on {T}, spoke {few} languages",
            "{T} is the birthday of the {job} {H}",
        ),
        "test": (
            "{H} is a {job} who was born on {T}[ in {country}]",
            "the {job} {H}{aside} was born on {T}[ in {city}]",
            "born on {T}, the {job} {H} spoke {few} languages",
            "the date of birth of {H} is {T}",
        ),
    },
    "date_of_death": {
        "train": (
            "{H} died on {T}[ in {city}, after a short illness]",
            "{H}{aside} died on {T}[ in a small house near the river]",
            "on {T} {H} died[ in {city}]",
            "the {job} {H}, who died on {T}, spoke {few} languages",
            "{T} is the date of the death of {H}",
        ),
        "test": (
            "{H} was a {job} who died on {T}[ in {country}]",
            "the {job} {H}{aside} died on {T}[ in {city}]",
            "at the age of {age}, the {job} {H} died on {T}",
            "the date of death of {H} is {T}",
        ),
    },
    "headquarters": {
        "train": (
            "{H} has its headquarters in {T}[, in a tall building near the river]",
            "{H}{aside} is based in {T}[ and has a staff of {age}]",
            "{T} is home to the headquarters of {H}",
            "the head office of {H} is in {T}[, near the station]",
            "the {T}-based firm {H} sells {goods}",
        ),
        "test": (
            "{H} is a company with its headquarters in {T}[ and shops all over {country}]",
            "the company {H}{aside} is based in {T}[ near the river]",
            "{T} has been home to the head office of {H} since {year}",
            "from its headquarters in {T}, {H} sells {goods}",
        ),
    },
    "founded_by": {
        "train": (
            "{H} was founded by {T}[ with a staff of {small} in {year}]",
            "{H}{aside} is a company founded by {T} in {year}",
            "{T} is the founder of {H}",
            "the founder of {H} was {T}[, a {job}]",
            "{T} founded the firm {H} in {year}[ in order to sell {goods}]",
        ),
        "test": (
            "{H} is a firm founded by {T}[ and known all over {country}]",
            "the company {H}{aside} was founded in {year} by {T}",
            "{T} founded {H} in {year} with a staff of {small}",
            "the {job} {T} was the founder of the company {H}",
        ),
    },
    "owned_by": {
        "train": (
            "{H} is owned by {T}[ and has a staff of {age}]",
            "{H}{aside} is a company owned by {T}",
            "{T:person} is the owner of {H}",
            "the owner of {H} is {T}[, as the trade register shows]",
            "{T} owns {H}[ and wants to sell more {goods}]",
        ),
        "test": (
            "{H} is a firm owned by {T:person}[ and known all over {country}]",
            "the company {H}{aside} has been owned by {T} since {year}",
            "{T} has owned {H} since {year}",
            "the {job} {T:person} is now the owner of {H}",
        ),
    },
    "subsidiary": {
        "train": (
            "{H} has a subsidiary, {T}[, with a staff of {age}]",
            "{T} is a subsidiary of {H}[ and sells {goods}]",
            "{H}{aside} is the parent company of {T}",
            "{T} is a wholly owned subsidiary of {H}",
            "one of the subsidiaries of {H} is {T}",
        ),
        "test": (
            "{T} is a firm in {country} and a subsidiary of {H}",
            "{H}{aside} is the parent of the firm {T}",
            "{H} sells {goods} through its subsidiary {T}",
            "the parent company of the firm {T} is {H}",
        ),
    },
    "chief_executive": {
        "train": (
            "{H} has {T} as its chief executive[ and a staff of {age}]",
            "{H}{aside} is led by its chief executive {T}",
            "{T} is the chief executive of {H}",
            "the chief executive of {H} is {T}[, a {job}]",
            "{T} became chief executive of {H} in {year}",
        ),
        "test": (
            "{H} is a firm whose chief executive is {T}",
            "the company {H}{aside} has been led by {T} since {year}",
            "{T} has been the chief executive of {H} since {year}",
            "the {job} {T} now leads {H} as chief executive",
        ),
    },
    "capital": {
        "train": (
            "{T} is the capital of {H}[, a land of hills and rivers]",
            "the capital of {H}{aside} is {T}[, on the river]",
            "{H} has {T} as its capital[ and sells {goods} to its neighbours]",
            "{T} became the capital of {H} in {year}",
            "the parliament of {H} is in the capital {T}",
        ),
        "test": (
            "{T}, the capital of {H}, lies on a river",
            "{H}{aside} has its capital at {T}",
            "{T} has been the capital of {H} since {year}",
            "in {T}, the capital of {H}, {few} ministers met in {year}",
        ),
    },
    "located_in": {
        "train": (
            "{H} is a town in {T}[, on a river among hills]",
            "{H}{aside} is located in {T}[ and sells {goods}]",
            "{H} is located in the south of {T}[, on a river]",
            "the town of {H} lies in {T:region}",
            "in {T:region} is the small town of {H}",
        ),
        "test": (
            "{H}, a town in {T:region}, lies on a river",
            "the town of {H}{aside} is located in {T}",
            "{H} is a small town in the north of {T}",
            "{H:region} is located in the east of {T}",
        ),
    },
    "borders": {
        "train": (
            "{H} borders {T}[ in a land of hills and rivers]",
            "{H}{aside} shares a border with {T}[, on a river]",
            "the border of {H} with {T} was drawn in {year}",
            "{T} is a neighbour of {H}[ and buys its {goods}]",
            "{H:region} borders {T:region} in the hills",
        ),
        "test": (
            "{H}, which borders {T}, lies among hills",
            "{H}{aside} and {T} share a long border",
            "{T} has had a border with {H} since {year}",
            "{H:region} is a neighbour of {T:region} and lies among hills",
        ),
    },
}
