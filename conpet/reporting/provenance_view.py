"""Where results come from, as the page says it: code, machine, and the files they stand on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from conpet.reporting.answers import trained
from conpet.reporting.collect import Results
from conpet.reporting.table import machine


def data_hashes(results: Results) -> dict[str, str]:
    """Return the SHA-256 of the data, splits and model descriptions the runs stand on."""
    paths: list[Path] = []
    for dataset in results.datasets:
        data = results.root / "data" / dataset
        paths += [*data.glob("*/raw/manifest.json"), *data.glob("*/samples.parquet")]
        paths += (results.root / results.experiment / dataset).glob("*.tasks.json")
    paths += [results.root / "models" / model / "source.json" for model in results.models]
    return results.hashes(paths)


def commits(results: Results) -> Counter[str]:
    """Return how many trainings each commit did."""
    timings = [t.timing for run in results.runs for t in run.trainings if t.timing]
    return Counter(str(t["git_commit"]) for t in timings if t.get("git_commit"))


def facts(results: Results, config_hash: str, commit: str) -> list[tuple[str, str]]:
    """Return what code reported and trained, with what, on what, and for how long.

    Args:
        config_hash: SHA-256 of the configuration; '' where it is not known.
        commit: that which reports; '' where it is not known.
    """
    here = machine()
    timings = [t.timing for run in results.runs for t in run.trainings if t.timing]
    counts = sorted({int(t["threads"]) for t in timings if "threads" in t})
    computed = sorted({t.computed for run in results.runs for t in run.trainings} - {""})
    found = [
        ("Reported at commit", commit),
        *(
            ("Trained at commit", f"{c} ({n} training{'s' if n != 1 else ''})")
            for c, n in commits(results).most_common()
        ),
        ("Configuration (SHA-256)", config_hash),
        ("Packages", ", ".join(f"{name} {v}" for name, v in here["packages"].items())),
        ("Python, system", f"{here['python']}, {here['system']}"),
        ("Reported on", f"{here['cpu']}, {here['cpus']} CPUs"),
        ("Trained with", "; ".join(computed)),
        ("Threads per training", ", ".join(str(n) for n in counts)),
        ("Time", trained(results)),
    ]
    return [(name, value) for name, value in found if value]
