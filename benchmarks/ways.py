"""The ways to a packaged learner, each as a function of texts."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

import conpet
from benchmarks.runs import read_texts
from conpet.errors import UserError
from examples.plain_peft import Plain

BATCH = 64  # texts a step of the plain loops
START_SECONDS = 600  # a busy machine takes minutes to import what a server needs
PATIENCE_SECONDS = 3600
WITH_ALL = {"probabilities": True}


class Said(NamedTuple):
    """What a route answers: a label a text, and probabilities (n, classes) where it gives them."""

    labels: list[str]
    probabilities: np.ndarray | None


Route = Callable[[list[str]], Said]


def package_of(run: Path) -> Path:
    """Return a run's package, or the folder itself where it is one."""
    return run / "model" if (run / "model").is_dir() else run


def choose(path: Path, count: int) -> list[str]:
    """Return different texts of a file in an order that is always the same."""
    texts = list(dict.fromkeys(map(str, read_texts(path))))
    random.Random(0).shuffle(texts)
    return texts[:count]


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

    import pandas as pd

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
    import pandas as pd

    model = mlflow.pyfunc.load_model(address)

    def ask(texts: list[str]) -> Said:
        frame = model.predict(pd.DataFrame({"text": texts}), params=WITH_ALL)
        return Said(list(frame["label"]), by_name(list(frame["probabilities"]), classes))

    return ask


@contextlib.contextmanager
def server(address: str, folder: Path) -> Iterator[tuple[str, int]]:
    """Yield the place of a server of the model and its process group, started and stopped here.

    Raises:
        UserError: it does not answer within START_SECONDS.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    words = ["models", "serve", "-m", address, "--env-manager", "local", "--port", port]
    # a request that takes longer than this is answered 504; 60 seconds unless told
    words += ["--timeout", str(PATIENCE_SECONDS)]
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
        yield place, process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


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
