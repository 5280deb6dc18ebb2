"""Names of modules in a PEFT config, held against the model that it is put into.

PEFT is content where one name of a list is found, and passes over the others: a mistyped one would
tune less than was asked for, or with another rank, and nothing would say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from conpet.errors import UserError

_LISTS = ("target_modules", "exclude_modules", "modules_to_save")
_PATTERNS = ("rank_pattern", "alpha_pattern")


def unmatched(config: Any, modules: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each field of a PEFT config and each name in it that no module of a model has.

    Args:
        config: PEFT's config object, as the user's values made it.
        modules: the names of all modules of the model.
    """
    for field in _LISTS:
        names = getattr(config, field, None)
        if not isinstance(names, str):  # one text is a pattern, or all-linear
            for name in sorted(names or ()):
                if not any(m == name or m.endswith(f".{name}") for m in modules):
                    yield field, name


def unmatched_in(config: Any, targeted: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield what concerns no module among those that PEFT has put something into.

    Args:
        targeted: the names of these modules.
    """
    for field in _PATTERNS:
        for pattern in getattr(config, field, None) or ():
            if not any(re.match(rf"(.*\.)?({pattern})$", name) for name in targeted):
                yield field, pattern
    layers = getattr(config, "layers_to_transform", None)
    for layer in [layers] if isinstance(layers, int) else layers or ():
        if not any(re.search(rf"(^|\.){layer}\.", name) for name in targeted):
            yield "layers_to_transform", str(layer)


def refuse(faults: Iterable[tuple[str, str]], model: str, modules: Sequence[str]) -> None:
    """Refuse the first name that matches nothing.

    Args:
        modules: names of modules that could be meant.

    Raises:
        UserError: the field, the name, and some that there are.
    """
    for field, name in faults:
        last = sorted({module.rpartition(".")[2] for module in modules} - {""})
        known = ", ".join(part for part in last if not part.isdigit())
        raise UserError(
            f"tuning.config: {field}: {name!r} matches no module of {model}, which would be tuned "
            f"as if it were not there: name one of its own, as {known}"
        )
