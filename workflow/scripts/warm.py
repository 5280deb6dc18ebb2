#!/usr/bin/env python3
"""Start learning jobs from a process that has imported what they need.

Usage: warm.py SOCKET WORKFLOW_PID

Importing torch, transformers and peft takes a job four seconds of a core, often more than what it
has to compute. The workflow starts this process (Linux only); job.py asks it, over a socket in the
file system, for a copy of itself (a fork) that runs one `conpet` command. Nothing is imported
before the first request. It ends with the workflow, and its jobs end with it or with their job.py.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from job import POLL_SECONDS, alive, die_with_parent

MODULES = (
    "conpet.cli",
    "conpet.jobs.learn",
    "conpet.learners.contrastive",
    "conpet.learners.experts",
    "conpet.learners.linear",
    "pandas",
    "peft",
    "transformers.activations",
    "transformers.modeling_utils",
    "transformers.models.auto.modeling_auto",
)
REQUEST_BYTES = 2**20  # the longest request: a command line and its environment


def _import() -> None:
    # before torch, as conpet.cli does
    for name, value in (("OMP_WAIT_POLICY", "PASSIVE"), ("TOKENIZERS_PARALLELISM", "false")):
        os.environ.setdefault(name, value)
    for name in MODULES:
        importlib.import_module(name)
    gc.freeze()  # copies share these objects' memory as long as nothing touches them


def _run(request: dict[str, object], output: int) -> None:
    """Be the job: never returns."""
    die_with_parent()
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(output)
    status = 1
    try:
        os.environ.clear()
        os.environ.update(request["environment"])  # type: ignore[call-overload]
        os.chdir(str(request["folder"]))
        from conpet.cli import main

        main(request["arguments"])  # type: ignore[arg-type]
        status = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _accept(server: socket.socket, jobs: dict[int, tuple[int, socket.socket]]) -> None:
    """Fork one job; tell its process number."""
    connection, _ = server.accept()
    try:
        data, files, _, _ = socket.recv_fds(connection, REQUEST_BYTES, 1)
        while not data.endswith(b"\n"):
            more = connection.recv(REQUEST_BYTES)
            if not more:
                raise ValueError("cut short")
            data += more
        request = json.loads(data)
        _import()
        pid = os.fork()
        if pid == 0:
            server.close()
            for _, other in jobs.values():
                other.close()
            connection.close()
            _run(request, files[0])
        os.close(files[0])
        connection.sendall(pid.to_bytes(4, "big"))
        jobs[os.pidfd_open(pid)] = (pid, connection)
    except (OSError, ValueError, ImportError):
        traceback.print_exc()
        connection.close()  # job.py then starts the command itself


def _end(handle: int, jobs: dict[int, tuple[int, socket.socket]]) -> None:
    """Pass on a finished job's status."""
    pid, connection = jobs.pop(handle)
    os.close(handle)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(OSError):
        connection.sendall(status.to_bytes(4, "big", signed=True))
    connection.close()


def serve(path: Path, workflow: int) -> None:
    """Answer requests until the workflow is gone."""
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    path.chmod(0o600)
    server.listen(64)
    jobs: dict[int, tuple[int, socket.socket]] = {}
    while alive(workflow):
        connections = {connection: pid for pid, connection in jobs.values()}
        ready, _, _ = select.select([server, *jobs, *connections], [], [], POLL_SECONDS)
        for item in ready:
            if item is server:
                _accept(server, jobs)
            elif item in connections:  # job.py is gone: so is its job
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(connections[item], signal.SIGKILL)
            elif item in jobs:
                _end(item, jobs)
    for pid, _ in jobs.values():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # made for the socket alone, or somebody else's
        path.parent.rmdir()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: warm.py SOCKET WORKFLOW_PID")
    serve(Path(sys.argv[1]), int(sys.argv[2]))
