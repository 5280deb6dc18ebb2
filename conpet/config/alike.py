"""Methods that train alike: what differs is fitted after the training, so one training serves all.

``static_emr`` and ``static_emr_lda`` tune the same adapter by the same steps; the second fits
another head on it. A method takes over what the first such method of the experiment has trained.
"""

from __future__ import annotations

from conpet.config.experiment import Experiment


def trains_like(experiment: Experiment, dataset: str, model: str, method: str) -> str | None:
    """Return the first method of the experiment that trains as this one does.

    None where that is the method itself, or where it trains nothing. Whether its learner can take
    another's training over is the learner's to say (``Learner.takes_over``).
    """
    if experiment.settings(dataset, model, method).tuning.type == "none":
        return None
    wanted = _training(experiment, dataset, model, method)
    methods = (m for m in experiment.methods if _training(experiment, dataset, model, m) == wanted)
    first = next(methods)
    return None if first == method else first


def _training(experiment: Experiment, dataset: str, model: str, method: str) -> tuple[str, str]:
    """Return what a method's training depends on, in text: two of one value train alike."""
    rates = experiment.settings(dataset, model, method).training.model_dump_json(include={"lr"})
    about = experiment.learn(dataset, model, method, 1).training()
    return about.text(), rates
