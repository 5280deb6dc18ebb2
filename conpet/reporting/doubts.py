"""Runs that were learnt by other code than there is now, the revision being the same."""

from __future__ import annotations

from collections.abc import Sequence

from conpet import registry
from conpet.run.reading import Run
from conpet.wording import counted, some


def other_code(runs: Sequence[Run]) -> list[str]:
    """Return a sentence for each file of a learner, replay or head that is not what it was."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        told = [training.timing.get("code_sha256") for training in run.trainings]
        then = [pair for files in told if isinstance(files, dict) for pair in files.items()]
        for name in dict.fromkeys(name for name, _ in then):
            now = registry.code(registry.shipped(name))
            if any(sha256 != now for file, sha256 in then if file == name):
                found.setdefault(name, []).append(run)
    return [_sentence(name, of) for name, of in found.items()]


def _sentence(name: str, runs: Sequence[Run]) -> str:
    of = [
        f"{key.dataset} {key.model} {key.method} seed {key.seed}" for key in (r.key for r in runs)
    ]
    runs_of = f"{counted(len(of), 'run')} ({some(of, 3)})"
    return (
        f"{name}: its code is another than that of {runs_of}: results stay until REVISION in it is "
        "raised (docs/own-method.md)."
    )
