#!/usr/bin/env python3
"""Run one job's command: what it says goes to its log and to the terminal, and it never outlives
the workflow that started it.

Usage: runner.py LOG COMMAND [ARGUMENT ...]

The workflow to end with is ``CONPET_WORKFLOW`` (PROCESS@MACHINE). See docs/processes.md.
Standard library only: a node without the ``workflow`` extra can run it.
"""
# ruff: noqa: E402  who stops it in its first moment gets no traceback of an import

from __future__ import annotations

import os
import signal

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

if __name__ == "__main__":
    for _number in STOPPING:
        signal.signal(_number, lambda number, _frame: os._exit(128 + number))
    try:
        # rules give it the terminal as 9, and nothing as 2: what Python says of a Ctrl-C before
        # these lines is said to nobody
        os.dup2(9, 2)
        os.close(9)
    except OSError:  # started by hand
        pass

import contextlib
import ctypes
import functools
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

POLL_SECONDS = 0.5
STOP_SECONDS = 5.0  # what a stopped job has to remove what is half written
_PR_SET_PDEATHSIG = 1
#: the commands that compute with a model, each a rule of the same name: forkserver.py starts them,
#: and the profiles give them memory, time and, all but `encode`, a GPU
LEARNING = ("encode", "train", "select", "evaluate", "package")


def die_with_parent(parent: int | None = None) -> None:
    """Have Linux kill this process when its parent dies; elsewhere do nothing.

    Of a ``parent`` that has died already Linux does not tell: then it ends here.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if parent is not None and os.getppid() != parent:
            os._exit(128 + signal.SIGKILL)


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


class Forked:
    """A `conpet` command that forkserver.py runs; of `subprocess.Popen` it has what is used here.

    Args:
        path: forkserver.py's socket.
        arguments: what follows `conpet`.

    Raises:
        OSError: forkserver.py is not there, or cannot start it.
    """

    def __init__(self, path: str, arguments: list[str]) -> None:
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(path)
        read, write = os.pipe()
        self.stdout = os.fdopen(read, "rb")
        request = {
            "arguments": arguments,
            "environment": dict(os.environ),
            "folder": str(Path.cwd()),
        }
        data = json.dumps(request).encode() + b"\n"
        try:
            sent = socket.send_fds(self._connection, [data], [write])
            self._connection.sendall(data[sent:])
        finally:
            os.close(write)
        self.pid = self._number()
        self._status: int | None = None

    def _number(self) -> int:
        data = self._connection.recv(4, socket.MSG_WAITALL)
        if len(data) < 4:
            raise OSError("forkserver.py has gone")
        return int.from_bytes(data, "big", signed=True)

    def poll(self) -> int | None:
        """Return its exit status once :meth:`wait` has it."""
        return self._status

    def wait(self) -> int:
        """Wait for its exit status; minus the signal's number where one ended it."""
        if self._status is None:
            try:
                self._status = self._number()
            except OSError:
                self._status = -signal.SIGKILL  # it dies with forkserver.py
        return self._status

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it now."""
        self._signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self._signal(signal.SIGTERM)


Child = Forked | subprocess.Popen[bytes]


def start(command: list[str]) -> Child:
    """Start a command, by forkserver.py where that serves this environment's `conpet`."""
    path = os.environ.get("CONPET_FORKSERVER", "")
    ours = str(Path(sys.executable).parent / "conpet")
    if path and command[0] == "conpet" and command[1:2] and command[1] in LEARNING:
        with contextlib.suppress(OSError):
            if shutil.which("conpet") == ours:
                return Forked(path, command[1:])
    # a session of its own: Ctrl-C reaches this process only, which then stops the job quietly
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        # no thread has been started yet
        preexec_fn=functools.partial(die_with_parent, os.getpid()),  # noqa: PLW1509
    )


def watched() -> int | None:
    """Return the process to end with: none where it is another machine's, and cannot be seen."""
    pid, _, machine = os.environ.get("CONPET_WORKFLOW", "").partition("@")
    return int(pid) if pid and machine == socket.gethostname() else None


def _watch(workflow: int, child: Child) -> None:
    while child.poll() is None:
        if not alive(workflow):
            child.kill()
            return
        time.sleep(POLL_SECONDS)


def run(log: Path, command: list[str]) -> int:
    """Run ``command``, copying its output to ``log`` and stderr; return its exit status."""
    log.parent.mkdir(parents=True, exist_ok=True)
    child = start(command)

    def stop(number: int, _frame: object) -> None:
        for other in STOPPING:  # the terminal and Snakemake may both say it
            signal.signal(other, signal.SIG_IGN)
        child.terminate()
        end = time.monotonic() + STOP_SECONDS
        while child.poll() is None and alive(child.pid) and time.monotonic() < end:
            time.sleep(0.02)
        child.kill()
        raise SystemExit(128 + number)

    for number in STOPPING:
        signal.signal(number, stop)
    workflow = watched()
    if workflow is not None:
        threading.Thread(target=_watch, args=(workflow, child), daemon=True).start()
    assert child.stdout is not None
    with log.open("wb", buffering=0) as file:
        written = True

        def tell(line: bytes) -> None:
            nonlocal written
            try:
                file.write(line)
            except OSError as error:  # a full disk; the job goes on, and may write elsewhere
                if written:
                    line += f"{log}: cannot be written ({error.strerror})\n".encode()
                written = False
            with contextlib.suppress(OSError):  # the terminal may be gone; the job goes on
                os.write(2, line)

        for line in child.stdout:
            tell(line)
        status = child.wait()
        if status < 0:
            tell(f"{Path(command[0]).name}: killed by signal {-status}\n".encode())
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: runner.py LOG COMMAND [ARGUMENT ...]")
    try:
        sys.exit(run(Path(sys.argv[1]), sys.argv[2:]))
    except FileNotFoundError as error:
        sys.exit(f"{error.filename}: no such command: activate the environment it is in")
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}")
