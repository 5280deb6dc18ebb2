"""One page on an experiment: self-contained, nothing is fetched when it is opened."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conpet.files import write_text
from conpet.reporting import answers, classes_view, configuration_view, provenance_view
from conpet.reporting.claims import Claim, found_claims
from conpet.reporting.collect import Results
from conpet.reporting.curves import epoch_curves
from conpet.reporting.drill import TASK_COLUMNS, Drill, drill
from conpet.reporting.figures import FIGURES, make_figure, write_figure
from conpet.reporting.graph import FILE, draw, read_rules
from conpet.reporting.predictions import Texts
from conpet.reporting.questions import FIRST_FIGURE, FIRST_TABLE, HEADINGS, sections
from conpet.reporting.table_parts import grid
from conpet.reporting.table_view import TableView, view
from conpet.reporting.tables import TABLES, make_table, tables_for
from conpet.reporting.verdict import Verdict, pending, place, reached, told, verdicts
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
    """A drawing as a page holds it: a data URI, its width in points, and what it shows in words."""

    uri: str
    width: float
    alt: str
    name: str = ""
    heading: str = ""


@dataclass(frozen=True)
class Group:
    """All runs of one method on one dataset and model: a line on them, and each from near."""

    name: str
    accuracy: str
    done: int
    runs: list[tuple[Drill, Picture | None]]


def write_page(results: Results, out: Path, about: About | None = None) -> Path:
    """Write report.html: the verdict, a section per question, every run from near."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("conpet.reporting"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["unbroken"] = _unbroken
    style, script = (
        (files("conpet.reporting") / "templates" / name).read_text(encoding="utf-8")
        for name in ("page.css", "page.js")
    )
    # the browser runs this script and no other, whatever a title or a text may hold
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    values = {"style": Markup(style), "script": Markup(script), "script_hash": digest}
    values |= _values(results, about or About())
    write_text(out, environment.get_template("page.html.j2").render(values) + "\n")
    return out


def _unbroken(sentence: str) -> str:
    """Return a sentence whose numbers no line is broken in."""
    return re.sub(r"(?<=\d) (?=[±%])|(?<=±) (?=\d)", "\N{NO-BREAK SPACE}", sentence)


def _values(results: Results, about: About) -> dict[str, Any]:
    """Return what the template names."""
    claims, best = found_claims(results), verdicts(results)
    made = {name: _table(results, name) for name in tables_for(results)}
    tables = {name: table for name, table in made.items() if table.table.rows}
    # an empty frame answers no question
    shown = {"selector": "selector" in tables, "claims": bool(claims)}
    figures = {name: _figure(results, name, claims) for name in FIGURES if shown.get(name, True)}
    rules = read_rules(results.root / results.experiment / FILE)
    return {
        "title": results.caption,
        "experiment": results.experiment,
        "finished": sum(run.finished for run in results.runs),
        "runs": len(results.runs),
        "datasets": [results.name(d) for d in results.datasets],
        "models": [results.name(m) for m in results.models],
        "methods": results.methods,
        "seeds": list(dict.fromkeys(run.key.seed for run in results.runs)),
        "verdicts": best,
        "pending": pending(results),
        "doubts": results.doubts,
        "asked": classes_view.asked(results),
        "classes": classes_view.classes_by_task(results),
        "first": (tables.get(FIRST_TABLE), figures.get(FIRST_FIGURE)),
        "sections": [
            (
                question,
                _answers(results, question.name, claims, best),
                [figures[name] for name in question.figures],
                [tables[name] for name in question.tables],
            )
            for question in sections(list(tables), list(figures))
        ],
        "provenance": provenance_view.facts(results, about.config_hash, about.commit),
        "hashes": provenance_view.data_hashes(results),
        "config": configuration_view.view(about.config) if about.config else None,
        "rules": _picture(draw(rules), _rules_alt(len(rules))) if rules else None,
        "jobs": sum(rule.jobs for rule in rules),
        "store": about.store,
        "groups": _groups(results, about.store),
        "task_columns": TASK_COLUMNS,
    }


def _answers(
    results: Results, question: str, claims: Sequence[Claim], best: Sequence[Verdict]
) -> list[str]:
    """Return the sentences that a section begins with; those of the verdict stand there already."""
    above = {line for verdict in best for line in verdict.more}
    said = {
        "best": lambda: [line for line in told(results, claims) if line not in above],
        "forgets": lambda: [*answers.forgotten(results), *answers.found_tasks(results)],
        "cost": lambda: [*answers.spent(results), *_ended(answers.trained(results))],
        "trust": lambda: [
            answers.tested(claims),
            answers.code(provenance_view.commits(results)),
            answers.thrown_away(results),
        ],
    }
    return [line for line in said.get(question, list)() if line]


def _ended(sentence: str) -> list[str]:
    return [f"{sentence}."] if sentence else []


def _table(results: Results, name: str) -> TableView:
    _, meaning = TABLES[name]
    return view(make_table(results, name), results.caption, HEADINGS.get(name, _upper(meaning)))


def _figure(results: Results, name: str, claims: Sequence[Claim]) -> Picture:
    _, meaning = FIGURES[name]
    alt = answers.alternative(results, name, meaning, claims)
    return _picture(make_figure(results, name), alt, name, _upper(meaning))


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _groups(results: Results, store: str) -> list[Group]:
    texts = Texts(results.root)
    found = []
    for dataset, model, method, runs in grid(results):
        where = place(results, dataset, model)
        name = results.name(method)
        near = []
        for run in runs:
            curves = epoch_curves(run)
            alt = (
                f"Lines over the epochs of {len(run.tasks)} tasks: validation accuracy above, "
                f"training loss below. {name}, seed {run.key.seed}."
            )
            near.append(
                (drill(results, run, texts, store), _picture(curves, alt) if curves else None)
            )
        found.append(
            Group(
                f"{name} ({where})" if where else name,
                reached(results, dataset, model, method),
                sum(run.finished for run in runs),
                near,
            )
        )
    return found


def _rules_alt(count: int) -> str:
    return f"{count} boxes, one per rule of the workflow, with arrows to what waits for it."


def _picture(figure: Figure, alt: str, name: str = "", heading: str = "") -> Picture:
    with scratch() as folder:
        (path,) = write_figure(figure, folder / "figure", ["svg"], letters="none")
        # as an image an SVG runs no script, fetches nothing, and its ids clash with no other's
        uri = f"data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode()}"
    return Picture(uri, 72 * figure.get_size_inches()[0], alt, name, heading)
