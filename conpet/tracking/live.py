"""Loss curves sent to an MLflow server while they grow, over its REST interface.

A view, never the truth: the run that is streamed is replaced by the complete one when the
workflow logs it (`conpet track`, by the same run key), and a server that is slow, wrong or gone
costs the training nothing but one line. mlflow itself is not imported.
"""

from __future__ import annotations

import contextlib
import json
import queue
import resource
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from conpet.environment import LIVE
from conpet.run import RunKey
from conpet.tracking.run_entries import CPU_SECONDS, PEAK_MEMORY

EVERY_SECONDS = 2.0
TIMEOUT_SECONDS = 5.0
_MOST = 900  # metrics in one request: the server takes 1,000
_END = object()
_MAC = sys.platform == "darwin"  # it counts memory in bytes, not in kilobytes


class Live:
    """A run on a server, fed by a thread of its own.

    Args:
        address: of the server, as http://127.0.0.1:5000.
        experiment: the experiment's name on the server.
        key: the run key; ``conpet track`` replaces runs by it.
        name: what the run is called.
    """

    def __init__(self, address: str, experiment: str, key: str, name: str) -> None:
        self._address = address.rstrip("/")
        self._about = (experiment, key, name)
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="live", daemon=True)
        self._thread.start()

    def metric(self, name: str, value: float, step: int) -> None:
        """Note a number to be sent; never waits."""
        stamp = int(time.time() * 1000)
        self._queue.put({"key": name, "value": value, "step": step, "timestamp": stamp})

    def close(self) -> None:
        """Send what is left and mark the run as finished; waits for one time-out at most."""
        self._queue.put(_END)
        self._thread.join(2 * TIMEOUT_SECONDS)

    def _serve(self) -> None:
        try:
            self._run()
        except (OSError, ValueError, KeyError, TypeError) as error:
            # urllib's errors are OSErrors; the rest is an answer that is no MLflow server's
            print(
                f"live: {self._address}: {type(error).__name__}: {error}: going on without it",
                file=sys.stderr,
                flush=True,
            )

    def _run(self) -> None:
        first = self._queue.get()
        if first is _END:
            return  # nothing was trained: no run without a curve
        experiment, key, name = self._about
        tags = {"conpet.run_key": key, "conpet.kind": "live"}
        made = self._post(
            "runs/create",
            experiment_id=self._experiment(experiment),
            run_name=name,
            start_time=int(time.time() * 1000),
            tags=[{"key": k, "value": v} for k, v in tags.items()],
        )
        run_id = made["run"]["info"]["run_id"]
        waiting = [first]
        while True:
            time.sleep(0 if waiting[-1] is _END else EVERY_SECONDS)
            with contextlib.suppress(queue.Empty):
                while True:
                    waiting.append(self._queue.get_nowait())
            metrics = [entry for entry in waiting if entry is not _END]
            metrics += _usage(metrics[-1]["step"]) if metrics else []
            for start in range(0, len(metrics), _MOST):
                batch = metrics[start : start + _MOST]
                self._post("runs/log-batch", run_id=run_id, metrics=batch)
            if waiting[-1] is _END:
                break
            waiting = [self._queue.get()]
        now = int(time.time() * 1000)
        self._post("runs/update", run_id=run_id, status="FINISHED", end_time=now)

    def _experiment(self, name: str) -> str:
        query = urllib.parse.urlencode({"experiment_name": name})
        try:
            found = self._ask(f"experiments/get-by-name?{query}")
            return str(found["experiment"]["experiment_id"])
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
        return str(self._post("experiments/create", name=name)["experiment_id"])

    def _post(self, what: str, **values: Any) -> Any:
        return self._ask(what, json.dumps(values).encode())

    def _ask(self, what: str, data: bytes | None = None) -> Any:
        request = urllib.request.Request(
            f"{self._address}/api/2.0/mlflow/{what}",
            data=data,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            return json.load(answer)


def _usage(step: int) -> list[dict[str, Any]]:
    """Return what this process has used so far, under the names of MLflow's page for it."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if _MAC else 2**10)
    used = {CPU_SECONDS: time.process_time(), PEAK_MEMORY: peak}
    stamp = int(time.time() * 1000)
    return [{"key": k, "value": v, "step": step, "timestamp": stamp} for k, v in used.items()]


def live(key: RunKey, task: int, what: str) -> Live | None:
    """Return a stream to the server that the environment names, None without one.

    ``what`` is the job of that task of the run; the complete run replaces the stream by its key.
    """
    address = LIVE.get()
    if not address.startswith("http"):
        if address:
            print(f"{LIVE.name}={address}: no server's address (http://...): nothing is streamed")
        return None
    name = f"{what} · {key.dataset} {key.model} {key.method} seed {key.seed} task {task}"
    return Live(address, key.experiment, f"{key.child(task)}/{what}", name)
