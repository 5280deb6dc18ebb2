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


@functools.cache
def names(folder: Path, mark: str) -> list[str]:
    """Return the stems of the Python files in ``folder`` that set ``mark`` at their top level.

    Nothing is imported: a helper file in the folder, which sets no mark, is passed over.
    """
    return sorted(p.stem for p in folder.glob("*.py") if _sets(p, mark))


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
        ast.parse(path.read_text(encoding="utf-8"))
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
        tree = ast.parse(path.read_text(encoding="utf-8"))
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
