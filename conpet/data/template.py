"""A sample -> token ids: markers round the mentions, a cloze at the end, cut to length.

The representation of a text is read at the cloze's mask (docs/methods.md, Input and
representation). Markers and mask are single vocabulary entries where the tokenizer has spare ones;
otherwise they are plain text.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from conpet.data.fields import fill
from conpet.data.schema import Mention, Sample
from conpet.errors import UserError

_TEXT_MARKERS = {"head": ("<e1>", "</e1>"), "tail": ("<e2>", "</e2>"), "entity": ("<e>", "</e>")}
_ANCHOR = "a"
_SPARE = (
    re.compile(r"^\[unused\d+\]$"),  # BERT
    re.compile(r"^madeupword\d+$"),  # RoBERTa
    re.compile(r"^<\|?reserved_special_token_\d+\|?>$"),  # LLaMA 3
    re.compile(r"^<unused\d+>$"),  # Gemma
    re.compile(r"^(\[control_\d+\]|<SPECIAL_\d+>)$"),  # Mistral from 0.3 on
    re.compile(r"^<\|placeholder\d+\|>$"),  # Phi 3
    re.compile(r"^<0x0[0-9A-F]>$"),  # LLaMA and Mistral: control bytes that no text holds
    # SmolLM and StarCoder; Qwen 2.5 and 3: entries for what no plain text is
    re.compile(r"^<(filename|gh_stars|issue_start|issue_comment|issue_closed|jupyter_start)>$"),
    re.compile(r"^<\|(object_ref_start|object_ref_end|box_start|box_end|quad_start|quad_end)\|>$"),
)


class CannotFitError(Exception):
    """The mentions and the cloze alone are longer than max_length."""


@dataclass(frozen=True)
class Vocabulary:
    """The ids that stand for markers and mask in one tokenizer.

    ``markers`` maps a role to the ids before and after a mention; ``single`` says whether they
    are spare vocabulary entries (else they are spelled out). ``anchor`` is a word's beginning.
    """

    markers: dict[str, tuple[list[int], list[int]]]
    mask: list[int]
    prefix: list[int]
    suffix: list[int]
    pad: int
    single: bool
    anchor: list[int]


def vocabulary(tokenizer: Any) -> Vocabulary:
    """Choose markers and mask by what the tokenizer can do."""
    has_mask = tokenizer.mask_token_id is not None
    entries = tokenizer.get_vocab()
    spare: list[int] = []
    for pattern in _SPARE:
        found = sorted(index for token, index in entries.items() if pattern.match(token))
        if len(found) >= (4 if has_mask else 5):
            spare = found
            break
    anchor = _ids(_ANCHOR, tokenizer)
    if spare:
        # head and tail take the first four, as the authors' [unused0..3]; one mention the first two
        markers = {
            "head": ([spare[0]], [spare[1]]),
            "tail": ([spare[2]], [spare[3]]),
            "entity": ([spare[0]], [spare[1]]),
        }
    else:
        # words of their own, like those round them
        markers = {
            role: (_continued(f" {a}", tokenizer, anchor), _continued(f" {b}", tokenizer, anchor))
            for role, (a, b) in _TEXT_MARKERS.items()
        }
    if has_mask:
        mask = [tokenizer.mask_token_id]
    else:
        mask = [spare[4]] if spare else _continued(" ___", tokenizer, anchor)
    whole = tokenizer(_ANCHOR, return_special_tokens_mask=True)
    own = [i for i, added in enumerate(whole["special_tokens_mask"]) if not added]
    prefix, suffix = whole["input_ids"][: own[0]], whole["input_ids"][own[-1] + 1 :]
    pad = tokenizer.pad_token_id
    pad = pad if pad is not None else tokenizer.eos_token_id
    pad = 0 if pad is None else pad
    return Vocabulary(markers, mask, list(prefix), list(suffix), pad, bool(spare), anchor)


def _ids(text: str, tokenizer: Any) -> list[int]:
    # a text that happens to hold "[MASK]" or "</s>" is data: it must not become that entry
    found = tokenizer(text, add_special_tokens=False, split_special_tokens=True)
    return list(found["input_ids"])


def _continued(text: str, tokenizer: Any, anchor: list[int]) -> list[int]:
    """Return the ids of a text that goes on after another.

    LLaMA's tokenizer puts a space before whatever it is given, which only an anchor can take.
    """
    if not text.strip():
        return []
    ids = _ids(_ANCHOR + text, tokenizer)
    return ids[len(anchor) :] if ids[: len(anchor)] == anchor else _ids(text, tokenizer)


def cloze(sample: Sample, template: str) -> tuple[str, str]:
    """Return the cloze's text before and after the mask, names filled in from the mentions.

    Raises:
        UserError: the template names a role that the sample has no mention of.
    """
    names: dict[str, str] = {}
    for mention in sample.mentions:
        names.setdefault(mention.role, sample.text[mention.start : mention.end])
    before, after = template.split("{mask}", 1)

    def name(found: re.Match[str]) -> str:
        if found[1] not in names:
            raise UserError(
                f"sample {sample.id}: no {found[1]} is marked, but the template names "
                f"{found[0]}: check the dataset's kind, format and template"
            )
        return names[found[1]]

    def fill(text: str) -> str:
        # in one pass: a name that itself looks like {tail} stays as it is
        return re.sub(r"\{(\w+)\}", name, text)

    return fill(before).rstrip(), fill(after)


@dataclass(frozen=True)
class _Piece:
    ids: list[int]
    must: bool  # a marker, a mention, or nothing that may be cut


def _spans(
    mentions: tuple[Mention, ...], offsets: list[tuple[int, int]]
) -> list[tuple[int, int, str]]:
    """Return (first token, token after the last, role) of each mention.

    One of which the tokenizer keeps nothing (a zero-width character) is empty, in its place.
    """
    spans = []
    for mention in sorted(mentions, key=lambda m: (m.start, m.end)):
        inside = [
            i for i, (a, b) in enumerate(offsets) if a < mention.end and b > mention.start and b > a
        ]
        after = next((i for i, (a, _) in enumerate(offsets) if a >= mention.end), len(offsets))
        start, end = (inside[0], inside[-1] + 1) if inside else (after, after)
        spans.append((start, end, mention.role))
    return spans


def _marked(ids: list[int], spans: list[tuple[int, int, str]], vocab: Vocabulary) -> list[_Piece]:
    pieces: list[_Piece] = []
    inside = [False] * len(ids)
    opens: dict[int, list[int]] = {}
    closes: dict[int, list[int]] = {}
    for start, end, role in spans:
        before, after = vocab.markers[role]
        opens.setdefault(start, []).extend(before + after if start == end else before)
        if start == end:
            continue
        closes[end] = after + closes.get(end, [])
        inside[start:end] = [True] * (end - start)
    for i in range(len(ids) + 1):
        if i in closes:
            pieces.append(_Piece(closes[i], True))
        if i in opens:
            pieces.append(_Piece(opens[i], True))
        if i < len(ids):
            pieces.append(_Piece([ids[i]], inside[i]))
    return pieces


def _cut(pieces: list[_Piece], room: int, has_mentions: bool) -> list[int]:
    """Keep what must stay, then the pieces nearest to it, up to ``room`` ids."""
    sizes = np.array([len(p.ids) for p in pieces])
    if sizes.sum() <= room:
        return [i for p in pieces for i in p.ids]
    must = np.array([p.must for p in pieces])
    if sizes[must].sum() > room:
        raise CannotFitError
    places = np.arange(len(pieces))
    anchors = places[must] if has_mentions and must.any() else np.array([0])
    distance = np.abs(places[:, None] - anchors[None, :]).min(axis=1)
    keep = must.copy()
    left = room - int(sizes[must].sum())
    for i in np.lexsort((places, distance)):
        if not keep[i]:
            if sizes[i] > left:
                break
            keep[i] = True
            left -= sizes[i]
    return [i for p, kept in zip(pieces, keep, strict=True) if kept for i in p.ids]


def encode(
    sample: Sample, template: str, tokenizer: Any, vocab: Vocabulary, max_length: int
) -> tuple[list[int], int]:
    """Return a sample's token ids and the position of its mask.

    A text of several fields fills the template, and the longest field is cut. Other longer texts
    are cut around the mentions (at the end without any); markers, mentions and cloze always stay.
    Further mentions of a role give way to the first when all do not fit.

    Raises:
        CannotFitError: the first mentions and the cloze alone do not fit into ``max_length``.
    """
    if sample.has_fields:
        return _filled(sample, template, tokenizer, vocab, max_length)
    before, after = cloze(sample, template)
    whole = tokenizer(
        sample.text,
        add_special_tokens=False,
        split_special_tokens=True,
        return_offsets_mapping=True,
    )
    ids, offsets = list(whole["input_ids"]), [tuple(o) for o in whole["offset_mapping"]]
    lead = _continued(" " + before, tokenizer, vocab.anchor)
    trail = _continued(after, tokenizer, vocab.anchor)
    fixed = len(vocab.prefix) + len(vocab.suffix) + len(lead) + len(vocab.mask) + len(trail)
    room = max_length - fixed
    if room < 1:
        raise CannotFitError
    first = {m.role: m for m in reversed(sample.mentions)}
    for mentions in (sample.mentions, tuple(first.values())):
        pieces = _marked(ids, _spans(mentions, offsets), vocab)
        try:
            sentence = _cut(pieces, room, bool(mentions))
            break
        except CannotFitError:
            continue
    else:
        raise CannotFitError
    start = len(vocab.prefix) + len(sentence) + len(lead)
    text = vocab.prefix + sentence + lead + vocab.mask + trail + vocab.suffix
    return text, start + len(vocab.mask) - 1


def _filled(
    sample: Sample, template: str, tokenizer: Any, vocab: Vocabulary, max_length: int
) -> tuple[list[int], int]:
    values = {m.role: sample.text[m.start : m.end] for m in sample.mentions}
    if unknown := sorted(set(re.findall(r"\{(\w+)\}", template)) - {"mask", *values}):
        raise UserError(
            f"sample {sample.id}: no field {unknown[0]}, but the template names it: check the "
            "dataset's options and template"
        )
    found = fill(
        values, template, vocab.mask, (
            lambda text: _ids(text, tokenizer),
            lambda text: _continued(text, tokenizer, vocab.anchor),
        ), max_length - len(vocab.prefix) - len(vocab.suffix),
    )  # fmt: skip
    if found is None:
        raise CannotFitError
    ids, at = found
    return vocab.prefix + ids + vocab.suffix, len(vocab.prefix) + at


def render(ids: list[int], tokenizer: Any, vocab: Vocabulary) -> str:
    """Return token ids as a person can read them: entries that are no text by their names."""
    markers = [marker for pair in vocab.markers.values() for marker in pair]
    alone = [marker[0] for marker in (*markers, vocab.mask) if len(marker) == 1]
    named = {*vocab.prefix, *vocab.suffix, *alone}
    pieces: list[str] = []
    for is_text, group in itertools.groupby(ids, key=lambda index: index not in named):
        run = list(group)
        found = [tokenizer.decode(run).strip()] if is_text else tokenizer.convert_ids_to_tokens(run)
        pieces += found
    return " ".join(pieces)
