"""The card of a packaged learner (model.json): all that is needed to open it, but the backbone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

from pydantic import Field, model_validator

from conpet.config.dataset import Kind
from conpet.config.head import Head
from conpet.config.model_source import ModelSource, Sha256
from conpet.config.settings import Compute, Settings, Tuning
from conpet.config.stages import Learn
from conpet.config.strict import Strict, validate
from conpet.errors import UserError
from conpet.files import read_json, sha256
from conpet.run import STATE_FILE, RunFolder, RunKey

CARD_FILE = "model.json"
_LOADED = (".safetensors", ".json")

# a package may come from anybody: what becomes part of a path is a plain name
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
StateName = Annotated[str, Field(pattern=r"^task[0-9]{2,}$")]
Share = Annotated[float, Field(ge=0, le=1)]


class BackbonePin(Strict):
    """The frozen model by its pin: it is fetched, never copied into a package."""

    name: Name
    title: str
    licence: str
    source: Annotated[ModelSource, Field(discriminator="kind")]
    files: Annotated[dict[str, Sha256], Field(min_length=1)]
    pooling: Literal["mask", "last", "mean"]
    lora_targets: list[str] | str


class Calibration(Strict):
    """What was measured on validation samples of all tasks seen.

    ``accuracy`` is the share of them that is right. ``temperature`` divides the scores before the
    softmax (Guo et al. 2017, arXiv 1706.04599, with Platt's targets), ``nll`` and ``ece`` (15
    bins) are before and after it. ``threshold`` is the confidence that ``kept`` of them reach.
    ``auroc`` says how well confidence tells the test samples from texts of no class, where the
    data have such texts.
    """

    samples: int
    accuracy: Share
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    nll: Annotated[list[float], Field(min_length=2, max_length=2)]
    ece: Annotated[list[float], Field(min_length=2, max_length=2)]
    threshold: Share
    kept: Share
    auroc: float | None = None
    outside: int = 0
    outside_refused: float | None = None


class Card(Strict):
    """A packaged learner: of which run it is, how to open it, how far it can be believed.

    ``column`` is that which texts were read from, where a table's is not called ``text``.
    ``weights`` are the backbone's, as it was learnt on.
    ``samples`` is a hash of the validation and test samples that it was measured on. ``files`` are
    the SHA-256s of what lies in the states' folders; none where an older version packaged it.
    ``taught`` are the classes that it was taught since, without training, and by how many texts.
    """

    format: Literal[1] = 1
    experiment: Name
    dataset: Name
    model: Name
    method: Name
    seed: int
    task: Annotated[int, Field(ge=1)]
    learner: str
    options: dict[str, Any]
    head: Head
    tuning: Tuning
    kind: Kind
    template: str
    max_length: Annotated[int, Field(ge=1)]
    classes: list[list[str]]
    backbone: BackbonePin
    states: Annotated[list[StateName], Field(min_length=1)]
    selector: Literal["selector"] | None
    column: str = ""
    weights: Literal["whole", "4bit"] = "whole"
    samples: str = ""
    files: dict[str, Sha256] = {}
    calibration: Calibration | None = None
    taught: dict[str, Annotated[int, Field(ge=1)]] = {}

    def as_dict(self) -> dict[str, Any]:
        """Return what model.json says; of what most learners have alike only where they differ."""
        plain = {"column": "", "weights": "whole", "taught": {}}
        return self.model_dump(exclude={n for n, v in plain.items() if getattr(self, n) == v})

    @model_validator(mode="after")
    def _can_be_asked(self) -> Card:
        if self.template.count("{mask}") != 1:
            raise ValueError("template: must contain {mask} once")
        if len(self.classes) != self.task or not all(self.classes):
            raise ValueError(f"classes: {len(self.classes)} lists for {self.task} tasks")
        return self

    def learn(self, compute: Compute) -> Learn:
        """Return what its learner is put together from, to compute as said on its own weights."""
        compute = compute.model_copy(update={"weights": self.weights})
        return Learn(
            learner=self.learner, options=self.options, replay="none",
            pooling=self.backbone.pooling, lora_targets=self.backbone.lora_targets,
            settings=Settings(tuning=self.tuning, head=self.head, compute=compute),
        )  # fmt: skip

    @property
    def fields(self) -> list[str]:
        """The names of a text's fields, as the template has them; none of a plain text."""
        if self.kind != "fields":
            return []
        named = re.findall(r"\{(\w+)\}", self.template)  # a template may name one twice
        return list(dict.fromkeys(name for name in named if name != "mask"))

    @property
    def run_key(self) -> RunKey:
        """The run that was packaged."""
        return RunKey(self.experiment, self.dataset, self.model, self.method, self.seed)


