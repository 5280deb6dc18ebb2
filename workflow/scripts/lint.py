"""`snakemake --lint`, without the two suggestions that this workflow does not follow.

Snakemake has no way to accept one. Ends with status 1 if any other is left.
"""

from __future__ import annotations

import re
import subprocess
import sys

ACCEPTED = (
    # one environment serves all jobs: pyproject.toml, environment.yml
    "Specify a conda environment or container for each rule.",
    # where job.py lies is no parameter: a moved project would run all again
    "Shell command directly uses variable RUNNER from outside of the rule",
)


def remaining(text: str) -> list[str]:
    """Return what the linter's output says beside the accepted: `place: suggestion`."""
    found = []
    place = ""
    for line in text.splitlines():
        if head := re.fullmatch(r"Lints for (.+):", line):
            place = head[1]
        elif place and line.startswith("    * ") and not line[6:].startswith(ACCEPTED):
            found.append(f"{place}: {line[6:].rstrip(':')}")
    return found


def main() -> None:
    """Lint the workflow of this folder."""
    command = [sys.executable, "-m", "snakemake", "--lint"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "Lints for " not in done.stderr and done.returncode:
        sys.exit(done.stderr)
    found = remaining(done.stderr)
    if found:
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
