"""What was typed behind ``--config``, which Snakemake may have turned into a number.

``experiment=2024_01`` reaches the Snakefile as the number 202401, ``mirror=123`` as 123.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from conpet.config.strict import choose
from conpet.errors import UserError

OPTIONS = ("experiment", "mirror", "store", "artifacts", "tolerance")
_EXAMPLES = {
    "mirror": "./{}",
    "artifacts": "./{}",
    "store": "sqlite:///results/mlflow.db, or http://HOST:5000",
}


def _number(text: str) -> Any:
    """Return what Snakemake reads a text as: a number, yes or no, or the text."""
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return {"True": True, "False": False}.get(text, text)


def experiment(config: dict[str, Any], known: Iterable[str]) -> str:
    """Return the experiment's name as it was typed, if one of ``known`` can be meant.

    Raises:
        UserError: a number that several names are read as, or a list.
    """
    value = config.get("experiment", "demo")
    if value in (None, ""):
        raise UserError("--config experiment=: empty: give a name or a YAML file, or leave it out")
    if isinstance(value, str):
        return value
    # compared as text: nan equals nothing, and 1 equals true
    meant = [name for name in known if repr(_number(name)) == repr(value)]
    if len(meant) == 1:
        return meant[0]
    raise UserError(
        f"--config experiment={value}: not a name: give the file: config/experiments/NAME.yaml"
    )


def text(config: dict[str, Any], option: str, default: str) -> str:
    """Return an option that is text; left empty it is the default.

    Raises:
        UserError: Snakemake read it as something else.
    """
    value = config.get(option)
    if value in (None, ""):
        return default
    if isinstance(value, str):
        return value
    example = _EXAMPLES[option].format(value)
    raise UserError(f"--config {option}={value}: not text: write {option}={example}")


def mirror(config: dict[str, Any]) -> str:
    """Return the mirror's folder, '' where none is asked for.

    Raises:
        UserError: no such folder: what it should hold would be downloaded and nothing said.
    """
    folder = text(config, "mirror", "")
    if folder and not Path(folder).is_dir():
        raise UserError(f"--config mirror={folder}: no such folder")
    return folder


def tolerance(config: dict[str, Any]) -> str:
    """Return what `conpet verify` is told of the tolerance, before anything is made again.

    Raises:
        UserError: it is no number, or less than 0.
    """
    value = config.get("tolerance")
    if value is None:
        return ""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise UserError(f"--config tolerance={value}: give a number, 0 or more")
    return f"--tolerance {number}"


def check(config: dict[str, Any], words: Sequence[str] = ()) -> None:
    """Raise a UserError for an option that there is not, or that ``words`` give twice.

    Snakemake takes the last of two, and says nothing: of two ``--config``, too, whatever options
    the first one gives.
    """
    if len([word for word in words if re.match(r"--config(=|$)|-C", word)]) > 1:
        raise UserError(
            "--config is given twice, and the first is not heeded: write all behind one: "
            "--config experiment=NAME mirror=FOLDER"
        )
    for option in config:
        choose("option", option, list(OPTIONS), "--config")
        given = [word for word in words if word.startswith(f"{option}=")]
        if len(given) > 1:
            raise UserError(f"--config {' '.join(given)}: {option} is given twice: give it once")
