"""Config files by name, and datasets written out in the experiment that uses them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from conpet.config.additions import additions_file, read_additions
from conpet.config.checks import Checks
from conpet.config.dataset import Addition, Dataset, Source
from conpet.config.layers import settings_over
from conpet.config.left_out import check_left_out
from conpet.config.method import Method, check_against
from conpet.config.partition import Partition
from conpet.config.raw import RawFile
from conpet.config.shared import refuse_other_data, told_apart_by
from conpet.config.strict import choose, merge, read_yaml, validate
from conpet.errors import UserError
from conpet.files import visible
from conpet.names import check_name
from conpet.wording import some

_TEMPLATES = {
    "relation": "In this sentence, {tail} is the {mask} of {head}.",
    "entity": "In this sentence, {entity} is a {mask}.",
    "sentence": "The topic is {mask}.",
}
_CHANGES = 3  # so many make a title
P = TypeVar("P", Dataset, Source, Addition)
#: names, or what an experiment says itself of each; None: what the shared config says
Named = Sequence[str] | dict[str, dict[str, Any] | None]


def load(folder: str, kind: str, name: str, schema: Any, config_dir: Path, where: str) -> Any:
    """Read config/FOLDER/NAME.yaml."""
    known = [p.stem for p in visible(config_dir / folder, "*.yaml")]
    choose(kind, name, known, f"{where}: {folder}")
    path = config_dir / folder / f"{name}.yaml"
    check_name(name, str(path))
    return validate(schema, read_yaml(path), str(path))


def load_datasets(
    datasets: Named,
    config_dir: Path,
    where: str,
    checks: Checks,
) -> tuple[dict[str, Dataset], dict[str, str]]:
    """Return the datasets by name, and the place of each for messages.

    ``datasets`` are names of config/datasets, or the datasets themselves (with nothing beside a
    name: that of config/datasets), of which the files are enough to say; ``base`` names one of
    config/datasets that a variant differs from in the rest of its keys. A path is looked for beside
    the YAML that it stands in, then where the command is run. A file without an address is looked
    for by its name in config/datasets/DATASET, and beside an experiment that writes it out.

    Raises:
        UserError: an unknown name, a mistake in a dataset, a name that is taken.
    """
    found, places = {}, {}
    for name in datasets:
        if (own := _own(datasets, name)) is not None:
            places[name] = f"{where}: datasets.{name}"
            check_name(name, places[name])
            found[name] = _written_out(name, own, config_dir, (where, checks))
            _check_additions(name, found[name], config_dir, (where, checks))
        else:
            places[name] = f"{config_dir}/datasets/{name}.yaml"
            data = load("datasets", "dataset", name, Dataset, config_dir, where)
            folder = config_dir / "datasets"
            found[name] = _resolved(data, [folder], [folder / name])
        found[name] = _extended(found[name], additions_file(config_dir, name))
    return found, places


def _own(named: Named, name: str) -> dict[str, Any] | None:
    """Return what an experiment itself says of one that it names, or None."""
    return named[name] if isinstance(named, dict) else None


def _extended(data: Dataset, path: Path) -> Dataset:
    if not path.is_file():
        return data
    more = read_additions(path).additions
    return data.model_copy(
        update={"additions": [*data.additions, *(_beside(part, [path.parent]) for part in more)]}
    )


def _check_additions(name: str, data: Dataset, config_dir: Path, asked: tuple[str, Checks]) -> None:
    """Refuse additions to another experiment's dataset of the same name."""
    where, checks = asked
    path = additions_file(config_dir, name)
    if not path.is_file():
        return
    file = read_additions(path)
    other = file.experiment
    if file.data not in ("", told_apart_by(data)) and not Path(other).is_file():
        raise UserError(
            f"{where}: datasets.{name}: {path} adds tasks to other data of that name, which "
            f"{other} wrote out, and is gone: delete {path}, or give the dataset another name"
        )

    def theirs() -> Dataset | None:
        value = read_yaml(Path(other)).get("datasets")
        if not isinstance(value, dict) or not isinstance(value.get(name), dict):
            return None
        return _written_out(name, value[name], config_dir, (other, checks))

    refuse_other_data(data, f"{where}: datasets.{name}", path, other, theirs)


