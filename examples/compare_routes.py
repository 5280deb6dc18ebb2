"""The same texts through every way to a learner: are the answers equal, and what does each cost?

    python examples/compare_routes.py RUN ADDRESS BACKBONE TEXTS

    RUN       a packaged run's folder (`snakemake models`), as results/.../dynamic/seed100
    ADDRESS   the same learner in MLflow, as models:/clinc150-dynamic@best
    BACKBONE  the backbone's folder, as results/models/minilm
    TEXTS     .csv, .txt or .parquet with a column `text`, as results/data/*/base/samples.parquet

Asked are `conpet.load`, the command `conpet predict`, `mlflow.pyfunc.load_model` and a server that
`mlflow models serve` starts on 127.0.0.1, all in float32 on one thread; beside them two loops of
transformers and peft alone (plain_peft.py): the backbone with one adapter, and the whole learner.
The routes take turns, so that a busy machine is as unfair to one as to the other. It ends with
status 1 where two routes differ: in a label, or in a probability by more than 1e-6.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from plain_peft import Plain

import conpet
from conpet.errors import UserError
from conpet.predicting.outside import read_texts

ATOL = 1e-6
BATCH = 64  # texts a step of the plain loops
START_SECONDS = 180
WITH_ALL = {"probabilities": True}


class Said(NamedTuple):
    """What a route answers: a label a text, and probabilities (n, classes) where it gives them."""

    labels: list[str]
    probabilities: np.ndarray | None


Route = Callable[[list[str]], Said]


def by_name(rows: list[dict[str, float]], classes: list[str]) -> np.ndarray:
    """Return probabilities given by name as an array, shape (n, classes)."""
    return np.array([[row[name] for name in classes] for row in rows])


def library(run: Path, backbone: Path) -> tuple[Route, list[str]]:
    """Return `conpet.load` as a route, and the learner's classes."""
    predictor = conpet.load(run, snapshot=backbone)

    def ask(texts: list[str]) -> Said:
        found = predictor.predict(texts)
        return Said(found.labels, found.probabilities)

    return ask, predictor.classes


def command(run: Path, backbone: Path, folder: Path) -> Route:
    """Return `conpet predict` as a route: a process of its own each time, as from a shell."""
    given, answered = folder / "texts.csv", folder / "said.csv"
    words = ["predict", "--run", str(run), "--snapshot", str(backbone), str(given)]
    words += ["--probabilities", "--out", str(answered)]

    def ask(texts: list[str]) -> Said:
        pd.DataFrame({"text": texts}).to_csv(given, index=False)
        subprocess.run([sys.executable, "-m", "conpet", *words], check=True)
        frame = pd.read_csv(answered, keep_default_na=False, float_precision="round_trip")
        columns = [name for name in frame.columns if name.startswith("p:")]
        return Said(list(frame["label"]), frame[columns].to_numpy())

    return ask


def pyfunc(address: str, classes: list[str]) -> Route:
    """Return `mlflow.pyfunc.load_model` as a route."""
    import mlflow

    model = mlflow.pyfunc.load_model(address)

    def ask(texts: list[str]) -> Said:
        frame = model.predict(pd.DataFrame({"text": texts}), params=WITH_ALL)
        return Said(list(frame["label"]), by_name(list(frame["probabilities"]), classes))

    return ask


