"""The one rule for names: of experiments, datasets, models and methods.

A name becomes a folder, a part of commands, of MLflow's names and of addresses. So it may hold
little, and none may be a name that the layout of results (results/README.md) has for itself.
"""

from __future__ import annotations

import re

from conpet.errors import UserError

PATTERN = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}"
_RULE = "a name has letters, digits, . _ + and - only, a letter or digit first, 100 in all"
#: what stands beside the folder of an experiment, a dataset, a model or a method
TAKEN = (
    "bench", "benchmarks", "data", "figures", "logs", "mlartifacts", "models", "published", "raw",
    "scratch", "tables",
)  # fmt: skip
#: how the suite's own files end that stand beside such folders; and what is read as a file
ENDS = (
    ".csv", ".db", ".html", ".json", ".log", ".old", ".parquet", ".png", ".safetensors", ".svg",
    ".tmp", ".tsv", ".yaml", ".yml",
)  # fmt: skip


def check_name(name: str, where: str) -> str:
    """Return ``name``, if it may be one.

    Args:
        where: file and key that say it, for the message.

    Raises:
        UserError: a letter that no name has, or a name that the suite itself uses.
    """
    if not re.fullmatch(PATTERN, name):
        raise UserError(f"{where}: {_RULE}, found {name!r}")
    if name.lower() in TAKEN or name.lower().endswith(ENDS):
        raise UserError(f"{where}: the suite itself uses names like {name!r}: choose another")
    return name


def name_of(text: str) -> str:
    """Return a name that is as much like ``text`` as the rule allows."""
    name = re.sub(r"[^A-Za-z0-9._+-]", "_", text).lstrip("._+-")[:90] or "file"
    return f"{name}_" if name.lower() in TAKEN or name.lower().endswith(ENDS) else name