def _written_out(
    name: str, value: dict[str, Any], config_dir: Path, asked: tuple[str, Checks]
) -> Dataset:
    """Return a dataset that stands in an experiment: what it leaves unsaid is filled in."""
    where, checks = asked
    place = f"{where}: datasets.{name}"
    given = _based(value, "datasets", "dataset", config_dir, place)
    data = validate(Dataset, _with_defaults(name, given, place, checks), place)
    folders, shared = [Path(where).parent], config_dir / "datasets"
    if "base" in value:
        check_left_out(value, data.split, config_dir, place)
        # the paths of its base lie beside the base; its split is what the base has
        by_name = [shared / name, shared / str(value["base"])]
        return _resolved(data, [*folders, shared], by_name)
    data = _resolved(data, folders, [*folders, shared / name])
    said = given.get("split") or {}
    additions = [
        _with_scheme(source, source.split or data.split, _scheme(data, part, checks))
        if "scheme" not in (source.split.model_fields_set if source.split else said)
        else source
        for part, source in zip(data.parts()[-len(data.additions) :], data.additions, strict=False)
    ]
    data = data.model_copy(update={"additions": additions})
    if "scheme" in said:
        return data
    tasks = []
    for part, source in zip(data.parts(), data.tasks, strict=False):
        own = source.split or data.split
        if source.split is None or "scheme" not in source.split.model_fields_set:
            own = own.model_copy(update={"scheme": _scheme(data, part, checks)})
        tasks.append(source.model_copy(update={"split": own}))
    scheme = "official" if data.tasks else _scheme(data, "base", checks)
    split = data.split.model_copy(update={"scheme": scheme})
    return data.model_copy(update={"tasks": tasks, "split": split})


def _with_scheme(source: Addition, split: Partition, scheme: str) -> Addition:
    return source.model_copy(update={"split": split.model_copy(update={"scheme": scheme})})


def _scheme(data: Dataset, part: str, checks: Checks) -> str:
    """Return ``official`` where samples come with a split: by file, in a column, by the format."""
    files, (format, options) = data.part(part).sources(), data.reading(part)
    if any("split" in file.model_fields_set for file in files) or "split" in options:
        return "official"
    paths = [path for file in files if (path := file.local_path())]
    return "official" if checks.says_split(format, paths) else "per_class"


def load_methods(
    methods: Named, config_dir: Path, where: str
) -> tuple[dict[str, Method], dict[str, str]]:
    """Return the methods by name, and the place of each for messages.

    ``methods`` are names of config/methods, or the methods themselves (with nothing beside a name:
    that of config/methods). One of these may be a variant: ``base`` names a method of
    config/methods, whose keys hold where it says no other.

    Raises:
        UserError: an unknown name, a mistake in a method, a name that is taken.
    """
    found: dict[str, Method] = {}
    places: dict[str, str] = {}
    for name in methods:
        path = config_dir / "methods" / f"{name}.yaml"
        if (own := _own(methods, name)) is None:
            places[name] = str(path)
            found[name] = load("methods", "method", name, Method, config_dir, where)
            continue
        places[name] = f"{where}: methods.{name}"
        check_name(name, places[name])
        value = _based(own, "methods", "method", config_dir, places[name])
        if "title" not in own and (changed := _changed(own)):
            value["title"] = f"{value.get('title', name)}, {changed}"
        value.setdefault("title", name)
        found[name] = validate(Method, value, places[name])
    for name, method in found.items():
        # of a shipped method, others may be left away in one's own config
        own = _own(methods, name) or {}
        if "against" in own or "ahead" in own:
            check_against(method, own, found, config_dir, places[name])
    return found, places


