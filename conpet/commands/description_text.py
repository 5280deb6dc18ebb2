"""A dataset's description as plain text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from conpet.data.classes import ONE_TASK
from conpet.data.duplicates import SEVERAL_LABELS
from conpet.data.encoding import SPLITS
from conpet.data.readers import DOUBTFUL
from conpet.wording import counted, some

WIDTH = 100


def as_text(report: dict[str, Any]) -> str:
    """Return what :func:`conpet.commands.description.describe` found, to read."""
    blocks = [_head(report), _sizes(report["tasks"]), _dropped(report), _warnings(report)]
    blocks.append(_lengths(report["models"]))
    blocks += [_rendered(name, model) for name, model in report["models"].items()]
    return "\n\n".join(blocks) + "\n"


def columns(rows: Sequence[Sequence[Any]], left: int) -> list[str]:
    """Return rows as lines, the first ``left`` columns to the left, the others to the right."""
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    widths = [max(len(row[c]) for row in cells) for c in range(len(cells[0]))]
    return [
        "  ".join(
            cell.ljust(width) if c < left else cell.rjust(width)
            for c, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def _head(report: dict[str, Any]) -> str:
    classes = len({name for task in report["tasks"] for name in task["classes"]})
    lines = [
        f"{report['title']} ({report['dataset']})",
        f"  kind      {report['kind']}, format {report['format']}, split {report['split']}",
        f"  size      {counted(report['samples'], 'sample')}, "
        f"{counted(classes, 'class', 'classes')}, {counted(len(report['tasks']), 'task')}"
        + (f": {report['scenario']}" if report["scenario"] != ONE_TASK else ""),
        f"  template  {report['template']}",
        f"  licence   {report['licence']}",
    ]
    lines += [f"  {key}  {report[key]}" for key in ("citation", "homepage") if report[key]]
    for number, file in enumerate(report["files"]):
        key = "  files     " if number == 0 else " " * 12
        lines.append(f"{key}{file['name']} ({file['bytes']:,} bytes) from {file['source']}")
    return "\n".join(lines)


def _sizes(tasks: list[dict[str, Any]]) -> str:
    rows: list[list[Any]] = [["task", "class", *SPLITS, "all"]]

    def counts(values: Sequence[dict[str, int]]) -> list[int]:
        found = [sum(value[split] for value in values) for split in SPLITS]
        return [*found, sum(found)]

    for task in tasks:
        every = list(task["classes"].values())
        rows.append([task["task"], f"all {len(every)}", *counts(every)])
        rows += [["", f"  {name}", *counts([value])] for name, value in task["classes"].items()]
    everything = [value for task in tasks for value in task["classes"].values()]
    classes = {name for task in tasks for name in task["classes"]}
    rows.append(["all", f"all {len(classes)}", *counts(everything)])
    return "\n".join(["Samples by task and class", *columns(rows, 2)])


def _dropped(report: dict[str, Any]) -> str:
    lines = []
    for part, reasons in report["dropped"].items():
        for reason, found in reasons.items():
            places = "; ".join(found["first"])
            lines.append(f"  {found['count']:,} in reading ({part}): {reason}: first {places}")
    if report["samples_without_task"]:
        lines.append(f"  {report['samples_without_task']:,} of classes that no task names")
    if report["samples_beyond_most"]:
        lines.append(f"  {report['samples_beyond_most']:,} beyond split.most of their class")
    if report["test_samples_left_out"]:
        lines.append(f"  {report['test_samples_left_out']:,} of the test part (split.without_test)")
    if rare := report["rare_classes"]:
        classes = counted(len(rare), "class", "classes")
        lines.append(
            f"  {sum(rare.values()):,} samples of {classes} with fewer than split.least that may "
            f"be trained on: {some(list(rare))}"
        )
    for name, model in report["models"].items():
        lines += [f"  {n:,} in encoding for {name}: {why}" for why, n in model["dropped"].items()]
    for part, notes in report["notes"].items():
        lines += [
            f"  note ({part}): {key}: {value}"
            for key, value in notes.items()
            if key != SEVERAL_LABELS and not key.endswith(DOUBTFUL)
        ]
    return _block("Dropped", lines, "nothing")


_DUPLICATES = {
    "copies": "{count:,} of {of:,} samples are copies of another, with the same label",
    "tests_seen_before": "{count:,} of {of:,} test texts stand in training or validation too",
    "several_labels": "{count:,} of {of:,} different texts have several labels",
}
_NEAR = "but for white space, case or Unicode form, "


def repeated_lines(found: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield (kind, line) of what :func:`conpet.data.duplicates.count_duplicates` has found."""
    for kind, about in found.items():
        near, exact = kind.startswith("near_"), kind.removeprefix("near_")
        text = (_NEAR if near else "") + _DUPLICATES[exact].format(**about)
        yield kind, f"{text}: first {', '.join(about['first'])}"


def _warnings(report: dict[str, Any]) -> str:
    lines = [f"  {line}" for line in report["warnings"]]
    for kind, line in repeated_lines(report["duplicates"]):
        remedy = "drop_near" if kind.startswith("near_") else "drop"
        lines.append(f"  {line}: duplicates: {remedy} leaves them out")
    for name, model in report["models"].items():
        lines += [f"  {name}: {line}" for line in model["warnings"]]
        if (unknown := model["unknown"])["tokens"]:
            lines.append(
                f"  {name} does not know {unknown['share']:.2%} of its tokens, in "
                f"{unknown['texts']:,} of {model['encoded']:,} texts: it reads them all as one"
            )
    return _block("Warnings", lines, "none")


def _block(title: str, lines: Sequence[str], nothing: str) -> str:
    wrapped = [
        line for text in lines for line in textwrap.wrap(text, WIDTH, subsequent_indent=" " * 6)
    ]
    return "\n".join([title, *(wrapped or [f"  {nothing}"])])


def _lengths(models: dict[str, Any]) -> str:
    rows: list[list[Any]] = []
    for name, model in models.items():
        percentiles = model["percentiles"]
        if not rows:
            named = ["most" if key == "100" else f"{key} %" for key in percentiles]
            rows.append(["model", *named, "limit", "cut", "texts", "markers"])
        markers = "entries" if model["single_markers"] else "spelled out"
        sizes = [model["max_length"], model["cut"], model["encoded"]]
        rows.append([name, *percentiles.values(), *sizes, markers])
    title = "Tokens per text, markers and cloze included, before it is cut"
    return "\n".join([title, *columns(rows, 1)])


def _rendered(name: str, model: dict[str, Any]) -> str:
    lines = [f"As {name} reads them"]
    for found in model["rendered"]:
        lines.append(
            f"  task {found['task']}, {found['label']}, {found['id']} ({found['tokens']} tokens)"
        )
        # repr would hide letters; only what moves the cursor is made visible
        shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in found["text"])
        lines += textwrap.wrap(shown, WIDTH, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)
