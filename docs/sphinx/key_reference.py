"""The directive `conpet-keys`: what a section of a YAML may say, from the class that reads it."""

from __future__ import annotations

import importlib
import json
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from pydantic import BaseModel
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

BOUNDS = (
    ("minimum", "at least"), ("exclusiveMinimum", "above"),
    ("maximum", "at most"), ("exclusiveMaximum", "below"),
)  # fmt: skip
WORDS = {
    "integer": "whole number", "number": "number", "string": "text", "boolean": "true or false",
    "array": "list", "object": "mapping",
}  # fmt: skip


def key_lines(kind: type[BaseModel]) -> list[str]:
    """Return a table of a class's keys in reStructuredText; nothing where it has none."""
    keys = kind.model_json_schema().get("properties", {})
    if not keys:
        return []
    lines = [".. list-table::", "   :header-rows: 1", "   :class: keys", ""]
    rows = [(f"``{key}``", takes(part), default(part)) for key, part in keys.items()]
    for first, *others in [("key", "takes", "default"), *rows]:
        lines += [f"   * - {first}", *(f"     - {cell}" for cell in others)]
    return [*lines, ""]


def default(part: dict[str, Any]) -> str:
    """Return a key's default as YAML writes it; that of a section is in the section's own table."""
    if "default" not in part:
        return "must be said"
    value = part["default"]
    if isinstance(value, dict) and value:
        return "its own"
    return "none" if value is None else written(value)


def written(value: Any) -> str:
    """Return a value as YAML writes it."""
    plain = isinstance(value, str) and value != ""
    return f"``{value if plain else json.dumps(value)}``"


def takes(part: dict[str, Any]) -> str:
    """Return in words what a key takes."""
    if options := part.get("anyOf") or part.get("oneOf"):
        found = [takes(option) for option in options if option != {"type": "null"}]
        return ", or ".join(dict.fromkeys(found))
    if "$ref" in part:
        return f"keys of ``{part['$ref'].rsplit('/', 1)[1]}``"
    if "enum" in part or "const" in part:
        return ", ".join(map(written, part.get("enum", [part.get("const")])))
    text = WORDS.get(part.get("type", ""), "anything")
    if text == "list" and part.get("items"):
        text = f"list; each: {takes(part['items'])}"
    bounds = [f"{word} {part[bound]:,.10g}" for bound, word in BOUNDS if bound in part]
    return f"{text}, {' and '.join(bounds)}" if bounds else text


def class_of(path: str) -> Any:
    """Return what a dotted path names."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


class ConpetKeys(SphinxDirective):
    """A class of `conpet.config`: its docstring, and a table of its keys."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the class's description."""
        path = self.arguments[0]
        lines = [f".. autoclass:: {path}()", "   :no-members:", "", *key_lines(class_of(path))]
        return self.parse_text_to_nodes(StringList(lines, path))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("conpet-keys", ConpetKeys)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