def _changed(own: dict[str, Any]) -> str:
    """Say in a few words what a variant without a title of its own changes of its base."""
    if "base" not in own:
        return ""
    said: list[str] = []

    def collect(name: str, value: Any) -> None:
        if isinstance(value, dict) and value:
            for key, inner in value.items():
                collect(str(key), inner)
        else:
            said.append(f"{name}: {value}")

    for key in ("learner", "options", "replay", "replay_options", "settings"):
        if key in own:
            collect(key, own[key])
    return some(said, _CHANGES)


def _based(
    value: dict[str, Any], folder: str, kind: str, config_dir: Path, place: str
) -> dict[str, Any]:
    """Return what is written out, over the file that its key ``base`` names, if it has one."""
    if "base" not in value:
        return dict(value)
    own = {key: v for key, v in value.items() if key != "base"}
    known = [p.stem for p in visible(config_dir / folder, "*.yaml")]
    choose(kind, str(value["base"]), known, f"{place}: base")
    under = read_yaml(config_dir / folder / f"{value['base']}.yaml")
    # an order of another kind takes the place of the old one whole
    merged = merge(under, own) | {key: own[key] for key in ("order",) if key in own}
    old, new = under.get("settings"), own.get("settings")
    if isinstance(old, dict) and isinstance(new, dict):
        merged["settings"] = settings_over(old, new)
    return merged


def _with_defaults(name: str, value: dict[str, Any], place: str, checks: Checks) -> dict[str, Any]:
    """Fill in what a dataset does not say: a table of texts and labels, cut into five tasks."""
    format = value.get("format", "table")
    options = value.get("options", {})
    options = options if isinstance(options, dict) else {}
    kind = value.get("kind", checks.kind(str(format), options, place))
    defaults: dict[str, Any] = {"title": name, "licence": "unknown", "format": format}
    if isinstance(kind, str) and kind in _TEMPLATES:
        defaults |= {"kind": kind, "template": _TEMPLATES[kind]}
    elif kind == "fields":
        named = "".join(f"{{{field}}} " for field in checks.fields(str(format), options) or [])
        defaults |= {"kind": kind, "template": f"{named}{_TEMPLATES['sentence']}"}
    order = {} if "tasks" in value else {"order": {"seed": 100, "tasks": 5}}
    return defaults | order | value


def check_names(file: Path, datasets: Named, config_dir: Path) -> None:
    """Refuse an experiment's file that has no name's name, and datasets that share another's files.

    Raises:
        UserError: the stem is no name, or a dataset written out has one of config/datasets.
    """
    check_name(file.stem, str(file))
    for name in (name for name in datasets if _own(datasets, name) is not None):
        if (path := config_dir / "datasets" / f"{name}.yaml").is_file():
            raise UserError(f"{file}: datasets.{name}: {path} has that name: choose another")


def _resolved(data: Dataset, folders: list[Path], by_name: list[Path]) -> Dataset:
    """Return the dataset with the paths of files that lie in one of the folders.

    Args:
        by_name: where a file without an address is looked for by its name.
    """
    return _beside(data, folders, by_name).model_copy(
        update={
            "tasks": [_beside(part, folders, by_name) for part in data.tasks],
            "additions": [_beside(part, folders, by_name) for part in data.additions],
        }
    )


def _beside(part: P, folders: list[Path], by_name: Sequence[Path] = ()) -> P:
    return part.model_copy(update={"files": [_at(file, folders, by_name) for file in part.files]})


def _at(file: RawFile, folders: Sequence[Path], by_name: Sequence[Path]) -> RawFile:
    local = file.local_path()
    if file.url is None and file.member is None:
        local, folders = Path(file.name), by_name
    if local is None or local.is_absolute():
        return file
    there = next((path for folder in folders if (path := folder / local).is_file()), None)
    return file.model_copy(update={"url": _from_here(there)}) if there else file


def _from_here(path: Path) -> str:
    """Return a path the same however it was typed: inside the current folder relative to it."""
    whole, here = path.resolve(), Path.cwd()
    return str(whole.relative_to(here) if whole.is_relative_to(here) else path)
