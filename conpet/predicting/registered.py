"""A packaged learner taken out of MLflow."""

from __future__ import annotations

import os
from pathlib import Path

from conpet.card import CARD_FILE
from conpet.errors import UserError
from conpet.quiet_mlflow import import_mlflow


def download(address: str) -> Path:
    """Return the folder of a packaged learner in MLflow.

    Args:
        address: ``models:/NAME/VERSION``, ``models:/NAME@best``, ``models:/MODEL_ID`` or
            ``runs:/RUN_ID/DATASET-METHOD-seedN``, in the store of MLFLOW_TRACKING_URI, else of
            results/.

    Raises:
        UserError: there is no such model, or it is none of ours.
    """
    import_mlflow()
    import mlflow
    from mlflow.exceptions import MlflowException

    local = Path("results/mlflow.db")
    if "MLFLOW_TRACKING_URI" not in os.environ and local.is_file():
        mlflow.set_tracking_uri(f"sqlite:///{local}")
        mlflow.set_registry_uri(f"sqlite:///{local}")
    try:
        folder = Path(mlflow.artifacts.download_artifacts(address))
    except MlflowException as error:
        raise UserError(f"{address}: {str(error).splitlines()[0]}") from None
    found = sorted(folder.glob(f"artifacts/*/{CARD_FILE}"))
    if not found:
        raise UserError(f"{address}: holds no learner of this project")
    return found[0].parent
