"""Every mistake in a config is one line that names file, key, and what would be right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conpet.config.experiment_file import Override
from conpet.config.strict import validate
from conpet.errors import UserError
from tests.config.conftest import DELETED, Project

E = "experiments/e.yaml"
MADE = "datasets/made.yaml"
GIVEN = "datasets/given.yaml"
SMALL = "models/small.yaml"
PLAIN = "methods/plain.yaml"
ORDERS = "expected {seed, tasks} or {file} or {groups, tasks} or {names}"

# file, key, value -> the whole message
MISTAKES: list[tuple[str, str, Any, str]] = [
    # unknown keys
    (E, "titel", "E", f"{E}: titel: unknown key: did you mean 'title'?"),
    (E, "settings.training.epoch", 3, "settings: training.epoch: unknown key: did you mean 'epoch"),
    (E, "settings.trainign", {}, f"{E}: settings: trainign: unknown key: did you mean 'training'?"),
    (E, "settings.x", 1, "x: unknown key: known keys: training, replay, memory, tuning, encoding,"),
    (PLAIN, "settings", {"memory": {"perclass": 3}}, f"{PLAIN}: settings: memory.perclass: unknow"),
    (MADE, "generator.trian", 60, f"{MADE}: generator.trian: unknown key: did you mean 'train'?"),
    (GIVEN, "files.0.sha", "x", f"{GIVEN}: files[0].sha: unknown key: did you mean 'sha256'?"),
    (SMALL, "source.pth", "x", f"{SMALL}: source.pth: unknown key: did you mean 'path'?"),
    (GIVEN, "order", {"seed": 1, "tasks": 2, "file": "a"}, "order.file: does not go with the keys "
     f"beside it: give {ORDERS.removeprefix('expected ')}"),
    # wrong types and values
    (E, "settings.training.epochs", "three", "training.epochs: expected a whole number, found 'th"),
    (E, "settings.training.epochs", True, "training.epochs: expected a whole number, found true"),
    (E, "settings.training.epochs", 3.0, "training.epochs: expected a whole number, found 3.0"),
    (E, "settings.training.epochs", 0, "training.epochs: expected 1 or more, found 0"),
    (E, "settings.training", 5, f"{E}: settings: training: expected {{epochs, batch_size, lr, "),
    (E, "settings.training", None, "lr, weight_decay, eps, betas, clip_norm}, found nothing"),
    (E, "settings.training.betas", [0.9], "training.betas: expected a list of at least 2"),
    (E, "settings.training.betas", [0.9, 1.0], "training.betas[1]: expected less than 1, found 1."),
    (E, "settings.replay.valid_batch_size", 1, "valid_batch_size: expected 2 or more, found 1"),
    (E, "settings.replay.new_share", 1.5, "replay.new_share: expected 1 or less, found 1.5"),
    (E, "settings.compute.device", "gpu", "device: expected 'auto', 'cpu' or 'cuda', found 'gpu'"),
    (E, "settings.head", "fixd", "settings: head: unknown head 'fixd': did you mean 'fixed'?"),
    (E, "settings.head", "ldaa", f"{E}: settings: head: unknown head 'ldaa': did you me"),
    (E, "settings.head", 5, f"{E}: settings: head: expected {{type, rows, samples, config, lay"),
    (E, "settings.head", {"typ": "lda"}, "settings: head.typ: unknown key: did you mean 'type'?"),
    (E, "settings.head", {"samples": 9}, "head.samples: softmax is trained, not fitted: leave sam"),
    (E, "settings.head", {"type": "lda", "samples": "all"}, "expected 'plan', 'kept' or 'history'"),
    (
        E,
        "settings.head",
        {"type": "lda", "config": {"shrink": 0.1}},
        "settings: head.config: shrink: unknown key: did you mean 'shrinkage'?",
    ),
    (
        E,
        "settings.head",
        {"type": "lda", "config": {"shrinkage": 0}},
        "head.config: shrinkage: ",
    ),
    (E, "settings", [], f"{E}: settings: expected a mapping, found []"),
    (E, "methods", "plain", f"{E}: methods: expected a list or a mapping, found 'plain'"),
    (E, "methods", [], f"{E}: methods: expected a list of at least 1, found []"),
    (E, "methods", ["plain", "plain"], "methods: each may stand there only once, found ['plain', "),
    (E, "seeds", [1, 1], f"{E}: seeds: each may stand there only once, found [1, 1]"),
    (E, "seeds", [1, "a"], f"{E}: seeds[1]: expected a whole number, found 'a'"),
    (E, "tasks", 0, f"{E}: tasks: expected 1 or more, found 0"),
    (MADE, "kind", "x", f"{MADE}: kind: expected 'relation', 'entity', 'sentence' or 'fields', "
     "found 'x'"),
    (MADE, "title", 0.1, f"{MADE}: title: expected text, found 0.1: put it in quotes"),
    (MADE, "split", {"scheme": "x"}, "split.scheme: expected 'official', 'per_class' or 'pooled'"),
    (MADE, "split", {"shares": [0.8]}, "split.shares: expected three shares that sum to 1, like"),
    (MADE, "split", {"shares": [0.8, 0.3, 0.1]}, "shares that sum to 1, like [0.8, 0.1, 0.1]"),
    (MADE, "split", {"shares": [0, 0.5, 0.5]}, "shares that sum to 1, like [0.8, 0.1, 0.1]"),
    (MADE, "split", {"shares": [1.2, -0.1, -0.1]}, "split.shares[1]: expected 0 or more, found -0"),
    (GIVEN, "files.0.split", "dev", "files[0].split: expected '', 'train', 'valid' or 'test'"),
    (PLAIN, "replay", "memry", "replay: unknown replay 'memry': did you mean 'memory'?"),
    # required keys
    (E, "title", DELETED, f"{E}: title: this key is required"),
    (E, "datasets", DELETED, f"{E}: datasets: this key is required"),
    (PLAIN, "learner", DELETED, f"{PLAIN}: learner: this key is required"),
    (GIVEN, "files.0.name", DELETED, f"{GIVEN}: files[0].name: this key is required"),
    (GIVEN, "additions.0.classes", DELETED, f"{GIVEN}: additions[0].classes: this key is required"),
    (SMALL, "source.kind", DELETED, f"{SMALL}: source.kind: this key is required"),
    (E, "overrides", [{"methods": ["plain"]}], f"{E}: overrides[0].settings: this key is required"),
    # unknown names
    (E, "methods", ["plian"], f"{E}: methods: unknown method 'plian': did you mean 'plain'?"),
    (E, "datasets", ["mad"], f"{E}: datasets: unknown dataset 'mad': did you mean 'made'?"),
    (E, "models", ["gpt"], f"{E}: models: unknown model 'gpt': known: small"),
    (PLAIN, "learner", "liner", "learner: unknown learner 'liner': did you mean 'linear'?"),
    (MADE, "format", "fewrell", f"{MADE}: format 'fewrell': unknown: use one of fewrel, fewnerd,"),
    (GIVEN, "order.file", "gven", "order.file: unknown class order 'gven': did you mean 'given'?"),
    (
        E,
        "overrides",
        [{"settings": {}}, {"methods": ["plian"], "settings": {}}],
        f"{E}: overrides[1]: unknown method 'plian': did you mean 'plain'?",
    ),
    (
        E,
        "overrides",
        [{"settings": {}}, {"settings": {"head": "x"}}],
        f"{E}: overrides[1].settings: head: unknown head 'x': known: cosine, fixed, grow, lda, ",
    ),
    # options of a learner and of a format
    (PLAIN, "options", {"distillation": 1.0}, "options: distillation is of old samples, and repl"),
    (PLAIN, "settings", {"replay": {"new_share": 0.2}}, "replay.new_share: replay 'none' does not"),
    (PLAIN, "options", {"strength": 1}, "options: strength: unknown key: known keys: distillation"),
    (
        "methods/penalty.yaml",
        "options",
        {"strenght": 1},
        "methods/penalty.yaml: options: strenght: unknown key: did you mean 'strength'?",
    ),
    (
        "methods/penalty.yaml",
        "options",
        {"strength": "big"},
        "methods/penalty.yaml: options: strength: expected a number, found 'big'",
    ),
    ("methods/many.yaml", "options", {"expert_init": "x"}, "expert_init: expected 'fresh', 'sel"),
    ("methods/many.yaml", "options", {"top_k": 0}, "options: top_k: expected 1 or more, found 0"),
    ("methods/many.yaml", "replay", "memory", "learner experts cannot learn with 'memory': use "),
    (PLAIN, "learner", "aligned", f"{PLAIN}: replay: learner aligned cannot learn with 'none': "),
    (MADE, "options", {"x": 1}, f"{MADE}: format fewrel: option x: "),
    # unions: the complaint is about the form that was meant
    (E, "settings.training.lr", -0.1, "training.lr: expected more than 0, found -0.1"),
    (E, "settings.training.lr", "fast", "training.lr: expected a number or a mapping, found 'fast"),
    (E, "settings.training.lr", None, "training.lr: expected a number or a mapping, found nothing"),
    (E, "settings.training.lr", [0.1], "training.lr: expected a number or a mapping, found [0.1]"),
    (E, "settings.training.lr", {1: "fast"}, "training.lr.1: expected a number, found 'fast'"),
    (E, "settings.training.lr", {1: 0.1, 3: -1}, "training.lr.3: expected more than 0, found -1"),
    (E, "settings.training.lr", {"one": 0.1}, "lr.one: expected a whole number as a key, found 'o"),
    (E, "settings.training.lr", {2: 0.1}, "training.lr: rates by task must say one from task 1 on"),
    (MADE, "order.taks", 5, f"{MADE}: order.taks: unknown key: did you mean 'tasks'?"),
    (MADE, "order", {"seed": 3, "taks": 5}, f"{MADE}: order.taks: unknown key: did you mean 'task"),
    (MADE, "order", {"seed": 3}, f"{MADE}: order.tasks: this key is required"),
    (MADE, "order", {"tasks": 3}, f"{MADE}: order.seed: this key is required"),
    (MADE, "order", {"seed": 3, "tasks": "x"}, "order.tasks: expected a whole number, found 'x'"),
    (MADE, "order", {"groups": "g.json"}, f"{MADE}: order.tasks: this key is required"),
    (MADE, "order", {"grups": "g", "tasks": 2}, "order.grups: unknown key: did you mean 'groups'?"),
    (MADE, "order", {"file": 3}, f"{MADE}: order.file: expected text, found 3: put it in quotes"),
    (MADE, "order", {"file": "given", "tasks": 3}, "order.tasks: does not go with the keys beside"),
    (MADE, "order", {"seed": 3, "tasks": 10**9}, "order.tasks: expected 10000 or less, found 1000"),
    (MADE, "order", {"groups": "g", "tasks": 10**9}, "order.tasks: expected 10000 or less, found"),
    (MADE, "generator", {"train": 10**9}, "generator.train: expected 100000 or less, found 100000"),
    (MADE, "order", {}, f"{MADE}: order: {ORDERS}, found {{}}"),
    (MADE, "order", ["a"], f"{MADE}: order: {ORDERS}, found ['a']"),
    (MADE, "order", "given", f"{MADE}: order: {ORDERS}, found 'given'"),
    (MADE, "order", {"x": 1}, f"{MADE}: order: {ORDERS}, found {{'x': 1}}"),
    (MADE, "generator.relations", "most", "expected 'standard' or 'reserved' or a list, found 'mo"),
    (MADE, "generator.relations", ["P1", 2], "generator.relations[1]: expected text, found 2"),
    (SMALL, "lora_targets", "all", f"{SMALL}: lora_targets: expected a list or 'all-linear', foun"),
    (SMALL, "source.kind", "foldr", f"{SMALL}: source.kind: expected 'wheel' or 'gguf' or 'hub' o"),
    (SMALL, "source", {"kind": "folder", "folder": "x"}, f"{SMALL}: source.folder: unknown key: k"),
    # what must fit together
    (MADE, "template", "{tail} of {head}", f"{MADE}: template: must contain {{mask}} once"),
    (MADE, "template", "{mask} {mask}", f"{MADE}: template: must contain {{mask}} once"),
    (MADE, "template", "{tial} {mask}", "unknown {tial}: kind relation has {mask}, {head}, {t"),
    (MADE, "template", "{mask} {", "template: a brace stands alone: braces are for names only"),
    (MADE, "template", "{{mask}}", "template: a brace stands alone: braces are for names only"),
    (MADE, "template", "{mask} { head }", "template: a brace stands alone: braces are for names o"),
    (MADE, "template", "{mask} {}", "template: unknown {}: kind relation has {mask}, {head}, {t"),
    (GIVEN, "template", "{head} {mask}", "unknown {head}: kind entity has {mask}, {entity}"),
    (MADE, "files", [{"name": "a"}], f"{MADE}: give either files or generator"),
    (MADE, "generator", DELETED, f"{MADE}: give either files or generator"),
    (GIVEN, "additions.0.files", DELETED, f"{GIVEN}: additions[0]: give either files or generator"),
    (
        E,
        "overrides",
        [{"methods": ["plain"], "settings": {"encoding": {"max_length": 64}}}],
        f"{E}: encoding must not differ between methods",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "key", "value", "expected"), MISTAKES, ids=[f"{m[1]}={m[2]!r}" for m in MISTAKES]
)
def test_a_mistake_is_one_helpful_line(
    project: Project, file: str, key: str, value: Any, expected: str
) -> None:
    project.load()  # right before it is spoilt
    project.set(file, key, value)
    message = project.mistake()
    assert expected in message
    assert message.startswith(file if file != E else "experiments/")
    assert "\n" not in message
    assert "pydantic" not in message and "Order." not in message and "constrained" not in message


def test_two_mistakes_are_counted(project: Project) -> None:
    project.set(E, "settings", {"training": {"epoch": 3, "bach_size": 2, "eps": "x"}})
    assert project.mistake().endswith("did you mean 'epochs'? (and 2 more)")


def test_a_misspelt_required_key_counts_once(project: Project) -> None:
    project.set(PLAIN, "lerner", "linear")
    project.set(PLAIN, "learner", DELETED)
    assert project.mistake() == f"{PLAIN}: lerner: unknown key: did you mean 'learner'?"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected a mapping of keys to values, found nothing"),
        ("- a\n", "expected a mapping of keys to values, found a list"),
        ("a: [1\n", "line 2, column 1: not valid YAML: expected ',' or ']'"),
        ("a:\n\tb: 1\n", "line 2, column 1: not valid YAML: found character '\\t'"),
        ("title: a\ntitle: b\n", "line 2, column 1: not valid YAML: the key 'title' is given twic"),
        ("a: {b: 1, c: 2, b: 3}\n", "line 1, column 17: not valid YAML: the key 'b' is given twic"),
        ("? [a]\n: 1\n", "line 1, column 3: not valid YAML: a list or a mapping cannot be a key"),
        ("1: 2\n", "1: unknown key: known keys: title, datasets"),
        ("a: \0\n", "not valid YAML: unacceptable character #x0000"),
        ("a: !!int x\n", "not valid YAML: invalid literal for int()"),
        ("a: !!python/object/apply:os.getcwd []\n", "could not determine a constructor for the ta"),
    ],
)  # fmt: skip
def test_what_is_no_config_at_all(project: Project, text: str, expected: str) -> None:
    project.write(E, text)
    message = project.mistake()
    assert message.startswith(f"{E}: ")
    assert expected in message
    assert "\n" not in message


def test_bytes_that_are_no_text(project: Project) -> None:
    (project.folder / E).write_bytes(b"title: \xff\n")
    assert project.mistake().startswith(f"{E}: not valid YAML: 'utf-8' codec can't decode")


def test_an_experiment_that_is_not_there(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert project.mistake("f") == "experiments: unknown experiment 'f': known: e"
    Path("f.yaml").touch()
    assert project.mistake("f").endswith("unknown experiment 'f': f.yaml is here: give f.yaml")
    Path("f.yaml").unlink()
    Path("results/f").mkdir(parents=True)
    Path("results/data").mkdir()  # no experiment's
    told = "'f': results/f is there, made from a file of yours: give that file's path (.../f.yaml)"
    assert project.mistake("f").endswith(told)
    assert project.mistake("data").endswith("unknown experiment 'data': known: e")
    project.write("experiments/demo.yaml", "")
    assert project.mistake("dmeo").endswith("unknown experiment 'dmeo': did you mean 'demo'?")
    assert "none.yaml: cannot be read: No such file" in project.mistake("none.yaml")
    folder = project.folder / "folder.yaml"
    folder.mkdir()
    assert "folder.yaml: cannot be read: Is a directory" in project.mistake(str(folder))


def test_an_ending_in_capitals(project: Project) -> None:
    assert project.mistake("e.YAML") == "e.YAML: end its name in .yaml or .yml, in small letters"


def test_a_config_folder_that_is_not_there(project: Project) -> None:
    project.folder = project.folder / "none"
    assert "none: no such folder: run in the project, or give --config-dir" in project.mistake()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", "expected {dataset, source, tasks}, found []"),
        ('{"tasks": []}', "tasks: expected a list of at least 1, found []"),
        ('{"tasks": [["a"], []]}', "tasks[1]: expected a list of at least 1, found []"),
        ('{"task": [["a"]]}', "task: unknown key: did you mean 'tasks'?"),
        ("{", "not a JSON file"),
    ],
)
def test_a_class_order_file_of_another_form(project: Project, text: str, expected: str) -> None:
    project.write("class_orders/given.json", text)
    message = project.mistake()
    assert message.startswith("class_orders/given.json: ")
    assert expected in message


@pytest.mark.parametrize("key", ["datasets", "models", "methods"])
def test_an_override_for_nothing_is_not_one_for_all(key: str) -> None:
    with pytest.raises(UserError, match=f"{key}: expected a list of at least 1: one left"):
        validate(Override, {key: [], "settings": {}}, "overrides")
