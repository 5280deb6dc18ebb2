"""Raw files to token ids: fetch-model, fetch-dataset, prepare, split, encode; describe."""

from __future__ import annotations

import argparse
from pathlib import Path

from conpet.cli.shared import Add, common, experiment_of, lists, paths
from conpet.errors import UserError


def _fetch_model(args: argparse.Namespace) -> None:
    from conpet.models.fetching import fetch_model

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


def _describe(args: argparse.Namespace) -> None:
    from conpet.files import write_json
    from conpet.jobs import describe
    from conpet.jobs.described import as_text

    chosen = (args.model, args.config_dir, args.max_length)
    if args.format:
        about = {
            "format": args.format,
            "order": {
                "seed": 100 if args.seed is None else args.seed,
                "tasks": 5 if args.tasks is None else args.tasks,
            },
            **({"kind": args.kind} if args.kind else {}),
        }
        opened = describe.open_file(Path(args.dataset), about, *chosen)
    elif (args.kind, args.tasks, args.seed) != (None, None, None):
        raise UserError("--kind, --tasks, --seed: the YAML says them: they go with --format only")
    else:
        opened = describe.open_dataset(args.dataset, *chosen)
    reports = [describe.describe(*pair, args.results, args.mirror) for pair in opened]
    print("\n".join(as_text(report) for report in reports), end="")
    if args.json:
        write_json(args.json, reports[0] if len(reports) == 1 else reports)


def _add_describe(add: Add) -> None:
    p = add("describe", "show a dataset: sizes, lengths, samples, what was dropped", _describe)
    p.add_argument("dataset", help="a name in datasets/, a YAML, or with --format a data file")
    p.add_argument("--model", nargs="+", default=["minilm"], help="default: minilm")
    p.add_argument("--mirror", type=Path, help="local folder that holds the same bytes")
    p.add_argument("--format", help="the file's format: fewrel, crossner, table, ...")
    p.add_argument("--kind", help="where the format leaves it open: relation or entity")
    p.add_argument("--tasks", type=int, help="tasks to cut a file's classes into; default: 5")
    p.add_argument("--seed", type=int, help="seed of a file's class order; default: 100")
    p.add_argument("--max-length", type=int, help="tokens a text may have; default: 128")
    p.add_argument("--results", type=Path, default=Path("results"), help="default: results")
    p.add_argument("--json", type=Path, help="file to write the same to")
    p.add_argument("--config-dir", type=Path, default=Path("config"), help="default: config")


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
    _add_describe(add)