def digests(package: Path, states: Sequence[str]) -> dict[str, str]:
    """Return the SHA-256 of each file that is loaded from a package's states, by its path."""
    found = sorted(p for name in states for p in (package / name).rglob("*") if p.suffix in _LOADED)
    return {path.relative_to(package).as_posix(): sha256(path) for path in found if path.is_file()}


def check_files(package: Path, card: Card) -> None:
    """Refuse a package whose files are not those that its card was written for.

    Raises:
        UserError: the first file that has changed, is missing, or is too many.
    """
    if not card.files:
        return
    found = digests(package, [*card.states, *([card.selector] if card.selector else [])])
    for name in sorted(found.keys() | card.files.keys()):
        if found.get(name) != card.files.get(name):
            what = (
                "is missing" if name not in found
                else "is not of this package" if name not in card.files
                else "has changed since it was packaged"
            )  # fmt: skip
            raise UserError(
                f"{package / name}: {what} (SHA-256 in {CARD_FILE}): package the run again, or "
                "take the learner from where it came"
            )


def check_current(package: Path, run: Path) -> None:
    """Refuse a package of states that its run, where it lies, does not have any more.

    Raises:
        UserError: a task has been learnt again since, or one more.
    """
    card = read_card(package)
    later = RunFolder(run).state(card.task + 1) / STATE_FILE
    # what is older than the package is left over from when the stream had more tasks
    if later.is_file() and later.stat().st_mtime > (package / CARD_FILE).stat().st_mtime:
        raise UserError(
            f"{package}: knows {card.task} tasks, and one more has been learnt since: snakemake "
            f"learners --config experiment={_reference(card)} makes it again (to ask this one "
            f"all the same: --run {package})"
        )
    for name, digest in card.files.items():
        task, _, rest = name.partition("/")
        if task == card.selector:
            there = RunFolder(run).selector(card.task) / rest
        elif task.startswith("task"):
            there = RunFolder(run).state(task.removeprefix("task")) / rest
        else:
            continue
        if there.is_file() and sha256(there) != digest:
            _refuse_older(package, card, task)
    newest = RunFolder(run).state(card.task) / STATE_FILE
    # the same bytes may answer otherwise by other options
    told = read_json(newest).get("settings") if newest.is_file() else None
    if isinstance(told, dict) and told.get("options", {}) != card.options:
        _refuse_older(package, card, f"task{card.task:02d}")


def _refuse_older(package: Path, card: Card, what: str) -> NoReturn:
    raise UserError(
        f"{package}: {what} has been learnt again since: snakemake learners --config "
        f"experiment={_reference(card)} makes it again"
    )


def _reference(card: Card) -> str:
    """Return how a package's experiment is named: its name, or the YAML of one's own that is here.

    One of the project's own lies in config/experiments.
    """
    file = Path(f"{card.experiment}.yaml")
    return file.name if file.is_file() else card.experiment


def read_card(folder: Path) -> Card:
    """Read a package's model.json.

    Raises:
        UserError: there is none, or it is none of ours.
    """
    path = folder / CARD_FILE
    if not path.is_file():
        raise UserError(
            f"{folder}: no packaged learner here ({CARD_FILE}): give the folder of a run, "
            "results/EXPERIMENT/DATASET/MODEL/METHOD/seedN, and make its learner ready first: "
            "snakemake learners --config experiment=EXPERIMENT"
        )
    return validate(Card, read_json(path), str(path))
