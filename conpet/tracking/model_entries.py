"""What a store is told about a packaged learner: name, description, metrics. No mlflow here."""

from __future__ import annotations

import hashlib
import json
import re

from conpet.card import Card


def escaped(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return re.sub(r"([\\|*_`<>~$\[\]#&])", r"\\\1", " ".join(text.split()))


def title(about: Card) -> str:
    """Return the model's name in lists; MLflow allows no dots in it."""
    return f"{about.dataset}-{about.method}-seed{about.seed}".replace(".", "_")


def registered(about: Card) -> str:
    """Return the name that the learner's run and those that differ by seed or model share."""
    return kin(about).replace("/", "-")


def kin(about: Card) -> str:
    """Return whose learners are versions of one registered model."""
    return f"{about.experiment}/{about.dataset}/{about.method}"


def contest(about: Card) -> str:
    """Return a hash of what versions must share to be compared: classes by task, and samples."""
    text = json.dumps([about.classes, about.samples], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def note(about: Card) -> str:
    """Return a version's description: what it is, and how far it can be believed."""
    classes = len({name for names in about.classes for name in names})
    text = (
        f"**{about.method}** on **{about.dataset}** with {escaped(about.backbone.title)}, "
        f"seed {about.seed}: {classes} classes in {about.task} tasks."
    )
    found = about.calibration
    if found is not None:
        text += (
            f" Right on {100 * found.accuracy:.1f} % of {found.samples:,} validation texts; "
            f"calibration error {found.ece[0]:.3f}, {found.ece[1]:.3f} at temperature "
            f"{found.temperature:.2f}."
        )
        if found.auroc is not None and found.outside_refused is not None:
            text += (
                f" Texts of no class: AUROC {found.auroc:.3f}; the threshold {found.threshold:.3f} "
                f"keeps {100 * found.kept:.0f} % of the validation texts and refuses "
                f"{100 * found.outside_refused:.1f} % of {found.outside:,} such texts."
            )
    return text


def calibration(about: Card) -> dict[str, float]:
    """Return what was measured when the learner was packaged, by the name of a metric."""
    found = about.calibration
    if found is None:
        return {}
    values = {
        "valid_accuracy": found.accuracy,
        "temperature": found.temperature,
        "ece": found.ece[1],
        "nll": found.nll[1],
        "threshold": found.threshold,
        "outside_auroc": found.auroc,
        "outside_refused": found.outside_refused,
    }
    return {f"calibration/{k}": float(v) for k, v in values.items() if v is not None}
