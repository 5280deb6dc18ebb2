"""A trained run put to use: packaged, asked, and extended; a dataset looked at."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer import Argument, Option

from conpet.commands import options as o
from conpet.config import Experiment
from conpet.config.stages import Package
from conpet.errors import UserError
from conpet.files import write_json

app = typer.Typer()
ReaderOption = Annotated[
    list[str] | None, Option(help="KEY=VALUE of the reader, like quotes=false; again for each")
]


def _reader_options(pairs: list[str] | None) -> dict[str, Any]:
    """Return KEY=VALUE pairs as a dictionary; a list or a mapping is JSON."""
    if wrong := [pair for pair in pairs or [] if "=" not in pair]:
        raise UserError(f"--option {wrong[0]}: give KEY=VALUE")
    names = [pair.split("=", 1)[0] for pair in pairs or []]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"--option {twice[0]}: given twice: give it once")
    found: dict[str, Any] = dict(pair.split("=", 1) for pair in pairs or [])
    for key, value in found.items():
        if value.startswith(("[", "{")):
            try:
                found[key] = json.loads(value)
            except ValueError as error:
                raise UserError(f"--option {key}: not JSON: {error}") from None
    return found


@app.command()
def package(
    snapshot: o.Snapshot,
    encoded: o.Encoded,
    state: o.States,
    out: o.Out,
    selector: o.Selector = None,
    raw: Annotated[
        Path | None, Option(help="raw files, for the dataset's texts of no class")
    ] = None,
    experiment: o.Name = "",
    settings: o.Handed = None,
    config_dir: o.ConfigDir = o.CONFIG,
) -> None:
    """Put a trained run into one folder that can be used elsewhere."""
    from conpet.predicting.outside import read_outside
    from conpet.predicting.package import package
    from conpet.run.states import read_state

    newest = read_state((state or [])[-1]) if state else None
    if newest is None:
        raise UserError("--state: give the run's states, oldest first")

    def resolve(found: Experiment) -> Package:
        o.known(found, dataset=newest.dataset, model=newest.model, method=newest.method)
        return found.package(newest.dataset, newest.model, newest.method)

    about = o.told(Package, settings, (experiment, config_dir), resolve)
    outside = read_outside(raw, about.outside) if raw and about.outside else []
    package(about, snapshot, encoded, state or [], selector, outside, out)


@app.command()
def predict(
    run: Annotated[str, Option(help="a run's or package's folder, or an MLflow address")],
    file: Annotated[
        Path | None, Argument(help=".csv, .tsv, .json, .jsonl, .parquet or .txt (a text per line)")
    ] = None,
    text: Annotated[list[str] | None, Option(help="a text; may be given again")] = None,
    column: Annotated[
        list[str] | None,
        Option(help="the file's column (default: as in training, text); again for each field"),
    ] = None,
    option: ReaderOption = None,
    keep: Annotated[
        list[str] | None,
        Option(help="another column of the file, to stand before the answer; again for each"),
    ] = None,
    out: Annotated[
        Path | None, Option(help="CSV to write (default: print)", dir_okay=False)
    ] = None,
    probabilities: Annotated[bool, Option("--probabilities", help="a column per class")] = False,
    threshold: Annotated[
        float | None, Option(help="confidence below which no class is given")
    ] = None,
    refuse: Annotated[bool, Option("--refuse", help="take the calibrated threshold")] = False,
    snapshot: Annotated[
        Path | None, Option(help="the backbone's folder, if not to be found")
    ] = None,
    mirror: o.Mirror = None,
    device: Annotated[Literal["auto", "cpu", "cuda"], Option(help="where")] = "auto",
    precision: Annotated[Literal["auto", "float32", "bfloat16"], Option(help="of numbers")] = (
        "float32"
    ),
    threads: Annotated[int, Option(help="of the processor", min=1)] = 1,
) -> None:
    """Classify texts with a trained run; print CSV, or write it whole."""
    from conpet.commands.answering import Asking, answer_texts

    if threshold is not None and refuse:
        raise UserError("--threshold and --refuse: each says a threshold: give one")
    asking = Asking(file, text or [], column or [], keep or [], _reader_options(option), out)
    opened = {
        "snapshot": snapshot, "mirror": mirror,
        "device": device, "precision": precision, "threads": threads,
    }  # fmt: skip
    answer_texts(run, asking, opened, threshold if threshold is not None else refuse, probabilities)


@app.command()
def teach(
    run: Annotated[str, Option(help="a run's or package's folder, or an MLflow address")],
    file: Annotated[Path, Argument(help="texts with labels: .csv, .tsv, .jsonl or .parquet")],
    out: Annotated[Path, Option(help="the package to write")],
    option: ReaderOption = None,
    snapshot: Annotated[
        Path | None, Option(help="the backbone's folder, if not to be found")
    ] = None,
    mirror: o.Mirror = None,
) -> None:
    """Teach a packaged learner new classes by a few texts, without training; write a package."""
    from conpet.commands.teaching import teach_file

    teach_file(run, file, out, _reader_options(option), (snapshot, mirror))


@app.command()
def extend(
    dataset: Annotated[
        str, Argument(help="a name in config/datasets, or of one that --experiment writes out")
    ],
    file: Annotated[Path, Argument(help="texts with labels that the stream does not have yet")],
    format: Annotated[
        str | None, Option(help="a reader (default: table, or marked for relations, entities)")
    ] = None,
    option: ReaderOption = None,
    shared: Annotated[
        bool, Option("--shared", help="classes of earlier tasks come again, and are the same")
    ] = False,
    experiment: o.Name = "",
    results: o.Results = o.RESULTS,
    config_dir: o.ConfigDir = o.CONFIG,
) -> None:
    """Make a labelled file of new classes a dataset's next task."""
    from conpet.commands.extension import extend
    from conpet.data.report import Report

    report = Report()
    options = _reader_options(option) if option else None
    classes = extend(
        dataset, file, config_dir, results, format, options, report, experiment, shared
    )
    print(f"{dataset}: a new task of {len(classes)} classes: {', '.join(classes)}")
    for line in report.lines():
        print(line)
    print(f"every experiment with {dataset} has it now")
    print(f"learn it: snakemake learners --config experiment={experiment or 'NAME'}")


@app.command()
def describe(
    dataset: Annotated[
        str, Argument(help="a name in config/datasets, a YAML, or with --format a data file")
    ],
    model: Annotated[
        list[str] | None,
        Option(help="a model (default: the experiment's, or minilm); again for each"),
    ] = None,
    mirror: o.Mirror = None,
    format: Annotated[
        str | None, Option(help="a file's format: table (default), fewrel, crossner, ...")
    ] = None,
    option: ReaderOption = None,
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
            "options": _reader_options(option),
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
