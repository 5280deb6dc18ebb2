"""A run read from its folder: what is not there, not whole, or not its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from conpet.errors import UserError
from conpet.files import read_json, write_json
from conpet.run import RunFolder, RunKey, run_path
from conpet.run.reading import read_run
from tests.tracking.synthetic import build_run

KEY = RunKey("demo", "demo", "minilm", "dynamic", 100)


def test_a_finished_run_is_whole(tmp_path: Path) -> None:
    run = read_run(build_run(tmp_path, KEY, 3), KEY, 3)
    assert run.finished
    assert run.complete() is run
    assert [len(summary["selector_accuracy"]) for summary in run.summaries] == [1, 2, 3]
    assert run.summary == run.summaries[-1]


def test_a_missing_task_is_named(tmp_path: Path) -> None:
    folder = build_run(tmp_path, KEY, 3)
    RunFolder(folder).metrics(2).unlink()
    run = read_run(folder, KEY, 3)
    assert len(run.metrics) == 1  # what is behind the gap is of an older run
    with pytest.raises(UserError, match=r"task02/metrics\.json: no such file: evaluate this task"):
        run.complete()
    with pytest.raises(UserError, match=r"task01/metrics\.json: no such file"):
        read_run(tmp_path / "nowhere", KEY, 3).complete()


def test_a_state_that_is_gone_is_named(tmp_path: Path) -> None:
    folder = build_run(tmp_path, KEY, 2)
    (RunFolder(folder).state(1) / "state.json").unlink()
    run = read_run(folder, KEY, 2)
    assert run.kept_bytes(2) is None
    assert run.kept_bytes(1) is None
    with pytest.raises(UserError, match=r"task01/state/state\.json: no such file: learn this task"):
        run.complete()


def test_only_the_tasks_asked_for(tmp_path: Path) -> None:
    folder = build_run(tmp_path, KEY, 3)
    assert len(read_run(folder, KEY, 2).complete().tasks) == 2
    with pytest.raises(UserError, match="task04"):
        read_run(folder, KEY, 4).complete()


def test_files_of_another_run_are_refused(tmp_path: Path) -> None:
    folder = build_run(tmp_path, KEY, 1)
    path = RunFolder(folder).metrics(1)
    write_json(path, {**read_json(path), "seed": 7})
    with pytest.raises(UserError, match="seed is 7, not 100"):
        read_run(folder, KEY, 1)


def test_a_copy_of_the_learner_under_another_name_keeps_what_it_keeps(tmp_path: Path) -> None:
    folder = build_run(tmp_path, KEY, 3)
    before = read_run(folder, KEY, 3).kept_bytes(3)
    for path in folder.rglob("state.json"):
        write_json(path, {**read_json(path), "learner": "my_own_learner"})
    assert read_run(folder, KEY, 3).kept_bytes(3) == before


@pytest.mark.parametrize("needs", [None, {}, {"states": "some", "selector": True}, "all"])
def test_a_state_that_does_not_say_what_it_needs_is_refused(needs: object, tmp_path: Path) -> None:
    folder = build_run(tmp_path, KEY, 1)
    path = RunFolder(folder).state(1) / "state.json"
    write_json(path, {**read_json(path), "needs": needs})
    with pytest.raises(UserError, match=r"state/state\.json: does not say what it needs"):
        read_run(folder, KEY, 1).kept_bytes(1)


@pytest.mark.parametrize("text", ["[]", "3", "null", "", "{", '"state"'])
@pytest.mark.parametrize("name", ["state/state.json", "state/timing.json", "metrics.json"])
def test_a_file_that_holds_something_else_is_one_line(name: str, text: str, tmp_path: Path) -> None:
    path = RunFolder(build_run(tmp_path, KEY, 1)).task(1) / name
    path.write_text(text)
    with pytest.raises(UserError, match=rf"^[^\n]*task01/{name}: [^\n]*$"):
        read_run(RunFolder(path.parents[len(Path(name).parts)]).root, KEY, 1)


@pytest.mark.parametrize("name", ["", "a/b", "it's", "a b", "-x", "ü"])
def test_names_that_no_filter_can_quote(name: str) -> None:
    with pytest.raises(UserError, match="run key"):
        RunKey("demo", name, "minilm", "emr", 1)


def test_paths_take_numbers_and_wildcards() -> None:
    assert str(KEY.path) == "demo/demo/minilm/dynamic/seed100"
    wild = run_path(*(f"{{{name}}}" for name in ("experiment", "dataset", "model", "method", "s")))
    assert wild == "{experiment}/{dataset}/{model}/{method}/seed{s}"
    assert RunFolder(Path("run")).metrics(3) == Path("run/task03/metrics.json")
    assert RunFolder(Path("run")).state("{task}") == Path("run/task{task}/state")
    assert KEY.child(2) == "demo/demo/minilm/dynamic/100/task02"
    assert list(KEY.of_task(2).values()) == ["demo", "demo", "minilm", "dynamic", 100, 2]


def test_paths_need_no_framework(root: Path) -> None:
    import subprocess
    import sys

    heavy = ("numpy", "pandas", "torch", "pydantic", "mlflow")
    code = f"import sys, conpet.run; sys.exit(any(m in sys.modules for m in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
