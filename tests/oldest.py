"""Print the oldest versions that pyproject.toml allows, as pip's requirements.

python tests/oldest.py               all direct dependencies and those of all extras
python tests/oldest.py --but torch   all but these
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: extras that nobody gets unasked: PEFT imports bitsandbytes wherever it is, and each job waits
ASKED_FOR = ("4bit",)
RANGE = re.compile(r"(?P<name>[\w.-]+)>=(?P<oldest>[\w.]+),<[\w.]+")


def oldest() -> dict[str, str]:
    """Return each direct dependency's oldest version; a range without one is an error.

    All that are in the lock: those that must be asked for are left out.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"].items()
    extras = [lines for extra, lines in optional if extra not in ASKED_FOR]
    found = {}
    for line in [*project["dependencies"], *(line for extra in extras for line in extra)]:
        match = RANGE.fullmatch(line)
        if match is None:
            raise ValueError(f"pyproject.toml: {line!r}: write name>=OLDEST,<NEXT")
        found[match["name"]] = match["oldest"]
    return found


if __name__ == "__main__":
    left_out = sys.argv[2:] if sys.argv[1:2] == ["--but"] else []
    print(*(f"{n}=={v}" for n, v in oldest().items() if n not in left_out), sep="\n")
