"""The files of a table: CSV, Markdown, LaTeX, and what they were made of."""

from __future__ import annotations

from pathlib import Path

from conpet.files import sha256, write_json, write_text
from conpet.reporting.render import latex, markdown
from conpet.reporting.table import Table, machine


def write_table(table: Table, prefix: Path, config_hash: str = "") -> list[Path]:
    """Write PREFIX.csv, .md, .tex and .json (provenance); the same inputs give the same bytes."""
    paths = [prefix.with_name(f"{prefix.name}.{end}") for end in ("csv", "md", "tex")]
    write_text(paths[0], table.data.to_csv(index=False, lineterminator="\n"))
    write_text(paths[1], markdown(table))
    write_text(paths[2], latex(table))
    record = prefix.with_name(f"{prefix.name}.json")
    write_json(
        record,
        {
            "table": table.name,
            "experiment": table.experiment,
            "config_sha256": config_hash,
            "outputs": {path.name: sha256(path) for path in paths},
            **machine(),
            "threads": list(table.threads),
            **({"cards": list(table.cards)} if table.cards else {}),
            "inputs": dict(table.inputs),
        },
    )
    return [*paths, record]
