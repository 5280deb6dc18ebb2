"""What is left of a text that is too long."""

from __future__ import annotations

import random
from typing import Any

import pytest

from conpet.data.schema import Mention, Sample
from conpet.data.template import CannotFitError, Vocabulary, encode, vocabulary
from tests.data.taken_apart import ENTITY, RELATION, TEXT, Encoded, plain, sample


def long_text(*inner: str) -> str:
    filler = ["one two three four five six seven eight nine ten"] * 6
    parts = [" ".join(filler)]
    for words in inner:
        parts += [words, " ".join(filler)]
    return " ".join(parts)


def is_subsequence(part: list[int], whole: list[int]) -> bool:
    rest = iter(whole)
    return all(token in rest for token in part)


def test_a_long_text_is_cut_round_its_mentions(tokenizer: Any) -> None:
    text = long_text("marie curie", "warsaw")
    value = sample(text, ("head", "marie curie"), ("tail", "warsaw"))
    full = Encoded(tokenizer, value, RELATION, max_length=4000)
    e = Encoded(tokenizer, value, RELATION, max_length=100)
    assert len(e.ids) == 100  # all the room is used
    assert e.after == full.after
    for role in ("head", "tail"):
        assert e.spans(role) == full.spans(role)
    assert is_subsequence(e.ids, full.ids)
    kept = e.text(e.unmarked())
    assert "ten marie curie one" in kept  # what stands beside the mentions stays
    assert "ten warsaw one" in kept


@pytest.mark.parametrize("position", ["first", "last"])
def test_a_mention_at_an_end_of_a_long_text(tokenizer: Any, position: str) -> None:
    filler = long_text()
    text = f"paris {filler}" if position == "first" else f"{filler} paris"
    e = Encoded(tokenizer, sample(text, ("entity", "paris")), ENTITY, max_length=64)
    assert len(e.ids) == 64
    assert [e.text(ids).strip() for ids in e.spans("entity")] == ["paris"]
    kept = plain(e.text(e.unmarked()))
    neighbour = "parisonetwo" if position == "first" else "ninetenparis"
    assert neighbour in kept
    assert kept.endswith("parisisa")


def test_entities_at_both_ends_of_a_long_text(tokenizer: Any) -> None:
    text = f"marie curie {long_text()} warsaw"
    value = sample(text, ("head", "marie curie"), ("tail", "warsaw"))
    e = Encoded(tokenizer, value, RELATION, max_length=60)
    assert len(e.ids) == 60
    kept = e.text(e.unmarked())
    assert plain("marie curie one two") in plain(kept)
    assert plain("nine ten warsaw") in plain(kept)
    assert plain(e.text(e.after)) == plain("of marie curie.")


def test_a_long_text_without_mentions_keeps_its_beginning(tokenizer: Any) -> None:
    text = long_text()
    e = Encoded(tokenizer, sample(text), "the intent is {mask}.", max_length=40)
    assert len(e.ids) == 40
    kept = e.text(e.before)
    assert plain(kept).startswith("onetwothree")
    assert plain(kept).endswith("theintentis")
    whole = tokenizer(text, add_special_tokens=False)["input_ids"]
    sentence = e.before[: len(e.before) - len(_lead(tokenizer, "the intent is"))]
    assert sentence == whole[: len(sentence)]


def _lead(tokenizer: Any, text: str) -> list[int]:
    anchor = tokenizer("a", add_special_tokens=False)["input_ids"]
    return tokenizer(f"a {text}", add_special_tokens=False)["input_ids"][len(anchor) :]


