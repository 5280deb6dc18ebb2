"""Config files by name, and datasets written out in the experiment that uses them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conpet.config.checks import Checks
from conpet.config.dataset import Addition, Dataset
from conpet.config.method import Method
from conpet.config.raw import RawFile
from conpet.config.strict import choose, merge, read_yaml, validate
from conpet.errors import UserError
from conpet.names import check_name

_TEMPLATES = {
    "relation": "In this sentence, {tail} is the {mask} of {head}.",
    "entity": "In this sentence, {entity} is a {mask}.",
    "sentence": "The topic is {mask}.",
}


def load(folder: str, kind: str, name: str, schema: Any, config_dir: Path, where: str) -> Any:
    """Read config/FOLDER/NAME.yaml."""
    known = sorted(p.stem for p in (config_dir / folder).glob("*.yaml"))
    choose(kind, name, known, f"{where}: {folder}")
    path = config_dir / folder / f"{name}.yaml"
    check_name(name, str(path))
    return validate(schema, read_yaml(path), str(path))


def load_datasets(
    datasets: Sequence[str] | dict[str, dict[str, Any]],
    config_dir: Path,
    where: str,
    checks: Checks,
) -> tuple[dict[str, Dataset], dict[str, str]]:
    """Return the datasets by name, and the place of each for messages.

    ``datasets`` are names of config/datasets, or the datasets themselves, of which the files are
    enough to say; ``base`` names one of config/datasets that a variant differs from in the rest of
    its keys. A path is looked for beside the YAML that it stands in, then where the command
    is run.

    Raises:
        UserError: an unknown name, a mistake in a dataset, a name that is taken.
    """
    found, places = {}, {}
    for name in datasets:
        if isinstance(datasets, dict):
            places[name] = f"{where}: datasets.{name}"
            check_name(name, places[name])
            given = _based(datasets[name], "datasets", "dataset", config_dir, places[name])
            value = _with_defaults(name, given, places[name], checks)
            data, beside = validate(Dataset, value, places[name]), Path(where).parent
        else:
            places[name] = f"{config_dir}/datasets/{name}.yaml"
            data = load("datasets", "dataset", name, Dataset, config_dir, where)
            beside = config_dir / "datasets"
        found[name] = _resolved(data, beside)
    return found, places


def load_methods(
    methods: Sequence[str] | dict[str, dict[str, Any]], config_dir: Path, where: str
) -> tuple[dict[str, Method], dict[str, str]]:
    """Return the methods by name, and the place of each for messages.

    ``methods`` are names of config/methods, or the methods themselves. One of these may be a
    variant: ``base`` names a method of config/methods, whose keys hold where it says no other.

    Raises:
        UserError: an unknown name, a mistake in a method, a name that is taken.
    """
    found: dict[str, Method] = {}
    places: dict[str, str] = {}
    for name in methods:
        path = config_dir / "methods" / f"{name}.yaml"
        if not isinstance(methods, dict):
            places[name] = str(path)
            found[name] = load("methods", "method", name, Method, config_dir, where)
            continue
        places[name] = f"{where}: methods.{name}"
        check_name(name, places[name])
        value = _based(methods[name], "methods", "method", config_dir, places[name])
        value.setdefault("title", name)
        found[name] = validate(Method, value, places[name])
    return found, places


def _based(
    value: dict[str, Any], folder: str, kind: str, config_dir: Path, place: str
) -> dict[str, Any]:
    """Return what is written out, over the file that its key ``base`` names, if it has one."""
    if "base" not in value:
        return dict(value)
    own = {key: v for key, v in value.items() if key != "base"}
    known = sorted(p.stem for p in (config_dir / folder).glob("*.yaml"))
    choose(kind, str(value["base"]), known, f"{place}: base")
    under = read_yaml(config_dir / folder / f"{value['base']}.yaml")
    # an order or a split of another kind takes the place of the old one whole
    own_kinds = {key: own[key] for key in ("order",) if key in own}
    return {**merge(under, own), **own_kinds}


def _with_defaults(name: str, value: dict[str, Any], place: str, checks: Checks) -> dict[str, Any]:
    """Fill in what a dataset does not say: a table of texts and labels, cut into five tasks."""
    format = value.get("format", "table")
    kind = value.get("kind", checks.kind(str(format), place))
    defaults: dict[str, Any] = {"title": name, "licence": "unknown", "format": format}
    if kind in _TEMPLATES:
        defaults |= {"kind": kind, "template": _TEMPLATES[kind]}
    defaults["order"] = {"seed": 100, "tasks": 5}
    if not _has_splits(value):
        defaults["split"] = {"scheme": "per_class"}
    return defaults | value


def _has_splits(value: dict[str, Any]) -> bool:
    """Say whether the samples come with an official split: in a column, or by file."""
    files, options = value.get("files"), value.get("options")
    by_file = isinstance(files, list) and any(isinstance(f, dict) and "split" in f for f in files)
    return by_file or (isinstance(options, dict) and "split" in options)


def check_names(file: Path, datasets: Sequence[str] | dict[str, Any], config_dir: Path) -> None:
    """Refuse an experiment's file that has no name's name, and datasets that share another's files.

    Raises:
        UserError: the stem is no name, or a dataset written out has one of config/datasets.
    """
    check_name(file.stem, str(file))
    for name in datasets if isinstance(datasets, dict) else ():
        if (path := config_dir / "datasets" / f"{name}.yaml").is_file():
            raise UserError(f"{file}: datasets.{name}: {path} has that name: choose another")


def _resolved(data: Dataset, beside: Path) -> Dataset:
    """Return the dataset with the paths of files that lie beside its YAML."""

    def resolve(part: Dataset | Addition) -> dict[str, list[RawFile]]:
        return {"files": [_at(file, beside) for file in part.files]}

    additions = [part.model_copy(update=resolve(part)) for part in data.additions]
    return data.model_copy(update={**resolve(data), "additions": additions})


def _at(file: RawFile, beside: Path) -> RawFile:
    local = file.local_path()
    if local is None or local.is_absolute() or not (beside / local).is_file():
        return file
    return file.model_copy(update={"url": str(beside / local)})
