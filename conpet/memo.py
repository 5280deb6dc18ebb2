"""Answers kept in a file from process to process, for as long as the package's code is the same.

To ask a learner or PEFT anything imports torch, which takes seconds; a workflow asks the same
things each time it is called, and on a cluster once more in every job.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

from conpet.files import write_json

FILE = "CONPET_MEMO"  # the environment variable that says where; nothing is kept without it

T = TypeVar("T")


@functools.cache
def _code() -> str:
    """Return a hash of this package's sources, and PEFT's version: what answers depend on."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    with contextlib.suppress(PackageNotFoundError):
        digest.update(version("peft").encode())
    return digest.hexdigest()


@functools.cache
def _answers(path: str) -> dict[str, Any]:
    try:
        kept = json.loads(Path(path).read_text(encoding="utf-8"))
        same = kept["code"] == _code()
        return dict(kept["answers"]) if same else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # none yet, or no file of ours: it is written anew


def remembered(question: str, find: Callable[[], T]) -> T:
    """Return the kept answer to a question, or find it and keep it.

    Args:
        question: says all that the answer depends on, apart from the code.
        find: returns a JSON value; what it raises is raised, and not kept.
    """
    path = os.environ.get(FILE, "")
    if not path:
        return find()
    answers = _answers(path)
    if question not in answers:
        answers[question] = find()
        with contextlib.suppress(OSError):  # a folder that cannot be written costs time only
            write_json(Path(path), {"code": _code(), "answers": answers})
    answer: T = answers[question]
    return answer
