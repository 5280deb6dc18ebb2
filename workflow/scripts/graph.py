#!/usr/bin/env python3
"""Write what rules make everything of an experiment: their jobs, and what these wait for.

Usage: graph.py SNAKEFILE EXPERIMENT OUT

Snakemake is asked, as anybody can: for its graph of jobs, and for what the rules say of themselves
(their docstrings). It only reads, so it may be asked while the workflow runs in the same folder.
OUT is a JSON object in the order of the rules' first jobs:
{rule: {"jobs": how many, "level": the longest chain of jobs before its first one, "after": the
rules it waits for, "meaning": its docstring}}.
"""

from __future__ import annotations

import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from conpet.files import write_json

_JOB = re.compile(r'^\s*(\d+)\[label = "(\w+)', re.MULTILINE)
_EDGE = re.compile(r"^\s*(\d+) -> (\d+)", re.MULTILINE)
_SAID = re.compile(r"^(\w+) \((.+)\)$", re.MULTILINE)
TARGET = "all"


def ask(snakefile: str, *options: str) -> str:
    """Return what Snakemake prints; where it fails, end with its words and its exit status."""
    # a job in the making is no reason to refuse: nothing is run
    reading = ["--nolock", "--ignore-incomplete"]
    command = [sys.executable, "-m", "snakemake", "--snakefile", snakefile, *reading, *options]
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
    dot = ask(snakefile, "--dag", "dot", TARGET, "--config", f"experiment={experiment}")
    write_json(Path(out), rules_of(dot, ask(snakefile, "--list-rules")))


if __name__ == "__main__":
    main(*sys.argv[1:])
