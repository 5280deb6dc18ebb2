"""A sample as a person reads it: what it is about marked in the text, cut where that is not."""

from __future__ import annotations

import json
from dataclasses import replace

from conpet.data.schema import Mention, Sample

_TAGS = {"head": "e1", "tail": "e2", "entity": "e"}
_BEFORE = 40  # letters that stay before the first mention


def as_text(sample: Sample) -> str:
    """Return a sample as it is asked about: one mention of each role marked, fields as JSON."""
    if sample.has_fields:
        return json.dumps({m.role: sample.text[m.start : m.end] for m in sample.mentions})
    first = {m.role: m for m in reversed(sample.mentions)}
    marks = [(m.end, 0, f"</{_TAGS[role]}>") for role, m in first.items()]
    marks += [(m.start, 1, f"<{_TAGS[role]}>") for role, m in first.items()]
    text = sample.text
    for at, _, mark in sorted(marks, reverse=True):
        text = text[:at] + mark + text[at:]
    return text


def excerpt(sample: Sample, most: int) -> str:
    """Return at most ``most`` letters of a sample, those round its mentions, which are marked.

    A mention that is further on than that from the first is left out; fields are shown as lines.
    """
    mentions = () if sample.has_fields else sample.mentions
    start, text = 0, sample.text
    if len(text) > most:
        first = min((m.start for m in mentions), default=0)
        last = max((m.end for m in mentions), default=0)
        # from the beginning where all mentions are there
        start = 0 if last < most else min(max(0, first - _BEFORE), len(text) - most + 2)
    end = min(len(text), start + most - (start > 0))
    if end < len(text):
        end -= 1
    kept = [m for m in mentions if start <= m.start and m.end <= end]
    moved = tuple(Mention(m.role, m.start - start, m.end - start) for m in kept)
    shown = as_text(replace(sample, text=text[start:end], mentions=moved))
    return "…" * (start > 0) + shown + "…" * (end < len(text))
