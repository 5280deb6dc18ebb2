"""Reading YAML strictly: every mistake is one line with file, key, and what would be right."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from conpet.errors import UserError


class Strict(BaseModel):
    """A config section: unknown keys and wrong types are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


M = TypeVar("M", bound=BaseModel)


class _Loader(yaml.SafeLoader):
    """SafeLoader that reads 1e-3 as a number and refuses a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


# YAML 1.1 reads 1e-3 as text because it has no dot; nobody who writes a learning rate means text.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read one YAML mapping.

    Raises:
        UserError: no such file, not YAML, or not a mapping.
    """
    try:
        value = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: expected a mapping of keys to values, found {value!r}")
    return value


def _describe(error: Any, model: type[BaseModel]) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "(top level)"
    if error["type"] == "extra_forbidden":
        known = _keys_at(model, error["loc"][:-1])
        close = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}"
        return f"{where}: unknown key: {hint}"
    if error["type"] == "missing":
        return f"{where}: this key is required"
    message = error["msg"][0].lower() + error["msg"][1:]
    return f"{where}: {message}, found {error['input']!r}"


def _keys_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys that the section at ``loc`` knows, for a hint."""
    current: Any = model
    for part in loc:
        fields = getattr(current, "model_fields", {})
        if part in fields:
            current = fields[part].annotation
        options = [a for a in getattr(current, "__args__", ()) if hasattr(a, "model_fields")]
        for option in options:
            if option.__name__ == part or len(options) == 1:
                current = option
    return list(getattr(current, "model_fields", {}))


def validate(model: type[M], value: Any, where: str) -> M:
    """Return ``value`` as ``model``.

    Raises:
        UserError: one line: ``where``, the key's path, and what would be right.
    """
    try:
        return model.model_validate(value)
    except ValidationError as failure:
        errors = failure.errors()
        # of a union's many complaints the deepest is about the form the user meant
        error = max(errors, key=lambda e: (e["type"] == "extra_forbidden", len(e["loc"])))
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise UserError(f"{where}: {_describe(error, model)}{more}") from None


def choose(kind: str, name: str, known: list[str], where: str) -> None:
    """Raise a UserError unless ``name`` is known, with the closest known name as a hint."""
    if name in known:
        return
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"
    raise UserError(f"{where}: unknown {kind} {name!r}: {hint}")


def merge(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` overlaid with ``top``, section by section.

    A section that names another ``type`` replaces the whole section: what was said of one kind
    of thing (LoRA's rank) means nothing for another (IA3). So does a list or a plain value.
    """
    merged = dict(base)
    for key, value in top.items():
        old = merged.get(key)
        replaces = isinstance(value, dict) and "type" in value
        by_task = isinstance(value, dict) and any(isinstance(k, int) for k in value)
        if isinstance(old, dict) and isinstance(value, dict) and not replaces and not by_task:
            merged[key] = merge(old, value)
        else:
            merged[key] = value
    return merged
