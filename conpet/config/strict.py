"""Reading YAML strictly: every mistake is one line with file, key, and what would be right."""

from __future__ import annotations

import contextlib
import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from conpet.config.messages import one_line
from conpet.errors import UserError


class Strict(BaseModel):
    """A config section: unknown keys and wrong types are refused, values never change.

    A number is finite.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


M = TypeVar("M", bound=BaseModel)


def is_yaml(path: Path) -> bool:
    """Say whether a name is a YAML file's.

    Raises:
        UserError: it is but for the letters of its ending, which nothing else would take for one.
    """
    if path.suffix.lower() in (endings := (".yaml", ".yml")) and path.suffix not in endings:
        raise UserError(f"{path}: end its name in .yaml or .yml, in small letters")
    return path.suffix in endings


def name_in(given: str) -> str:
    """Return the name of what is given by its name, in which dots are letters, or by its YAML."""
    return Path(given).stem if is_yaml(Path(given)) else given


def read_yaml(path: Path) -> dict[str, Any]:
    """Read one YAML mapping.

    Raises:
        UserError: no such file, not YAML, or not a mapping.
    """
    # late: a command that reads no YAML does not wait for its reader
    from conpet.config.plain_yaml import parse

    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not valid YAML: {error}") from None
    with within(str(path)):
        value = parse(text)
    if not isinstance(value, dict):
        kind = "nothing" if value is None else f"a {type(value).__name__}"
        raise UserError(f"{path}: expected a mapping of keys to values, found {kind}")
    return value


def validate(model: type[M], value: Any, where: str) -> M:
    """Return ``value`` as ``model``.

    Raises:
        UserError: one line: ``where``, the key's path, and what would be right.
    """
    try:
        return model.model_validate(value)
    except ValidationError as failure:
        raise UserError(f"{where}: {one_line(failure, model, value)}") from None


def validate_text(model: type[M], text: bytes, where: str) -> M:
    """Return JSON text as ``model``.

    Raises:
        UserError: one line: ``where``, the key's path, and what would be right.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UserError(f"{where}: not JSON: {error}") from None
    try:
        return model.model_validate_json(text)  # in which a number may be a key
    except ValidationError as failure:
        raise UserError(f"{where}: {one_line(failure, model, value)}") from None


@contextlib.contextmanager
def within(where: str) -> Iterator[None]:
    """Put ``where`` before the message of any UserError from the block."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def choose(kind: str, name: str, known: list[str], where: str) -> None:
    """Raise a UserError unless ``name`` is known, with the closest known name as a hint."""
    if name in known:
        return
    close = difflib.get_close_matches(name, known, n=1)
    names = ", ".join(sorted(known))
    hint = (
        f"did you mean {close[0]!r}?" if close else f"known: {names}" if names else "none is known"
    )
    raise UserError(f"{where}: unknown {kind} {name!r}: {hint}")


def merge(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` overlaid with ``top``, section by section.

    A section that names another ``type`` replaces the whole section: what was said of one kind
    of thing (LoRA's rank) means nothing for another (IA3). So does a list or a plain value.
    """
    merged = dict(base)
    for key, value in top.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and not _replaces(value, old):
            merged[key] = merge(old, value)
        else:
            merged[key] = value
    return merged


def _replaces(value: dict[str, Any], old: dict[str, Any]) -> bool:
    other_type = "type" in value and value["type"] != old.get("type")
    by_task = any(isinstance(key, int) for key in value)
    return other_type or by_task
