"""What a person sees of the workflow."""

from __future__ import annotations

import importlib.util
import io
import logging
import logging.handlers
import queue
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.workflow.conftest import Workspace, said

pytestmark = pytest.mark.slow

_spec = importlib.util.spec_from_file_location("console", ROOT / "workflow/scripts/console.py")
assert _spec is not None and _spec.loader is not None
console = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(console)

TASKS = "results/tiny/tiny/base.tasks.json"


def record(event: str = "", message: str = "", **fields: Any) -> logging.LogRecord:
    made = logging.LogRecord("snakemake", logging.INFO, "", 0, message, None, None)
    made.__dict__.update(fields)
    if event:
        made.__dict__["event"] = event
    return made


def job_info(number: int, message: str, **fields: Any) -> logging.LogRecord:
    rest = {
        "rule_name": message.split(maxsplit=1)[0],
        "shellcmd": "x",
        "reason": "Forced execution",
    }
    return record("job_info", jobid=number, rule_msg=message, **(rest | fields))


@pytest.fixture
def shown() -> Any:
    return console.Console(logging.NullHandler())


def test_jobs_are_counted_and_timed(shown: Any) -> None:
    assert shown.line(record(message="Building DAG of jobs...")) == ""
    assert shown.line(record(message="a remark")) == "a remark"
    assert shown.line(record("run_info", stats={"train": 2, "total": 2})) == "2 jobs: 2 train"
    assert shown.line(record("job_started", jobs=[7, 8])) == ""
    assert shown.line(job_info(7, "train a")) == "[0/2 0:00:00] start  train a"
    assert shown.line(record("job_finished", job_id=7)) == "[1/2 0:00:00] done   train a (0:00:00)"
    assert shown.line(job_info(8, "all", shellcmd=None)) == ""
    assert shown.line(record("progress", done=1, total=2)) == ""


def test_what_is_said_while_jobs_run_is_shown_if_it_is_a_warning(shown: Any) -> None:
    shown.line(record("run_info", stats={"train": 2, "total": 2}))
    assert shown.line(record(message="Select jobs to execute...")) == ""
    assert shown.line(record(message="disk full", levelno=logging.WARNING)) == "disk full"


def test_a_job_that_is_only_planned_has_its_reason(shown: Any) -> None:
    assert shown.line(job_info(7, "train a")) == "train a (forced)"


def test_a_failure_is_told_once_and_again_when_it_is_tried_again(shown: Any) -> None:
    failure = record("job_error", jobid=1, rule_name="train", log=["a.log (check log file)"])
    for _ in range(2):
        shown.line(record("job_started", jobs=[1]))
        shown.line(job_info(1, "train a"))
        assert shown.line(failure).endswith("failed train a: see a.log")
        assert shown.line(failure) == ""
    assert shown.line(record("error", "pages of it", exception="RuleException")) == ""
    text = "WorkflowError:\nAt least one job did not complete"
    last = shown.line(record("error", text, exception="WorkflowError"))
    assert last == "failed: train a. The same command again goes on from here."


def test_what_failed_and_went_well_the_second_time_is_no_failure(shown: Any) -> None:
    shown.line(job_info(1, "train a"))
    shown.line(record("job_error", jobid=1, rule_name="train", log=[]))
    shown.line(job_info(1, "train a"))
    text = "WorkflowError:\nAt least one job did not complete"
    last = shown.line(record("error", text, exception="WorkflowError"))
    assert last == "stopped. The same command again goes on from here."


def test_what_a_person_stops_has_not_failed(shown: Any) -> None:
    shown.line(job_info(1, "train a"))
    asked = "Terminating processes on user request, this might take some time."
    assert shown.line(record(message=asked)) == asked
    assert shown.line(record("job_error", jobid=1, rule_name="train", log=["a.log"])) == ""
    text = "WorkflowError:\nAt least one job did not complete"
    last = shown.line(record("error", text, exception="WorkflowError"))
    assert last == "stopped. The same command again goes on from here."


