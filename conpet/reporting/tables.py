"""Every table by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from conpet.reporting import accuracy_tables, named
from conpet.reporting.ablation import ablation
from conpet.reporting.claims import claims
from conpet.reporting.collect import Results
from conpet.reporting.cost_tables import cost
from conpet.reporting.main_table import main
from conpet.reporting.render import terminal
from conpet.reporting.scenarios import measured, scenarios
from conpet.reporting.significance import significance
from conpet.reporting.table import Table
from conpet.reporting.table_files import write_table

_MAKE: dict[str, Callable[[Results], Table]] = {
    "main": main,
    "curve": accuracy_tables.curve,
    "forgetting": accuracy_tables.forgetting,
    "selector": accuracy_tables.selector,
    "scenarios": scenarios,
    "cost": cost,
    "significance": significance,
    "claims": claims,
    "ablation": ablation,
}
TABLES = {name: (_MAKE[name], meaning) for name, meaning in named.TABLES.items()}


def make_table(results: Results, name: str) -> Table:
    """Make a table, with what is to be doubted of the results below it."""
    made = TABLES[name][0](results)
    return replace(made, footnotes=[*results.doubts, *made.footnotes])


def tables_for(results: Results) -> list[str]:
    """Return the tables that say something of an experiment: not all have variants or selectors."""
    routed = any(run.metrics and run.metrics[-1]["selector_accuracy"] for run in results.runs)
    said = {"ablation": results.has_variants, "selector": routed, "scenarios": measured(results)}
    return [name for name in TABLES if said.get(name, True)]


__all__ = ["TABLES", "Table", "make_table", "tables_for", "terminal", "write_table"]
