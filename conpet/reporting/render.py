"""A table as Markdown, LaTeX, or lines for a terminal; templates/parts.html.j2 has it as HTML."""

from __future__ import annotations

import re
import textwrap

from conpet.reporting.table import Table

_TEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "±": r"$\pm$",
    "–": "--",
    "…": r"\dots{}",
    "−": "$-$",
    "×": r"$\times$",
    "Δ": r"$\Delta$",
    "λ": r"$\lambda$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "→": r"$\to$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "’": "'",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    '"': r"\texttt{\char34}",  # alone it is a closing quote
}
_LIGATURES = re.compile(r"-(?=-)|'(?=')")  # two of them would be set as another letter


def tex_escape(text: str) -> str:
    """Escape text for LaTeX; a minus before a digit becomes a real one."""
    # an empty line would end a caption
    line = re.sub(r"[ \t\r\n]+", " ", text)
    apart = _LIGATURES.sub("\\g<0>\0", line)
    shown = "".join(_TEX.get(letter, letter) for letter in apart)
    return re.sub(r"(?<![\w.)-])-(?=\d)", "$-$", shown).replace("\0", "{}")


def markdown(table: Table) -> str:
    """Render as GitHub Markdown: best bold, second underlined, footnotes below."""
    head = [_one_line(name) for name in _flat(table)]
    lines = [f"**{_one_line(table.caption)}**", "", _row(head)]
    aligned = [":--" if i < table.labels else "--:" for i in range(len(head))]
    lines.append(_row(aligned))
    for r, cells in enumerate(table.rows):
        shown = [_one_line(cell) for cell in cells]
        for c, cell in enumerate(shown):
            if (r, c) in table.best:
                shown[c] = f"**{cell}**"
            elif (r, c) in table.second:
                shown[c] = f"<u>{cell}</u>"
        lines.append(_row(shown))
    notes = table.notes()
    if notes:
        lines += ["", *(f"- {_one_line(note)}" for note in notes)]
    return "\n".join(lines) + "\n"


def _flat(table: Table) -> list[str]:
    """Return a column's title and name in one; not a title that all have which have any.

    A name that is a number goes on where its title ends: after task 1.
    """
    titles = {group for group, name in table.columns if group and not name.isdecimal()}
    found = []
    for group, name in table.columns:
        if group and name.isdecimal():
            found.append(f"{group} {name}")
        else:
            found.append(f"{group}: {name}" if group and len(titles) > 1 else name)
    return found


def _one_line(text: str) -> str:
    # in a table cell a bar ends the cell, and the others are markup; so are links, and letters
    # written as &name;
    return re.sub(r"([\\|*_`<~$]|\[(?=[^]]*\]\()|&(?=#?\w+;))", r"\\\1", " ".join(text.split()))


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def latex(table: Table) -> str:
    """Render as a LaTeX table: best bold, second underlined.

    Needs booktabs, and graphicx for a table wider than a page, which is scaled down to it.
    """
    width = len(table.columns)
    spec = "l" * table.labels + "r" * (width - table.labels)
    size = [r"\footnotesize", r"\setlength{\tabcolsep}{3pt}"] if width > 6 else [r"\small"]
    lines = [r"\begin{table}[t]", r"\centering", *size]
    lines.append(rf"\caption{{{tex_escape(table.caption)}}}")
    lines.append(rf"\label{{tab:{re.sub(r'[^A-Za-z0-9]+', '-', table.experiment)}-{table.name}}}")
    room = sum(max(len(row[c]) for row in [*table.rows, [""] * width]) for c in range(width))
    wide = room + 2 * width > 80
    lines += [r"\resizebox{\textwidth}{!}{%"] if wide else []
    lines += [rf"\begin{{tabular}}{{{spec}}}", r"\toprule", *_tex_head(table), r"\midrule"]
    for r, cells in enumerate(table.rows):
        if r in table.rules:
            lines.append(r"\midrule")
        shown = [tex_escape(cell) for cell in cells]
        for c, cell in enumerate(shown):
            if (r, c) in table.best:
                shown[c] = rf"\textbf{{{cell}}}"
            elif (r, c) in table.second:
                shown[c] = rf"\underline{{{cell}}}"
        # a bracket or a star there would belong to the command before it
        guard = "{}" if shown[0].startswith(("[", "*")) else ""
        lines.append(guard + " & ".join(shown) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}" + ("}" if wide else "")]
    if notes := table.notes():
        lines.append(r"\par\smallskip\begin{minipage}{\linewidth}\footnotesize")
        lines += [tex_escape(note) + r"\par" for note in notes]
        lines.append(r"\end{minipage}")
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def _tex_head(table: Table) -> list[str]:
    names = " & ".join(tex_escape(name) for _, name in table.columns) + r" \\"
    if not table.grouped:
        return [names]
    top, rules = [], []
    for start, length, group in table.groups():
        title = tex_escape(group)
        top.append(rf"\multicolumn{{{length}}}{{c}}{{{title}}}" if group else " & " * (length - 1))
        if group:
            rules.append(rf"\cmidrule(lr){{{start + 1}-{start + length}}}")
    return [" & ".join(top) + r" \\", "".join(rules), names]


def terminal(table: Table) -> str:
    """Render for a terminal: ``*`` marks the best of a column, ``'`` the second."""
    marked = bool(table.best)
    body = [
        [
            cell + _mark((r, c), table) if marked and c >= table.labels else cell
            for c, cell in enumerate(cells)
        ]
        for r, cells in enumerate(table.rows)
    ]
    head = [
        name + (" " if marked and c >= table.labels else "")
        for c, (_, name) in enumerate(table.columns)
    ]
    widths = [max(len(row[c]) for row in [head, *body]) for c in range(len(head))]
    for start, length, group in table.groups():
        # a group's title wider than its columns widens the last of them
        span = sum(widths[start : start + length]) + 2 * (length - 1)
        widths[start + length - 1] += max(0, len(group) - span)
    rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
    lines = [table.caption, rule]
    if table.grouped:
        spans = [
            group.center(sum(widths[start : start + length]) + 2 * (length - 1))
            for start, length, group in table.groups()
        ]
        lines.append("  ".join(spans).rstrip())
    lines += [_line(head, widths, table.labels), rule]
    for r, row in enumerate(body):
        if r in table.rules:
            lines.append(rule)
        lines.append(_line(row, widths, table.labels))
    lines.append(rule)
    legend = ["* best, ' second."] if marked else []
    notes = [line for note in table.footnotes for line in textwrap.wrap(note, 100)]
    return "\n".join([*lines, *legend, *notes]) + "\n"


def _mark(place: tuple[int, int], table: Table) -> str:
    return "*" if place in table.best else "'" if place in table.second else " "


def _line(cells: list[str], widths: list[int], labels: int) -> str:
    pairs = enumerate(zip(cells, widths, strict=True))
    return "  ".join(c.ljust(w) if i < labels else c.rjust(w) for i, (c, w) in pairs).rstrip()
