"""CrossNER: entity types of five domains, tagged tokens.

Format: lines ``token<TAB>tag``, a blank line between sentences, tags in BIO: ``O``, ``B-TYPE``,
``I-TYPE``; one folder a domain (politics, science, music, literature, ai) with train.txt, dev.txt
and test.txt (dev is the split valid). Each mention gives one sample, the sentence with that
mention marked, labelled with its type (39 over all domains; a type that several domains know is
one label); its id is ``DOMAIN/FILE:LINE`` of the mention's first token. An I- tag that continues
no mention of its type is dropped, and counted.

Licence: MIT. Citation: Liu et al. 2021, "CrossNER: Evaluating Cross-Domain Named Entity
Recognition", AAAI.
Files: folder ner_data of github.com/zliucr/CrossNER (without conll2003).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from conpet.config.raw import RawFile
from conpet.data.readers._common import Options, Record, mention_record
from conpet.data.readers._files import at_line, read_sentences
from conpet.data.report import Report
from conpet.errors import UserError


def records(
    raw: Path, files: Sequence[RawFile], options: Options, report: Report
) -> Iterator[Record]:
    """Yield one record a mention, in file order."""
    for file in files:
        for lines, tokens, tags in read_sentences(raw, file, report):
            for start, end, label in _mentions(file, lines, tags, report):
                yield mention_record(file, lines[start], tokens, start, end, label)


def _mentions(
    file: RawFile, lines: Sequence[int], tags: Sequence[str], report: Report
) -> Iterator[tuple[int, int, str]]:
    """Yield (first token, token after the last, type) of each mention of a sentence."""
    end = 0
    for start, tag in enumerate(tags):
        prefix, _, label = tag.partition("-")
        if tag != "O" and (prefix not in ("B", "I") or "-" not in tag):
            place = at_line(file, lines[start])
            raise UserError(f"{place}: tag {tag!r}: expected O, B-TYPE or I-TYPE")
        if prefix == "B":
            end = start + 1
            while end < len(tags) and tags[end] == f"I-{label}":
                end += 1
            yield start, end, label
        elif prefix == "I" and start >= end:
            report.drop("I- tag without a mention to continue", at_line(file, lines[start]))