def test_a_job_without_a_name_is_told_all_the_same(shown: Any) -> None:
    failure = record("job_error", jobid=1, rule_name="", log=[])
    assert shown.line(failure).endswith("failed a job")
    text = "WorkflowError:\nAt least one job did not complete"
    last = shown.line(record("error", text, exception="WorkflowError"))
    assert last == "failed: a job. The same command again goes on from here."


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Missing output files: a; Params have changed since last execution", "settings changed"),
        ("Missing output files: a; Input files updated by another job: b", "not made yet"),
        ("Input files updated by another job: b", "follows a job above"),
        ("Set of input files has changed since last execution", "inputs are others"),
        ("something new", "something new"),
    ],
)
def test_reasons_are_brief(reason: str, words: str) -> None:
    assert words in console.brief(reason)


def test_an_event_it_cannot_read_is_shown_in_its_own_words(
    capsys: pytest.CaptureFixture[str], shown: Any
) -> None:
    shown.emit(record("job_info", "Rule: train", another_version=1))
    assert capsys.readouterr().err == "Rule: train\n"


def test_what_the_replaced_handler_would_not_show_is_not_shown_but_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    replaced = logging.StreamHandler(io.StringIO())
    replaced.addFilter(lambda record: getattr(record, "event", "") != "job_info")
    quiet = console.Console(replaced)
    quiet.emit(job_info(7, "train a"))
    quiet.emit(record("job_finished", job_id=7))
    assert capsys.readouterr().err == "[1/0 0:00:00] done   train a (0:00:00)\n"


def test_only_output_to_the_terminal_is_replaced(tmp_path: Path) -> None:
    logger = logging.Logger("snakemake", logging.INFO)
    file = logging.FileHandler(tmp_path / "log")
    plugin = logging.handlers.QueueHandler(queue.Queue())
    logger.handlers[:] = [file, plugin]
    console.install(logger)
    assert logger.handlers == [file, plugin]
    terminal = logging.StreamHandler()
    logger.handlers[:] = [file, terminal]
    logger.setLevel(logging.DEBUG)  # --verbose
    console.install(logger)
    assert logger.handlers == [file, terminal]
    logger.setLevel(logging.INFO)
    console.install(logger)
    assert [type(handler).__name__ for handler in logger.handlers] == ["FileHandler", "Console"]
    file.close()


def test_a_dry_run_tells_reasons_and_with_p_commands(fresh: Workspace) -> None:
    lines = said(fresh.run("-n", "-p", TASKS))
    assert lines[0] == "3 jobs: 1 fetch_dataset, 1 prepare, 1 split"
    assert lines[1::2] == [
        "fetch dataset tiny (base) (not made yet)",
        "prepare tiny (base) (not made yet)",
        "split tiny (base) (not made yet)",
    ]
    assert all(" conpet " in line for line in lines[2::2])
    assert len(lines) == 7


def test_quiet_and_verbose_are_what_they_are_in_snakemake(fresh: Workspace) -> None:
    assert said(fresh.run(TASKS, "--quiet")) == []
    assert said(fresh.run(TASKS)) == [
        "Nothing to be done (all requested files are present and up to date)."
    ]
    verbose = said(fresh.run(TASKS, "--verbose", "-F"))
    assert any(line.startswith("Select jobs to execute") for line in verbose)
    assert not any("start  prepare" in line for line in verbose)


def test_quiet_still_tells_what_failed(fresh: Workspace) -> None:
    done = fresh.run(TASKS, "--quiet", env={"FAKE_FAIL": "prepare"})
    assert said(done) == [
        "conpet: error: prepare: wrong bytes: get the file again",
        "failed: prepare tiny (base). The same command again goes on from here.",
    ]


class Pieces(io.StringIO):
    """A stream that keeps what it is given piece by piece, as one without a buffer sends it."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def write(self, text: str) -> int:
        self.pieces.append(text)
        return len(text)


def test_a_line_is_written_in_one_piece(shown: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Pieces()
    monkeypatch.setattr("sys.stderr", stream)
    shown.emit(record("run_info", stats={"train": 2, "total": 2}))
    assert stream.pieces == ["2 jobs: 2 train\n"]
