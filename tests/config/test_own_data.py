"""A dataset that stands in the experiment, and what it leaves unsaid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conpet.commands.checks import open_experiment
from conpet.config import Dataset
from conpet.config.dataset import Addition, SeedOrder
from conpet.config.partition import Partition
from conpet.config.raw import RawFile
from conpet.config.shared import refuse_other_data, told_apart_by
from conpet.config.stages import text_column
from conpet.config.strict import read_yaml, validate
from conpet.errors import UserError
from tests.config.conftest import DELETED, Project
from tests.conftest import ROOT
from tests.yaml_text import to_yaml

E = "experiments/e.yaml"
FOLDER = ROOT / "config" / "datasets"


def own(project: Project, value: dict[str, Any], name: str = "mine") -> Dataset:
    project.set(E, "datasets", {name: value})
    return project.load().datasets[name]


def test_files_are_enough(project: Project) -> None:
    data = own(project, {"files": ["some/topics.csv"]})
    assert data.files == [RawFile(name="topics.csv", url="some/topics.csv")]
    assert (data.title, data.licence, data.kind, data.format) == (
        "mine", "unknown", "sentence", "table",
    )  # fmt: skip
    assert data.template == "The topic is {mask}."
    assert data.order == SeedOrder(seed=100, tasks=5)
    assert data.split == Partition(scheme="per_class", seed=100, shares=[0.8, 0.1, 0.1])
    assert project.load().tasks("mine") == 5


@pytest.mark.parametrize(
    ("value", "scheme"),
    [
        ({"options": {"split": "fold"}}, "official"),
        ({"options": {"text": "words"}}, "per_class"),
        ({"files": [{"name": "a.csv", "split": "train"}, {"name": "b.csv"}]}, "official"),
        ({"options": {"split": "fold"}, "split": {"scheme": "per_class"}}, "per_class"),
    ],
)
def test_a_split_that_comes_with_the_data_is_kept(
    project: Project, value: dict[str, Any], scheme: str
) -> None:
    assert own(project, {"files": ["a.csv"], **value}).split.scheme == scheme


@pytest.mark.parametrize(
    ("format", "kind", "named"),
    [
        ("fewrel", "relation", "{head}"),
        ("crossner", "entity", "{entity}"),
        ("clinc150", "sentence", ""),
    ],
)
def test_kind_and_template_follow_the_format(
    project: Project, format: str, kind: str, named: str
) -> None:
    data = own(project, {"files": ["a"], "format": format})
    assert data.kind == kind
    assert named in data.template


def test_what_is_said_is_kept(project: Project) -> None:
    said = {
        "title": "T", "licence": "L", "kind": "relation", "format": "marked",
        "template": "{head} {mask}", "order": {"seed": 1, "tasks": 2},
        "files": [{"name": "x", "url": "y"}],
    }  # fmt: skip
    data = own(project, said).model_dump()
    assert {key: data[key] for key in said if key != "files"} == {
        key: value for key, value in said.items() if key != "files"
    }


def test_a_path_beside_the_yaml_comes_first(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "both.csv").touch()
    (tmp_path / "here.csv").touch()
    (project.folder / "experiments" / "both.csv").touch()
    absolute = str(tmp_path / "here.csv")
    address = "https://example.org/far.csv?raw=1"
    data = own(project, {"files": ["both.csv", "here.csv", absolute, address], "additions": [
        {"files": ["both.csv"], "classes": ["late"]}]})  # fmt: skip
    beside = "config/experiments/both.csv"  # seen from here, however the YAML was typed
    assert [file.url for file in data.files] == [beside, "here.csv", absolute, address]
    assert data.files[3].name == "far.csv"
    addition = data.part("add1")
    assert isinstance(addition, Addition)
    assert addition.files[0].url == beside


def test_a_dataset_with_a_yaml_finds_its_files_too(project: Project) -> None:
    project.set("datasets/given.yaml", "files", ["a.txt"])
    assert project.load().datasets["given"].files[0].url == "a.txt"
    (project.folder / "datasets" / "a.txt").touch()
    found = project.load().datasets["given"].files[0]
    assert found == RawFile(name="a.txt", url=str(project.folder / "datasets" / "a.txt"))


def test_a_file_beside_the_experiment_is_found_by_its_name(project: Project) -> None:
    files = [{"name": "train.csv", "split": "train"}, {"name": "test.csv", "split": "test"}]
    (project.folder / "experiments" / "train.csv").touch()
    (project.folder / "datasets" / "a.txt").touch()
    more = {"files": [{"name": "more/late.csv"}], "classes": ["late"]}
    (project.folder / "experiments" / "more").mkdir()
    (project.folder / "experiments" / "more" / "late.csv").touch()
    data = own(project, {"files": files, "additions": [more]})
    beside = project.folder / "experiments"
    assert [file.url for file in data.files] == [str(beside / "train.csv"), None]
    assert data.part("add1").files[0].url == str(beside / "more/late.csv")
    # in config/datasets many datasets lie side by side, and all call their files alike
    project.set(E, "datasets", ["given"])
    assert project.load().datasets["given"].files[0].url is None


def test_a_file_of_a_shipped_dataset_is_found_in_the_folder_of_its_name(project: Project) -> None:
    more = {"files": [{"name": "late.txt"}], "classes": ["late"]}
    project.set("datasets/given.yaml", "additions", [more])
    folder = project.folder / "datasets" / "given"
    folder.mkdir()
    for name in ("a.txt", "late.txt"):
        (folder / name).touch()
    data = project.load().datasets["given"]
    assert [f.url for f in data.files] == [str(folder / "a.txt")]
    assert data.part("add1").files[0].url == str(folder / "late.txt")
    # a variant of it has the same files, or its own
    variant = own(project, {"base": "given", "title": "V"}, "variant")
    assert variant.files[0].url == str(folder / "a.txt")
    (folder.parent / "variant").mkdir()
    (folder.parent / "variant" / "a.txt").touch()
    found = project.load().datasets["variant"].files[0].url
    assert found == str(folder.parent / "variant" / "a.txt")


def test_files_with_one_name_in_different_folders(project: Project) -> None:
    far = "https://example.org/x/train.csv"
    listed = ["a/train.csv", "b/train.csv", "../c/train.csv", far, "test.csv"]
    files = own(project, {"files": listed}).files
    names = ["a/train.csv", "b/train.csv", "c/train.csv", "x/train.csv", "test.csv"]
    assert [file.name for file in files] == names
    assert [file.url for file in files] == listed


def test_a_split_that_records_say_is_kept(project: Project) -> None:
    assert own(project, {"files": ["a.json"], "format": "clinc150"}).split.scheme == "official"
    made = {"generator": {"seed": 1}, "format": "fewrel"}
    assert own(project, made).split.scheme == "official"
    value = {"files": ["a.jsonl"], "format": "marked", "kind": "entity"}
    path = project.folder / "experiments" / "a.jsonl"
    for text, scheme in (
        ('{"text": "<e>a</e>", "label": "x", "split": "train"}\n', "official"),
        ('\n{"text": "<e>a</e>", "label": "x"}\n', "per_class"),
        ("{", "per_class"),
        ("", "per_class"),
    ):
        path.write_text(text)
        assert own(project, value).split.scheme == scheme
    path.write_text('{"text": "<e>a</e>", "label": "x", "split": "train"}\n')
    assert own(project, {**value, "split": {"scheme": "pooled"}}).split.scheme == "pooled"


def test_a_variant_keeps_the_split_and_the_files_of_its_base(project: Project) -> None:
    value = {
        "title": "T", "licence": "L", "kind": "sentence", "format": "marked", "template": "{mask}",
        "files": ["a.jsonl"], "order": {"seed": 1, "tasks": 2},
    }  # fmt: skip
    project.write("datasets/named.yaml", to_yaml(value))
    (project.folder / "datasets" / "a.jsonl").touch()
    data = own(project, {"base": "named", "order": {"seed": 2, "tasks": 2}})
    assert data.split.scheme == "official"
    assert data.files[0].url == str(project.folder / "datasets" / "a.jsonl")


@pytest.mark.parametrize(
    ("own_keys", "expected"),
    [
        ({}, ("table", {"text": "words"})),
        ({"options": {"text": "say"}}, ("table", {"text": "say"})),
        ({"options": {}}, ("table", {})),
        ({"format": "table"}, ("table", {})),
        ({"format": "clinc150", "options": {"oos": True}}, ("clinc150", {"oos": True})),
    ],
)
def test_how_an_addition_is_read(
    project: Project, own_keys: dict[str, Any], expected: tuple[str, Any]
) -> None:
    more = {"files": ["b.csv"], "classes": ["late"], **own_keys}
    data = own(project, {"files": ["a.csv"], "options": {"text": "words"}, "additions": [more]})
    assert data.reading("add1") == expected


@pytest.mark.parametrize("key", ["validation", "without_test"])
@pytest.mark.parametrize("place", ["additions", "tasks"])
def test_what_holds_for_the_whole_stream_is_said_once(
    project: Project, key: str, place: str
) -> None:
    more = {"files": ["b.csv"], "classes": ["late"], "split": {"scheme": "per_class", "most": 9}}

    def read(of_all: bool, own_split: dict[str, Any]) -> Dataset:
        last = more | {"split": {**more["split"], **own_split}}  # type: ignore[dict-item]
        first = {"files": ["a.csv"]}
        source = {"tasks": [first, last]} if place == "tasks" else {**first, "additions": [last]}
        return own(project, {**source, "split": {"most": 7, key: of_all}})

    for of_all in (True, False):
        data = read(of_all, {})
        assert (data.partition("base").most, data.partition("add1").most) == (7, 9)
        assert [getattr(data.partition(part), key) for part in data.parts()] == [of_all] * 2
        with pytest.raises(UserError, match=rf"{place}\[\d\].split.{key}: all tasks have it or"):
            read(of_all, {key: not of_all})


def test_a_split_that_names_no_scheme_is_as_one_that_is_left_out(project: Project) -> None:
    more = {"files": ["b.csv"], "classes": ["late"], "split": {"seed": 9}}
    data = own(project, {"files": ["a.csv"], "split": {}, "additions": [more]})
    found = [data.partition(part) for part in data.parts()]
    assert [(p.scheme, p.seed) for p in found] == [("per_class", 100), ("per_class", 9)]


def test_a_file_of_texts_outside_holds_no_samples(project: Project) -> None:
    outside = {"outside": {"file": "o.json", "key": "oos"}}
    data = own(project, {"files": ["a.csv", "o.json"], **outside})
    assert [file.name for file in data.sample_files("base")] == ["a.csv"]
    data = own(project, {"files": ["o.json"], **outside})  # one file may hold both
    assert [file.name for file in data.sample_files("base")] == ["o.json"]


def test_each_task_has_a_part_and_a_split_of_its_own(project: Project) -> None:
    tasks = [
        {"files": ["a.csv"]},
        {"files": [{"name": "b.csv", "split": "train"}], "labels": {"x": "y"}, "prefix": "b "},
        {"files": ["c.csv"], "options": {"text": "words"}, "shared": True, "classes": ["y"]},
    ]
    data = own(project, {"tasks": tasks, "split": {"most": 9, "validation": False}})
    experiment = project.load()
    assert (experiment.tasks("mine"), experiment.parts("mine")) == (3, ["base", "add1", "add2"])
    schemes = [data.partition(part).scheme for part in data.parts()]
    assert schemes == ["per_class", "official", "per_class"]
    assert all(data.partition(part).most == 9 for part in data.parts())
    assert not any(data.partition(part).validation for part in data.parts())
    assert experiment.prepare("mine", "add1").labels == {"x": "y"}
    assert experiment.prepare("mine", "add1").prefix == "b "
    assert experiment.split("mine", "base").shared is False
    assert experiment.split("mine", "add2").shared is True
    assert experiment.split("mine", "add2").classes == ["y"]


def test_what_is_new_is_left_out_of_what_jobs_were_told(project: Project) -> None:
    own(project, {"files": ["a.csv"]})
    experiment = project.load()
    model, method = next(iter(experiment.models)), next(iter(experiment.methods))
    texts = [
        experiment.prepare("mine", "base").text(), experiment.split("mine", "base").text(),
        experiment.learn("mine", model, method, 1).text(),
    ]  # fmt: skip
    for key in ("labels", "prefix", "shared", "shots", "validation", "least", "without_test"):
        assert not any(f'"{key}"' in text for text in texts)


def test_a_new_key_is_left_out_of_what_jobs_are_told(project: Project) -> None:
    own(project, {"files": ["a.csv"]})
    assert "duplicates" not in project.load().prepare("mine", "base").text()
    own(project, {"files": ["a.csv"], "duplicates": "drop"})
    assert '"duplicates": "drop"' in project.load().prepare("mine", "base").text()


def test_defaults_are_for_datasets_in_experiments_only(project: Project) -> None:
    project.set("datasets/given.yaml", "kind", DELETED)
    assert project.mistake() == "datasets/given.yaml: kind: this key is required"


@pytest.mark.parametrize(
    ("datasets", "expected"),
    [
        ({"mine": {"fils": ["a"]}}, "datasets.mine: fils: unknown key: did you mean 'files'?"),
        ({"mine": {}}, "datasets.mine: give either files or generator"),
        ({"mine": {"files": ["a"], "format": "tabel"}}, "unknown format 'tabel': did you mean 'ta"),
        ({"mine": {"files": ["a"], "format": "marked"}}, "datasets.mine: kind: this key is requir"),
        ({"mine": {"files": [""]}}, "datasets.mine: files[0].name: expected text that is not empt"),
        ({"mine": {"files": "a.csv"}}, "datasets.mine: files: expected a list, found 'a.csv'"),
        ({"mine": {"files": ["a"], "options": {"txt": "b"}}}, "datasets.mine: format table: o"),
        ({"mine": {"files": ["a"], "order": {"file": "gvn"}}}, "datasets.mine: order.file: unk"),
        ({"mine": {"tasks": [{"files": ["a"]}], "files": ["b"]}}, "tasks: say files, generator"),
        ({"mine": {"tasks": [{"files": ["a"], "clases": ["b"]}]}}, "tasks[0].clases: unknown key"),
        ({"mine": {"files": ["a"], "labels": {"x": " "}}}, "datasets.mine: labels.x: expected te"),
        ({"mine": {"tasks": [{}]}}, "datasets.mine: tasks[0]: give either files or generator"),
        ({"mine": {"files": ["a"], "options": {"task": "b"}}}, "options.task, a column of n"),
        ({"mine": {"files": ["a"], "order": {"names": ["a", "a"]}}}, "each task may stand"),
        ({"mine": {"files": ["a"], "options": {"text": ["b", "c"]}, "kind": "sentence"}},
         "kind: sentence, but options: a text has fields (b, c)"),
        ({"mine": {"files": ["a"], "options": {"text": ["b", "c"]}, "template": "{b} {d} {mask}"}},
         "template: unknown {d}: a text has {mask}, {b}, {c}"),
        ({"mine": {"files": ["a"], "options": {"text": ["b", "c"]}, "template": "{b} {mask}"}},
         "template: no {c}, which options: text has: it would never be read"),
        ({"mine": {"files": ["a"], "outside": {"file": "o.json", "key": "k"}}},
         "outside.file: o.json is not among files: a"),
        ({"mine": {"files": ["a"], "order": {"groups": "g.json", "tasks": 2}}},
         "order.groups: g.json is not among files: a"),
        ({"mine": {"files": ["a"], "kind": "fields", "template": "{mask}"}}, "template: name"),
        ({"my/data": {"files": ["a"]}}, "datasets.my/data: a name has letters, digits, . _ +"),
        ({"made": {"files": ["a"]}}, "datasets.made: datasets/made.yaml has that name: choose"),
        ({"mine": {"files": ["a"], "kind": ["a"]}}, "datasets.mine: kind: expected 'relation', 'e"),
        ({"mine": {"files": ["a"], "kind": {}}}, "datasets.mine: kind: expected 'relation', 'ent"),
        ({"mine": {"files": ["a"], "format": ["a"]}}, "datasets.mine: unknown format \"['a']\""),
        ({"mine": {"files": ["a"], "base": []}}, "datasets.mine: base: unknown dataset '[]'"),
        ({"mine": {"files": {"a": 1}}}, "datasets.mine: files: expected a list, found {'a': 1}"),
        ({"mine": {"files": [["a"]]}}, "datasets.mine: files[0]: expected {name, url, sha256, spl"),
        ({"mine": {"files": ["a"], "options": ["split"]}}, "datasets.mine: options: expected a ma"),
        ({"mine": {"files": ["a"], "duplicates": "no"}}, "duplicates: expected 'keep', "),
        ({"mine": ["a.csv"]}, "datasets.mine: expected a mapping, found ['a.csv']"),
        ({}, "datasets: expected"),
        ("mine.csv", "datasets: expected a list or a mapping, found 'mine.csv'"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_helpful_line(project: Project, datasets: Any, expected: str) -> None:
    project.set(E, "datasets", datasets)
    message = project.mistake()
    assert message.startswith(f"{E}: ")
    assert expected in message
    assert "\n" not in message


def test_the_template_is_a_dataset() -> None:
    path = FOLDER / "TEMPLATE.yaml.example"
    data = validate(Dataset, read_yaml(path), str(path))
    assert set(read_yaml(path)) == set(Dataset.model_fields) - {"generator"}
    assert data.files[0].name == "train.csv"


def test_the_dataset_in_the_readme_is_one(project: Project) -> None:
    text = (ROOT / "config/README.md").read_text(encoding="utf-8")
    lines = [line[4:] for line in text.splitlines() if line.startswith("    ")]
    start = lines.index("title: My intents")
    length = next(i for i, line in enumerate(lines[start:]) if "classes:" in line) + 1
    example = "\n".join(lines[start : start + length]).replace("sha256: ...", f"sha256: {'a' * 64}")
    project.write("datasets/mine.yaml", example)
    data = validate(Dataset, read_yaml(project.folder / "datasets/mine.yaml"), "mine")
    assert (data.split.scheme, len(data.files), len(data.additions)) == ("official", 2, 1)


def test_the_example_of_the_readme_is_an_experiment(tmp_path: Path) -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    lines = [line[4:] for line in text.splitlines() if line.startswith("    ")]
    start = lines.index("title: My topics")
    example = lines[start : start + 4]
    (tmp_path / "mine.yaml").write_text("\n".join(example))
    assert len(read_yaml(tmp_path / "mine.yaml")) == 3
    (tmp_path / "topics.csv").touch()
    experiment = open_experiment(str(tmp_path / "mine.yaml"), ROOT / "config")
    assert experiment.tasks("topics") == 5
    assert experiment.datasets["topics"].files[0].url == str(tmp_path / "topics.csv")


def test_the_same_dataset_in_a_file_or_in_the_experiment_is_prepared_alike(
    project: Project,
) -> None:
    value = {
        "title": "T", "licence": "L", "kind": "sentence", "format": "table", "template": "{mask}",
        "files": ["a.csv"], "order": {"seed": 1, "tasks": 2},
    }  # fmt: skip
    project.write("datasets/named.yaml", to_yaml(value))
    project.set(E, "datasets", ["named"])
    named = project.load()
    project.set(E, "datasets", {"mine": {**value, "split": {"scheme": "official"}}})
    mine = project.load()
    for stage in ("fetch_dataset", "prepare", "split"):
        assert getattr(named, stage)("named", "base") == getattr(mine, stage)("mine", "base")


@pytest.mark.parametrize(
    ("format", "options", "column"),
    [
        ("table", {"text": "body"}, "body"),
        ("table", {"text": "text"}, ""),
        ("table", {}, ""),
        ("table", {"text": ["a", "b"]}, ""),
        ("table", {"header": False, "text": 1}, ""),
        ("marked", {"text": "body"}, ""),
    ],
)
def test_a_learner_remembers_a_column_that_is_not_the_usual_one(
    format: str, options: dict[str, object], column: str
) -> None:
    assert text_column(format, options) == column


@pytest.mark.parametrize(
    ("other", "key"),
    [
        ({}, ""),
        ({"title": "Another", "split": {"without_test": True, "seed": 7}}, ""),  # as in the base
        ({"split": {"without_test": True, "most": 9}}, "split.most"),
        ({"split": {"without_test": True, "validation": False}}, ""),  # of those that are left
        ({"split": {"without_test": True, "most": None, "shares": [0.8, 0.1, 0.1]}}, ""),
        ({"order": {"seed": 1, "tasks": 4}}, "order"),
        ({"duplicates": "drop"}, "duplicates"),
        ({"order": {"seed": 1, "tasks": 4}, "split": {"without_test": False}}, ""),
    ],
)
@pytest.mark.parametrize("scheme", ["per_class", "official"])
def test_a_variant_leaves_out_the_very_test_samples_of_its_base(
    project: Project, other: dict[str, Any], key: str, scheme: str
) -> None:
    value = {
        "title": "T", "licence": "L", "kind": "sentence", "format": "table", "files": ["a.csv"],
        "template": "{mask}", "order": {"seed": 1, "tasks": 2},
        "split": {"scheme": scheme, "seed": 7},
    }  # fmt: skip
    project.write("datasets/named.yaml", to_yaml(value))
    variant = {"base": "named", "split": {"without_test": True}} | other
    if key and scheme == "per_class":
        with pytest.raises(UserError, match=rf"another {key} others are drawn: leave {key} as it"):
            own(project, variant)
    else:
        own(project, variant)


def test_an_addition_whose_files_say_the_split_keeps_it(project: Project) -> None:
    files = [{"name": "b.csv", "split": "train"}, {"name": "c.csv", "split": "test"}]
    more = {"files": files, "classes": ["late"]}
    data = own(project, {"files": ["a.csv"], "additions": [more]})
    assert [data.partition(part).scheme for part in data.parts()] == ["per_class", "official"]
    said = {"files": ["a.csv"], "additions": [more], "split": {"scheme": "per_class"}}
    assert own(project, said).partition("add1").scheme == "per_class"


def test_an_experiment_is_the_same_wherever_its_files_lie(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (project.folder / "experiments" / "a.csv").touch()
    own(project, {"files": ["a.csv"]})
    path = project.folder / "experiments/e.yaml"
    typed = [open_experiment(str(p), project.folder) for p in (path, path.relative_to(tmp_path))]
    assert len({e.fetch_dataset("mine", "base").text() for e in typed}) == 1
    monkeypatch.chdir(tmp_path.parent)  # as verify does, in a folder of its own
    there = open_experiment(str(path), project.folder)
    assert (
        there.fetch_dataset("mine", "base").text() != typed[0].fetch_dataset("mine", "base").text()
    )
    assert there.sha256() == typed[0].sha256()
    own(project, {"files": ["https://example.org/a.csv"]})
    assert open_experiment(str(path), project.folder).sha256() != there.sha256()


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({"tasks": [{"files": ["a.csv"]}, {"files": ["b.csv"]}], "title": "T"}, True),
        ({"tasks": [{"files": ["a.csv"]}, {"files": ["c.csv"]}]}, False),
        ({"tasks": [{"files": ["a.csv"]}, {"files": ["b.csv"], "labels": {"x": "y"}}]}, False),
        ({"tasks": [{"files": ["a.csv"]}, {"files": ["b.csv"], "prefix": "p"}]}, False),
    ],
)
def test_data_of_one_name_are_those_of_all_its_tasks(
    project: Project, other: dict[str, Any], same: bool
) -> None:
    first = own(project, {"tasks": [{"files": ["a.csv"]}, {"files": ["b.csv"]}]})
    data = own(project, other)
    assert (told_apart_by(data) == told_apart_by(first)) == same
    here = str(project.folder / E)
    if same:
        refuse_other_data(data, "b.yaml: datasets.mine", Path("x"), here, lambda: first)
    else:
        with pytest.raises(UserError, match=r"x is of other data of that name, which .*e\.yaml"):
            refuse_other_data(data, "b.yaml: datasets.mine", Path("x"), here, lambda: first)


def test_the_named_tasks_are_those_of_the_base_alone(project: Project) -> None:
    """An addition's rows are all of its one task, whatever they name."""
    more = {"files": ["b.csv"], "classes": ["late"]}
    named = {"options": {"task": "domain"}, "order": {"names": ["x", "y"]}}
    own(project, {"files": ["a.csv"], "duplicates": "drop", "additions": [more], **named})
    experiment = project.load()
    assert experiment.prepare("mine", "base").tasks == ["x", "y"]
    assert experiment.prepare("mine", "add1").tasks is None
    assert experiment.prepare("mine", "add1").classes == ["late"]
