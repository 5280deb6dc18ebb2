"""One page on an experiment: self-contained, nothing is fetched when it is opened."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conpet.files import write_text
from conpet.reporting.collect import Results
from conpet.reporting.curves import epoch_curves
from conpet.reporting.drill import TASK_COLUMNS, drill
from conpet.reporting.figures import FIGURES, write_figure
from conpet.reporting.graph import FILE, draw, read_rules
from conpet.reporting.predictions import Texts
from conpet.reporting.table import machine
from conpet.reporting.tables import TABLES, tables_for
from conpet.temporary import scratch

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class About:
    """What the page says besides results.

    ``config`` is the resolved configuration, ``store`` where MLflow's pages are (run links lead
    there). All may be left out.
    """

    config: Mapping[str, Any] = field(default_factory=dict)
    config_hash: str = ""
    commit: str = ""
    store: str = ""


@dataclass(frozen=True)
class Picture:
    """A drawing as a page holds it: a data URI, and its width in points."""

    uri: str
    width: float


def write_page(results: Results, out: Path, about: About | None = None) -> Path:
    """Write report.html: what was run, every table and figure, every run from near."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("conpet.reporting"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    values = _values(results, about or About())
    write_text(out, environment.get_template("page.html.j2").render(values) + "\n")
    return out


def _values(results: Results, about: About) -> dict[str, Any]:
    """Return what the template names."""
    rules = read_rules(results.root / results.experiment / FILE)
    texts = Texts(results.root)
    return {
        "title": results.caption,
        "experiment": results.experiment,
        "finished": sum(run.finished for run in results.runs),
        "datasets": [results.name(d) for d in results.datasets],
        "models": [results.name(m) for m in results.models],
        "methods": results.methods,
        "seeds": list(dict.fromkeys(run.key.seed for run in results.runs)),
        "what": _facts(results, about),
        "hashes": data_hashes(results),
        "config": json.dumps(about.config, indent=1, ensure_ascii=False) if about.config else "",
        "tables": [TABLES[name][0](results) for name in tables_for(results)],
        "figures": [
            (name, meaning[:1].upper() + meaning[1:], _picture(make(results)))
            for name, (make, meaning) in FIGURES.items()
        ],
        "rules": _picture(draw(rules)) if rules else None,
        "jobs": sum(rule.jobs for rule in rules),
        "store": about.store,
        "runs": [
            (drill(results, run, texts, about.store), _picture(epoch_curves(run)))
            for run in results.runs
        ],
        "task_columns": TASK_COLUMNS,
    }


def data_hashes(results: Results) -> dict[str, str]:
    """Return the SHA-256 of the data, splits and model descriptions the runs stand on."""
    paths: list[Path] = []
    for dataset in results.datasets:
        data = results.root / "data" / dataset
        paths += [*data.glob("*/raw/manifest.json"), *data.glob("*/samples.parquet")]
        paths += (results.root / results.experiment / dataset).glob("*.tasks.json")
    paths += [results.root / "models" / model / "source.json" for model in results.models]
    return results.hashes(paths)


def _facts(results: Results, about: About) -> list[tuple[str, str]]:
    here = machine()
    timings = [t.timing for run in results.runs for t in run.trainings if t.timing]
    seconds = sum(float(t.get("seconds", 0.0)) for t in timings)
    counts = sorted({int(t["threads"]) for t in timings if "threads" in t})
    computed = sorted({t.computed for run in results.runs for t in run.trainings} - {""})
    commits = Counter(str(t["git_commit"]) for t in timings if t.get("git_commit"))
    facts = [
        ("Reported at commit", about.commit),
        ("Trained at commit", ", ".join(f"{c} ({n} trainings)" for c, n in commits.most_common())),
        ("Configuration (SHA-256)", about.config_hash),
        ("Packages", ", ".join(f"{name} {v}" for name, v in here["packages"].items())),
        ("Python, system", f"{here['python']}, {here['system']}"),
        ("Reported on", f"{here['cpu']}, {here['cpus']} CPUs"),
        ("Trained with", "; ".join(computed)),
        ("Threads a training", ", ".join(str(n) for n in counts)),
        ("Training time, all runs", f"{seconds / 3600:.2f} h" if timings else ""),
    ]
    return [(name, value) for name, value in facts if value]


def _picture(figure: Figure | None) -> Picture | None:
    if figure is None:
        return None
    with scratch() as folder:
        (path,) = write_figure(figure, folder / "figure", ["svg"], letters="none")
        # as an image an SVG runs no script, fetches nothing, and its ids clash with no other's
        uri = f"data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode()}"
    return Picture(uri, 72 * figure.get_size_inches()[0])
