"""A run begins and ends: Ctrl-C, one run at a time, and the process that jobs are forked from."""

import fcntl
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path

import forkserver
import leftovers
from conpet.commands.owner import claim
from conpet.temporary import sweep


def plan_quietly():
    """Have Ctrl-C end the planning of jobs without a traceback: Snakemake's locks are let go."""
    if workflow.is_main_process:
        signal.signal(signal.SIGINT, lambda number, _: sys.exit(128 + number))
        forkserver.sweep(Path(".snakemake/conpet"))


def end_quietly():
    """Have Ctrl-C stop nothing any more: all is done, and Python is about to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def leave_ctrl_c_to_snakemake():
    """Have Ctrl-C end the jobs, as Snakemake does it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


# -- one run at a time ----------------------------------------------------------------------


def lock():
    """Refuse a second run in this folder. The kernel frees the lock, even after ``kill -9``.

    What killed jobs left in the system's folder for temporary files goes first.
    """
    sweep(Path(tempfile.gettempdir()))
    global _lock_file
    try:
        _lock_file = open(".snakemake/conpet.lock", "a+")
        fcntl.flock(_lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _lock_file.seek(0)
        stop(
            f"{os.getcwd()}: another run is at work here ({_lock_file.read().strip()}): wait for it"
        )
    except OSError as error:
        stop(
            f"{os.getcwd()}/.snakemake/conpet.lock: cannot be locked ({error.strerror}): its owner "
            "runs here, or the file system has to allow locks (Lustre: mounted with flock)"
        )
    _lock_file.truncate(0)
    _lock_file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
    _lock_file.flush()
    claim(named, Path("results"))
    if not workflow.local_exec:
        leftovers.cancel(Path.cwd())


def start_forkserver():
    """Start the process that learning jobs are forked from, where jobs run on this machine."""
    if workflow.local_exec:
        forkserver.start(Path(".snakemake/conpet"))