def test_what_cannot_fit(tokenizer: Any) -> None:
    value = sample(TEXT, ("head", "marie curie"), ("tail", "warsaw"))
    v = vocabulary(tokenizer)
    least = next(n for n in range(8, 200) if _fits(value, tokenizer, v, n))
    e = Encoded(tokenizer, value, RELATION, max_length=least)
    assert len(e.ids) == least
    markers = sum(len(m) for role in ("head", "tail") for m in v.markers[role])
    names = sum(len(ids) for role in ("head", "tail") for ids in e.spans(role))
    cloze_length = least - len(v.prefix) - len(v.suffix) - markers - names
    assert cloze_length == len(_lead(tokenizer, "in this sentence, warsaw is the")) + len(
        v.mask
    ) + len(_lead(tokenizer, "of marie curie."))
    assert not any(_fits(value, tokenizer, v, n) for n in range(1, least))
    assert all(_fits(value, tokenizer, v, n) for n in range(least, least + 30))


def _fits(value: Sample, tokenizer: Any, v: Vocabulary, max_length: int) -> bool:
    try:
        ids, _ = encode(value, RELATION, tokenizer, v, max_length)
    except CannotFitError:
        return False
    return len(ids) <= max_length


def test_further_mentions_give_way_to_the_first(tokenizer: Any) -> None:
    words = ["one", "two", "three", "four", "five", *["ten"] * 25]
    text = " ".join(f"warsaw {word}" for word in words) + " two marie"
    starts = [i for i in range(len(text)) if text.startswith("warsaw", i)]
    tails = [Mention("tail", i, i + 6) for i in starts]
    mentions = (tails[4], *tails[:4], *tails[5:], Mention("head", len(text) - 5, len(text)))
    e = Encoded(tokenizer, Sample("i", text, "l", "", mentions), RELATION, max_length=60)
    assert len(e.spans("tail")) == 1
    _, _, after = e.text(e.before).rpartition(e.text(e.vocab.markers["tail"][1]))
    assert after.split()[0] == "five"  # what follows the mention that was named first
    assert [e.text(ids).strip() for ids in e.spans("head")] == ["marie"]
    assert len(e.ids) == 60


def test_an_encoding_depends_on_nothing_but_its_sample(tokenizer: Any) -> None:
    a = sample(TEXT, ("head", "marie curie"), ("tail", "paris"))
    b = sample(long_text("marie", "paris"), ("head", "marie"), ("tail", "paris"))
    v = vocabulary(tokenizer)
    first = encode(a, RELATION, tokenizer, v, 60)
    encode(b, RELATION, tokenizer, v, 60)
    assert encode(a, RELATION, tokenizer, v, 60) == first


ODD = ["é", "naïve", "日本", "🙂", "e\u0301", "I.B.M.", "don't", "3,5", "<e1>", "___", "\u00a0x"]


@pytest.mark.parametrize("number", range(4))
def test_any_text_comes_back_token_by_token(tokenizer: Any, number: int) -> None:
    rng = random.Random(number)
    v = vocabulary(tokenizer)
    odd = [word for word in ODD if v.single or word not in ("<e1>", "___")]
    for _ in range(15):
        words = [rng.choice(["one", "two", "paris", "curie", "x", *odd]) for _ in range(25)]
        words += ["one", "x"]
        text = " ".join(words)
        starts = [sum(len(w) + 1 for w in words[:i]) for i in range(len(words))]
        a, b = sorted(rng.sample([i for i, w in enumerate(words) if w in ("one", "two", "x")], 2))
        mentions = [
            Mention(role, starts[i], starts[i] + len(words[i]))
            for role, i in (("head", a), ("tail", b))
        ]
        value = Sample("i", text, "l", "", tuple(mentions))
        e = Encoded(tokenizer, value, RELATION, max_length=1000)
        whole = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert e.unmarked()[: len(whole)] == whole
        assert [e.text(ids).strip() for ids in e.spans("head")] == [words[a]]
        assert [e.text(ids).strip() for ids in e.spans("tail")] == [words[b]]
        cut = Encoded(tokenizer, value, RELATION, max_length=70)
        assert len(cut.ids) <= 70
        assert cut.spans("head") == e.spans("head")
        assert cut.spans("tail") == e.spans("tail")
        assert is_subsequence(cut.ids, e.ids)
