"""A trained learner that classifies texts: one backbone in memory, however many experts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from conpet.card import CARD_FILE, Card, check_current, check_files, read_card
from conpet.config.settings import Compute
from conpet.config.strict import validate
from conpet.data.classes import arrival, columns, first_task
from conpet.data.schema import NONE
from conpet.data.stream import Stream
from conpet.data.template import vocabulary
from conpet.data.tokenizer import open_tokenizer
from conpet.errors import UserError, of_machine
from conpet.learners.assembly import assemble
from conpet.learners.base import Learner, Prediction, Seeds
from conpet.models.process import computing
from conpet.predicting import backbones
from conpet.predicting.calibration import log_probabilities
from conpet.predicting.texts import as_stream, listed
from conpet.run import RunFolder
from conpet.wording import counted

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 2048  # texts tokenised and scored at a time: bounds memory, however many are asked
Text = str | Mapping[str, str]

#: a pass keeps its batch in the model, and what `computing` sets is the process's: turns are taken
_ONE_AT_A_TIME = RLock()


@dataclass(frozen=True)
class Predictions:
    """What a learner says of n texts.

    Attributes:
        labels: the likeliest class of each text, or :data:`NONE` below a threshold.
        probabilities: over ``classes``, calibrated, shape (n, classes).
        confidence: probability of the class that was found likeliest, shape (n,).
        task: number of the task that brought that class, shape (n,); 0 below a threshold.
        selected: the tasks as the selector ranks them, best first, shape (n, k), or None.
        classes: names of all classes seen, in order of arrival.
    """

    labels: list[str]
    probabilities: np.ndarray
    confidence: np.ndarray
    task: np.ndarray
    selected: np.ndarray | None
    classes: list[str]

    def __len__(self) -> int:
        return len(self.labels)

    def frame(self, probabilities: bool = False) -> pd.DataFrame:
        """Return a table, a row per text; ``probabilities`` adds a column per class."""
        import pandas as pd

        values: dict[str, Any] = {
            "label": self.labels,
            "confidence": self.confidence,
            "task": self.task,
        }
        if self.selected is not None:
            values["expert"] = self.selected[:, 0]
        frame = pd.DataFrame(values)
        if probabilities:
            columns = [f"p:{name}" for name in self.classes]
            frame = pd.concat([frame, pd.DataFrame(self.probabilities, columns=columns)], axis=1)
        return frame


class Predictor:
    """A packaged learner, opened. Threads may share it: they are answered one after the other.

    Args:
        package: folder that ``conpet package`` wrote.
        snapshot: folder of the backbone; found or fetched by its pin where not given.
        device: ``auto``, ``cpu`` or ``cuda``.
        precision: ``float32`` gives a text the same probabilities (to 1e-6) whatever texts are
            asked with it; ``bfloat16`` is faster and lacks that.

    Raises:
        UserError: the package or the backbone is missing, or not what it should be.
    """

    def __init__(
        self,
        package: Path,
        snapshot: str | Path | None = None,
        mirror: str | Path | None = None,
        device: Literal["auto", "cpu", "cuda"] = "auto",
        precision: Literal["auto", "float32", "bfloat16"] = "float32",
        threads: int = 1,
    ) -> None:
        self.about: Card = read_card(package)
        check_files(package, self.about)
        for what, folder in (("snapshot", snapshot), ("mirror", mirror)):
            if folder and not Path(folder).is_dir():
                raise UserError(f"{folder}: no such folder, given as {what}")
        found = (
            Path(snapshot)
            if snapshot
            else backbones.find(self.about.backbone, package, Path(mirror) if mirror else None)
        )
        backbones.check(found, self.about.backbone)
        self._tokenizer = open_tokenizer(found)
        self._vocabulary = vocabulary(self._tokenizer)
        self._opened = (package, found, None, device, precision, threads)
        said = {"device": device, "precision": precision, "threads": threads}
        self.compute = validate(Compute, said, "load")
        self.package = package
        self.learner = self._open(package, found)
        self.describe(self.about)

    def _open(self, package: Path, snapshot: Path) -> Learner:
        """Return the learner of a package, with its states.

        Raises:
            UserError: the package does not fit what its card says, or the backbone.
        """
        try:
            with _ONE_AT_A_TIME, computing(self.compute):
                return self._assembled(package, snapshot)
        except UserError:
            raise
        except Exception as error:
            if of_machine(error):
                raise
            # a package may come from anybody; what torch, PEFT and safetensors then raise has no
            # class in common
            said = " ".join(str(error).split())[:200]
            raise UserError(
                f"{package}: does not fit its {CARD_FILE} ({type(error).__name__}: {said}): "
                "package the run again"
            ) from error

    def _assembled(self, package: Path, snapshot: Path) -> Learner:
        learner = assemble(
            self.about.learn(self.compute), (self.about.model, snapshot), self.samples([])[0],
            Seeds(self.about.seed, self.about.dataset),
        )  # fmt: skip
        selector = package / self.about.selector if self.about.selector else None
        learner.load([package / name for name in self.about.states], selector)
        return learner

    def __repr__(self) -> str:
        """Say whose learner it is, and what it knows."""
        about = self.about
        of = f"{about.method} on {about.dataset} with {about.model}, seed {about.seed}"
        return f"<learner: {of}: {counted(len(self.classes), 'class', 'classes')}>"

    def __reduce__(self) -> tuple[type[Predictor], tuple[Any, ...]]:
        """Copies, and other processes, open the package themselves.

        Raises:
            UserError: it was taught something, which the package does not know.
        """
        if self.about != read_card(self.package):
            raise UserError("a learner that was taught is not copied: save it, and open that")
        return Predictor, self._opened

    def describe(self, about: Card) -> None:
        """Answer with the classes that a card names."""
        self.about = about
        self.classes = arrival(about.classes)
        #: the names of a text's fields; none of a plain text
        self.fields = about.fields
        self.class_task = first_task(about.classes)
        self.columns = columns(about.classes)

    def teach(self, texts: Sequence[str], labels: Sequence[str]) -> list[str]:
        """Have it know new classes by a few texts, without training (conpet.predicting.teaching).

        Returns:
            The classes that are new.

        Raises:
            UserError: its head is trained, not fitted; or a text or label is none.
        """
        from conpet.predicting.teaching import teach

        with _ONE_AT_A_TIME:
            return teach(self, texts, labels)

    def save(self, out: str | Path) -> None:
        """Write it as a package, with what it was taught, where nothing is yet.

        Raises:
            UserError: its head is trained: nothing can have been taught; or ``out`` is there.
        """
        from conpet.predicting.teaching import save

        with _ONE_AT_A_TIME:
            save(self, Path(out))

    def samples(self, texts: Sequence[object], first: int = 0) -> tuple[Stream, np.ndarray]:
        """Return texts as a stream and the indices of all of them; messages count from first."""
        stream = as_stream(texts, self.about, self._tokenizer, self._vocabulary, first)
        return stream, np.arange(len(texts))

    def predict(self, texts: Sequence[Text], threshold: float | bool | None = None) -> Predictions:
        """Classify texts among all classes seen.

        Args:
            texts: plain texts, or marked ones (``<e1>``, ``<e2>`` or ``<e>``) where the learner
                was trained on relations or entities; of texts of several fields, mappings of
                their names.
            threshold: confidence below which a text is given none of the classes; True takes
                the one found on validation data, None none.

        Raises:
            UserError: a text is empty or not marked as it should be: its number and why.
        """
        texts = listed(texts, "texts")
        least = self._threshold(threshold)
        with _ONE_AT_A_TIME:  # nor is it taught between two parts
            # all are read before any is scored: a bad text is told at once
            asked = [self.samples(texts[i : i + CHUNK], i) for i in range(0, len(texts), CHUNK)]
            return self._said([self.ask(*samples) for samples in asked], least)

    def ask(self, stream: Stream, indices: np.ndarray) -> Prediction:
        """Return what the learner says of a stream's samples."""
        with _ONE_AT_A_TIME, computing(self.compute):
            self.learner.stream = stream
            return self.learner.predict(indices)

    def probabilities(self, found: Prediction) -> np.ndarray:
        """Return calibrated probabilities over classes, shape (n, classes)."""
        calibration = self.about.calibration
        temperature = calibration.temperature if calibration else 1.0
        return np.exp(log_probabilities(found, self.columns, temperature))

    def _threshold(self, wanted: float | bool | None) -> float:
        if wanted is None or (isinstance(wanted, bool | np.bool_) and not wanted):
            return 0.0
        if isinstance(wanted, bool | np.bool_):
            if self.about.calibration is None:
                raise UserError("threshold: the package has no calibration: give a number")
            return self.about.calibration.threshold
        if not isinstance(wanted, Real) or not 0 <= wanted <= 1:
            raise UserError(f"threshold: {wanted!r}: give a confidence, 0 to 1")
        return float(wanted)

    def _said(self, parts: list[Prediction], least: float) -> Predictions:
        if not parts:
            none = np.zeros(0)
            ranked = np.zeros((0, 1)) if self.about.selector else None
            return Predictions(
                [], np.zeros((0, len(self.classes))), none, none, ranked, self.classes
            )
        probabilities = np.concatenate([self.probabilities(part) for part in parts])
        # the same rule as in evaluation, which the mixture of experts need not agree with
        best = np.concatenate([part.labels() for part in parts])
        confidence = probabilities[np.arange(len(best)), best]
        sure = confidence >= least
        labels = [self.classes[b] if s else NONE for b, s in zip(best, sure, strict=True)]
        selected = [part.selected for part in parts if part.selected is not None]
        return Predictions(
            labels,
            probabilities,
            confidence,
            np.where(sure, self.class_task[best], 0),
            np.concatenate(selected) if selected else None,
            self.classes,
        )


def load(where: str | Path, **options: Any) -> Predictor:
    """Open a trained learner.

    Args:
        where: a packaged learner's folder, a run's folder in results/ (its package is inside),
            or the address of a model in MLflow (``models:/...``, ``runs:/...``).
        options: those of :class:`Predictor`.

    Raises:
        UserError: nothing can be opened there, or the run has been learnt again since.
    """
    if not isinstance(where, str | Path):
        raise UserError(f"load: {where!r}: give a folder, or an address in MLflow")
    if isinstance(where, str) and where.startswith(("models:/", "runs:/")):
        from conpet.predicting.registered import download

        return Predictor(download(where), **options)
    folder = Path(where)
    if not folder.is_dir() and "://" in str(where):
        raise UserError(
            f"{where}: nothing is fetched from there: give a folder, models:/NAME@best or "
            "runs:/RUN_ID/NAME"
        )
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder: give a run's or a packaged learner's")
    inside = RunFolder(folder).package
    if not (inside / CARD_FILE).is_file():
        return Predictor(folder, **options)
    check_current(inside, folder)
    return Predictor(inside, **options)
