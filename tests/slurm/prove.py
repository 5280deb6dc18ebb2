"""An experiment through a real Slurm, beside the same one run without: the same bytes.

    python tests/slurm/prove.py FOLDER [EXPERIMENT]      # default: tests/slurm/cut.yaml

Makes two copies of the project in FOLDER, runs the experiment's tables in one as on any machine,
and in the other through a cluster that tests/slurm/cluster.py starts. There the first training job
is cancelled as it runs (`scancel`), and snakemake itself is killed (`kill -9`) once, so that the
same command has to go on. Prints what Slurm accounted; exit status 1 if any result differs.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.slurm.cluster import Cluster, says

ROOT = Path(__file__).resolve().parents[2]
SLURM = ("--workflow-profile", "profiles/slurm")
#: differ from run to run: what a job took, and said
_NOT_RESULTS = ("timing.json", "cost.csv", "cost.json", "cost.md", "cost.tex")


def copy(folder: Path) -> Path:
    """Copy the project's files, and models that are there already: they are downloads."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    if (ROOT / "results/models").is_dir():
        shutil.copytree(ROOT / "results/models", folder / "results/models", dirs_exist_ok=True)
    return folder


def start(folder: Path, experiment: str, *options: str) -> subprocess.Popen[bytes]:
    """Start snakemake."""
    words = [sys.executable, "-m", "snakemake", "tables", *options]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    config = ["--config", f"experiment={experiment}"]
    return subprocess.Popen([*words, *config], cwd=folder, env=environment)


def running(rule: str) -> str:
    """Wait for a job of a rule to run, and return its id."""
    while True:
        for line in says("squeue", "-h", "-o", "%i|%T|%k").splitlines():
            number, state, comment = line.split("|", 2)
            if state == "RUNNING" and comment.startswith(f"rule_{rule}"):
                return number
        time.sleep(1)


def results(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all results that do not say what a job took."""
    root = folder / "results"
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
        and path.suffix not in (".log", ".tsv")
        and path.name not in _NOT_RESULTS
        and path.relative_to(root).parts[0] != "models"
    }


def through_slurm(folder: Path, experiment: str) -> None:
    """Run the experiment with a cancelled job and a killed workflow in between."""
    first = start(folder, experiment, *SLURM)
    victim = running("train")
    time.sleep(5)
    subprocess.run(["scancel", victim], check=True)
    print(f"cancelled job {victim}", flush=True)
    running("evaluate")
    first.send_signal(signal.SIGKILL)
    first.wait()
    print("killed snakemake; the same command again", flush=True)
    if start(folder, experiment, *SLURM).wait():
        sys.exit("snakemake failed")


def main() -> None:
    """Run both, and compare."""
    if len(sys.argv) < 2:
        sys.exit("usage: prove.py FOLDER [EXPERIMENT]")
    where = Path(sys.argv[1]).resolve()
    experiment = sys.argv[2] if len(sys.argv) > 2 else "tests/slurm/cut.yaml"
    local, remote = copy(where / "local"), copy(where / "slurm")
    if start(local, experiment, "--cores", "2").wait():
        sys.exit("snakemake failed")
    cluster = Cluster(where / "cluster")
    cluster.start()
    try:
        through_slurm(remote, experiment)
        print(says("sacct", "-X", "-o", "JobID,State,Elapsed,AllocTRES%45,Comment%70"))
    finally:
        cluster.stop()
    here, there = results(local), results(remote)
    differ = sorted(
        name for name in here.keys() | there.keys() if here.get(name) != there.get(name)
    )
    print(f"{len(here)} files compared, {len(differ)} differ", *differ, sep="\n  ")
    sys.exit(bool(differ))


if __name__ == "__main__":
    main()
