"""New classes for a packaged learner from a few texts, without training.

A fitted head keeps sums of representations, so a class is a few forward passes and one solve away.
What it knows of other classes stays; only what all share (LDA's covariance) moves, by as much as
the new texts weigh.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from conpet.card import CARD_FILE, check_files, digests
from conpet.data.schema import own_name
from conpet.data.twins import twins
from conpet.errors import UserError
from conpet.files import atomic_folder, write_json
from conpet.heads.base import Fitted, Measured
from conpet.learners.base import LEARNER_FILE, Learner
from conpet.learners.classifier import Classifier
from conpet.models.process import computing
from conpet.predicting.predictor import Predictor
from conpet.predicting.texts import listed


def teach(predictor: Predictor, texts: Sequence[str], labels: Sequence[str]) -> list[str]:
    """Have an open learner know the classes of some texts; it answers with them from then on.

    Texts of a class that it knows join those that it was fitted on. Calibration and threshold stay
    those of the earlier classes.

    Args:
        texts: as for :meth:`Predictor.predict`.
        labels: the class name of each text.

    Returns:
        The new classes, in order of their first text.

    Raises:
        UserError: the learner's head is trained, so that this needs training; a text or a label
            is none.
    """
    learner, heads = fitted_of(predictor.learner)
    texts, labels = listed(texts, "texts"), listed(labels, "labels")
    if len(texts) != len(labels) or not len(texts):
        raise UserError(f"teach: {len(texts)} texts and {len(labels)} labels: give one a text")
    for number, label in enumerate(labels, start=1):
        if not isinstance(label, str) or not label.strip():
            raise UserError(f"label {number}: {label!r} is no class name: give one")
    labels = [own_name(label.strip(), f"label {n}") for n, label in enumerate(labels, start=1)]
    stream, indices = predictor.samples(texts)
    learner.stream = stream
    with computing(predictor.compute):
        read = [x.astype(np.float64) for x in learner.read_by_heads(indices)]
    new = [name for name in dict.fromkeys(labels) if name not in predictor.classes]
    names = [*predictor.classes, *new]
    numbers = np.array([names.index(label) for label in labels], np.int64)
    about = predictor.about
    taught = dict(about.taught)
    for label in labels:
        taught[label] = taught.get(label, 0) + 1
    update: dict[str, Any] = {"taught": taught}
    if new:
        update |= {"task": about.task + 1, "classes": [*about.classes, new]}
    before = [{name: t.clone() for name, t in head.tensors().items()} for head in heads]
    try:
        for head, x in zip(heads, read, strict=True):
            head.fit(Measured(x, numbers), len(names), joins=True)
        predictor.describe(about.model_copy(update=update))
    except BaseException:  # stopped halfway its head would have other classes than it says
        for head, tensors in zip(heads, before, strict=True):
            head.take(tensors)
        predictor.describe(about)
        raise
    _warn(predictor.classes, texts, labels)
    return new


def _warn(classes: list[str], texts: list[Any], labels: list[str]) -> None:
    """Warn of class names that look alike, and of a text with two of them."""
    if alike := twins(classes):
        warnings.warn(alike, stacklevel=4)
    of_text: dict[str, set[str]] = {}
    for text, label in zip(texts, labels, strict=True):
        of_text.setdefault(str(text), set()).add(label)
    if several := [sorted(found) for found in of_text.values() if len(found) > 1]:
        named = ", ".join(several[0])
        warnings.warn(
            f"{len(several)} texts have several labels ({named}): each counts", stacklevel=4
        )


def fitted_of(learner: Learner) -> tuple[Classifier, list[Fitted]]:
    """Return a learner that can be taught, and its heads.

    Raises:
        UserError: its head is trained.
    """
    heads = learner.refit.heads() if isinstance(learner, Classifier) else []
    if not heads:
        raise UserError(
            "teach: this learner's head is trained: a new class needs training (`conpet extend`); "
            "one with a fitted head (head: lda, ncm or ranpac) learns it without"
        )
    assert isinstance(learner, Classifier)
    return learner, heads


def save(predictor: Predictor, out: Path) -> None:
    """Write an open learner as a package, with what it was taught.

    Raises:
        UserError: its head is trained, or something is there already.
    """
    from safetensors.torch import save_file

    learner, _ = fitted_of(predictor.learner)
    if out.exists() or out.is_symlink():  # whose it is, nobody here knows
        raise UserError(f"{out}: is there already: give another name")
    if around := next((p for p in out.parents if p.exists() and not p.is_dir()), None):
        raise UserError(f"{out}: {around} is a file: give another name")
    if out.resolve().is_relative_to(predictor.package.resolve()):
        raise UserError(f"{out}: lies in the package that is opened: give a name outside it")
    about = predictor.about
    # it may have been made again since it was opened: of two runs' files none would be made
    check_files(predictor.package, about)
    with atomic_folder(out) as folder:
        shutil.copytree(predictor.package, folder, dirs_exist_ok=True)
        tensors = {name: t.detach().cpu().contiguous() for name, t in learner.stored().items()}
        save_file(tensors, folder / about.states[-1] / LEARNER_FILE)
        if about.files:
            about = about.model_copy(update={"files": digests(folder, about.states)})
        write_json(folder / CARD_FILE, about.as_dict())
