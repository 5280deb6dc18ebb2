#!/usr/bin/env python3
"""Make an experiment's tables again in a folder of their own; compare them with the published ones.

Usage: verify.py EXPERIMENT CORES [--tolerance T] [KEY=VALUE ...]

Only what was fetched is taken over (its hashes are checked when it is fetched): everything else is
made from nothing, in results/scratch/EXPERIMENT. Stopped, it goes on from there; compared, or with
other code than it was begun with, it begins anew. The folder is kept where something differs.
KEY=VALUE are more of Snakemake's config.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "workflow/processes"))
from runner import STOPPING, die_with_parent  # noqa: E402

from conpet.commands.checks import DataChecks, open_experiment  # noqa: E402
from conpet.commands.verification import check_published  # noqa: E402
from conpet.errors import UserError  # noqa: E402
from conpet.files import sha256, write_text  # noqa: E402

COMPARED, CODE = "compared", "code"


def _take(source: Path, target: Path) -> None:
    """Have a folder at another place too; hard links, so that it takes no room."""
    if target.exists() or not source.is_dir():
        return

    def link(a: str, b: str) -> None:
        with contextlib.suppress(OSError):
            os.link(a, b)
            return
        shutil.copy2(a, b)

    temporary = target.with_name(f".{target.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.copytree(source, temporary, copy_function=link)
    temporary.rename(target)


def code() -> str:
    """Return the SHA-256 of the code that learns and reports, as it is now."""
    found = hashlib.sha256()
    files = [*ROOT.glob("conpet/**/*.py"), *ROOT.glob("workflow/**/*.*"), ROOT / "Snakefile"]
    for path in sorted(files):
        if path.suffix != ".pyc" and path.is_file():
            found.update(f"{path.relative_to(ROOT)} {sha256(path)}\n".encode())
    return found.hexdigest()


def prepare(here: Path, scratch: Path) -> None:
    """Make the scratch folder: the same config but for additions, fetched files, no result."""
    mark, now = scratch / CODE, code()
    other = scratch.exists() and not (mark.is_file() and mark.read_text(encoding="utf-8") == now)
    if other:
        print(f"{scratch.relative_to(here)}: begun with other code: begins anew", file=sys.stderr)
    if other or (scratch / COMPARED).exists():
        shutil.rmtree(scratch)
    scratch.mkdir(parents=True, exist_ok=True)
    write_text(mark, now)
    (scratch / "config").mkdir(exist_ok=True)
    for path in (here / "config").resolve().iterdir():
        link = scratch / "config" / path.name
        # what `conpet extend` added came after what was published
        if path.name != "additions" and not link.is_symlink():
            link.symlink_to(path)
    fetched = [*here.glob("results/models/*/"), *here.glob("results/data/*/*/raw/")]
    for folder in fetched:
        target = scratch / folder.relative_to(here)
        target.parent.mkdir(parents=True, exist_ok=True)
        _take(folder, target)


def run(command: list[str]) -> int:
    """Run a command that ends when this process does; return its exit status."""
    child = subprocess.Popen(
        command,
        preexec_fn=functools.partial(die_with_parent, os.getpid()),  # noqa: PLW1509  no threads
    )

    def stop(_number: int, _frame: FrameType | None) -> None:
        child.send_signal(signal.SIGTERM)

    for number in STOPPING:
        signal.signal(number, stop)
    return child.wait()


def main() -> int:
    """Regenerate and compare; return the exit status of what failed, or 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment")
    parser.add_argument("cores")
    parser.add_argument("--tolerance")
    parser.add_argument("config", nargs="*")
    args = parser.parse_args()
    here = Path.cwd()
    file = Path(args.experiment)
    experiment = str(file.resolve()) if file.suffix in (".yaml", ".yml") else args.experiment
    name = file.stem if file.suffix in (".yaml", ".yml") else args.experiment
    scratch = here / "results" / "scratch" / name
    begun = scratch.exists()
    prepare(here, scratch)
    try:  # before hours of training
        found = open_experiment(experiment, scratch / "config", DataChecks())
        check_published(found.matrix(), Path("results/published"))
    except UserError as error:
        print(f"conpet: error: {error}", file=sys.stderr)
        if not begun:
            shutil.rmtree(scratch)
        return 1
    make = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    make += ["--directory", str(scratch), "--cores", args.cores, "tables"]
    make += ["--config", f"experiment={experiment}", *args.config]
    status = run(make)
    if status:
        return status
    compare = ["conpet", "verify", "--experiment", experiment, "--published", "results/published"]
    compare += ["--config-dir", str(scratch / "config")]
    compare += ["--results", str(scratch / "results")]
    compare += ["--tolerance", args.tolerance] if args.tolerance else []
    status = run(compare)
    if status:
        (scratch / COMPARED).touch()
        print(f"what was made is kept in {scratch.relative_to(here)}", file=sys.stderr)
    else:
        shutil.rmtree(scratch)
    return status


if __name__ == "__main__":
    sys.exit(main())
