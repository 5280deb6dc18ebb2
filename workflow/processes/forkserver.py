#!/usr/bin/env python3
"""Start learning jobs from a process that has imported what they need (Linux only).

Usage: forkserver.py SOCKET WORKFLOW_PID

runner.py asks for a job over a socket; it is a copy (a fork) of this process. Nothing is imported
before the first request. A job ends with its runner.py. See docs/processes.md.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import importlib.util
import json
import os
import select
import signal
import socket
import socketserver
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from runner import POLL_SECONDS, alive, die_with_parent

MODULES = (
    "conpet.commands",
    "conpet.commands.asking",
    "conpet.commands.job_run",
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


#: where they are, there is a card; asking torch would touch it
CARDS = ("/dev/nvidiactl", "/dev/kfd")


def touches_the_card() -> bool:
    """Say whether what jobs need touches a card when it is imported: no copy could use it then.

    peft imports bitsandbytes where that is installed, which asks for the card at once.
    """
    has_card = any(Path(path).exists() for path in CARDS)
    return has_card and importlib.util.find_spec("bitsandbytes") is not None


def _import() -> None:
    # before torch, as conpet.commands does
    for name, value in (("OMP_WAIT_POLICY", "PASSIVE"), ("TOKENIZERS_PARALLELISM", "false")):
        os.environ.setdefault(name, value)
    for name in MODULES:
        importlib.import_module(name)
    gc.freeze()  # copies share these objects' memory as long as nothing touches them


def _receive(connection: socket.socket) -> tuple[dict[str, Any], int]:
    """Return a request, and the file that the job's words go to."""
    data, files, _, _ = socket.recv_fds(connection, REQUEST_BYTES, 1)
    while not data.endswith(b"\n"):
        more = connection.recv(REQUEST_BYTES)
        if not more:
            raise ValueError("a request was cut short")
        data += more
    return json.loads(data), files[0]


def _told(connection: socket.socket, data: bytes) -> None:
    """Send an answer; whoever asked may be gone."""
    with contextlib.suppress(OSError):
        connection.sendall(data)


def _run(request: dict[str, Any], output: int, parent: int) -> None:
    """Be the job: never returns."""
    die_with_parent(parent)
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(output)
    status = 1
    try:
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        sys.argv = ["conpet", *request["arguments"]]
        from conpet.commands import main

        main(sys.argv[1:])
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


class Request(socketserver.BaseRequestHandler):
    """One job, in a process that waits for it, or for its runner.py to be gone."""

    server: Server

    def handle(self) -> None:
        """Start the job, tell its process number, and its exit status when it has ended."""
        die_with_parent()
        self.server.socket.close()  # nobody would answer there once the server is gone
        request, output = _receive(self.request)
        mine, pid = os.getpid(), os.fork()
        if pid == 0:
            self.request.close()
            _run(request, output, mine)
        os.close(output)
        _told(self.request, pid.to_bytes(4, "big"))
        ended = os.pidfd_open(pid)
        ready: list[Any] = []
        while not ready and alive(self.server.workflow):
            ready, _, _ = select.select([ended, self.request], [], [], POLL_SECONDS)
        if ended not in ready:  # runner.py or the workflow is gone: so is the job
            for end in (os.killpg, os.kill):  # the second where it leads no group yet
                with contextlib.suppress(ProcessLookupError):
                    end(pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        _told(self.request, status.to_bytes(4, "big", signed=True))


class Server(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    """Forks a process for each request.

    Args:
        path: the socket to make.
        workflow: the process to end with.
    """

    max_children = 1000  # as many as Snakemake starts
    request_queue_size = 64

    def __init__(self, path: str, workflow: int) -> None:
        super().__init__(path, Request)
        self.workflow = workflow

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Import what jobs need; where that fails runner.py starts the command itself."""
        if touches_the_card():
            return False
        try:
            _import()
        except Exception:
            traceback.print_exc()
            return False
        return True

    def service_actions(self) -> None:
        """End with the workflow."""
        super().service_actions()
        if not alive(self.workflow):
            raise SystemExit


def serve(path: Path, workflow: int) -> None:
    """Answer requests until the workflow is gone, and its jobs with it."""
    before = os.umask(0o177)  # only this user may ask
    begun = path.with_name(f"{path.name}~")
    with contextlib.suppress(SystemExit), Server(str(begun), workflow) as server:
        os.umask(before)
        begun.rename(path)  # it is there once it answers: not before
        server.serve_forever(POLL_SECONDS)
    path.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove the sockets of workflows that were killed: nobody answers there."""
    for left in folder.glob("fork-*.sock*"):
        pid = left.name.removeprefix("fork-").partition(".")[0]
        if pid.isdecimal() and not alive(int(pid)):
            left.unlink(missing_ok=True)


def start(folder: Path) -> None:
    """Start it in the background for this process, and have its jobs find it.

    Args:
        folder: where its socket lies, and its log, which says what goes wrong; below the current
            folder, which is the jobs' too: a relative path is short enough for a socket's.
            No other workflow may be at work there.
    """
    if sys.platform != "linux":
        return
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    path = folder / f"fork-{os.getpid()}.sock"
    with (folder / "forkserver.log").open("wb") as file:
        server = subprocess.Popen(
            [sys.executable, str(Path(__file__)), str(path), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    atexit.register(_end, server, path)
    os.environ["CONPET_FORKSERVER"] = str(path)


def _end(server: subprocess.Popen[bytes], path: Path) -> None:
    server.kill()
    server.wait()  # one that has just begun may make its socket until it is gone
    for left in path.parent.glob(f"{path.name}*"):
        left.unlink()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: forkserver.py SOCKET WORKFLOW_PID")
    die_with_parent()  # at once, whatever it is importing
    serve(Path(sys.argv[1]), int(sys.argv[2]))
