"""A trained run put to use: packaged, asked, taught and extended."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from typer import Argument, Option

from conpet.commands import options as o
from conpet.config import Experiment
from conpet.config.stages import Package
from conpet.errors import UserError

app = typer.Typer()


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
    option: o.ReaderOption = None,
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
    asking = Asking(file, text or [], column or [], keep or [], o.reader_options(option), out)
    opened = {
        "snapshot": snapshot, "mirror": mirror,
        "device": device, "precision": precision, "threads": threads,
    }  # fmt: skip
    answer_texts(run, asking, opened, threshold if threshold is not None else refuse, probabilities)


@app.command()
def teach(
    run: Annotated[str, Option(help="a run's or package's folder, or an MLflow address")],
    file: Annotated[Path, Argument(help="texts with labels: .csv, .tsv, .json, .jsonl, .parquet")],
    out: Annotated[Path, Option(help="the package to write")],
    option: o.ReaderOption = None,
    snapshot: Annotated[
        Path | None, Option(help="the backbone's folder, if not to be found")
    ] = None,
    mirror: o.Mirror = None,
) -> None:
    """Teach a packaged learner new classes by a few texts, without training; write a package."""
    from conpet.commands.teaching import teach_file

    teach_file(run, file, out, o.reader_options(option), (snapshot, mirror))


@app.command()
def extend(
    dataset: Annotated[
        str, Argument(help="a name in config/datasets, or of one that --experiment writes out")
    ],
    file: Annotated[Path, Argument(help="texts with labels that the stream does not have yet")],
    format: Annotated[
        str | None, Option(help="a reader (default: table, or marked for relations, entities)")
    ] = None,
    option: o.ReaderOption = None,
    shared: Annotated[
        bool, Option("--shared", help="classes of earlier tasks come again, and are the same")
    ] = False,
    labels: Annotated[
        list[str] | None,
        Option(help="OLD=NEW: a label of the file that is a class NEW in the stream; again"),
    ] = None,
    experiment: o.Name = "",
    results: o.Results = o.RESULTS,
    config_dir: o.ConfigDir = o.CONFIG,
) -> None:
    """Make a labelled file of new classes a dataset's next task."""
    from conpet.commands.extension import extend
    from conpet.data.report import Report

    report = Report()
    options = o.reader_options(option) if option else None
    classes = extend(
        dataset, file, config_dir, results, format, options, report, experiment, shared,
        o.pairs("labels", labels, "OLD=NEW"),
    )  # fmt: skip
    print(f"{dataset}: a new task of {len(classes)} classes: {', '.join(classes)}")
    for line in report.lines():
        print(line)
    print(f"every experiment with {dataset} has it now")
    print(f"learn it: snakemake learners --config experiment={experiment or 'NAME'}")
