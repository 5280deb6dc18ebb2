"""Jobs on a Slurm cluster that outlived the workflow which submitted them.

After Ctrl-C the executor cancels its jobs; after ``kill -9`` of snakemake, or a login node that
went down, nobody does. The same command again would submit them a second time, and a job left
behind could replace a folder that a new one is reading. So who holds the folder's lock cancels
what is left there first.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

WAIT_SECONDS = 60.0
POLL_SECONDS = 1.0
TRIES = 5
# what the executor writes into a job's comment; a user's own jobs have none, or another
_COMMENTS = ("rule_", "group_")


def left(folder: Path) -> list[str]:
    """Return the ids of this user's jobs of a workflow in ``folder``."""
    found = []
    for line in _asked().splitlines():
        number, _, rest = line.partition("|")
        comment, _, where = rest.rpartition("|")
        if comment.startswith(_COMMENTS) and Path(where) == folder:
            found.append(number)
    return found


def _asked() -> str:
    """Return what `squeue` says of this user's jobs; end where it says nothing for long."""
    command = ["squeue", "--me", "--noheader", "--format=%i|%k|%Z"]
    for attempt in range(TRIES):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout
        if attempt < TRIES - 1:
            time.sleep(POLL_SECONDS)
    why = " ".join(done.stderr.split()) or f"status {done.returncode}"
    sys.exit(f"conpet: error: squeue: {why}: jobs of an earlier run may be at work: try again")


def cancel(folder: Path) -> None:
    """Cancel the jobs that are left, wait until none runs any more, and say so in one line."""
    if shutil.which("squeue") is None:
        return
    jobs = left(folder)
    if not jobs:
        return
    print(f"cancelling jobs left behind by an earlier run: {' '.join(jobs)}", file=sys.stderr)
    subprocess.run(["scancel", *jobs], check=False)
    end = time.monotonic() + WAIT_SECONDS
    while left(folder):
        if time.monotonic() > end:
            sys.exit(f"conpet: error: {' '.join(left(folder))}: still running: scancel them")
        time.sleep(POLL_SECONDS)
