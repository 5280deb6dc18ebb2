"""Before anything is learnt: a first YAML for one's own files, and what an experiment will cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from conpet.commands import options as o

app = typer.Typer()


@app.command()
def init(
    files: Annotated[
        list[Path],
        Argument(metavar="FILE", help="texts with labels; files of several sets: a task each"),
    ],
    name: Annotated[
        str, Option(metavar="NAME", help="of the experiment (default: as the files)")
    ] = "",
    out: Annotated[
        Path, Option(metavar="FOLDER", help="folder to write NAME.yaml to", file_okay=False)
    ] = Path(),
    config_dir: o.ConfigDir = o.CONFIG,
) -> None:
    """Look at files, and write a commented YAML that compares methods on them."""
    from conpet.commands.beginning import begin

    written, said = begin(files, name, out, config_dir)
    for line in said:
        print(f"guessed: {line}")
    print(f"{written}: read it, then: conpet describe {written}")


@app.command()
def estimate(
    name: o.Named = "",
    experiment: o.Name = "",
    results: o.Results = o.RESULTS,
    mirror: o.Mirror = None,
    config_dir: o.ConfigDir = o.CONFIG,
) -> None:
    """Say what learning an experiment will cost: jobs, samples, tokens, TFLOP, bytes, time here."""
    from conpet.commands.checks import open_experiment
    from conpet.commands.description_text import columns
    from conpet.commands.estimation import estimate
    from conpet.commands.estimation_file import FILE
    from conpet.files import write_json
    from conpet.reporting.numbers import duration
    from conpet.wording import counted

    about = open_experiment(o.required(name, experiment), config_dir)
    rows, notes, machine = estimate(about, results, mirror)
    head = ["method", "jobs", "samples", "tokens", "TFLOP", "MB kept", "time", "time from"]
    for dataset, model in dict.fromkeys((row["dataset"], row["model"]) for row in rows):
        mine = [row for row in rows if (row["dataset"], row["model"]) == (dataset, model)]
        cells = [
            [r["method"], r["jobs"], r["samples"], r["tokens"], f"{r['tflop']:,.1f}",
             f"{r['bytes'] / 1e6:,.1f}", duration(3600 * r["hours"]), r["from"]]
            for r in mine
        ]  # fmt: skip
        print(f"{dataset} with {model}, {counted(mine[0]['seeds'], 'seed')}")
        print("\n".join(f"  {line}" for line in columns([head, *cells], 1)))
    for note in notes:
        print(f"note: {note}")
    hours = round(sum(row["hours"] for row in rows), 5)
    jobs, there = (sum(row[key] for row in rows) for key in ("jobs", "there"))
    print(
        f"in all {duration(3600 * hours)} for {counted(jobs, 'job')} that learn and test tasks, "
        f"one by one, on {machine} as busy as it is now; the workflow has more, of "
        "seconds each (data, tables)"
    )
    if there == jobs:
        print("all of them are done")
    elif there:
        left = sum(row["hours"] * (1 - row["there"] / row["jobs"]) for row in rows)
        print(f"{there:,} of them are done: about {duration(3600 * left)} left")
    # where `conpet targets` finds it
    write_json(results / about.name / FILE, {"hours": hours, "cpu": machine, "rows": rows})
