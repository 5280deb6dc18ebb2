"""What MLflow runs to serve a learner: read as code when it is loaded, nothing is unpickled."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel, PythonModelContext

from conpet.errors import UserError
from conpet.predicting.predictor import Predictor


class ServedLearner(PythonModel):
    """Classifies the column ``text``: label, confidence, task, and the expert where there are."""

    def load_context(self, context: PythonModelContext) -> None:
        """Open the package; CONPET_SNAPSHOT or CONPET_MIRROR say where the backbone is."""
        self.predictor = Predictor(
            Path(context.artifacts["package"]),
            snapshot=os.environ.get("CONPET_SNAPSHOT"),
            mirror=os.environ.get("CONPET_MIRROR"),
        )

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Classify; ``params``: threshold (a confidence), refuse (take the calibrated one)."""
        if "text" not in model_input.columns:
            raise UserError(f"no column text: has {', '.join(map(str, model_input.columns))}")
        wanted = params or {}
        threshold = wanted.get("threshold") or bool(wanted.get("refuse", False))
        return self.predictor.predict(list(model_input["text"]), threshold).frame()


mlflow.models.set_model(ServedLearner())
