"""Raw files to token ids: fetch-model, fetch-dataset, prepare, split, encode."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from conpet.commands import options as o
from conpet.commands.checks import DataChecks
from conpet.config.stages import Encode, FetchDataset, FetchModel, Prepare, Split

app = typer.Typer()


@app.command()
def fetch_model(
    model: o.Model,
    out: o.Out,
    experiment: o.Name = "",
    settings: o.Handed = None,
    mirror: o.Mirror = None,
    config_dir: o.ConfigDir = o.CONFIG,
) -> None:
    """Fetch a model's snapshot, verified."""
    from conpet.models.fetching import fetch_model

    about = o.told(
        FetchModel, settings, (experiment, config_dir),
        lambda e: o.known(e, model=model).fetch_model(model), DataChecks(),
    )  # fmt: skip
    fetch_model(about.source, out, mirror)


@app.command()
def fetch_dataset(
    dataset: o.Dataset,
    part: o.Part,
    out: o.Out,
    experiment: o.Name = "",
    settings: o.Handed = None,
    mirror: o.Mirror = None,
    config_dir: o.ConfigDir = o.CONFIG,
) -> None:
    """Fetch a dataset's raw files, verified."""
    from conpet.data import steps

    about = o.told(
        FetchDataset, settings, (experiment, config_dir),
        lambda e: o.known(e, dataset=dataset, part=part).fetch_dataset(dataset, part), DataChecks(),
    )  # fmt: skip
    steps.fetch_dataset(about, dataset, out, mirror)


@app.command()
def prepare(
    dataset: o.Dataset,
    part: o.Part,
    raw: Annotated[Path, Option(help="raw folder")],
    out: o.Out,
    report: Annotated[Path, Option(help="report to write: what was dropped and why")],
    before: Annotated[
        list[Path] | None,
        Option(
            help="samples.parquet of an earlier part, where duplicates are dropped; again for each"
        ),
    ] = None,
    experiment: o.Name = "",
    settings: o.Handed = None,
    config_dir: o.ConfigDir = o.CONFIG,
) -> None:
    """Read raw files into samples."""
    from conpet.data import steps

    about = o.told(
        Prepare, settings, (experiment, config_dir),
        lambda e: o.known(e, dataset=dataset, part=part).prepare(dataset, part), DataChecks(),
    )  # fmt: skip
    steps.prepare(about, (dataset, part), raw, out, report, before or [])


@app.command()
def split(
    dataset: o.Dataset,
    part: o.Part,
    samples: Annotated[Path, Option(help="samples.parquet")],
    raw: Annotated[Path, Option(help="raw folder")],
    out: o.Out,
    before: Annotated[
        list[Path] | None, Option(help="tasks.json of an earlier part; again for each")
    ] = None,
    experiment: o.Name = "",
    settings: o.Handed = None,
    config_dir: o.ConfigDir = o.CONFIG,
) -> None:
    """Cut samples into tasks."""
    from conpet.data import steps

    about = o.told(
        Split, settings, (experiment, config_dir),
        lambda e: o.known(e, dataset=dataset, part=part).split(dataset, part), DataChecks(),
    )  # fmt: skip
    steps.split(about, (dataset, part), samples, raw, before or [], out)


@app.command()
def encode(
    dataset: o.Dataset,
    model: o.Model,
    snapshot: o.Snapshot,
    samples: Annotated[Path, Option(help="samples.parquet")],
    tasks: Annotated[Path, Option(help="tasks.json")],
    out: o.Out,
    experiment: o.Name = "",
    settings: o.Handed = None,
    config_dir: o.ConfigDir = o.CONFIG,
) -> None:
    """Turn samples into token ids."""
    from conpet.data import steps

    about = o.told(
        Encode, settings, (experiment, config_dir),
        lambda e: o.known(e, dataset=dataset, model=model).encode(dataset, model), DataChecks(),
    )  # fmt: skip
    steps.encode(about, dataset, snapshot, samples, tasks, out)
