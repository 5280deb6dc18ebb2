"""What a command may write: never over what it reads, nor over what it did not make."""

from __future__ import annotations

import csv
import functools
import json
import os
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

from conpet.errors import UserError
from conpet.wording import some

_OUTPUTS = ("out", "metrics", "predictions", "report", "json")
#: commands whose output is a folder that replaces an older one, and a file that each such has
_FOLDERS = {
    "fetch_model": "source.json",
    "fetch_dataset": "manifest.json",
    "train": "state.json",
    "select": "state.json",
    "package": "model.json",
    "publish": "tables/main.json",
}
#: commands whose --out is a folder that a new file is put into: nothing is replaced
_INTO = ("init",)
# folders that outputs lie in
_AROUND = ("results", "config_dir", "artifacts", "published", "mirror", "run")


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with a look at its paths before it does anything.

    Raises:
        UserError: an output is an input, holds one, or is another output; or a file or folder
            would be replaced that is, or holds, other things than such an output.
    """

    @functools.wraps(command)
    def run(**given: Any) -> None:
        outputs = {name: given[name] for name in _OUTPUTS if isinstance(given.get(name), Path)}
        if command.__name__ in _INTO:
            outputs.pop("out")
        for (a, path), (b, other) in combinations(outputs.items(), 2):
            if _real(path) == _real(other):
                raise UserError(f"--{a} and --{b}: both are {path}: give each a file of its own")
        for output, path in outputs.items():
            for name, source in _inputs(given):
                if _real(path) in (_real(source), *_real(source).parents):
                    raise UserError(
                        f"--{output} {path}: would replace what {name} reads ({source}): "
                        "give another path"
                    )
        if isinstance(mirror := given.get("mirror"), Path) and not mirror.is_dir():
            raise UserError(f"--mirror {mirror}: no such folder")
        if mark := _FOLDERS.get(command.__name__):
            _check_folder(given["out"], mark)
        for option in ("out", "json"):
            if isinstance(given.get(option), Path):
                _check_files(command.__name__, option, given[option])
        command(**given)

    return run


def _real(path: Path) -> Path:
    """Return where a path leads; ``Path.resolve`` ends where a link leads to itself."""
    return Path(os.path.realpath(path))


def _inputs(given: dict[str, Any]) -> Iterator[tuple[str, Path]]:
    for name, value in given.items():
        if name in (*_OUTPUTS, *_AROUND):
            continue
        values = value if isinstance(value, list) else [value]
        label = name if name in ("file", "dataset") else f"--{name.replace('_', '-')}"
        # what `describe` is asked about may be a file
        texts = [Path(one) for one in values if isinstance(one, str)] if name == "dataset" else []
        yield from ((label, path) for path in texts if path.is_file())
        yield from ((label, one) for one in values if isinstance(one, Path))


def _start(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline().strip()


def _is_answers(path: Path) -> bool:
    """Say whether a file is one of answers: a table of confidences may be anybody's."""
    columns = next(csv.reader([_start(path)]), [])
    return ["label", "confidence", "task"] in [columns[i : i + 3] for i in range(len(columns))]


def _is_table(path: Path) -> bool:
    """Say whether a file is one of a table, by the record beside it."""
    try:
        record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        return path.name in [*record["outputs"], f"{path.stem}.json"] and "table" in record
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _is_figure(path: Path) -> bool:
    """Say whether a picture may be ours: unlike others', it names no program."""
    start = path.read_bytes()[:2000]
    if path.suffix == ".png":
        return start.startswith(b"\x89PNG") and b"Software" not in start
    return b'id="figure_1"' in start and b"<dc:creator>" not in start


def _is_description(path: Path) -> bool:
    """Say whether a file is what ``describe --json`` writes, of one model or of several."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    first = found[0] if isinstance(found, list) and found else found
    return isinstance(first, dict) and {"dataset", "licence", "template"} <= first.keys()


#: commands that write such files (ends of --out), and whether one that is there is of theirs
_FILES: dict[str, tuple[tuple[str, ...], Callable[[Path], bool]]] = {
    "predict": (("",), _is_answers),
    "dump_store": (("",), lambda path: _start(path)[:1] in ("{", "[")),
    "table": ((".csv", ".md", ".tex", ".json"), _is_table),
    "plot": ((".svg", ".png"), _is_figure),
    "report": (("",), lambda path: _start(path).lower() == "<!doctype html>"),
    "describe": (("",), _is_description),
}


def _check_files(command: str, option: str, out: Path) -> None:
    ends, is_ours = _FILES.get(command, ((), bool))
    for path in (out.with_name(out.name + end) for end in ends):
        if path.is_file() and path.stat().st_size and not is_ours(path):
            raise UserError(
                f"--{option} {out}: {path} is there, and conpet {command.replace('_', '-')} did "
                "not write it: give another path, or move it away"
            )


def _check_folder(out: Path, mark: str) -> None:
    if out.is_symlink() or not out.exists():
        return
    if not out.is_dir():
        raise UserError(f"--out {out}: is a file: a folder is written: give another path")
    found = sorted(path.name for path in out.iterdir() if not path.name.startswith("."))
    if found and not (out / mark).exists():
        raise UserError(
            f"--out {out}: holds other things ({some(found, 3)}), and would be "
            "replaced: give a folder of its own"
        )
