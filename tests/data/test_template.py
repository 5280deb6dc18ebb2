"""What becomes of a sample's text: nothing lost but what is cut, and that in its place."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from conpet.data.schema import Mention, Sample
from conpet.data.template import CannotFitError, Vocabulary, cloze, encode, vocabulary
from conpet.errors import UserError
from tests.data.tokenizers_tiny import MAKERS, RESERVED, byte_level, sentencepiece, wordpiece

RELATION = "in this sentence, {tail} is the {mask} of {head}."
ENTITY = "{entity} is a {mask}."
TEXT = "marie curie was born in warsaw , she lived in paris ."


@pytest.fixture(params=MAKERS)
def tokenizer(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return MAKERS[request.param](tmp_path)


def sample(text: str, *mentions: tuple[str, str], nth: int = 0) -> Sample:
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
        while (a := _find(rest, opening)) >= 0:
            b = _find(rest, closing)
            assert b > a
            found.append(rest[a + len(opening) : b])
            rest = rest[b + len(closing) :]
        assert _find(rest, closing) < 0
        return found

    def unmarked(self) -> list[int]:
        """Return what stands left of the mask, markers taken out."""
        rest = list(self.before)
        for pair in self.vocab.markers.values():
            for marker in pair:
                while (a := _find(rest, marker)) >= 0:
                    del rest[a : a + len(marker)]
        return rest


def _find(ids: list[int], part: list[int]) -> int:
    places = range(len(ids) - len(part) + 1)
    return next((i for i in places if ids[i : i + len(part)] == part), -1)


def test_markers_mask_and_text(tokenizer: Any) -> None:
    value = sample(TEXT, ("head", "marie curie"), ("tail", "warsaw"))
    e = Encoded(tokenizer, value, RELATION)
    assert [e.text(ids).strip() for ids in e.spans("head")] == ["marie curie"]
    assert [e.text(ids).strip() for ids in e.spans("tail")] == ["warsaw"]
    whole = f"{TEXT} in this sentence, warsaw is the"
    assert plain(e.text(e.unmarked())) == plain(whole)
    assert plain(e.text(e.after)) == plain(" of marie curie.")


@pytest.mark.parametrize("tokenizer", [m for m in MAKERS if m != "wordpiece"], indirect=True)
def test_the_cloze_reads_as_it_is_written(tokenizer: Any) -> None:
    """Where the tokenizer keeps spaces there are neither more nor fewer than in the text."""
    e = Encoded(tokenizer, sample(TEXT, ("entity", "paris")), ENTITY)
    assert e.text(e.unmarked()).strip() == f"{TEXT} paris is a"
    assert tokenizer.decode(e.vocab.anchor + e.after) == "a."


@pytest.mark.parametrize("prepend", [True, False])
def test_sentencepiece_puts_no_space_of_its_own_into_the_cloze(prepend: bool) -> None:
    tokenizer = sentencepiece(prepend=prepend)
    value = sample(TEXT, ("head", "marie curie"), ("tail", "warsaw"))
    tokens = tokenizer.convert_ids_to_tokens(Encoded(tokenizer, value, RELATION).ids)
    assert "▁" not in tokens
    end = ["▁warsaw", "▁is", "▁the", "<0x04>", "▁of", "▁marie", "▁curie", "."]
    assert tokens[-len(end) :] == end


def test_which_entries_serve(tmp_path: Path) -> None:
    bert = vocabulary(wordpiece(tmp_path))
    named = wordpiece(tmp_path).convert_ids_to_tokens
    assert named([*bert.markers["head"][0], *bert.markers["head"][1]]) == ["[unused0]", "[unused1]"]
    assert named([*bert.markers["tail"][0], *bert.markers["tail"][1]]) == ["[unused2]", "[unused3]"]
    assert bert.markers["entity"] == bert.markers["head"]
    assert named([*bert.prefix, *bert.mask, *bert.suffix]) == ["[CLS]", "[MASK]", "[SEP]"]
    assert (bert.pad, bert.single) == (0, True)
    llama = vocabulary(sentencepiece())
    assert [*llama.markers["head"], *llama.markers["tail"]] == [([3]), ([4]), ([5]), ([6])]
    assert (llama.mask, llama.prefix, llama.suffix, llama.pad) == ([7], [1], [], 2)


@pytest.mark.parametrize(
    "spare",
    [
        RESERVED,
        tuple(f"madeupword{i:04d}" for i in range(5)),
        ("<filename>", "<gh_stars>", "<issue_start>", "<issue_comment>", "<issue_closed>"),
        tuple(f"<|{n}|>" for n in ("object_ref_start", "object_ref_end", "box_start", "box_end",
                                   "quad_start")),
    ],
)  # fmt: skip
def test_spare_entries_of_causal_models(spare: tuple[str, ...]) -> None:
    tokenizer = byte_level(*spare)
    v = vocabulary(tokenizer)
    ids = [*v.markers["head"][0], *v.markers["head"][1], *v.markers["tail"][0]]
    ids += [*v.markers["tail"][1], *v.mask]
    assert v.single
    assert sorted(tokenizer.convert_ids_to_tokens(ids)) == sorted(spare[:5])
    assert len(set(ids)) == 5


def test_markers_are_spelled_out_where_fewer_than_five_entries_are_spare() -> None:
    tokenizer = byte_level(*RESERVED[:4])
    v = vocabulary(tokenizer)
    assert not v.single
    assert tokenizer.decode(v.markers["head"][0] + v.markers["tail"][1]) == "<e1></e2>"
    assert tokenizer.decode(v.markers["entity"][0] + v.mask) == "<e> ___"
    e = Encoded(tokenizer, sample(TEXT, ("entity", "paris")), ENTITY)
    assert e.ids[e.at] == v.mask[-1]  # the state at the mask's last token has read all of it


def test_a_tokenizer_with_a_mask_uses_it() -> None:
    tokenizer = byte_level(*RESERVED, mask_token="<mask>", pad_token="<pad>")
    v = vocabulary(tokenizer)
    assert tokenizer.convert_ids_to_tokens(v.mask) == ["<mask>"]
    assert tokenizer.convert_ids_to_tokens([v.pad]) == ["<pad>"]


def test_every_mention_of_a_role_is_marked(tokenizer: Any) -> None:
    text = "warsaw is old , marie curie was born in warsaw , in this city warsaw"
    starts = [i for i in range(len(text)) if text.startswith("warsaw", i)]
    tails = [Mention("tail", i, i + 6) for i in starts]
    head = sample(text, ("head", "marie curie")).mentions
    e = Encoded(tokenizer, Sample("id", text, "l", "", (tails[2], *head, *tails[:2])), RELATION)
    assert [e.text(ids).strip() for ids in e.spans("tail")] == ["warsaw"] * 3
    assert [e.text(ids).strip() for ids in e.spans("head")] == ["marie curie"]
    assert plain(e.text(e.unmarked())) == plain(f"{text} in this sentence, warsaw is the")


def test_neighbours_and_both_ends_of_a_text(tokenizer: Any) -> None:
    e = Encoded(tokenizer, sample("marie warsaw", ("head", "marie"), ("tail", "warsaw")), RELATION)
    assert [e.text(ids).strip() for ids in e.spans("head")] == ["marie"]
    assert [e.text(ids).strip() for ids in e.spans("tail")] == ["warsaw"]
    v = e.vocab
    marked = v.markers["head"][1] + v.markers["tail"][0]
    assert _find(e.before, marked) > 0  # the first mention closes before the next one opens


def test_a_mention_inside_a_token_marks_the_whole_token(tokenizer: Any) -> None:
    text = "one warsaw two"
    e = Encoded(tokenizer, Sample("i", text, "l", "", (Mention("entity", 5, 7),)), ENTITY)
    (span,) = e.spans("entity")
    assert "ar" in e.text(span)
    assert plain(e.text(e.unmarked())) == plain(f"{text} ar is a")


def test_what_touches_a_mention_stays_outside(tokenizer: Any) -> None:
    text = "one (warsaw) two"
    e = Encoded(tokenizer, Sample("i", text, "l", "", (Mention("entity", 5, 11),)), ENTITY)
    assert [e.text(ids).strip() for ids in e.spans("entity")] == ["warsaw"]
    assert plain(e.text(e.unmarked())) == plain(f"{text} warsaw is a")


def test_nested_mentions_open_and_close_once_each(tokenizer: Any) -> None:
    text = "marie curie was born"
    mentions = (Mention("head", 0, 11), Mention("tail", 6, 11))
    e = Encoded(tokenizer, Sample("i", text, "l", "", mentions), RELATION)
    for role in ("head", "tail"):
        for marker in e.vocab.markers[role]:
            a = _find(e.before, marker)
            assert a >= 0
            assert _find(e.before[a + 1 :], marker) < 0
    assert _find(e.before, e.vocab.markers["tail"][1] + e.vocab.markers["head"][1]) > 0


def test_names_that_look_like_placeholders_stay_as_they_are() -> None:
    text = "{tail} and {mask} and {x}"
    value = sample(text, ("head", "{tail}"), ("tail", "{mask}"))
    assert cloze(value, RELATION) == ("in this sentence, {mask} is the", " of {tail}.")


def test_a_role_that_the_sample_lacks() -> None:
    value = sample("marie was born", ("head", "marie"))
    with pytest.raises(UserError, match=r"sample id: no tail is marked, but the template names"):
        cloze(value, RELATION)


def test_the_cloze_names_the_first_mention_of_a_role() -> None:
    text = "warsaw or the city , and marie"
    mentions = sample(text, ("tail", "the city"), ("head", "marie"), ("tail", "warsaw")).mentions
    before, after = cloze(Sample("i", text, "l", "", mentions), RELATION)
    assert (before, after) == ("in this sentence, the city is the", " of marie.")


@pytest.mark.parametrize("template", ["{mask}", "{mask} is the intent.", "the intent is {mask}"])
def test_a_mask_at_either_end_of_the_template(tokenizer: Any, template: str) -> None:
    e = Encoded(tokenizer, sample("one two three"), template)
    before, after = template.split("{mask}")
    assert plain(e.text(e.before)) == plain(f"one two three {before}")
    assert plain(e.text(e.after)) == plain(after)


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
