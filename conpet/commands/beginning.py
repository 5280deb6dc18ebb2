"""A first YAML for files of one's own: what is guessed stands in it, with a word why."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from conpet.commands.beginning_files import Group, grouped, named
from conpet.commands.checks import DataChecks, open_experiment
from conpet.commands.length import settings_for
from conpet.config.partition import Partition
from conpet.config.plain_yaml import parse
from conpet.data import readers
from conpet.data.guess import as_json
from conpet.data.guess_names import folder_says_split
from conpet.data.shortage import least_rows
from conpet.errors import UserError
from conpet.files import write_text
from conpet.names import name_of
from conpet.temporary import scratch
from conpet.wording import counted

_METHODS = "[lda, finetune, emr, static_emr, static_plus, dynamic, joint]"
_MANY = 50  # classes that ten tasks are cut of
_TO_TRAIN = 2  # samples of a label, of which one serves validation


def begin(
    files: Sequence[Path], name: str, folder: Path, config_dir: Path
) -> tuple[Path, list[str]]:
    """Write NAME.yaml, an experiment on files, into a folder; return its path and what is guessed.

    Args:
        name: of the experiment and its dataset; guessed from the files where empty.

    Raises:
        UserError: a file cannot be read or guessed, or the YAML is there already.
    """
    groups = grouped(files)
    name = name or name_of(named(groups))
    out = folder / f"{name}.yaml"
    if out.exists():
        raise UserError(f"{out}: is there already: give --name, or delete it")
    for taken in ("datasets", "experiments"):
        if (config_dir / taken / f"{name}.yaml").is_file():
            raise UserError(f"{config_dir}/{taken}/{name}.yaml has that name: give --name")
    text = _text(name, groups, folder)
    with scratch() as place:
        tried = place / out.name
        tried.write_text(text, encoding="utf-8")
        try:
            open_experiment(str(tried), config_dir, DataChecks())
        except UserError as error:
            line = str(error).replace(str(tried), f"{out} (not written)")
            raise UserError(line) from None
    write_text(out, text)
    return out, [*_said(groups, name), *_said_of_all(groups)]


def _said(groups: Sequence[Group], name: str) -> Iterator[str]:
    """Yield what is guessed of each group, for the screen."""
    for group in groups:
        at = name if len(groups) == 1 else group.name
        yield from (f"{at}: {line}" for line in group.look.said)
        if group.called and not group.has_split:
            yield (
                f"{at}: its name says {' and '.join(sorted(group.called))}, but no file of the "
                "same name with the other of train and test is given (as a_train.csv and "
                "a_test.csv): its rows are mixed and cut anew"
            )
        yield f"{at}: {counted(len(group.labels), 'label')}"
        if len(group.labels) == 1 and len(groups) == 1:
            column = group.look.options.get("label")
            yield f"{at}: nothing to tell apart: is {column!r} the labels' column?"
        if len(group.labels) > 1 and set(group.labels.values()) == {1}:
            column = group.look.options.get("label")
            yield f"{at}: every row has a label of its own: is {column!r} the labels' column?"
        yield from (f"{at}: {note}" for note in group.notes)


def _said_of_all(groups: Sequence[Group]) -> list[str]:
    """Return what is guessed of the stream as a whole, for the screen."""
    lines = []
    if len(groups) > 1:
        same, overlap = _shared(groups)
        labels = "shared labels" if same else "a prefix to labels" if overlap else "its own labels"
        lines.append(f"each is a task, in the order given, with {labels}")
    need, rare = _least(groups)
    samples = "training samples" if all(group.has_split for group in groups) else "samples"
    dropped = f"labels with fewer than {need} {samples} are dropped: {rare}"
    return [*lines, dropped] if rare else lines


def _text(name: str, groups: Sequence[Group], folder: Path) -> str:
    shown = " ".join(_path(file, folder) for group in groups for file in group.files)
    lines = [
        f"# By `conpet init {shown}`. What is guessed says so: change what is wrong, then",
        f"#   conpet describe {name}.yaml                            what becomes of the data",
        f"#   snakemake tables --config experiment={name}.yaml       the methods compared",
        f"title: {as_json(name)}",
        "datasets:",
        # 2024, null or 1e3 alone is no text to YAML
        f"  {name if parse(name) == name else as_json(name)}:",
    ]
    body = _dataset(groups[0], folder) if len(groups) == 1 else _stream(groups, folder)
    return "\n".join([
        *lines, *(f"    {line}" for line in body),
        "# any of config/methods; `make list` shows them", f"methods: {_METHODS}",
        "seeds: [100]                      # three, as [100, 200, 300], tell luck from difference",
        "settings:",
        *(f"  {line}" for line in settings_for(_typical(groups), _of_class(groups))),
        "  encoding: {max_length: 128}     # tokens; `conpet describe` says how many texts are cut",
        "  head: grow                      # a class gets its row of the head when its task comes",
        "# all other settings have defaults: config/README.md",
        "",
    ])  # fmt: skip


def _dataset(group: Group, folder: Path) -> list[str]:
    tasks = group.look.tasks
    lines = [*_reading(group, folder), *_template(group)]
    classes = len(group.labels)
    if tasks:
        lines += [
            "# the tasks that the column names, in their order of appearance (guessed)",
            f"order: {{names: {as_json(list(tasks))}}}",
            "# true: a label that several tasks have means the same in all (guessed)",
            "shared: true",
        ]
    else:
        count = _task_count(classes - _least([group])[1])
        lines += [
            f"# {classes} labels: sorted, shuffled by the seed, cut into {_tasks(count)} (guessed)",
            f"order: {{seed: 100, tasks: {count}}}",
        ]
    return [*lines, *_split([group])]


def _shared(groups: Sequence[Group]) -> tuple[bool, bool]:
    """Say whether all files have the same labels, and whether some have labels of others."""
    sets = [set(group.labels) for group in groups]
    overlap = any(labels & other for i, labels in enumerate(sets) for other in sets[:i])
    return all(labels == sets[0] for labels in sets), overlap


def _stream(groups: Sequence[Group], folder: Path) -> list[str]:
    same, overlap = _shared(groups)
    lines = _template(groups[0])
    if same:
        lines += [
            "# all have the same labels: taken for the same classes (guessed)",
            "shared: true",
        ]
    lines.append("# a task each, in the order given")
    lines.append("tasks:")
    for group in groups:
        body = _reading(group, folder)
        if overlap and not same:
            body[:0] = [
                "# some labels stand elsewhere too; the prefix keeps them apart (guessed): say",
                "# shared: true in its place where they mean the same",
            ]
            body.append(f"prefix: {as_json(f'{group.name} ')}")
        first = next(i for i, line in enumerate(body) if not line.startswith("#"))
        lines += [f"  {line}" for line in body[:first]]
        lines += [
            f"  {'-' if number == 0 else ' '} {line}" for number, line in enumerate(body[first:])
        ]
    return [*lines, *_split(groups)]


def _reading(group: Group, folder: Path) -> list[str]:
    options = {key: value for key, value in group.look.options.items() if key}
    lines = [f"# {line} (guessed)" for line in group.look.said]
    lines.append(f"format: {group.look.format}")
    lines += [f"options: {as_json(options)}"] if options else []
    entries = [as_json(_entry(file, group, folder)) for file in group.files]
    return [*lines, f"files: [{', '.join(entries)}]"]


def _entry(file: Path, group: Group, folder: Path) -> Any:
    path, split = _path(file, folder), group.split_of(file)
    if not split:
        return path
    own = f"{split}/{file.name}" if folder_says_split(file) else file.name
    name = path if not path.startswith(("..", "/")) else f"{group.name}/{own}"
    return {"name": name, "split": split} | ({} if name == path else {"url": path})


def _path(file: Path, folder: Path) -> str:
    path = Path(os.path.relpath(file.absolute(), folder.absolute())).as_posix()
    return f"./{path}" if path.startswith("~") else path  # else it would be somebody's home


def _template(group: Group) -> list[str]:
    options = group.look.options
    if kind := options.get(""):
        return [f"kind: {kind}"]
    if fields := readers.fields_of(group.look.format, options):
        named = " ".join(f"{{{name}}}" for name in fields)
        template = f"{named} The answer is {{mask}}."
        return ["# the whole text, fields and all; the model is read at the mask",
                f"template: {as_json(template)}"]  # fmt: skip
    if readers.kind_of(group.look.format, {}) != "sentence":
        return []
    return ["# what ends every text; the model is read at the mask",
            'template: "The topic is {mask}."']  # fmt: skip


def _split(groups: Sequence[Group]) -> list[str]:
    own = [group.has_split for group in groups]
    need, rare = _least(groups)
    lines = ["# each class is cut into training, validation and test"]
    shares = "shares: [0.8, 0.1, 0.1]"
    if all(own):
        lines = ["# the split is the files' own (guessed); a tenth validates where no part does"]
        shares = ""
    lines += [f"# labels with fewer than {need} samples are dropped: {rare}"] if rare else []
    scheme = "scheme: official" if all(own) else "" if any(own) else "scheme: per_class"
    said = [word for word in (scheme, shares, f"least: {need}" if rare else "") if word]
    return [*lines, f"split: {{{', '.join(said)}}}"]


def _least(groups: Sequence[Group]) -> tuple[int, int]:
    """Return how many samples a label needs, and how many labels have fewer and are left out.

    None is where a file would be left without labels.
    """
    need = _TO_TRAIN if all(g.has_split for g in groups) else least_rows(Partition().shares) or 1
    rare = []
    for group in groups:
        counts, least = (group.trained, _TO_TRAIN) if group.has_split else (group.labels, need)
        rare.append(sum(counts[label] < least for label in group.labels))
        if rare[-1] == len(group.labels):
            return need, 0
    return need, sum(rare)


def _typical(groups: Sequence[Group]) -> float:
    """Return how many samples a task is trained on, on average."""
    shares = Partition().shares
    found = sum(
        sum(group.trained.values()) * (1 if group.has_split else shares[0]) for group in groups
    )
    if len(groups) > 1:
        return found / len(groups)
    tasks = len(groups[0].look.tasks)
    return found / (tasks or _task_count(len(groups[0].labels) - _least(groups)[1]))


def _of_class(groups: Sequence[Group]) -> float:
    """Return how many samples a class is trained on, the one in the middle."""
    found = [
        count * (1 if group.has_split else Partition().shares[0])
        for group in groups for count in group.trained.values()
    ]  # fmt: skip
    return median(found or [0])


def _tasks(count: int) -> str:
    return counted(count, "task")


def _task_count(classes: int) -> int:
    """Return into how many tasks so many classes are cut: two classes a task at least."""
    return 10 if classes >= _MANY else max(1, min(5, classes // 2))
