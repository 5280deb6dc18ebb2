"""Raw files to token ids: fetch-model, fetch-dataset, prepare, split, encode."""

from __future__ import annotations

import argparse
from pathlib import Path

from conpet.cli.shared import Add, common, experiment_of, lists, paths


def _fetch_model(args: argparse.Namespace) -> None:
    from conpet.models.sources import fetch_model

    fetch_model(experiment_of(args).models[args.model].source, args.out, args.mirror)


def _fetch_dataset(args: argparse.Namespace) -> None:
    from conpet.jobs import data

    data.fetch_dataset(experiment_of(args), args.dataset, args.part, args.out, args.mirror)


def _prepare(args: argparse.Namespace) -> None:
    from conpet.jobs import data

    data.prepare(experiment_of(args), args.dataset, args.part, args.raw, args.out, args.report)


def _split(args: argparse.Namespace) -> None:
    from conpet.jobs import data

    data.split(
        experiment_of(args), args.dataset, args.part, args.samples, args.raw, args.before, args.out
    )


def _encode(args: argparse.Namespace) -> None:
    from conpet.jobs import data

    data.encode(
        experiment_of(args),
        args.dataset,
        args.model,
        args.snapshot,
        args.samples,
        args.tasks,
        args.out,
    )


def add_commands(add: Add) -> None:
    """Add the commands from raw files to token ids."""
    p = add("fetch-model", "fetch a model's snapshot, verified", _fetch_model)
    common(p, "model")
    paths(p, out="folder to write")
    p.add_argument("--mirror", type=Path, help="local folder that holds the same bytes")
    p = add("fetch-dataset", "fetch a dataset's raw files, verified", _fetch_dataset)
    common(p, "dataset", "part")
    paths(p, out="folder to write")
    p.add_argument("--mirror", type=Path, help="local folder that holds the same bytes")
    p = add("prepare", "raw files -> samples", _prepare)
    common(p, "dataset", "part")
    paths(p, raw="raw folder", out="samples.parquet to write", report="report to write")
    p = add("split", "samples -> tasks", _split)
    common(p, "dataset", "part")
    paths(p, samples="samples.parquet", raw="raw folder", out="tasks.json to write")
    lists(p, before="tasks.json of the earlier parts")
    p = add("encode", "samples -> token ids", _encode)
    common(p, "dataset", "model", "part")
    paths(
        p,
        snapshot="model folder",
        samples="samples.parquet",
        tasks="tasks.json",
        out="file to write",
    )
