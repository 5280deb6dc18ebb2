"""Kill a small workflow at random moments, and see that nothing is lost, changed or left.

    python -m tests.campaigns.kills --signals 100

A chain is one workspace: snakemake is started and gets a signal after a random time, again and
again, then runs undisturbed to its end. Its results must be the bytes of a run that nobody
disturbed. A signal goes to snakemake alone, to its whole group (as Ctrl-C in a terminal), or to a
job. Ctrl-C while Snakemake imports itself is told with a traceback of its own, before it has read
a line of this project: such signals are counted apart. With ``--real`` the jobs are the real
commands on a model of 32 dimensions, with the fork server; without, they are stand-ins that write
half of every output, wait, and write the rest.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.campaigns.workspace import Workspace, make
from tests.workflow.test_running import gone

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
TARGETS = ("snakemake", "group", "job")
TIMEOUT_SECONDS = 600
SHOWN = 5


@dataclass
class Found:
    """What went wrong in a campaign."""

    faults: list[str] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    compared: int = 0
    imports: int = 0

    def expect(self, holds: bool, fault: str) -> None:
        """Note a fault, unless it holds."""
        if not holds:
            self.faults.append(fault)


def disturb(space: Workspace, rng: random.Random, longest: float, found: Found) -> bool:
    """Start the workflow, send one signal; return whether it was sent before the end."""
    number, target = rng.choice(SIGNALS), rng.choice(TARGETS)
    running = space.start()
    try:
        running.wait(timeout=rng.uniform(0.3, longest))
        running.communicate()
        return False
    except subprocess.TimeoutExpired:
        pass
    pids = space.jobs()
    if target == "group":
        os.killpg(running.pid, number)
    elif target == "job" and pids:
        os.kill(rng.choice(pids), number)
    else:
        target = "snakemake"
        running.send_signal(number)
    said, _ = running.communicate(timeout=TIMEOUT_SECONDS)
    name = f"{number.name} to {target}"
    found.sent[name] += 1
    left = [pid for pid in space.processes() if not gone(pid, 10)]
    found.expect(not left, f"{name}: processes that outlived it: {left}")
    if "Traceback" in said and number == signal.SIGINT and read_nothing(said, space):
        found.imports += 1
    else:
        found.expect("Traceback" not in said, f"{name}: a traceback:\n{said[-2000:]}")
    return True


def read_nothing(said: str, space: Workspace) -> bool:
    """Say whether Snakemake ended before it read the Snakefile.

    From its first line to the count of jobs Ctrl-C ends it without a word; then it has a lock.
    """
    return "jobs:" not in said and str(space.folder) not in said


def finish(space: Workspace, undisturbed: dict[str, bytes], found: Found, name: str) -> None:
    """Let the workflow run to its end, and compare."""
    done = space.run()
    found.expect(done.returncode == 0, f"{name}: does not end well:\n{done.stdout[-2000:]}")
    results = space.bytes()
    for path in sorted(undisturbed.keys() | results.keys()):
        same = undisturbed.get(path) == results.get(path)
        found.expect(same, f"{name}: {path}: is other bytes, missing, or too much")
        found.compared += 1
    again = space.run("-n")
    found.expect("Nothing to be done" in again.stdout, f"{name}: is never finished")
    left = [str(path) for path in space.leftovers()]
    found.expect(not left, f"{name}: left behind: {left[:SHOWN]}")


def campaign(folder: Path, signals: int, chains: int, seed: int, real: bool) -> Found:
    """Send so many signals, spread over so many chains."""
    found, rng = Found(), random.Random(seed)
    place = folder / "space"  # one for all: some results say where what they read lies
    calm = make(place, real)
    start = time.monotonic()
    done = calm.run()
    if done.returncode:
        sys.exit(done.stdout[-4000:])
    longest = time.monotonic() - start
    undisturbed, outside = calm.bytes(), set(calm.outside())
    for chain in range(chains):
        shutil.rmtree(place)
        space = make(place, real)
        wanted = signals // chains + (chain < signals % chains)
        while wanted:
            if disturb(space, rng, longest, found):
                wanted -= 1
            else:  # it was ready before: begin anew
                finish(space, undisturbed, found, f"chain {chain}")
                shutil.rmtree(place)
                space = make(place, real)
            print(f"\r{sum(found.sent.values())}/{signals} signals", end="", file=sys.stderr)
        finish(space, undisturbed, found, f"chain {chain}")
    print(file=sys.stderr)
    more = sorted(str(path) for path in set(calm.outside()) - outside)
    found.expect(not more, f"left in {tempfile.gettempdir()}: {more[:SHOWN]}")
    return found


def main() -> None:
    """Run the campaign, and tell what was found; exit status 1 where it was anything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--signals", type=int, default=100)
    parser.add_argument("--chains", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--real", action="store_true", help="the real commands: slower")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="campaign-") as name:
        found = campaign(Path(name), args.signals, args.chains, args.seed, args.real)
    for what, count in sorted(found.sent.items()):
        print(f"{count:5} {what}")
    print(f"{found.imports:5} of them while Snakemake imported itself")
    print(f"{found.compared:5} files compared, {len(found.faults)} faults")
    if found.faults:
        sys.exit("\n".join(found.faults))


if __name__ == "__main__":
    main()
