"""A packaged learner taken out of MLflow."""

from __future__ import annotations

import os
from pathlib import Path

from conpet.card import CARD_FILE
from conpet.errors import UserError
from conpet.quiet_mlflow import import_mlflow
from conpet.stores import check_store, sqlite_path

_LOCAL = Path("results/mlflow.db")


def download(address: str) -> Path:
    """Return the folder of a packaged learner in MLflow; nothing of it is run.

    Args:
        address: ``models:/NAME/VERSION``, ``models:/NAME@best``, ``models:/MODEL_ID`` or
            ``runs:/RUN_ID/DATASET-METHOD-seedN``, in the store of MLFLOW_TRACKING_URI, else of
            results/.

    Raises:
        UserError: there is no such store or model, or it is none of ours.
    """
    import_mlflow()
    import mlflow
    from mlflow.exceptions import MlflowException

    if "MLFLOW_TRACKING_URI" not in os.environ and (
        _LOCAL.is_file() or not mlflow.is_tracking_uri_set()
    ):
        check_store(f"sqlite:///{_LOCAL}", make=False)
        mlflow.set_tracking_uri(f"sqlite:///{_LOCAL}")
        mlflow.set_registry_uri(f"sqlite:///{_LOCAL}")
    store = mlflow.get_tracking_uri()
    check_store(store, make=False)
    try:
        folder = Path(mlflow.artifacts.download_artifacts(address))
    except (MlflowException, OSError) as error:
        raise UserError(f"{address}: {_explain(str(error), store)}") from None
    found = sorted(folder.glob(f"artifacts/*/{CARD_FILE}"))
    if not found:
        raise UserError(f"{address}: holds no learner of this project")
    return found[0].parent


def _explain(message: str, store: str) -> str:
    if "No such artifact" not in message and "No such file" not in message:
        return message.strip().partition("\n")[0]
    database = sqlite_path(store)
    both = f"{database} and {database.with_name('mlartifacts')}" if database else store
    return (
        f"its files are not where the store says: was the project moved? delete {both} and log "
        "again: snakemake models"
    )
