"""Class names that a reader would take for one: other case, accents put together otherwise, ..."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable

from conpet.wording import some

#: what pandas reads as missing
_MISSING = {"nan", "NaN", "NA", "N/A", "n/a", "None", "null", "NULL", "<NA>", "#N/A", "#NA"}

# Cyrillic and Greek letters that are drawn as Latin ones
_LATIN = str.maketrans("асеорхуіјѕԁһονρ", "aceopxyijsdhovp")


# dashes of all lengths, and quotes that open and close
_SIGNS = {"Pd": "-", "Pi": "'", "Pf": "'"}


def _hidden(letter: str) -> bool:
    """Say whether a character is not drawn: a format, or the choice of a sign's colour."""
    return unicodedata.category(letter) == "Cf" or "\ufe00" <= letter <= "\ufe0f"


def _seen(name: str) -> str:
    """Return a name as an eye takes it in: no case, no signs that are not drawn, one kind of blank.

    Underscores and dashes are blanks to it, quotes and a last full stop nothing, and what HTML
    writes as ``&amp;`` is ``&``. NFKC makes one of a letter with its accent and a letter
    followed by it (Unicode Annex 15).
    """
    normal = unicodedata.normalize("NFKC", html.unescape(name))
    drawn = "".join("" if _hidden(c) else _SIGNS.get(unicodedata.category(c), c) for c in normal)
    # a sign before a number is no blank: -1 is not 1
    words = re.sub(r"(?<=\w)[_-]+(?=\w)|_", " ", drawn.casefold().translate(_LATIN))
    seen = " ".join(re.sub(r"['\"`]", "", words).split()).rstrip(".,;:!") or " ".join(words.split())
    # a column of whole numbers with one missing is written as 1.0; some tools drop leading zeros
    number = seen.removesuffix(".0")
    return str(int(number)) if number.isdecimal() else seen


def twins(names: Iterable[str]) -> str:
    """Say which different class names look alike; nothing where none do."""
    alike: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        alike.setdefault(_seen(name), []).append(name)
    found = [" and ".join(map(ascii, group)) for group in alike.values() if len(group) > 1]
    if not found:
        return ""
    return f"classes look alike: {some(found, 3)}: where they are one class, write them alike"


def missing_values(names: Iterable[str]) -> str:
    """Say which class names tools read as a missing value; nothing where there is none."""
    found = [name for name in dict.fromkeys(names) if name in _MISSING]
    if not found:
        return ""
    return (
        f"{', '.join(map(repr, found))}: a class here, a missing value to other tools: leave such "
        "rows out where that is what they mean; pandas reads answers right with "
        "keep_default_na=False"
    )
