"""Encoded samples, taken apart again."""

from __future__ import annotations

from typing import Any

from conpet.data.schema import Mention, Sample
from conpet.data.template import Vocabulary, encode, vocabulary

RELATION = "in this sentence, {tail} is the {mask} of {head}."
ENTITY = "{entity} is a {mask}."
TEXT = "marie curie was born in warsaw , she lived in paris ."


def sample(text: str, *mentions: tuple[str, str]) -> Sample:
    """Return a sample whose mentions are given as (role, the words it covers)."""
    found = []
    for role, words in mentions:
        start = text.index(words)
        found.append(Mention(role, start, start + len(words)))
    return Sample("id", text, "label", "", tuple(found))


def plain(text: str) -> str:
    return "".join(text.split())


class Encoded:
    """A sample's ids taken apart again."""

    def __init__(self, tokenizer: Any, value: Sample, template: str, max_length: int = 400) -> None:
        self.tokenizer = tokenizer
        self.vocab: Vocabulary = vocabulary(tokenizer)
        self.ids, self.at = encode(value, template, tokenizer, self.vocab, max_length)
        v = self.vocab
        start = self.at + 1 - len(v.mask)
        assert self.ids[start : self.at + 1] == v.mask
        assert self.ids[: len(v.prefix)] == v.prefix
        end = len(self.ids) - len(v.suffix)
        assert self.ids[end:] == v.suffix
        self.before = self.ids[len(v.prefix) : start]
        self.after = self.ids[self.at + 1 : end]

    def text(self, ids: list[int]) -> str:
        return self.tokenizer.decode(ids)

    def spans(self, role: str) -> list[list[int]]:
        """Return what stands between a role's markers, left of the mask."""
        opening, closing = self.vocab.markers[role]
        found, rest = [], self.before
        while (a := find(rest, opening)) >= 0:
            b = find(rest, closing)
            assert b > a
            found.append(rest[a + len(opening) : b])
            rest = rest[b + len(closing) :]
        assert find(rest, closing) < 0
        return found

    def unmarked(self) -> list[int]:
        """Return what stands left of the mask, markers taken out."""
        rest = list(self.before)
        for pair in self.vocab.markers.values():
            for marker in pair:
                while (a := find(rest, marker)) >= 0:
                    del rest[a : a + len(marker)]
        return rest


def find(ids: list[int], part: list[int]) -> int:
    places = range(len(ids) - len(part) + 1)
    return next((i for i in places if ids[i : i + len(part)] == part), -1)
