"""Every example of docs/your-data.md: learnt by its methods and asked; its table is elsewhere.

That each comes to a table and to right answers, test_your_data_answers.py says.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conpet.commands import estimation, estimation_speed, main
from conpet.commands.checks import open_experiment
from conpet.files import read_json
from tests.conftest import ROOT
from tests.your_data import Place, asked, examples, last, text, write_rows

pytestmark = pytest.mark.slow

# what an experiment of `conpet init` has beside the methods of the examples
BEGUN = (*(f"methods/{name}" for name in ("lda", "emr", "static_plus", "joint")), "models/minilm")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("yours"))


@pytest.mark.parametrize("section", examples())
def test_every_example_is_described_without_a_warning(
    section: str, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    path = place.write("shown", examples()[section])
    main(["describe", str(path), "--model", "tiny", "--config-dir", str(place.config),
          "--json", str(place.folder / "said.json")])  # fmt: skip
    assert "will not start" not in capsys.readouterr().out
    report = read_json(place.folder / "said.json")
    assert report["warnings"] == []
    kinds = {"Pairs": "fields", "Relations and entities": "relation"}
    assert report["kind"] == kinds.get(section, "sentence")
    scenarios = {"Shared labels": "domain-incremental", "Pairs": "one task"}
    assert report["scenario"] == scenarios.get(section, "class-incremental")
    if section == "Train and test files":
        assert report["rare_classes"] == {"rare": 2}


def check_estimate(place: Place, path: Path, found: Path, methods: list[str]) -> None:
    """What a dry run counts is what passed."""
    main(["estimate", "--experiment", str(path), "--config-dir", str(place.config), "--results",
          str(place.folder / "results")])  # fmt: skip
    rows = {row["method"]: row for row in read_json(found.parents[1] / "estimate.json")["rows"]}
    for method in methods:
        states = [read_json(state) for state in (found / method).rglob("state.json")]
        for key, of in (("samples", "samples_passed"), ("tokens", "tokens_passed")):
            assert rows[method][key] == sum(state[of] for state in states)
        assert rows[method]["bytes"] == sum(state["stored_bytes"] for state in states)
        assert rows[method]["from"] == "results"
        assert 0 < rows[method]["there"] <= rows[method]["jobs"]
    assert rows["static_emr"]["from"] == "a few steps"
    assert rows["static_emr"]["hours"] > 0
    assert rows["static_emr"]["there"] == 0


def test_shared_labels_from_files_to_answers(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = place.write("shared", examples()["Shared labels"])
    found = place.run(path, ["finetune", "dynamic"])
    for method in ("finetune", "dynamic"):
        metrics = last(found, method)
        assert (metrics["scenario"], metrics["classes_seen"]) == ("domain-incremental", 2)
        # where all tasks have all classes, to be given the task helps a single head nothing
        if method != "dynamic":
            assert metrics["task_incremental_accuracy"] == metrics["whole_accuracy"]
    monkeypatch.setattr(estimation_speed, "TIMED_SECONDS", 0.0)
    check_estimate(place, path, found, ["finetune", "dynamic"])
    before = path.read_text()
    path.write_text(re.sub(r"(?m)^methods: .*$", "methods: [ncm]", before))
    main(["estimate", str(path), "--config-dir", str(place.config), "--results",
          str(place.folder / "results")])  # fmt: skip
    (row,) = read_json(found.parents[1] / "estimate.json")["rows"]
    assert (row["method"], row["tokens"], row["from"]) == ("ncm", 0, "a few steps")
    assert row["forward_tokens"] > 0
    place.run(path, ["ncm"])
    monkeypatch.setattr(estimation, "measure", None)  # runs are there: nothing is timed
    main(["estimate", str(path), "--config-dir", str(place.config), "--results",
          str(place.folder / "results")])  # fmt: skip
    (row,) = read_json(found.parents[1] / "estimate.json")["rows"]
    assert (row["method"], row["from"]) == ("ncm", "results")
    assert row["there"] == row["jobs"] > 0
    assert "all of them are done" in capsys.readouterr().out
    assert row["hours"] >= 0
    path.write_text(before)
    shown = place.table(path, "scenarios")
    assert "domain-incremental" in shown
    assert "Task given" in shown
    run = next((found / "dynamic").glob("seed*"))
    said = asked(place, run, "--text", text(0, 1), "--text", text(4, 1), "--probabilities")
    probabilities = said[["p:negative", "p:positive"]].to_numpy()
    assert np.allclose(probabilities.sum(axis=1), 1)


def test_a_dataset_a_task_from_files_to_answers(place: Place) -> None:
    path = place.write("three", examples()["A dataset per task"])
    found = place.run(path, ["static_emr"])
    metrics = last(found, "static_emr")
    assert (metrics["scenario"], metrics["classes_seen"]) == ("class-incremental", 8)
    given, whole = metrics["task_incremental_accuracy"], metrics["whole_accuracy"]
    assert isinstance(given, float)
    assert isinstance(whole, float)
    assert given >= whole
    tasks = [read_json(place.folder / f"results/three/three/{part}.tasks.json")["tasks"]
             for part in ("base", "add1", "add2")]  # fmt: skip
    assert [task["classes"] for (task,) in tasks][1:] == [
        ["ask", "pay"],
        ["mood sad", "mood topic0"],
    ]


def test_pairs_from_files_to_answers(place: Place) -> None:
    path = place.write("pairs", examples()["Pairs"])
    run = next((place.run(path) / "finetune").glob("seed*"))
    columns = ("--column", "premise", "--column", "hypothesis")
    said = asked(place, run, str(place.folder / "pairs.csv"), *columns)
    assert list(said.columns[:3]) == ["premise", "hypothesis", "label"]
    assert len(said) == 40
    told = asked(place, run, str(place.folder / "pairs.csv"))  # its columns are the fields
    pd.testing.assert_frame_equal(told, said)
    with pytest.raises(SystemExit, match=r"topics.csv: line 1: column 'premise' is not among"):
        asked(place, run, str(place.folder / "topics.csv"))
    one = asked(place, run, "--text", json.dumps({"premise": text(0, 0), "hypothesis": text(5, 0)}))
    assert one["label"][0] == said["label"][0]
    with pytest.raises(SystemExit, match=r'no field hypothesis: give \{"premise": "...", "hypoth'):
        asked(place, run, "--text", '{"premise": "a"}')
    with pytest.raises(SystemExit, match="text 1: a text of several fields: give"):
        asked(place, run, "--text", "plain")
    rows = [[text(0, i), text(5, i), "maybe"] for i in range(3)]
    write_rows(place.folder / "others.csv", ["s1", "s2", "label"], rows)
    file, named = str(place.folder / "others.csv"), ("--column", "s1", "--column", "s2")
    with pytest.raises(SystemExit, match=r"others.csv: columns s1, s2 are not the fields pre"):
        asked(place, run, file, *named)
    mapped = ("--option", 'text={"premise": "s1", "hypothesis": "s2"}')
    assert len(asked(place, run, file, *mapped)) == 3
    path = place.write("means", examples()["Pairs"].replace("[finetune]", "[ncm]"))
    means = next((place.run(path) / "ncm").glob("seed*"))
    out, snapshot = place.folder / "taught", place.folder / "model"
    words = ["teach", "--run", means, file, *mapped, "--snapshot", snapshot, "--out", out]
    main([str(word) for word in words])
    assert asked(place, out, file, *mapped)["label"][0] == "maybe"


def test_an_estimate_follows_the_plan_of_each_seed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimation_speed, "TIMED_SECONDS", 0.0)
    found = {}
    for seeds in ("[100]", "[200]", "[100, 200]"):
        yaml = examples()["A few shots"].replace("[100, 200]", seeds)
        path = place.write("seeds", yaml.replace("[finetune, static_emr]", "[static_emr]"))
        main(["estimate", str(path), "--config-dir", str(place.config), "--results",
              str(place.folder / "results")])  # fmt: skip
        (row,) = read_json(place.folder / "results/seeds/estimate.json")["rows"]
        found[seeds] = row
    one, other, both = found.values()
    assert one["tokens"] != other["tokens"]  # other texts are drawn
    for key in ("jobs", "samples", "tokens", "forward_tokens", "bytes"):
        assert both[key] == one[key] + other[key]


def test_an_estimate_counts_a_shared_training_once(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(estimation_speed, "TIMED_SECONDS", 0.0)
    methods = ["static_emr", "fitted"]
    fitted = "{base: static_emr, title: Fitted, settings: {head: lda}}"
    written = f"{{static_emr: , fitted: {fitted}}}"
    yaml = examples()["A few shots"].replace("[100, 200]", "[100]")
    yaml = yaml.replace("[finetune, static_emr]", written)
    path = place.write("alike", yaml)
    found = place.run(path)
    states = {m: [read_json(s) for s in (found / m).rglob("state.json")] for m in methods}
    main(["estimate", str(path), "--config-dir", str(place.config), "--results",
          str(place.folder / "results")])  # fmt: skip
    assert "trained once, and counted there: fitted with static_emr" in capsys.readouterr().out
    one, other = read_json(place.folder / "results/alike/estimate.json")["rows"]
    assert one["samples"] == sum(state["samples_passed"] for state in states["static_emr"]) > 0
    assert other["samples"] == other["tokens"] == 0
    tested = one["forward_tokens"] - sum(s["forward_tokens"] for s in states["static_emr"])
    fitted = sum(state["fitting"]["tokens"] for state in states["fitted"])
    assert other["forward_tokens"] == tested + fitted > tested
    assert 0 < other["hours"] < one["hours"] * 3  # both are timed; the machine may be busy


def test_an_estimate_of_long_runs_follows_the_first_seed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimation_speed, "TIMED_SECONDS", 0.0)
    monkeypatch.setattr(estimation, "ALIKE", 10)
    found = []
    for seeds in ("[100]", "[100, 200]"):
        path = place.write("long", examples()["A few shots"].replace("[100, 200]", seeds))
        main(["estimate", str(path), "--config-dir", str(place.config), "--results",
              str(place.folder / "results")])  # fmt: skip
        found.append(read_json(place.folder / "results/long/estimate.json")["rows"])
    one, both = found
    for key in ("jobs", "samples", "tokens", "forward_tokens", "bytes"):
        assert [row[key] for row in both] == [2 * row[key] for row in one]


def test_columns_for_a_learner_of_plain_texts(place: Place) -> None:
    run = next((place.run(place.write("plain", examples()["A table"])) / "finetune").glob("seed*"))
    with pytest.raises(SystemExit, match="premise, hypothesis: this learner reads one column"):
        words = ("--column", "premise", "--column", "hypothesis")
        asked(place, run, str(place.folder / "pairs.csv"), *words)


def test_train_and_test_files_from_files_to_answers(place: Place) -> None:
    path = place.write("official", examples()["Train and test files"])
    found = place.run(path)
    for method in ("finetune", "static_emr"):
        metrics = last(found, method)
        samples = metrics["task_samples"]
        assert (metrics["classes_seen"], samples) == (4, [12, 12])  # test.csv but for `rare`
    state = read_json(min((found / "finetune").rglob("state.json")))
    assert (state["samples_passed"], state["settings"]["validation"]) == (24, False)
    assert "the state after the last epoch is kept" in place.table(path, "main")


def test_relations_from_files_to_answers(place: Place) -> None:
    path = place.write("marked", examples()["Relations and entities"])
    found = place.run(path)
    assert last(found, "static_emr")["classes_seen"] == 4
    run, file = next((found / "static_emr").glob("seed*")), place.folder / "relations.jsonl"
    told = asked(place, run, str(file))
    assert len(told) == 80
    first = json.loads(file.read_text().splitlines()[0])["text"]
    assert asked(place, run, "--text", first)["label"][0] == told["label"][0]
    with pytest.raises(SystemExit, match=r"text 1: .*<e1>"):
        asked(place, run, "--text", "plain")


def test_few_shots_without_validation(place: Place) -> None:
    path = place.write("shots", examples()["A few shots"])
    found = place.run(path, ["static_emr"])
    states = sorted((found / "static_emr").rglob("state.json"))
    first = read_json(states[0])
    assert (first["settings"]["shots"], first["settings"]["validation"]) == (5, False)
    assert (first["best_epoch"], first["samples_passed"]) == (0, 10)  # five of two classes, once
    shown = place.table(path, "main")
    assert "topics has no validation samples: the state after the last epoch is kept" in shown
    assert (
        "topics: 5 samples of each class and task are trained on, drawn anew by each seed" in shown
    )


@pytest.mark.parametrize(
    ("names", "holds"),
    [
        (["topics.csv"], ['options: {"text": "words", "label": "topic"}', "tasks: 2}"]),
        (["train.csv", "test.csv"], ["official", '{"name": "train.csv", "split": "train"}']),
        (["shop.csv", "film.csv"], ["tasks:", '- format: table']),
        (["moods.csv", "topics.csv"], ['prefix: "moods "']),
        (["pairs.csv"], ['"text": ["premise", "hypothesis"]', "{premise} {hypothesis} The answer"]),
        (["relations.jsonl"], ["format: marked", "kind: relation"]),
    ],
)  # fmt: skip
def test_init_writes_what_describe_takes(
    names: list[str], holds: list[str], place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    config = ["--config-dir", str(place.config)]
    for name in BEGUN:
        (place.config / f"{name}.yaml").write_bytes((ROOT / f"config/{name}.yaml").read_bytes())
    files = [str(place.folder / name) for name in names]
    out = place.folder / "begun.yaml"
    out.unlink(missing_ok=True)
    main(["init", *files, "--name", "begun", "--out", str(place.folder), *config])
    written = out.read_text()
    assert all(line in written for line in holds), written
    assert "guessed: " in capsys.readouterr().out
    main(["describe", str(out), "--model", "tiny", *config, "--json", str(place.folder / "j.json")])
    assert read_json(place.folder / "j.json")["warnings"] == []
    with pytest.raises(SystemExit, match=r"begun.yaml: is there already: give --name"):
        main(["init", *files, "--name", "begun", "--out", str(place.folder), *config])


@pytest.mark.parametrize("folder", ["2024", "null", "1e3"])
def test_init_in_a_folder_whose_name_is_no_text_to_yaml(
    folder: str, place: Place, tmp_path: Path
) -> None:
    (tmp_path / folder).mkdir()
    for name in ("train.csv", "test.csv"):
        (tmp_path / folder / name).write_bytes((place.folder / name).read_bytes())
    for name in BEGUN:
        (place.config / f"{name}.yaml").write_bytes((ROOT / f"config/{name}.yaml").read_bytes())
    files = [str(tmp_path / folder / name) for name in ("train.csv", "test.csv")]
    main(["init", *files, "--out", str(tmp_path), "--config-dir", str(place.config)])
    found = open_experiment(str(tmp_path / f"{folder}.yaml"), place.config)
    assert list(found.datasets) == [folder]


def test_init_names_the_file_that_it_would_have_written(place: Place, tmp_path: Path) -> None:
    for kind in ("datasets", "models", "methods", "experiments"):
        (tmp_path / "config" / kind).mkdir(parents=True)
    out = tmp_path / "topics.yaml"
    with pytest.raises(SystemExit) as ended:
        main(["init", str(place.folder / "topics.csv"), "--out", str(tmp_path), "--config-dir",
              str(tmp_path / "config")])  # fmt: skip
    assert str(ended.value).startswith(f"conpet: error: {out} (not written): ")
    assert not out.exists()


def test_init_says_what_files_of_several_folders_become(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in BEGUN:
        (place.config / f"{name}.yaml").write_bytes((ROOT / f"config/{name}.yaml").read_bytes())
    files = [str(tmp_path / folder / "data.csv") for folder in ("tr", "te")]
    for file, count in zip(files, (8, 4), strict=True):
        Path(file).parent.mkdir()
        rows = [[text(c, i), f"topic{c}"] for c in range(2) for i in range(count)]
        write_rows(Path(file), ["text", "label"], rows)
    config = ["--config-dir", str(place.config)]
    main(["init", *files, "--name", "two", "--out", str(tmp_path), *config])
    said = capsys.readouterr().out
    assert "guessed: each is a task, in the order given, with shared labels" in said
    assert "guessed: tr_data: 2 labels" in said and "guessed: te_data: 2 labels" in said
    written = (tmp_path / "two.yaml").read_text()
    assert "least" not in written  # it would leave the second task without a class
    main(["describe", str(tmp_path / "two.yaml"), "--model", "tiny", *config])
    rows = [[text(c, i), f"topic{c}"] for c in range(2) for i in range(8)]
    write_rows(Path(files[1]), ["text", "label"], [*rows, ["the", "rare"]])
    main(["init", *files, "--name", "three", "--out", str(tmp_path), *config])
    assert "labels with fewer than 6 samples are dropped: 1" in capsys.readouterr().out
    assert "least: 6" in (tmp_path / "three.yaml").read_text()


def test_init_passes_over_a_split_that_is_none(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in BEGUN:
        (place.config / f"{name}.yaml").write_bytes((ROOT / f"config/{name}.yaml").read_bytes())
    rows = [[text(c, i), f"topic{c}", ("train", "eval")[i % 2]] for c in range(2) for i in range(8)]
    write_rows(tmp_path / "a.csv", ["text", "label", "set"], rows)
    main(["init", str(tmp_path / "a.csv"), "--out", str(tmp_path), "--config-dir",
          str(place.config)])  # fmt: skip
    assert "column 'set' is not taken for the split: 'eval' is no" in capsys.readouterr().out
    assert "per_class" in (tmp_path / "a.yaml").read_text()


def test_init_tells_files_whose_names_are_no_whole_split(
    place: Place, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("train", "dev"):
        (tmp_path / f"{name}.csv").write_bytes((place.folder / "train.csv").read_bytes())
    for name in BEGUN:
        (place.config / f"{name}.yaml").write_bytes((ROOT / f"config/{name}.yaml").read_bytes())
    files = [str(tmp_path / "train.csv"), str(tmp_path / "dev.csv")]
    main(["init", *files, "--name", "mixed", "--out", str(tmp_path), "--config-dir",
          str(place.config)])  # fmt: skip
    said = capsys.readouterr().out
    assert "its name says train and valid, but no file of the same name with the other" in said
