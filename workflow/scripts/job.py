#!/usr/bin/env python3
"""Run one job's command: what it says goes to its log and to the terminal, and it never outlives
the workflow that started it.

Usage: job.py LOG COMMAND [ARGUMENT ...]

Snakemake killed by ``kill -9`` cannot stop its jobs. A job left behind could replace a folder
that the next run is reading, so this process watches the workflow (CONPET_WORKFLOW_PID, set by
the Snakefile) and takes the job down with it. Standard library only: a node without the
``workflow`` extra can run it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

POLL_SECONDS = 0.5
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """Have Linux kill this process when its parent dies; elsewhere do nothing."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def alive(pid: int) -> bool:
    """Say whether a process runs; a zombie does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    if not Path("/proc/self/stat").exists():  # not Linux: a zombie passes for alive
        return True
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def _watch(workflow: int, child: subprocess.Popen[bytes]) -> None:
    while child.poll() is None:
        if not alive(workflow):
            child.kill()
            return
        time.sleep(POLL_SECONDS)


def run(log: Path, command: list[str]) -> int:
    """Run ``command``, copying its output to ``log`` and stderr; return its exit status."""
    log.parent.mkdir(parents=True, exist_ok=True)
    # a session of its own: Ctrl-C reaches this process only, which then stops the job quietly
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=_die_with_parent,  # noqa: PLW1509  no thread has been started yet
    )

    def stop(number: int, _frame: object) -> None:
        child.terminate()
        raise SystemExit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    workflow = os.environ.get("CONPET_WORKFLOW_PID", "")
    if workflow.isdigit():
        threading.Thread(target=_watch, args=(int(workflow), child), daemon=True).start()
    assert child.stdout is not None
    with log.open("wb", buffering=0) as file:
        for line in child.stdout:
            file.write(line)
            with contextlib.suppress(OSError):  # the terminal may be gone; the job goes on
                os.write(2, line)
        status = child.wait()
        if status < 0:
            line = f"{Path(command[0]).name}: killed by signal {-status}\n".encode()
            file.write(line)
            with contextlib.suppress(OSError):
                os.write(2, line)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: job.py LOG COMMAND [ARGUMENT ...]")
    try:
        sys.exit(run(Path(sys.argv[1]), sys.argv[2:]))
    except FileNotFoundError as error:
        sys.exit(f"{error.filename}: no such command: activate the environment it is in")
