"""What happens when a run goes wrong: mistakes, failures, kill -9, two runs at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.workflow.conftest import Workspace, said
from tests.workflow.test_dag import told

pytestmark = pytest.mark.slow

TARGETS = ("tables", "mlflow")


def gone(pid: int, seconds: float = 10.0) -> bool:
    """Say whether a process that is nobody's child any more ends in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("methods/simple.yaml", "setings: {}\n", ["methods/simple.yaml", "setings"]),
        ("methods/expert.yaml", "options: {topk: 2}\n", ["methods/expert.yaml", "topk"]),
    ],
)
def test_a_mistake_in_the_config_is_one_line_before_any_job(
    fresh: Workspace, name: str, text: str, words: list[str]
) -> None:
    fresh.append(name, text)
    done = fresh.run("all")
    lines = said(done)
    assert done.returncode == 1
    assert lines[-1].startswith("conpet: error: ")
    assert all(word in lines[-1] for word in words)
    assert len(lines) == 1
    assert fresh.calls() == []


@pytest.mark.parametrize(
    ("target", "config", "hint"),
    [
        ("all", {"experiment": "tny"}, "did you mean 'tiny'"),
        ("results/tiny/tiny/minilm/simple/seed7/task04/metrics.json", {}, "has 1 to 3"),
        ("train", {}, "that is a step, which makes many files: name one of them"),
        ("tabels", {}, "unknown target 'tabels': did you mean 'tables'?"),
        ("xyz", {}, "unknown target 'xyz': known: all, demo, figures"),
        ("results/xyz", {}, "No rule to produce results/xyz: not a file of the layout"),
        ("verify", {"tolerance": "abc"}, "--config tolerance=abc: give a number, 0 or more"),
        ("verify", {"tolerance": "-1"}, "--config tolerance=-1: give a number, 0 or more"),
    ],
)
def test_a_mistake_in_the_command_is_one_line(
    fresh: Workspace, target: str, config: dict[str, str], hint: str
) -> None:
    done = fresh.run(target, **config)
    assert done.returncode == 1
    assert hint in said(done)[-1]
    assert len(said(done)) == 1


@pytest.mark.parametrize("kept", [False, True])
def test_where_nothing_can_be_written_it_is_one_line(fresh: Workspace, kept: bool) -> None:
    """As on a read-only disk, which takes root to make."""
    place = fresh.folder / ".snakemake/conpet"
    if kept:  # what was checked is known: the first thing to be written is what a job is told
        assert fresh.run("-n", "tables").returncode == 0
        for told in place.glob("*.json"):
            if told.name != "checked.json":
                told.unlink()
                told.mkdir()  # nothing can be put there
    else:
        place.parent.mkdir()
        place.write_text("no folder")
    done = fresh.run("-n", "tables")
    assert done.returncode == 1
    (line,) = said(done)
    assert line.startswith("conpet: error: .snakemake/conpet")
    assert line.endswith(": a file is expected" if kept else ": a folder is expected")


def test_a_failing_job_says_one_line_and_where_its_log_is(fresh: Workspace) -> None:
    done = fresh.run("tables", env={"FAKE_FAIL": "fetch-dataset"})
    assert done.returncode == 1
    lines = said(done)
    assert "conpet: error: fetch-dataset: wrong bytes: get the file again" in lines
    assert any("failed" in line and line.endswith("base/fetch.log") for line in lines)
    assert lines[-1].endswith("The same command again goes on from here.")
    assert len(lines) < 12
    assert "Traceback" not in done.stderr
    log = fresh.folder / "results" / "data" / "tiny" / "base" / "fetch.log"
    assert log.read_text() == "conpet: error: fetch-dataset: wrong bytes: get the file again\n"
    assert not (log.parent / "raw").exists()


def test_a_run_is_told_in_lines_that_count(fresh: Workspace) -> None:
    done = fresh.run("results/tiny/tiny/base.tasks.json")
    lines = said(done)
    assert lines[0] == "3 jobs: 1 fetch_dataset, 1 prepare, 1 split"
    assert [line.split("] ")[1].split(" (0:")[0] for line in lines[1:]] == [
        "start  fetch dataset tiny (base)",
        "done   fetch dataset tiny (base)",
        "start  prepare tiny (base)",
        "done   prepare tiny (base)",
        "start  split tiny (base)",
        "done   split tiny (base)",
    ]
    assert lines[-1].startswith("[3/3 0:00:0")
    assert "\r" not in done.stdout + done.stderr


