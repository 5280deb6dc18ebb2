"""The same texts by every way to a learner: equal answers, and what each costs (docs/use.md).

    PACKAGE   a packaged run's folder (`snakemake models`), as results/.../dynamic/seed100
    ADDRESS   the same learner in MLflow, as models:/clinc150-clinc150-dynamic@best
    BACKBONE  the backbone's folder, as results/models/minilm
    TEXTS     .csv, .txt or .parquet with a column `text`, as results/data/*/base/samples.parquet

Asked are `conpet.load`, the command `conpet predict`, `mlflow.pyfunc.load_model` and a server that
`mlflow models serve` starts on 127.0.0.1, all in float32 on one thread; beside them two loops of
transformers and peft alone (plain_peft.py): the backbone with one adapter, and the whole learner.
The routes take turns, and processor time is given beside the wall's, as a busy machine spoils the
latter; `× plain` compares processor time with the whole learner's plain loop. It ends with status 1
where two routes differ: in a label, or in a probability by more than 1e-6.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import time
from pathlib import Path

import numpy as np

from benchmarks.report import Report, counts, table
from benchmarks.timing import Contender, Rates, alternate, whole
from benchmarks.ways import (
    Route,
    Said,
    choose,
    command,
    library,
    loops,
    package_of,
    pyfunc,
    served,
    server,
)
from conpet.temporary import scratch

ATOL = 1e-6
COMMAND = "conpet predict"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be asked for."""
    parser.add_argument("package", type=Path)
    parser.add_argument("address")
    parser.add_argument("backbone", type=Path)
    parser.add_argument("texts", type=Path)
    counts(
        parser,
        count=(1000, "texts"),
        rounds=(3, "turns of each route"),
        singles=(20, "single texts a turn"),
    )


def compare(answers: dict[str, Said]) -> tuple[list[str], dict[str, float]]:
    """Return what differs from the first answer, and the largest gap of each to it."""
    wrong, gaps = [], {}
    first, expected = next(iter(answers.items()))
    assert expected.probabilities is not None
    for name, found in answers.items():
        differing = sum(a != b for a, b in zip(found.labels, expected.labels, strict=False))
        if found.labels and (differing or len(found.labels) != len(expected.labels)):
            wrong.append(f"{name}: {differing} labels differ from {first}")
        if found.probabilities is not None:
            gaps[name] = float(np.abs(found.probabilities - expected.probabilities).max())
            if not gaps[name] <= ATOL:
                wrong.append(f"{name}: a probability differs by {gaps[name]:.2g} from {first}")
    return wrong, gaps


def cpu_seconds(group: int) -> float:
    """Return the processor time of this process, its children that ended, and a process group."""
    own = sum(os.times()[:4])
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # what follows the name, which may hold spaces: the state, the parent, the group, ...
            fields = stat.read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:13])) if int(fields[2]) == group else 0
    return own + ticks / os.sysconf("SC_CLK_TCK")


def _singles(name: str, route: Route, texts: list[str]) -> Contender:
    def work() -> None:
        # a processor's time is counted in hundredths of a second: taken over all calls
        for text in texts:
            route([text])

    return whole(name, len(texts), work)


def measure(
    routes: dict[str, Route], texts: list[str], args: argparse.Namespace, group: int
) -> tuple[Rates, Rates, dict[str, Said]]:
    """Let the routes take turns, in single texts and in one call of all.

    Returns: the rates of both by the wall's clock and the processors', and the last answers.
    """
    answers: dict[str, Said] = {}

    def clock() -> np.ndarray:
        return np.array([time.perf_counter(), cpu_seconds(group)])

    def answering(name: str, route: Route) -> Contender:
        def work() -> None:
            answers[name] = route(texts)

        return whole(name, len(texts), work)

    for name, route in routes.items():
        if name != COMMAND:  # which starts anew each time
            route(texts[:1])
    few = {name: texts[: 1 if name == COMMAND else args.singles] for name in routes}
    singles = [_singles(name, route, few[name]) for name, route in routes.items()]
    one = alternate(singles, args.rounds, clock, warm_up=False)
    every = [answering(name, route) for name, route in routes.items()]
    return one, alternate(every, args.rounds, clock, warm_up=False), answers


def report(one: Rates, every: Rates, gaps: dict[str, float], wrong: list[str]) -> Report:
    """Return the figures, each route set against the last, the whole learner's plain loop."""
    plain_one, plain_all = (found.median([*found.values][-1])[1] for found in (one, every))
    rows, values = [], {}
    for name in one.values:
        (wall_one, cpu_one), (wall_all, cpu_all) = one.median(name), every.median(name)
        values[name] = {
            "one_text_ms": 1000 / wall_one, "one_text_cpu_ms": 1000 / cpu_one,
            "one_text_cpu_to_plain": plain_one / cpu_one,
            "texts_a_second": wall_all, "texts_a_cpu_second": cpu_all,
            "speed_to_plain": cpu_all / plain_all, "largest_gap": gaps.get(name),
        }  # fmt: skip
        *figures, gap = values[name].values()
        said = [f"{figure:.{d}f}" for figure, d in zip(figures, (1, 1, 2, 0, 0, 2), strict=True)]
        rows.append([name, *said, "" if gap is None else f"{gap:.1e}"])
    columns = (
        "route", "one text: ms", "CPU ms", "× plain", "all texts: per second", "per CPU second",
        "× plain", "largest gap",
    )  # fmt: skip
    return Report(table(columns, rows), values, wrong)


def run(args: argparse.Namespace) -> Report:
    """Ask by every way, and compare."""
    texts, package = choose(args.texts, args.count), package_of(args.package)
    os.environ["CONPET_SNAPSHOT"] = str(args.backbone.resolve())
    with (
        scratch() as folder,
        server(args.address, folder) as (place, group),
    ):
        first, classes = library(package, args.backbone)
        routes = {
            "conpet.load": first,
            COMMAND: command(package, args.backbone, folder),
            "mlflow.pyfunc": pyfunc(args.address, classes),
            "mlflow models serve": served(place, classes),
            **loops(package, args.backbone),
        }
        one, every, answers = measure(routes, texts, args, group)
    wrong, gaps = compare(answers)
    return report(one, every, gaps, wrong)
