"""Files put into a folder that are known by their names: learners, replays."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import traceback
from pathlib import Path
from typing import Any

from conpet.errors import UserError
from conpet.files import visible


@functools.cache
def names(folder: Path, mark: str) -> list[str]:
    """Return the stems of the Python files in ``folder`` that set ``mark`` at their top level.

    Nothing is imported: a helper file in the folder, which sets no mark, is passed over.
    """
    return [p.stem for p in visible(folder, "*.py") if _sets(p, mark)]


def check(folder: Path, name: str, mark: str) -> None:
    """Say what is wrong with the file of a name, where there is one.

    Raises:
        UserError: it is no Python, or sets no ``mark``.
    """
    path = folder / f"{name}.py"
    if not name.isidentifier() or not path.is_file():
        return
    shown = f"{folder.parent.name}/{folder.name}/{path.name}"
    try:
        ast.parse(_read(path))
    except SyntaxError as error:
        raise UserError(f"{shown}: line {error.lineno}: not Python ({error.msg})") from None
    if not _sets(path, mark):
        raise UserError(f"{shown}: sets no {mark}: end it with {mark} = THE CLASS")


def found(folder: Path, name: str, mark: str) -> Any:
    """Return what the file of a name sets as ``mark``.

    Raises:
        UserError: it cannot be imported.
    """
    try:
        return getattr(importlib.import_module(f"conpet.{folder.name}.{name}"), mark)
    except Exception as error:  # whatever is wrong in a file of somebody's own
        path = folder / f"{name}.py"
        lines = [
            f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)
        ]
        at = f"line {lines[-1]}: " if lines else ""
        shown = f"{folder.parent.name}/{folder.name}/{path.name}"
        said = f"{type(error).__name__}: {error}"
        raise UserError(f"{shown}: {at}cannot be imported ({said})") from error


@functools.cache
def code(path: Path) -> str:
    """Return the SHA-256 of what a Python file does: of its code without comments and docstrings.

    It is empty where the file is none or no Python.
    """
    try:
        tree = ast.parse(_read(path))
    except (OSError, SyntaxError):
        return ""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_text(body[0]):
            body[0].value.value = ""
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()


def shipped(name: str) -> Path:
    """Return where a file of the package lies; ``name`` is its path in the project."""
    return Path(__file__).parent.parent / name


def _is_text(node: ast.stmt) -> bool:
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        shown = f"{path.parent.parent.name}/{path.parent.name}/{path.name}"
        raise UserError(f"{shown}: not UTF-8: save it as UTF-8") from None


def _sets(path: Path, mark: str) -> bool:
    text = _read(path)
    if mark not in text:
        return False
    try:
        body = ast.parse(text).body
    except SyntaxError:
        return True  # meant to be one: importing it says what is wrong
    set_here = [node for node in body if isinstance(node, ast.Assign | ast.AnnAssign)]
    return any(mark in _targets(node) for node in set_here)


@functools.cache
def number(path: Path, name: str, otherwise: int) -> int:
    """Return a whole number that a Python file sets at its top level; ``otherwise`` if it does not.

    Nothing is imported.

    Raises:
        UserError: what it sets there is not written as a whole number.
    """
    try:
        body = ast.parse(_read(path)).body
    except (OSError, SyntaxError):
        return otherwise  # importing it says what is wrong
    for node in reversed(body):  # the last word counts, as in Python
        if not isinstance(node, ast.Assign | ast.AnnAssign) or name not in _targets(node):
            continue
        if isinstance(node.value, ast.Constant) and type(node.value.value) is int:
            return node.value.value
        raise UserError(
            f"{path}: line {node.lineno}: {name}: write a whole number, like {name} = 2"
        )
    return otherwise


def _targets(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]
