"""FewNERD: fine-grained entity types, tagged tokens.

Format: lines ``token<TAB>tag``, a blank line between sentences; a tag is ``O`` or
``coarse-fine`` (66 of them, such as person-actor). Tags are IO, not BIO: tokens in a row with the
same tag are one mention. Each mention gives one sample, the sentence with that mention marked,
labelled with the tag; its id is ``FILE:LINE`` of the mention's first token.

Licence: CC BY-SA 4.0. Citation: Ding et al. 2021, "Few-NERD: A Few-shot Named Entity Recognition
Dataset", ACL.
Files: train.txt, dev.txt and test.txt of the supervised setting, in the zip archive at
cloud.tsinghua.edu.cn/f/c1f71c011d6b461786bc/?dl=1 (github.com/thunlp/Few-NERD).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from conpet.config.raw import RawFile
from conpet.data.readers._common import Options, Record, mention_record
from conpet.data.readers._files import read_sentences
from conpet.data.report import Report


def records(
    raw: Path, files: Sequence[RawFile], options: Options, report: Report
) -> Iterator[Record]:
    """Yield one record a mention, in file order."""
    for file in files:
        for lines, tokens, tags in read_sentences(raw, file, report):
            for tag, run in groupby(range(len(tags)), key=tags.__getitem__):
                if tag == "O":
                    continue
                start, *rest = run
                end = start + len(rest) + 1
                yield mention_record(file, lines[start], tokens, start, end, tag)
