"""What becomes of a sample's text: markers, cloze and mask in their places, nothing lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conpet.data.schema import Mention, Sample
from conpet.data.template import cloze, vocabulary
from conpet.errors import UserError
from tests.data.taken_apart import ENTITY, RELATION, TEXT, Encoded, find, plain, sample
from tests.data.tokenizers_tiny import MAKERS, RESERVED, byte_level, sentencepiece, wordpiece


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
    assert tokenizer.decode(v.markers["head"][0] + v.markers["tail"][1]) == " <e1> </e2>"
    assert tokenizer.decode(v.markers["entity"][0] + v.mask) == " <e> ___"
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
    assert find(e.before, marked) > 0  # the first mention closes before the next one opens


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


@pytest.mark.parametrize("place", [0, 4, 8])
def test_a_mention_that_the_tokenizer_drops_is_marked_all_the_same(
    tmp_path: Path, place: int
) -> None:
    text = f"{'one two '[:place]}\u200b {'one two '[place:]}".strip(" ")
    value = Sample("i", text, "l", "", (Mention("entity", place, place + 1),))
    e = Encoded(wordpiece(tmp_path), value, ENTITY)
    assert e.spans("entity") == [[]]
    before = e.text(e.before).partition("[unused0] [unused1]")[0]
    assert before.split() == ["one", "two"][: place // 4]
    assert plain(e.text(e.unmarked())) == "onetwoisa"


def test_nested_mentions_open_and_close_once_each(tokenizer: Any) -> None:
    text = "marie curie was born"
    mentions = (Mention("head", 0, 11), Mention("tail", 6, 11))
    e = Encoded(tokenizer, Sample("i", text, "l", "", mentions), RELATION)
    for role in ("head", "tail"):
        for marker in e.vocab.markers[role]:
            a = find(e.before, marker)
            assert a >= 0
            assert find(e.before[a + 1 :], marker) < 0
    assert find(e.before, e.vocab.markers["tail"][1] + e.vocab.markers["head"][1]) > 0


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


@pytest.mark.parametrize("special", ["[MASK]", "[SEP]", "</s>", "<|endoftext|>", "<mask>", "<unk>"])
def test_a_special_name_in_a_text_stays_text(tokenizer: Any, special: str) -> None:
    text = f"one {special} two"
    e = Encoded(tokenizer, sample(text, ("entity", "two")), ENTITY)
    assert not set(tokenizer.all_special_ids) & set(e.before) - {tokenizer.unk_token_id}
    assert [e.text(ids).strip() for ids in e.spans("entity")] == ["two"]
    assert not e.vocab.single or e.ids.count(e.vocab.mask[0]) == 1
