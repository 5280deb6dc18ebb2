"""The same texts through every way to a learner: are the answers equal, and what does each cost?

    python examples/compare_routes.py RUN ADDRESS BACKBONE TEXTS

    RUN       a packaged run's folder (`snakemake models`), as results/.../dynamic/seed100
    ADDRESS   the same learner in MLflow, as models:/clinc150-dynamic@best
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
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from routes import Route, Said, command, library, loops, pyfunc, served, server

from conpet.errors import UserError
from conpet.predicting.outside import read_texts

ATOL = 1e-6
COMMAND = "conpet predict"


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


class Clock:
    """Seconds by the clock on the wall and of processors, of one route's calls."""

    def __init__(self, route: Route, group: int) -> None:
        self.route, self.group = route, group
        self.wall: dict[int, list[float]] = {}
        self.cpu: dict[int, list[float]] = {}

    def __call__(self, texts: list[str], calls: int = 1) -> Said:
        """Ask one text after the other in so many calls, or all at once; return the last answer."""
        step = len(texts) // calls
        processor = cpu_seconds(self.group)
        for start in range(0, calls * step, step):
            began = time.perf_counter()
            said = self.route(texts[start : start + step])
            self.wall.setdefault(step, []).append(time.perf_counter() - began)
        # a processor's time is counted in hundredths of a second: taken over all calls
        self.cpu.setdefault(step, []).append((cpu_seconds(self.group) - processor) / calls)
        return said

    def figures(self, size: int) -> tuple[float, float]:
        """Return the median seconds of a call with so many texts: on the wall, of processors."""
        return statistics.median(self.wall[size]), statistics.median(self.cpu[size])


def measure(
    clocks: dict[str, Clock], texts: list[str], rounds: int, singles: int
) -> dict[str, Said]:
    """Let the routes take turns, in single texts and in one call of all; return their answers."""
    for name, clock in clocks.items():
        if name != COMMAND:  # which starts anew each time
            clock.route(texts[:1])
    answers = {}
    for turn in range(rounds):
        for name, clock in clocks.items():
            count = 1 if name == COMMAND else singles
            clock([texts[(turn * singles + i) % len(texts)] for i in range(count)], count)
        for name, clock in clocks.items():
            answers[name] = clock(texts)
    return answers


def table(clocks: dict[str, Clock], gaps: dict[str, float], count: int, beside: str) -> str:
    """Return the figures as a Markdown table, each route set against the one called beside."""
    lines = [
        f"| route | one text: ms | CPU ms | × plain | {count:,} texts: a second "
        "| a CPU second | × plain | largest gap |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    plain_one, plain_all = (clocks[beside].figures(size)[1] for size in (1, count))
    for name, clock in clocks.items():
        (wall_one, cpu_one), (wall_all, cpu_all) = clock.figures(1), clock.figures(count)
        gap = f"{gaps[name]:.1e}" if name in gaps else ""
        times = [cpu_one / plain_one, plain_all / cpu_all]
        one = f"{1000 * wall_one:.1f} | {1000 * cpu_one:.1f} | {times[0]:.2f}"
        every = f"{count / wall_all:.0f} | {count / cpu_all:.0f} | {times[1]:.2f}"
        lines.append(f"| {name} | {one} | {every} | {gap} |")
    return "\n".join(lines)


def choose(path: Path, count: int) -> list[str]:
    """Return texts of a file in an order that is always the same."""
    texts = [text for text in dict.fromkeys(read_texts(path, "text")) if text.strip()]
    random.Random(0).shuffle(texts)
    return texts[:count]


def run(args: argparse.Namespace) -> list[str]:
    """Ask, compare, print; return what differs."""
    texts = choose(args.texts, args.count)
    package = args.run / "model" if (args.run / "model").is_dir() else args.run
    os.environ["CONPET_SNAPSHOT"] = str(args.backbone.resolve())
    with (
        tempfile.TemporaryDirectory() as name,
        server(args.address, Path(name)) as (place, group),
    ):
        first, classes = library(package, args.backbone)
        plain = loops(package, args.backbone)
        routes = {
            "conpet.load": first,
            COMMAND: command(package, args.backbone, Path(name)),
            "mlflow.pyfunc": pyfunc(args.address, classes),
            "mlflow models serve": served(place, classes),
            **plain,
        }
        clocks = {name: Clock(route, group) for name, route in routes.items()}
        wrong, gaps = compare(measure(clocks, texts, args.rounds, args.singles))
    print(f"{len(texts):,} texts, {len(classes)} classes, one thread, float32")
    print(table(clocks, gaps, len(texts), [*plain][-1]))
    return wrong


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("address")
    parser.add_argument("backbone", type=Path)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--count", type=int, default=1000, help="texts (default: 1000)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each route (default: 3)")
    parser.add_argument("--singles", type=int, default=20, help="single texts a turn (default: 20)")
    try:
        wrong = run(parser.parse_args())
    except UserError as error:
        sys.exit(f"compare_routes: error: {error}")
    print("\n".join(wrong) if wrong else "all routes say the same")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
