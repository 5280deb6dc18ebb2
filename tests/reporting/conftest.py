"""One made-up results folder for all tests that only read."""

from __future__ import annotations

import pytest

from conpet.reporting.collect import Results
from tests.conftest import ROOT
from tests.reporting.synthetic import SHIPPED, about, build, cells, known

METHODS = ("finetune", "emr", "static_emr", "dynamic", "joint")


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Five methods, three seeds, four tasks, all finished."""
    matrix = cells(methods=METHODS, n_tasks=4)
    return build(tmp_path_factory.mktemp("results"), matrix, per_class=5, title="Demo_1 & 100 %")


@pytest.fixture(scope="session")
def two(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Two datasets, of which the authors report on one, and runs that are not finished."""
    from shutil import rmtree

    from conpet.reporting.collect import collect

    folder = tmp_path_factory.mktemp("partial")
    matrix = cells(
        ("demo", "tacred"), methods=METHODS, seeds=(100, 200), n_tasks=3, experiment="two"
    )
    build(folder, matrix, per_class=4)
    rmtree(folder / "two" / "demo" / "minilm" / "emr")  # not begun
    rmtree(folder / "two" / "tacred" / "minilm" / "emr" / "seed200" / "task03")  # two of three
    reported = ROOT / "config" / "author_results.csv"
    return collect("two", folder, matrix, reported=reported, **known())


@pytest.fixture(scope="session")
def every(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Every method that comes with the project: more than a panel can hold."""
    matrix = cells(methods=SHIPPED, seeds=(100,), n_tasks=2, experiment="every")
    own = about(*SHIPPED)
    titles = {name: method.title for name, method in own.items()}
    root = tmp_path_factory.mktemp("every")
    return build(root, matrix, per_class=2, classes_per_task=2, about=own, titles=titles)
