"""What MLflow runs to serve a learner: read as code when it is loaded, nothing is unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PythonModel, PythonModelContext

from conpet.environment import MIRROR, SNAPSHOT
from conpet.errors import UserError
from conpet.predicting.predictor import Predictor


class ServedLearner(PythonModel):
    """Classifies the column ``text``, or one of each field: label, confidence, task, expert."""

    def load_context(self, context: PythonModelContext) -> None:
        """Open the package; CONPET_SNAPSHOT or CONPET_MIRROR say where the backbone is."""
        self.predictor = Predictor(
            Path(context.artifacts["package"]),
            snapshot=SNAPSHOT.get(),
            mirror=MIRROR.get(),
        )

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Classify; the models' signature says what ``params`` may hold.

        ``threshold`` is the confidence below which no class is given, ``refuse`` takes the
        calibrated one, ``probabilities`` adds a column of all classes' probabilities by name.
        """
        wanted = params or {}
        if wanted.get("threshold") and wanted.get("refuse"):
            raise MlflowException.invalid_parameter_value("threshold, refuse: give one of them")
        threshold = wanted.get("threshold") or bool(wanted.get("refuse", False))
        try:
            fields = self.predictor.fields
            columns = model_input[fields or ["text"]]
            texts: list[Any] = columns.to_dict("records") if fields else list(columns["text"])
            said = self.predictor.predict(texts, threshold)
        except UserError as error:
            # the one class whose message a server passes on to the client
            raise MlflowException.invalid_parameter_value(str(error)) from None
        frame = said.frame()
        if wanted.get("probabilities"):
            rows = said.probabilities.tolist()
            named = [dict(zip(said.classes, row, strict=True)) for row in rows]
            frame["probabilities"] = pd.Series(named, dtype=object)
        return frame


mlflow.models.set_model(ServedLearner())
