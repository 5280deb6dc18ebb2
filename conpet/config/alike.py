"""Methods that train alike: what differs is fitted after the training, so one training serves all.

``static_emr`` and ``static_emr_lda`` tune the same adapter by the same steps; the second fits
another head on it. A method takes over what the first such method of the experiment has trained.
"""

from __future__ import annotations

from conpet.config.experiment import Experiment


def shared_trainings(experiment: Experiment, dataset: str, model: str) -> dict[str, str]:
    """Return each method that trains as one before it in the experiment does, and the first such.

    Methods that train nothing are left out. Whether a learner can take another's training over is
    the learner's to say (``Learner.takes_over``).
    """
    first: dict[tuple[str, str], str] = {}
    found = {}
    for method in experiment.methods:
        settings = experiment.settings(dataset, model, method)
        if settings.tuning.type == "none":
            continue
        # that of task 1, and the rates of all tasks: a task differs in nothing else
        about = experiment.learn(dataset, model, method, 1).training()
        key = about.text(), settings.training.model_dump_json(include={"lr"})
        one = first.setdefault(key, method)
        if one != method:
            found[method] = one
    return found
