"""The tables and figures there are, and what each shows: the names alone, known without pandas."""

from __future__ import annotations

TABLES = {
    "main": "accuracy and macro F1 after the last task, the gap to joint closed",
    "curve": "whole accuracy after every task",
    "forgetting": "forgetting, backward transfer, mean accuracy over tasks",
    "selector": "how often the selector finds the right task",
    "scenarios": "accuracy where the task is to be found, and where it is given",
    "cost": "weights, samples, passes, seconds, memory, bytes per task, and their slopes",
    "significance": "each method against those it names, tested",
    "claims": "what is claimed, measured: holds, does not hold, undecided",
    "ablation": "what each variant changes, and what that does to the accuracy",
}

FIGURES = {
    "accuracy": "whole accuracy over tasks, with seed bands",
    "claims": "what is claimed of methods, measured: thick over samples, thin over seeds",
    "forgetting": "accuracy on earlier tasks at its best and now, method by method",
    "heatmap": "accuracy on every task after every task, per method",
    "cost": "samples and seconds of every task",
    "pareto": "accuracy against data kept, bytes kept, and seconds",
    "selector": "which task the selector takes a sample for",
}
