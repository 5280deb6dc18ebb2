"""YAML 1.2: read as plain values (dict, list, str, int, float, bool, None), or edited as text."""

from __future__ import annotations

import sys
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, ComposerError, MaxDepthExceededError
from ruamel.yaml.constructor import RoundTripConstructor, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from conpet.errors import UserError

MAX_DEPTH = 100
# what `*name` may stand for in one file, all in all: a file of ten lines can mean a billion values
MAX_ALIASED = 10_000


class _Composer(Composer):
    """Refuses a key given twice, and aliases that hold themselves or grow without bound."""

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader=loader)
        self.warn_double_anchors = False  # YAML lets a name be given again
        self.values = 0
        self.aliased = 0
        self.sizes: dict[int, int] = {}

    def compose_node(self, parent: Any, index: Any) -> Node:
        alias = self.parser.peek_event() if self.parser.check_event(AliasEvent) else None
        before = self.values
        node: Node = super().compose_node(parent, index)
        if alias is None:
            self.values += 1
            self.sizes[id(node)] = self.values - before
        elif id(node) not in self.sizes:
            raise _complaint(f"*{alias.anchor} stands inside what it names", alias)
        else:
            self.values += self.sizes[id(node)]
            self.aliased += self.sizes[id(node)]
            if self.aliased > MAX_ALIASED:
                raise _complaint(f"aliases stand for more than {MAX_ALIASED} values", alias)
        return node

    def compose_mapping_node(self, anchor: Any) -> MappingNode:
        # here, because the constructor looks for no key given twice beside a `<<`
        node: MappingNode = super().compose_mapping_node(anchor)
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if not isinstance(key, ScalarNode):
                raise _complaint("a list or a mapping cannot be a key", key)
            if (str(key.tag), key.value) in seen:
                raise _complaint(f"the key {key.value!r} is given twice: keep one", key)
            seen.add((str(key.tag), key.value))
        return node


def _complaint(problem: str, at: Any) -> ComposerError:
    return ComposerError(None, None, problem, at.start_mark)


class _Plain(SafeConstructor):
    """A date is text; sets, bytes and the like are refused."""


class _Kept(RoundTripConstructor):
    """A date is text here as well."""


for _tag in ("timestamp", "value"):  # `=` alone is a "value"
    _Plain.add_constructor(f"tag:yaml.org,2002:{_tag}", SafeConstructor.construct_yaml_str)
    _Kept.add_constructor(f"tag:yaml.org,2002:{_tag}", RoundTripConstructor.construct_yaml_str)
for _tag in ("binary", "omap", "pairs", "set"):
    _Plain.add_constructor(f"tag:yaml.org,2002:{_tag}", SafeConstructor.construct_undefined)


def editor() -> YAML:
    """Return what loads a text and dumps it again with its comments and quotes."""
    yaml = YAML()
    yaml.Composer, yaml.Constructor = _Composer, _Kept
    yaml.preserve_quotes = True
    yaml.width = sys.maxsize  # no text is folded
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def parse(text: str) -> Any:
    """Return the value of a YAML text.

    Raises:
        UserError: one line: where in the text, and what is wrong there.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer, yaml.Constructor, yaml.max_depth = _Composer, _Plain, MAX_DEPTH
    try:
        return yaml.load(text)
    except MarkedYAMLError as error:
        deep = isinstance(error, MaxDepthExceededError)
        problem = f"nested deeper than {MAX_DEPTH} levels" if deep else error.problem
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        begun = error.context_mark
        # what is not closed is found out further down than where it has to be mended
        opened = begun is not None and mark is not None and begun.line < mark.line
        since = (
            f", in what begins at line {begun.line + 1}, column {begun.column + 1}"
            if opened
            else ""
        )
        raise UserError(f"{where}not valid YAML: {problem}{since}") from None
    except (YAMLError, ValueError, KeyError) as error:
        raise UserError(f"not valid YAML: {' '.join(str(error).split())}") from None