@contextlib.contextmanager
def server(address: str, folder: Path) -> Iterator[str]:
    """Yield the place of a server of the model, started and stopped here.

    Raises:
        UserError: it does not answer within START_SECONDS.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    words = ["models", "serve", "-m", address, "--env-manager", "local", "--port", port]
    # MLflow starts uvicorn by name, which a Python called by its path does not find
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *words, "--host", "127.0.0.1"],
            stdout=log, stderr=log, start_new_session=True, env={**os.environ, "PATH": beside},
        )  # fmt: skip
    place = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and process.poll() is None:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{place}/ping", timeout=1).close()
                break
            time.sleep(0.5)
        else:
            said = (folder / "server.log").read_text().strip().splitlines()
            raise UserError(f"{address}: no server: {said[-1] if said else 'it says nothing'}")
        yield place
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        process.wait(30)


def served(place: str, classes: list[str]) -> Route:
    """Return a served endpoint as a route: what any client in any language sends."""

    def ask(texts: list[str]) -> Said:
        asked = {"dataframe_split": {"columns": ["text"], "data": [[text] for text in texts]}}
        request = urllib.request.Request(
            f"{place}/invocations",
            json.dumps({**asked, "params": WITH_ALL}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            rows = json.load(answer)["predictions"]
        every = by_name([row["probabilities"] for row in rows], classes)
        return Said([row["label"] for row in rows], every)

    return ask


def loops(package: Path, backbone: Path) -> dict[str, Route]:
    """Return the loops one writes with transformers and peft alone."""
    plain = Plain(package, backbone)

    def one(texts: list[str]) -> Said:
        for start in range(0, len(texts), BATCH):
            plain.scores(plain.names[-1], texts[start : start + BATCH]).argmax(1)
        return Said([], None)

    def whole(texts: list[str]) -> Said:
        parts = [plain.classify(texts[i : i + BATCH]) for i in range(0, len(texts), BATCH)]
        return Said([label for part in parts for label in part], None)

    return {"transformers + peft, one pass": one, "transformers + peft, whole learner": whole}


def compare(routes: dict[str, Route], texts: list[str]) -> tuple[list[str], dict[str, float]]:
    """Ask every route once; return what differs from the first, and the largest gap of each."""
    wrong, gaps = [], {}
    first, *_ = routes
    expected = routes[first](texts)
    assert expected.probabilities is not None
    for name, route in routes.items():
        found = route(texts)
        differing = sum(a != b for a, b in zip(found.labels, expected.labels, strict=False))
        if found.labels and (differing or len(found.labels) != len(texts)):
            wrong.append(f"{name}: {differing} of {len(texts)} labels differ from {first}")
        if found.probabilities is not None:
            gaps[name] = float(np.abs(found.probabilities - expected.probabilities).max())
            if not gaps[name] <= ATOL:
                wrong.append(f"{name}: a probability differs by {gaps[name]:.2g} from {first}")
    return wrong, gaps


def clock(route: Route, texts: list[str]) -> float:
    """Return the seconds that a route takes for texts."""
    began = time.perf_counter()
    route(texts)
    return time.perf_counter() - began


def measure(
    routes: dict[str, Route], texts: list[str], rounds: int, singles: int
) -> dict[str, tuple[float, float]]:
    """Return of each route the median seconds for one text, and for all of them in one call."""
    alone: dict[str, list[float]] = {name: [] for name in routes}
    together: dict[str, list[float]] = {name: [] for name in routes}
    for turn in range(rounds):
        for name, route in routes.items():
            # a process that starts takes seconds: a few of them are enough
            some = texts[:1] if name == "conpet predict" else texts[turn :: len(texts) // singles]
            alone[name] += [clock(route, [text]) for text in some]
        for name, route in routes.items():
            together[name].append(clock(route, texts))
    return {n: (statistics.median(alone[n]), statistics.median(together[n])) for n in routes}


def table(
    spent: dict[str, tuple[float, float]], gaps: dict[str, float], count: int, beside: str
) -> str:
    """Return the figures as a Markdown table, each route set against the one called beside."""
    base = spent[beside]
    lines = [
        f"| route | one text (ms) | × plain | {count:,} texts (texts/s) | × plain | largest gap |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, (alone, together) in spent.items():
        gap = f"{gaps[name]:.1e}" if name in gaps else ""
        lines.append(
            f"| {name} | {1000 * alone:.1f} | {alone / base[0]:.2f} | {count / together:.0f} "
            f"| {base[1] / together:.2f} | {gap} |"
        )
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
    with tempfile.TemporaryDirectory() as name, server(args.address, Path(name)) as place:
        first, classes = library(package, args.backbone)
        plain = loops(package, args.backbone)
        routes = {
            "conpet.load": first,
            "conpet predict": command(package, args.backbone, Path(name)),
            "mlflow.pyfunc": pyfunc(args.address, classes),
            "mlflow models serve": served(place, classes),
            **plain,
        }
        wrong, gaps = compare(routes, texts)
        spent = measure(routes, texts, args.rounds, args.singles)
    print(f"{len(texts):,} texts, {len(classes)} classes, one thread, float32")
    print(table(spent, gaps, len(texts), [*plain][-1]))
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
