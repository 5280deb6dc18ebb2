"""Markers, mask and ends by tokenizer: BERT, RoBERTa, LLaMA, GPT-NeoX, Qwen 2 and 3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from conpet.data.template import render, vocabulary
from tests.data.taken_apart import RELATION, TEXT, Encoded, sample
from tests.data.tokenizers_tiny import MAKERS

SPELLED = "<e1> marie curie </e1> was born in <e2> warsaw </e2> , she lived in paris ."
CLOZE = "in this sentence, warsaw is the MASK of marie curie."
# what stands before a text, for its head and tail, for the mask, and after it
ENTRIES: dict[str, tuple[str, list[str], str, str]] = {
    "wordpiece": ("[CLS]", [f"[unused{i}]" for i in range(4)], "[MASK]", "[SEP]"),
    "roberta": ("<s>", [], "<mask>", "</s>"),
    "roberta_spare": ("<s>", [f"madeupword000{i}" for i in range(4)], "<mask>", "</s>"),
    "llama": ("<s>", [f"<0x0{i}>" for i in range(4)], "<0x04>", ""),
    "gpt_neox": ("", [], "___", ""),
    "qwen2": ("", [], "___", ""),
    "qwen3": (
        "",
        ["<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>"],
        "<|quad_start|>",
        "",
    ),
}
SPELLED_OUT = ("byte_level", "byte_level_mask", "roberta", "gpt_neox", "qwen2")
PADS = {"wordpiece": "[PAD]", "roberta": "<pad>", "llama": "</s>", "gpt_neox": "<|padding|>"}


def words(text: str) -> str:
    """Return a text whose tokens that are not letters stand alone."""
    return " ".join(text.replace(",", " , ").replace(".", " . ").split())


@pytest.mark.parametrize("name", ENTRIES)
def test_a_text_as_the_model_reads_it(name: str, tmp_path: Path) -> None:
    tokenizer = MAKERS[name](tmp_path)
    before, markers, mask, after = ENTRIES[name]
    value = sample(TEXT, ("head", "marie curie"), ("tail", "warsaw"))
    e = Encoded(tokenizer, value, RELATION)
    expected = SPELLED
    for spelled, entry in zip(("<e1>", "</e1>", "<e2>", "</e2>"), markers, strict=False):
        expected = expected.replace(spelled, entry)
    whole = f"{before} {expected} {CLOZE.replace('MASK', mask)} {after}"
    shown = render(e.ids, tokenizer, e.vocab).replace("<e1>marie", "<e1> marie")
    assert words(shown) == words(whole)
    assert e.vocab.single == bool(markers)
    assert tokenizer.decode(e.ids[e.at]).strip() in (mask, "_", "\x04")


@pytest.mark.parametrize("name", PADS)
def test_the_entry_that_fills_short_texts_up(name: str, tmp_path: Path) -> None:
    tokenizer = MAKERS[name](tmp_path)
    assert tokenizer.convert_ids_to_tokens(vocabulary(tokenizer).pad) == PADS[name]


@pytest.mark.parametrize("name", ENTRIES)
def test_a_saved_tokenizer_comes_back_the_same(name: str, tmp_path: Path) -> None:
    tokenizer = MAKERS[name](tmp_path)
    tokenizer.save_pretrained(tmp_path / "saved")
    again = AutoTokenizer.from_pretrained(tmp_path / "saved")
    assert vocabulary(again) == vocabulary(tokenizer)
    value = sample(TEXT, ("head", "marie curie"), ("tail", "warsaw"))
    assert Encoded(again, value, RELATION).ids == Encoded(tokenizer, value, RELATION).ids


@pytest.mark.parametrize("tokenizer", SPELLED_OUT, indirect=True)
def test_spelled_markers_are_words_of_their_own(tokenizer: Any) -> None:
    e = Encoded(tokenizer, sample(TEXT, ("tail", "warsaw"), ("head", "paris")), RELATION)
    shown = tokenizer.decode(e.before)
    assert " in <e2> warsaw </e2> , she lived in <e1> paris </e1> . in" in shown


@pytest.mark.parametrize("tokenizer", [m for m in MAKERS if m not in SPELLED_OUT], indirect=True)
def test_a_marker_written_in_a_text_is_no_marker(tokenizer: Any) -> None:
    v = vocabulary(tokenizer)
    opening, closing = v.markers["head"]
    names = tokenizer.convert_ids_to_tokens([*opening, *closing, *v.mask])
    value = sample(f"one {' '.join(names)} paris", ("head", "one"), ("tail", "paris"))
    ids = Encoded(tokenizer, value, RELATION).ids
    assert [ids.count(i) for i in (*opening, *closing, *v.mask)] == [1, 1, 1]
