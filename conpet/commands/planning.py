"""Before anything is learnt: a first YAML, a look at the data, what an experiment will cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from conpet.commands import options as o
from conpet.errors import UserError
from conpet.files import visible, write_json

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

    if out.suffix in (".yaml", ".yml"):
        raise UserError(f"--out {out}: give the folder alone, and --name {out.stem}")
    written, said = begin(files, name, out, config_dir)
    for line in said:
        print(f"guessed: {line}")
    print(f"{written}: read it, then: conpet describe {written}")


@app.command()
def describe(
    dataset: Annotated[
        str,
        Argument(
            help="a name in config/datasets, a YAML, or a data file (a table, or see --format)"
        ),
    ],
    model: Annotated[
        list[str] | None,
        Option(help="a model (default: the experiment's, or minilm); again for each"),
    ] = None,
    mirror: o.Mirror = None,
    format: Annotated[
        str | None, Option(help="a file's format: table (default), fewrel, crossner, ...")
    ] = None,
    option: o.ReaderOption = None,
    kind: Annotated[
        str | None, Option(help="where the format leaves it open: relation, entity or sentence")
    ] = None,
    tasks: Annotated[
        int | None, Option(help="tasks to cut a file's classes into (default: 5)")
    ] = None,
    seed: Annotated[int | None, Option(help="of a file's class order (default: 100)")] = None,
    max_length: Annotated[int | None, Option(help="tokens a text may have (default: 128)")] = None,
    json: Annotated[Path | None, Option(help="file to write the same to", dir_okay=False)] = None,
    results: o.Results = o.RESULTS,
    config_dir: o.ConfigDir = o.CONFIG,
) -> None:
    """Show a dataset: sizes, lengths, samples, what was dropped."""
    from conpet.commands.columns import named_as_typed
    from conpet.commands.described import MODELS, compared, open_dataset, open_file
    from conpet.commands.description import describe
    from conpet.commands.description_text import as_text
    from conpet.data.readers import SUFFIXES

    if format is None and Path(dataset).suffix.lower() in SUFFIXES and Path(dataset).is_file():
        format = "table"
    if format:
        about: dict[str, Any] = {
            "format": format,
            "options": o.reader_options(option),
            "order": {
                "seed": 100 if seed is None else seed,
                "tasks": 5 if tasks is None else tasks,
            },
            **({"kind": kind} if kind else {}),
        }
        opened = open_file(Path(dataset), about, model or MODELS, config_dir, max_length)
        whole = None
    elif (kind, tasks, seed, option) != (None, None, None, None):
        raise UserError(
            "--kind, --tasks, --seed, --option: the YAML says them: they go with a data file only"
        )
    else:
        opened = open_dataset(dataset, model, config_dir, max_length)
        whole = compared(dataset, model, config_dir)
    with named_as_typed(Path(dataset)) if format else nullcontext():
        reports = [describe(*pair, results, mirror, whole) for pair in opened]
    print("\n".join(as_text(report) for report in reports), end="")
    if json:
        write_json(json, reports[0] if len(reports) == 1 else reports)


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
    from conpet.commands.owner import check_owner, outdated
    from conpet.reporting.numbers import duration
    from conpet.wording import counted

    about = open_experiment(o.required(name, experiment), config_dir)
    check_owner(about, results)
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
    jobs = sum(row["jobs"] for row in rows)
    print(
        f"in all {duration(3600 * hours)} for {counted(jobs, 'job')} that learn and test tasks, "
        f"one by one, on {machine} as busy as it is now; the workflow has more, of "
        "seconds each (data, tables)"
    )
    old = list(outdated(about, results)) if any(row["there"] for row in rows) else []
    for line in (*(f"note: {line}" for line in old), *_left(rows, bool(old))):
        print(line)
    # where `conpet targets` finds it
    kept = {"hours": hours, "cpu": machine, "config_sha256": about.sha256(), "rows": rows}
    write_json(results / about.name / FILE, kept)


def _left(rows: Sequence[dict[str, Any]], old: bool) -> Iterator[str]:
    """Yield a line on what is left of jobs; ``old``: some are of other settings than now."""
    from conpet.reporting.numbers import duration

    jobs, there = (sum(row[key] for row in rows) for key in ("jobs", "there"))
    if old:
        so_far = f"{there:,} of them are there, not all as the experiment is now"
        yield f"{so_far}: how much is left is not known"
    elif there == jobs:
        yield "all of them are done"
    elif there:
        left = sum(row["hours"] * (1 - row["there"] / row["jobs"]) for row in rows)
        yield f"{there:,} of them are done: about {duration(3600 * left)} left"


@app.command()
def params(
    models: Annotated[list[str] | None, typer.Argument(help="names in config/models")] = None,
    config_dir: o.ConfigDir = o.CONFIG,
) -> None:
    """Count tunable parameters (LoRA r 4), without any weights."""
    from conpet.config import Model, Settings
    from conpet.config.experiment_file import check_folder
    from conpet.config.strict import choose, read_yaml, validate
    from conpet.models.count import count

    check_folder(config_dir)
    folder = config_dir / "models"
    known = [p.stem for p in visible(folder, "*.yaml")]
    print(f"{'model':14}{'backbone':>16}{'LM head':>14}{'LoRA':>12}{'ratio':>8}")
    for name in models or ["llama-7b", "minilm"]:
        choose("model", name, known, "params")
        model = validate(Model, read_yaml(folder / f"{name}.yaml"), f"{folder}/{name}.yaml")
        n = count(name, model, Settings().tuning)
        print(f"{name:14}{n.backbone:16,}{n.lm_head:14,}{n.tunable:12,}{n.ratio:8,.0f}")
