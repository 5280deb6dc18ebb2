"""What an experiment came to, in a store: its tables and figures, and a row in the overview."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conpet.errors import UserError
from conpet.files import write_json
from conpet.names import check_name
from conpet.tracking import notes, run_entries, views
from conpet.tracking.drafts import Draft, finish, start
from conpet.tracking.overview import Line, draft_of
from conpet.tracking.run_entries import Point
from conpet.tracking.store import experiment_id, opened, remove

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_NOTE = "mlflow.note.content"


@dataclass(frozen=True)
class Summary:
    """What an experiment came to.

    Attributes:
        experiment: its name; ``title`` says it in words.
        tables, figures: files for the artifact folders of these names.
        others: files for the top of the artifacts, such as report.html.
        params: the experiment's settings, nested.
        tags: whence it comes.
        metrics: numbers worth a column, such as the best accuracy of each dataset.
        lines: what each method came to on each dataset, for the overview of all experiments.
    """

    experiment: str
    tables: Sequence[Path]
    figures: Sequence[Path]
    params: Mapping[str, Any]
    tags: Mapping[str, Any]
    title: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    others: Sequence[Path] = ()
    lines: Sequence[Line] = ()

    @property
    def key(self) -> str:
        """The run key of the summary."""
        return f"{self.experiment}/summary"


def track_summary(summary: Summary, uri: str, artifacts: Path, out: Path) -> None:
    """Log the summary run of an experiment: its tables, figures and report as artifacts.

    Its lines go into the experiment that spans all others.
    Logging again replaces, by the run key. The Markdown tables are shown in the run's description.

    Args:
        summary: what is logged.
        uri: the store.
        artifacts: where a store that is not a server keeps its artifacts.
        out: written at the end: ``{"run_id", "children", "run_key"}``.

    Raises:
        UserError: a file is missing, or the store refuses.
    """
    check_name(summary.experiment, "run key")
    files = [*summary.tables, *summary.figures, *summary.others]
    missing = [path for path in files if not path.is_file()]
    if missing:
        raise UserError(f"{missing[0]}: no such file: make the tables and figures first")
    draft = _summary_draft(summary)
    with opened(uri, make=True) as client:
        number = experiment_id(client, summary.experiment, uri, artifacts)
        client.set_experiment_tag(number, _NOTE, draft.tags[_NOTE])
        # below it lie the runs of a dataset of that name
        remove(client, number, summary.key, artifacts, below=False)
        run_id = start(client, number, draft)
        folders = (("tables", summary.tables), ("figures", summary.figures), (None, summary.others))
        for folder, paths in folders:
            for path in paths:
                client.log_artifact(run_id, str(path), folder)
        finish(client, run_id, draft)
        _track_lines(client, summary, draft.start_ms, uri, artifacts)
    write_json(out, {"run_id": run_id, "children": [], "run_key": summary.key})


def _track_lines(
    client: MlflowClient, summary: Summary, time_ms: int, uri: str, artifacts: Path
) -> None:
    """Log the experiment's lines of the overview in place of those that it has there."""
    number = experiment_id(client, views.OVERVIEW, uri, artifacts)
    remove(client, number, f"{summary.experiment}/overview", artifacts)
    for line in summary.lines:
        draft = draft_of(line, summary.experiment, summary.tags, time_ms)
        finish(client, start(client, number, draft), draft)


def _summary_draft(summary: Summary) -> Draft:
    # the others follow the store (the page links to its runs): they do not say when it was
    made = [*summary.tables, *summary.figures] or summary.others
    end = max((path.stat().st_mtime_ns // 1_000_000 for path in made), default=0)
    markdown = [path for path in summary.tables if path.suffix == ".md"]
    note = notes.summary_note(summary.title or summary.experiment, markdown)
    own = {**summary.tags, "conpet.run_key": summary.key, "conpet.kind": "summary"}
    return Draft(
        name=f"{summary.experiment} · summary",
        tags={**run_entries.system_tags(own), _NOTE: note},
        params=run_entries.flatten(summary.params),
        metrics=[Point(name, value, end, 0) for name, value in summary.metrics.items()],
        start_ms=end,
        seconds=sum(line.seconds * line.values.get("seeds_finished", 1) for line in summary.lines),
    )
