"""An experiment held against learners, replays and PEFT once, and what its methods need.

That imports torch and PEFT: seconds, at each call of the workflow and in every job on a cluster.
So what was found is kept in .snakemake, for as long as methods, settings and code are the same.
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import conpet
from conpet.commands.checks import LibraryChecks
from conpet.config import Experiment
from conpet.files import write_json

KEPT = Path(".snakemake/conpet/checked.json")
Facts = dict[str, dict[str, bool]]


def facts_of(experiment: Experiment, keep: bool = True) -> Facts:
    """Return what each method needs, by its name.

    ``experts`` says that all its states answer, ``keeps`` that a memory travels with them,
    ``takes_over`` that another method's training can stand for its own, ``bound`` that it is an
    upper bound.

    Args:
        keep: whether what is found is written down.

    Raises:
        UserError: a mistake in a method or a tuning.
    """
    key = _key(experiment)
    try:
        kept: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
        if key in kept:
            return dict(kept[key])
    except (OSError, ValueError, TypeError):
        kept = {}  # none yet, or no file of ours: it is written anew
    found = _ask(experiment)
    if keep:
        write_json(KEPT, {**kept, key: found})
    return found


def _ask(experiment: Experiment) -> Facts:
    from conpet.learners import learner_class
    from conpet.replay import replay_class, upper_bound

    experiment.check(LibraryChecks())
    return {
        name: {
            "experts": learner_class(method.learner).experts,
            "keeps": replay_class(method.replay).keeps,
            "takes_over": learner_class(method.learner).takes_over(),
            "bound": upper_bound(method),
        }
        for name, method in experiment.methods.items()
    }


def _key(experiment: Experiment) -> str:
    """Return a hash of all that the answers depend on."""
    digest = hashlib.sha256(f"{experiment.sha256()} {version('peft')}".encode())
    # the answers are by name, and an experiment's hash knows none
    said = [(name, m.learner, m.replay, m.bound) for name, m in experiment.methods.items()]
    digest.update(json.dumps(said).encode())
    for path in [Path(__file__), *sorted(Path(conpet.__file__).parent.rglob("*.py"))]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
