"""The directive `conpet-parts`: every learner, replay or head there is, with its own options."""

from __future__ import annotations

import importlib
import inspect

from docutils import nodes
from docutils.statemachine import StringList
from key_reference import key_lines
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

# package -> what a file of it names its class
MARKS = {"learners": "LEARNER", "replay": "REPLAY", "heads": "HEAD"}


def part_lines(package: str) -> list[str]:
    """Return a description of each part of a package in reStructuredText."""
    lines = []
    for name in importlib.import_module(f"conpet.{package}").names():
        path = f"conpet.{package}.{name}"
        kind = getattr(importlib.import_module(path), MARKS[package])
        lines += [f".. rubric:: {name}", "", f".. automodule:: {path}", "   :no-members:", ""]
        if keys := key_lines(kind.Options):
            lines += [*(inspect.getdoc(kind.Options) or "").splitlines(), "", *keys]
    return lines


class ConpetParts(SphinxDirective):
    """The parts of a package, known by their files."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return their descriptions."""
        lines = part_lines(self.arguments[0])
        return self.parse_text_to_nodes(StringList(lines, self.arguments[0]))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("conpet-parts", ConpetParts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
