#!/usr/bin/env python3
"""Write what rules make everything of an experiment: their jobs, and what these wait for.

Usage: graph.py SNAKEFILE EXPERIMENT OUT

Snakemake is asked, as anybody can: for its graph of jobs, and for what the rules say of themselves
(their docstrings). It is asked in an empty folder with the same config: where a workflow is at
work, what it keeps in .snakemake changes while it is read.

OUT is a JSON object in the order of the rules' first jobs: {rule: {"jobs": how many, "level": the
longest chain of jobs before its first one, "after": the rules it waits for, "meaning": its
docstring}}.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import partial
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from checked import KEPT

from conpet.files import write_json
from conpet.temporary import scratch

_JOB = re.compile(r'^\s*(\d+)\[label = "(\w+)', re.MULTILINE)
_EDGE = re.compile(r"^\s*(\d+) -> (\d+)", re.MULTILINE)
_SAID = re.compile(r"^(\w+) \((.+)\)$", re.MULTILINE)
TARGET = "all"


def ask(snakefile: Path, folder: str, *options: str) -> str:
    """Return what Snakemake prints; where it fails, end with its words and its exit status."""
    start = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile)]
    command = [*start, "--directory", folder, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        sys.exit(done.returncode)
    return done.stdout


def rules_of(dot: str, listing: str) -> dict[str, dict[str, Any]]:
    """Return each rule that has jobs, from the graph of jobs and the list of rules."""
    rule = dict(_JOB.findall(dot))
    needs: dict[str, set[str]] = {job: set() for job in rule}
    for need, job in _EDGE.findall(dot):
        needs[job].add(need)
    level: dict[str, int] = {}
    for job in TopologicalSorter(needs).static_order():
        level[job] = max((level[need] + 1 for need in needs[job]), default=0)
    said = dict(_SAID.findall(listing))
    found = {
        name: {
            "jobs": sum(other == name for other in rule.values()),
            "level": min(level[job] for job in rule if rule[job] == name),
            "after": sorted({rule[n] for job in rule if rule[job] == name for n in needs[job]}),
            "meaning": said.get(name, "").rstrip("."),
        }
        for name in set(rule.values()) - {TARGET}
    }
    return dict(sorted(found.items(), key=lambda item: (item[1]["level"], item[0])))


def main(snakefile: str, experiment: str, out: str) -> None:
    """Ask and write."""
    file = Path(experiment)  # a YAML file anywhere, or a name
    named = str(file.resolve()) if file.suffix in (".yaml", ".yml") else experiment
    with scratch() as folder:
        (folder / "config").symlink_to(Path("config").resolve())
        if KEPT.is_file():  # what was checked is not checked again
            (folder / KEPT).parent.mkdir(parents=True)
            shutil.copyfile(KEPT, Path(folder) / KEPT)
        ask_here = partial(ask, Path(snakefile).resolve(), str(folder))
        dot = ask_here("--dag", "dot", TARGET, "--config", f"experiment={named}")
        listing = ask_here("--list-rules")
    write_json(Path(out), rules_of(dot, listing))


if __name__ == "__main__":
    main(*sys.argv[1:])
