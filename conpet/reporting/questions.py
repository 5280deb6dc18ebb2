"""The page's sections: the question each answers, and which tables and figures it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

#: what stands at the top, below the verdict
FIRST_TABLE, FIRST_FIGURE = "main", "accuracy"


@dataclass(frozen=True)
class Question:
    """A section: its name in addresses and in the menu, what it asks, and what it shows."""

    name: str
    short: str
    asks: str
    figures: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()


QUESTIONS = (
    Question("best", "Best method", "Which method is best?", (), ("curve", "ablation")),
    Question(
        "forgets",
        "Forgetting",
        "Where does it forget?",
        ("forgetting", "heatmap", "selector"),
        ("forgetting", "scenarios", "selector"),
    ),
    Question("cost", "Cost", "What does it cost?", ("pareto", "cost"), ("cost",)),
    Question("trust", "Trust", "Can I trust it?", ("claims",), ("claims", "significance")),
)
#: whatever no question names
OTHER = "What else is there?"

HEADINGS = {
    "main": "Accuracy after the last task",
    "curve": "Accuracy after every task",
    "forgetting": "Forgetting and transfer",
    "selector": "Tasks that the selector finds",
    "scenarios": "Task to be found, and task given",
    "cost": "Cost of a task",
    "significance": "Differences, tested",
    "claims": "Claims, measured",
    "ablation": "What each variant changes",
}


def sections(tables: Sequence[str], figures: Sequence[str]) -> list[Question]:
    """Return the questions with those tables and figures that there are, each of them once.

    What no question names comes last, in a section of its own; the first table and figure in none.
    """
    left = [[n for n in tables if n != FIRST_TABLE], [n for n in figures if n != FIRST_FIGURE]]
    found = []
    for question in QUESTIONS:
        shown = [n for n in question.figures if n in left[1]]
        listed = [n for n in question.tables if n in left[0]]
        left = [[n for n in left[0] if n not in listed], [n for n in left[1] if n not in shown]]
        found.append(replace(question, figures=tuple(shown), tables=tuple(listed)))
    if any(left):
        found.append(Question("other", "More", OTHER, tuple(left[1]), tuple(left[0])))
    return found
