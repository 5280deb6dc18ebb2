"""What was measured, as Markdown."""

from __future__ import annotations

from typing import Any

from conpet.files import write_json, write_text


def _range(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.2f} ({ratio['least']:.2f}–{ratio['most']:.2f})"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _head(*cells: str) -> list[str]:
    return [_row(*cells), _row(*("---" for _ in cells))]


def _rates(rates: dict[str, Any]) -> list[str]:
    lines = _head("measure", "samples a second", "ours to peer_hf", "ours to peer_naive")
    for measure, found in rates.items():
        said = ", ".join(f"{n} {v:.0f}" for n, v in found["samples_per_second"].items())
        ratios = [
            _range(found["ratios"][peer]) if peer in found["ratios"] else "–"
            for peer in ("peer_hf", "peer_naive")
        ]
        lines.append(_row(measure, said, *ratios))
    return [*lines, ""]


def _share(share: dict[str, Any]) -> list[str]:
    lines = _head("training step", "precision", "GFLOP", "GFLOP/s", "of the best matmul rate")
    for name, found in share.items():
        lines.append(
            _row(
                name,
                found["precision"],
                f"{found['gflop_a_step']:.1f}",
                f"{found['gflop_per_second']:.0f}",
                f"{100 * found['share']:.0f} %",
            )
        )
    return [*lines, ""]


def _profile(profile: dict[str, Any]) -> list[str]:
    lines = _head("kind of work", "of a training step's time")
    lines += [_row(kind, f"{100 * share:.0f} %") for kind, share in profile["shares"].items()]
    return [*lines, ""]


def _changes(changes: dict[str, Any]) -> list[str]:
    lines = _head("change", "ratio with / without", "results differ by")
    for name, found in changes.items():
        lines.append(_row(name, _range(found), f"{found['difference']:.1e}"))
    return [*lines, ""]


PARTS = {"rates": _rates, "share": _share, "profile": _profile, "changes": _changes}


def markdown(result: dict[str, Any]) -> str:
    """Return the tables; ratios are medians with the least and the most over the rounds."""
    about = ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in result["about"].items())
    lines = [f"Measured with: {about}.", ""]
    for model, cells in result.items():
        if model == "about":
            continue
        for name, cell in cells.items():
            if name == "matmul_gflop_per_second":
                lines += [f"### {model}: matrix multiplications, GFLOP/s", ""]
                lines += _head("shape", *cell)
                shapes = next(iter(cell.values()))
                lines += [_row(s, *(f"{cell[p][s]:.0f}" for p in cell)) for s in shapes]
                lines.append("")
                continue
            lines += [f"### {model}: {name}", ""]
            for part, say in PARTS.items():
                if part in cell:
                    lines += say(cell[part])
    return "\n".join(lines).rstrip() + "\n"


def write(result: dict[str, Any], out: Any) -> None:
    """Write ``bench.json`` and ``bench.md`` into a folder, each whole or not at all."""
    write_json(out / "bench.json", result)
    write_text(out / "bench.md", markdown(result))
