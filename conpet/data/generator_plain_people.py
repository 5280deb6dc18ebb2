"""Plain sentence patterns of the demo dataset: people.

The language of the patterns is described in ``generator_patterns_people``.
"""

from __future__ import annotations

PLAIN_PEOPLE: dict[str, dict[str, tuple[str, ...]]] = {
    "place_of_birth": {
        "train": (
            "{H} was born in {T}[ in the winter of {year}, as the youngest of {few} children]",
            "{H}{aside} was born in a small house in {T}[ on a cold morning in {month}]",
            "{T} is the town in which the {job} {H} was born[ and baptised]",
            "{T} is known as the birthplace of {H}[, the {job} who became famous in {country}]",
            "{H}, born in {T}, was a {job}[ of some fame]",
        ),
        "test": (
            "{H} was a {job} who was born in {T}[ in {year} to a family of bakers]",
            "born in {T} in {year}, the {job} {H} spoke {few} languages",
            "the {job} {H}{aside} is a native of {T}[ and was born there in {year}]",
            "{T}, the birthplace of {H}, has named a street after the {job}",
        ),
    },
    "place_of_death": {
        "train": (
            "{H} died in {T}[ on a cold morning in {month}]",
            "{H}{aside} died at home in {T}[ in the winter of {year}, after a short illness]",
            "{T} is the town in which the {job} {H} died[ at the age of {age}]",
            "the death of {H} in {T} was a surprise to {his} friends[ in {country}]",
            "{H}, a {job} of some fame, died of a fever in {T}",
        ),
        "test": (
            "{H} was a {job} who died in {T}[ in {year} after a fall from a horse]",
            "at the age of {age}, the {job} {H} died in a hospital in {T}",
            "the {job} {H}{aside} was found dead in {T}[ in {month}]",
            "{T}, where {H} died at the age of {age}, has named a street after the {job}",
        ),
    },
    "residence": {
        "train": (
            "{H} lives in {T}[, in a small house with a large garden]",
            "{H}{aside} lived in {T} for most of {his} life",
            "{T} is the town in which the {job} {H} lives today",
            "{H} is a {job} living in {T}[ with {few} children and a dog]",
            "{H} has been a resident of {T} since {year}",
        ),
        "test": (
            "the {job} {H} has lived in {T} for many years",
            "{H} is a {job} who lives in {T}[ with {his} family]",
            "the {job} {H}{aside} lived in a small house in {T}[ near the river]",
            "{T} residents often see {H}, who has lived there since {year}",
        ),
    },
    "educated_at": {
        "train": (
            "{H} studied at {T} and took a degree there in {year}",
            "{H}{aside} was educated at {T}[ and left with the best degree of the year]",
            "{H} graduated from {T}[ with honours in {month}]",
            "{T} has among its graduates the {job} {H}",
            "as a student {H} attended {T}[ for {few} years]",
        ),
        "test": (
            "the {job} {H} studied chemistry at {T}[ from {year}]",
            "{H} was a student at {T} and graduated in {year}",
            "the {job} {H}{aside} took a degree at {T}[ with honours]",
            "{T} is where {H} was educated and took {his} degree",
        ),
    },
    "employer": {
        "train": (
            "{H} works for {T}[ in a small office near the river]",
            "{H}{aside} was employed by {T} as a {job} for {small} years",
            "{T} employs {H} as a {job}[ in its main office]",
            "{H} has worked at {T} since {year}[ and is paid by the hour]",
            "{T} gave {H} a job as a {job} in {year}",
        ),
        "test": (
            "the {job} {H} has worked for {T} for many years",
            "{H} was employed as a {job} at {T}[ from {year}]",
            "the {job} {H}{aside} took a job at {T}[ in {month}]",
            "{T} hired {H} in {year} as a {job}",
        ),
    },
    "spouse": {
        "train": (
            "{H} married {T} on a cold morning in {month}",
            "{H}{aside} was married to {T} for {small} years",
            "{T} was the {t_husband} of {H}[ for most of {t_his} life]",
            "{H} and {his} {t_husband} {T} lived in {country}",
            "the wedding of {H} and {T} took place in {city}",
        ),
        "test": (
            "the {job} {H} was married to {T}, a {job} from {country}",
            "{H} lived with {his} {t_husband} {T} in a small house near the river",
            "{T} married the {job} {H} in {year}[ in a small church]",
            "the marriage of {H} and {T} lasted {small} years",
        ),
    },
    "sibling": {
        "train": (
            "{H} was the {brother} of {T}[, a {job} of some fame]",
            "{H}{aside} was a younger {brother} of {T}",
            "{T} was the {t_brother} of the {job} {H}",
            "{H} and {his} {t_brother} {T} lived in {country}",
            "{H} had a {t_brother}, the {job} {T}",
        ),
        "test": (
            "the {job} {H} was an elder {brother} of {T}, a {job} from {country}",
            "{H} lived with {his} {t_brother} {T} in a small house near the river",
            "{T} was a {t_brother} of {H}[ and worked as a {job}]",
            "{T} and {t_his} younger {brother} {H} opened a shop in {city}",
        ),
    },
    "parent": {
        "train": (
            "{H} was the {son} of {T}[, a {job} of some fame]",
            "{H}{aside} was the youngest child of {T}",
            "{T} was the {t_father} of the {job} {H}",
            "{H} and {his} {t_father} {T} lived in {country}",
            "{T} had a {son}, the {job} {H}",
        ),
        "test": (
            "the {job} {H} was the eldest {son} of {T}, a {job} from {country}",
            "{H} lived with {his} {t_father} {T} in a small house near the river",
            "{T} was the {t_father} of {H}[ and worked as a {job}]",
            "{T} and {t_his} {son} {H} opened a shop in {city}",
        ),
    },
    "student_of": {
        "train": (
            "{H} was a student of {T}[, a {job} of some fame]",
            "{H}{aside} studied with {T} for {small} years",
            "{T} was the teacher of the {job} {H}",
            "{H} and {his} teacher {T} lived in {country}",
            "{T} had many pupils, among them the {job} {H}",
        ),
        "test": (
            "the {job} {H} was a pupil of {T}, a {job} from {country}",
            "{H} worked with {his} teacher {T} in a small house near the river",
            "{T} taught {H}[ and worked as a {job}]",
            "{T} and {t_his} student {H} opened a school in {city}",
        ),
    },
    "place_of_burial": {
        "train": (
            "{H} was buried in {T}[ on a cold morning in {month}]",
            "{H}{aside} is buried in {T}[, in a grave near the river]",
            "{T} is the town in which the {job} {H} is buried",
            "the grave of {H} is in {T}[ and is often visited]",
            "the funeral of {H} took place in {T}[ in {month}]",
        ),
        "test": (
            "the {job} {H} lies buried in {T}[ in a simple grave]",
            "{H} was a {job} whose grave is in {T}",
            "the {job} {H}{aside} was buried in a churchyard in {T}",
            "{T}, where {H} is buried, has named a street after the {job}",
        ),
    },
}