def test_the_last_line_says_where_the_tables_are(finished: Workspace) -> None:
    (finished.folder / "results/tiny/tables/main.md").unlink()
    assert (
        "] done   tables of experiment tiny: results/tiny/tables ("
        in said(finished.run("tables"))[-1]
    )


def test_after_kill_9_of_snakemake_the_same_command_ends_the_same(
    fresh: Workspace, finished: Workspace, reaped: list[subprocess.Popen[str]]
) -> None:
    reaped.append(fresh.start(*TARGETS, FAKE_SLEEP="train:60"))
    job = fresh.slow_job()
    reaped[0].send_signal(signal.SIGKILL)
    reaped[0].wait()
    assert gone(job), "a job outlived its workflow"
    done = fresh.run(*TARGETS)
    assert done.returncode == 0, done.stderr
    expected = finished.bytes()
    assert fresh.bytes() == {name: expected[name] for name in fresh.bytes()}
    assert len([name for name in fresh.bytes() if name.endswith("metrics.json")]) == 9


def test_after_kill_9_of_a_job_the_same_command_ends_the_same(
    fresh: Workspace, finished: Workspace, reaped: list[subprocess.Popen[str]]
) -> None:
    reaped.append(fresh.start(*TARGETS, FAKE_SLEEP="select:60"))
    os.kill(fresh.slow_job(), signal.SIGKILL)
    output, _ = reaped[0].communicate(timeout=120)
    assert reaped[0].returncode == 1
    assert "conpet: killed by signal 9" in output
    assert "failed select tiny minilm expert seed 7 task 02: see results/" in output
    done = fresh.run(*TARGETS)
    assert done.returncode == 0, done.stderr
    expected = finished.bytes()
    assert fresh.bytes() == {name: expected[name] for name in fresh.bytes()}


def test_a_second_run_in_the_same_folder_is_refused(
    fresh: Workspace, reaped: list[subprocess.Popen[str]]
) -> None:
    reaped.append(fresh.start("tables", FAKE_SLEEP="fetch-dataset:60"))
    fresh.slow_job()
    refused = fresh.run("tables")
    assert refused.returncode == 1
    last = refused.stderr.splitlines()[-1]
    assert last.startswith("conpet: error: ")
    assert f"process {reaped[0].pid}" in last
    assert fresh.planned("tables")["train"]  # to look is always allowed
    assert reaped[0].poll() is None


def test_a_config_edited_meanwhile_does_not_reach_the_jobs(
    fresh: Workspace, reaped: list[subprocess.Popen[str]]
) -> None:
    """What was asked for is what is learnt, and what is recorded."""
    path = fresh.folder / "config/methods/simple.yaml"
    before = path.read_text()
    reaped.append(fresh.start("tables", FAKE_SLEEP="fetch-dataset:3"))
    fresh.slow_job()
    fresh.append("methods/simple.yaml", "settings: {training: {lr: 0.05}}\n")
    output, _ = reaped[0].communicate(timeout=300)
    assert reaped[0].returncode == 0, output
    trained = [call for call in fresh.calls() if call[0] == "train" and "simple" in call]
    assert len(trained) == 3
    assert all("0.05" not in json.dumps(told(fresh, call)) for call in trained)
    assert len(fresh.planned("tables")["train"]) == 3  # the config says another rate now
    path.write_text(before)
    assert fresh.planned("tables") == {}


def test_what_was_made_of_a_failed_jobs_old_output_is_not_up_to_date(finished: Workspace) -> None:
    """Snakemake removes the old output first: without a mark nothing asks for it any more."""
    path = finished.folder / "config/datasets/tiny.yaml"
    path.write_text(path.read_text().replace("{seed: 1}", "{seed: 2}", 1))
    assert finished.run("tables", env={"FAKE_FAIL": "fetch-dataset"}).returncode == 1
    jobs = finished.planned("tables")
    assert jobs["fetch"] == ["dataset tiny (base)"]
    assert {"prepare", "split", "encode", "train", "evaluate", "table"} <= set(jobs)


def test_a_file_system_without_locks_is_told_for_what_it_is(
    fresh: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import errno, fcntl, os\n"
        "taken = fcntl.flock\n"
        "def flock(file, how):\n"
        "    if str(getattr(file, 'name', '')).endswith('conpet.lock'):\n"
        "        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))\n"
        "    return taken(file, how)\n"
        "fcntl.flock = flock\n"
    )
    done = fresh.run("tables", env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("conpet: error: ")
    assert "cannot be locked (Function not implemented)" in last
    assert "another run" not in last
    assert not fresh.calls()
