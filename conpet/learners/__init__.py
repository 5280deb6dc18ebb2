"""The learners, one file each; a file put here is known by its name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from conpet import registry, replay
from conpet.config.head import TRAINED, Head
from conpet.config.strict import choose, validate, within
from conpet.errors import UserError

if TYPE_CHECKING:
    from conpet.config.method import Method
    from conpet.config.model import Model
    from conpet.config.settings import Settings
    from conpet.learners.base import Learner
    from conpet.replay.base import Replay


def names() -> list[str]:
    """Return the names of all learners."""
    return registry.names(Path(__file__).parent, "LEARNER")


def learner_class(name: str, where: str = "learner") -> type[Learner]:
    """Return a learner's class: the one named ``LEARNER`` in conpet/learners/NAME.py."""
    folder = Path(__file__).parent
    registry.check(folder, name, "LEARNER")
    choose("learner", name, names(), where)
    found: type[Learner] = registry.found(folder, name, "LEARNER")
    return found


def parts(learner: str, replay: str, head: str) -> dict[str, Path]:
    """Return the files of a learner, its replay and its heads, by what each is."""
    package = Path(__file__).parent.parent
    # before a head that is fitted, this one is trained
    trained = {} if head in TRAINED else {"trained": package / "heads" / f"{Head().type}.py"}
    return {
        "learner": package / "learners" / f"{learner}.py",
        "replay": package / "replay" / f"{replay}.py",
        "head": package / "heads" / f"{head}.py",
        **trained,
    }


def revisions(learner: str, replay: str, head: str) -> dict[str, int]:
    """Return which revision there is of each of :func:`parts`.

    It is ``REVISION`` in the file, 1 where it sets none: raised where the same settings give other
    numbers than before, so that results of the earlier one are made anew.
    """
    found = parts(learner, replay, head)
    return {kind: registry.number(path, "REVISION", 1) for kind, path in found.items()}


def code(learner: str, replay: str, head: str) -> dict[str, str]:
    """Return the SHA-256 of the code of each of :func:`parts`, by its path in the project."""
    files = parts(learner, replay, head).values()
    shown = {f"conpet/{path.parent.name}/{path.name}": registry.code(path) for path in files}
    return {name: sha256 for name, sha256 in shown.items() if sha256}


def fits(learner: type[Learner], chosen: type[Replay]) -> bool:
    """Say whether a learner can learn with a replay."""
    if learner.needs_old and not chosen.brings_old:
        return False
    if learner.needs_scores != chosen.keeps_scores:
        return False
    return learner.has_memory_features or not chosen.by_features


def check_method(method: Method, where: str) -> None:
    """Raise a UserError unless learner and replay have such options, and fit each other."""
    learner = learner_class(method.learner, f"{where}: learner")
    chosen = replay.replay_class(method.replay, f"{where}: replay")
    options = validate(learner.Options, method.options, f"{where}: options")
    validate(chosen.Options, method.replay_options, f"{where}: replay_options")
    _check_effect(method, chosen, getattr(options, "distillation", 0) > 0, where)
    if not fits(learner, chosen):
        known = [n for n in replay.names() if fits(learner, replay.replay_class(n))]
        raise UserError(
            f"{where}: replay: learner {method.learner} cannot learn with "
            f"{method.replay!r}: use {' or '.join(known)}"
        )


def _check_effect(method: Method, chosen: type[Replay], distils: bool, where: str) -> None:
    """Refuse what a method itself asks for, but nothing would heed."""
    if distils and not chosen.brings_old:
        raise UserError(
            f"{where}: options: distillation is of old samples, and replay {method.replay!r} "
            "brings none back: leave it out"
        )
    if method.options.get("selector") == "lda" and not chosen.brings_old:
        raise UserError(
            f"{where}: options: selector: lda needs samples of former tasks, and replay "
            f"{method.replay!r} brings none back: say tasks or classes"
        )
    if "new_share" in method.settings.get("replay", {}) and not chosen.shares_batches:
        raise UserError(
            f"{where}: settings: replay.new_share: replay {method.replay!r} does not share its "
            "batches between new and old: leave it out"
        )


def check_takes(learner: str, head: Head) -> None:
    """Raise a UserError unless a learner answers by such a head."""
    chosen = learner_class(learner)
    if head.layers > 1 and chosen.maps_hidden():
        raise UserError(f"head.layers: learner {learner} maps what a head reads: leave layers out")
    if head.adapter != "last" and (chosen.maps_hidden() or not chosen.takes_over()):
        raise UserError(
            f"head.adapter: learner {learner} trains in a way of its own, that a mean over tasks "
            "does not suit: leave adapter out"
        )
    if head.beside != "none" and (chosen.maps_hidden() or not chosen.takes_over()):
        raise UserError(
            f"head.beside: learner {learner} trains in a way of its own, that no frozen head was "
            "thought out for: leave beside out"
        )
    if head.type != "softmax" and not chosen.takes_heads:
        raise UserError(
            f"head: learner {learner} answers in a way of its own, not by {head.type}: "
            "leave the head's type out"
        )


def check_settings(
    method: Method, settings: Settings, model: Model, where: str, shared: bool = False
) -> None:
    """Raise a UserError unless a method can learn with a model, so set.

    Args:
        shared: whether classes of earlier tasks may come again.
    """
    from conpet.heads import head_class
    from conpet.learners.prior import check_prior

    learner = learner_class(method.learner)
    trained = not head_class(settings.head.type).fitted
    check_prior(settings, learner.has_prior, trained, where)
    with within(where):
        options = validate(learner.Options, method.options, "options")
        learner.check(options, settings, shared)
        model.check_layers(learner.layers(options), "options: layers")
        replay.replay_class(method.replay).check(settings)
        if settings.tuning.type == "none" and not trained:
            _check_untrained(options, settings)


def _check_untrained(options: Any, settings: Settings) -> None:
    """Refuse what is asked of a training where there is none: no adapter, and a fitted head."""
    asked = [f"options: {n}" for n in ("distillation", "average") if getattr(options, n, 0)]
    asked += ["head.adapter"] if settings.head.adapter != "last" else []
    asked += ["head.beside"] if settings.head.beside != "none" else []
    asked += ["prior"] if settings.prior != "none" else []
    if asked:
        raise UserError(
            f"{asked[0]}: nothing is trained with tuning: none and head: {settings.head.type}: "
            "leave it out"
        )
