"""The directive `conpet-commands`: every command and its options, as the parser knows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from conpet.commands import app as commands


def command_groups() -> dict[str, Any]:
    """Return every command by its name, in the order in which `conpet --help` lists them."""
    top: Any = typer.main.get_command(commands)
    return dict(top.commands)


class ConpetCommands(SphinxDirective):
    """A section for each command: what it does, how it is typed, what it takes."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        return [self._section(name, command) for name, command in command_groups().items()]

    def _section(self, name: str, command: Any) -> nodes.section:
        section = nodes.section(ids=[f"conpet-{name}"], names=[f"conpet {name}"])
        self.state.document.note_explicit_target(section)
        section += nodes.title("", "", nodes.literal("", f"conpet {name}"))
        section += [nodes.paragraph("", text) for text in (command.help or "").split("\n\n")]
        with command.make_context(f"conpet {name}", [], resilient_parsing=True) as context:
            usage = command.get_usage(context).removeprefix("Usage: ")
            section += nodes.literal_block(usage, usage, language="none")
            section += nodes.definition_list("", *_options(command, context), classes=["options"])
        return section


def _options(command: Any, context: Any) -> Iterator[nodes.definition_list_item]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and "--help" not in parameter.opts:
            name, meaning = record
            term = nodes.term("", "", nodes.literal("", name))
            text = nodes.paragraph("", " ".join(meaning.split()))
            yield nodes.definition_list_item("", term, nodes.definition("", text))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("conpet-commands", ConpetCommands)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
