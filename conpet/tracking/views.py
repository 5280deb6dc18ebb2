"""Saved views: what MLflow's run page shows before anybody has chosen columns.

Without one, the page shows names and dates and no metric at all. A view is a tag of the
experiment; an MLflow that does not know it ignores it. The format is the one that MLflow 3.17
saves under "Views".
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

#: the MLflow experiment that spans all others; no experiment of ours can have a name with a space
OVERVIEW = "All datasets"
RUNS = "conpet-runs"
METHODS = "conpet-methods"

# How good, what is forgotten, what it costs: the first three fit beside the names on any screen.
_METRICS = (
    "whole_accuracy",
    "forgetting",
    "seconds_total",
    "samples_passed_total",
    "stored_bytes_total",
    "average_accuracy",
    "selector_accuracy_top1",
    "trainable_parameters",
)
_PARAMS = ("method", "dataset", "model", "seed")
# of the overview: how good, beside what it costs
_OVERVIEW_METRICS = (
    "whole_accuracy",
    "whole_accuracy_sd",
    "forgetting",
    "gap_closed",
    "samples_per_task",
    "samples_slope",
    "kept_samples",
    "seconds_per_task",
    "trainable_parameters",
    "seeds_finished",
)
_OVERVIEW_PARAMS = ("dataset", "method", "model", "experiment")
_LEFT = {"1": 32, "attributes.`Run Name`": 265, "runDateAndNestInfo": 120, "duration": 80}
_CHARTS = {
    "accuracy after each task": (
        "whole_accuracy",
        "forgetting",
        "average_accuracy",
        "selector_accuracy_top1",
    ),
    "cost up to each task": ("seconds_total", "samples_passed_total", "stored_bytes_total"),
}


def tags_of(name: str) -> dict[str, str]:
    """Tags of an experiment: what kind it is, its main metric and its views."""
    return {
        # The kind decides which pages come first: runs and charts, not chat traces.
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.experiment.primaryMetric.name": "whole_accuracy",
        **(_overview_views() if name == OVERVIEW else _run_views()),
    }


def _run_views() -> dict[str, str]:
    kind = _Kind("run", _METRICS, _PARAMS, _line_charts())
    cell = ("method", "dataset", "model")
    return {
        **_view(RUNS, "Runs, best first", kind, None),
        **_view(METHODS, "Methods, mean over seeds", kind, cell, "average"),
    }


def _overview_views() -> dict[str, str]:
    kind = _Kind("overview", _OVERVIEW_METRICS, _OVERVIEW_PARAMS, _bar_charts())
    return {
        # a mean over methods would say nothing: a dataset's own line shows its highest numbers
        **_view(RUNS, "Methods by dataset, best first", kind, ("dataset",), "max"),
        **_view(METHODS, "All methods, best first", kind, None),
    }


def address(base: str, experiment_id: str, view: str = RUNS) -> str:
    """Return the address of an experiment's run page in one of the views."""
    query = f"workflowType=machine_learning&viewStateShareKey={view}"
    return f"{base.rstrip('/')}/#/experiments/{experiment_id}/runs?{query}"


class _Kind(NamedTuple):
    """What one kind of runs shows: its tag, columns and charts."""

    tag: str
    metrics: tuple[str, ...]
    params: tuple[str, ...]
    charts: tuple[list[dict[str, Any]], list[dict[str, Any]]]


def _view(
    key: str, name: str, kind: _Kind, groups: tuple[str, ...] | None, together: str = ""
) -> dict[str, str]:
    charts, sections = kind.charts
    metrics = [f"metrics.`{metric}`" for metric in kind.metrics]
    params = [f"params.`{param}`" for param in kind.params]
    state = {
        "searchFilter": f"tags.`conpet.kind` = '{kind.tag}'",
        "orderByKey": "metrics.`whole_accuracy`",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": [*metrics, *params],
        "columnOrder": [*_LEFT, *metrics, *params],
        "columnWidths": {**_LEFT, **_widths(metrics), **dict.fromkeys(params, 90)},
        "runsHiddenMode": "FIRST_20_RUNS",
        # Own sections stay in front of the ones that MLflow adds for the other metrics.
        "isAccordionReordered": True,
        "compareRunCharts": charts,
        "compareRunSections": sections,
        "groupBy": _group(groups, together),
    }
    view = {"name": name, "createdAt": 0, "updatedAt": 0, "state": json.dumps(state)}
    return {f"mlflow.sharedViewState.{key}": json.dumps(view)}


def _widths(columns: list[str]) -> dict[str, int]:
    # In pixels, wide enough for the name and the mark of sorting; a value is cut where it must be.
    return {column: 40 + 7 * len(column.split("`")[1]) for column in columns}


def _group(params: tuple[str, ...] | None, together: str) -> dict[str, Any] | None:
    if params is None:
        return None
    keys = [{"mode": "param", "groupByData": param} for param in params]
    return {"aggregateFunction": together, "groupByKeys": keys}


def _line_charts() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    charts, sections = [], []
    for number, (name, metrics) in enumerate(_CHARTS.items()):
        section = f"conpet-section-{number}"
        sections.append(_section(section, name))
        charts += [_line(metric, section) for metric in metrics]
    return charts, sections


def _bar_charts() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    section = "conpet-section-overview"
    shown = ("whole_accuracy", "forgetting", "samples_per_task", "kept_samples")
    charts = [{**_chart(metric, section), "type": "BAR"} for metric in shown]
    return charts, [_section(section, "mean over seeds")]


def _section(uuid: str, name: str) -> dict[str, Any]:
    return {"uuid": uuid, "name": name, "display": True, "isReordered": True}


def _chart(metric: str, section: str) -> dict[str, Any]:
    return {
        "uuid": f"conpet-chart-{metric}",
        "metricSectionId": section,
        "metricKey": metric,
        "displayName": metric,
        "deleted": False,
        "isGenerated": True,
        "runsCountToCompare": 40,
    }


def _line(metric: str, section: str) -> dict[str, Any]:
    return {
        **_chart(metric, section),
        "type": "LINE",
        "runsCountToCompare": 20,
        "lineSmoothness": 0,
        "scaleType": "linear",
        "xAxisScaleType": "linear",
        "xAxisKey": "step",
        "selectedXAxisMetricKey": "",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "range": {},
        "ignoreOutliers": False,
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
    }
