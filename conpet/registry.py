"""Files put into a folder that are known by their names: learners, replays."""

from __future__ import annotations

import ast
import functools
from pathlib import Path


@functools.cache
def names(folder: Path, mark: str) -> list[str]:
    """Return the stems of the Python files in ``folder`` that set ``mark`` at their top level.

    Nothing is imported: a helper file in the folder, which sets no mark, is passed over.
    """
    return sorted(p.stem for p in folder.glob("*.py") if _sets(p, mark))


def _sets(path: Path, mark: str) -> bool:
    text = path.read_text(encoding="utf-8")
    if mark not in text:
        return False
    try:
        body = ast.parse(text).body
    except SyntaxError:
        return True  # meant to be one: importing it says what is wrong
    targets = [t for node in body if isinstance(node, ast.Assign) for t in node.targets]
    targets += [node.target for node in body if isinstance(node, ast.AnnAssign)]
    return any(isinstance(target, ast.Name) and target.id == mark for target in targets)


@functools.cache
def number(path: Path, name: str, otherwise: int) -> int:
    """Return a whole number that a Python file sets at its top level; ``otherwise`` if it does not.

    Nothing is imported.
    """
    try:
        body = ast.parse(path.read_text(encoding="utf-8")).body
    except (OSError, SyntaxError):
        return otherwise  # importing it says what is wrong
    for node in body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id == name:
                    return int(node.value.value)  # type: ignore[arg-type]
    return otherwise
