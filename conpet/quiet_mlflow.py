"""MLflow imported so that it is quiet, and impatient with servers."""

from __future__ import annotations

import logging
import os

from conpet.errors import UserError

# No usage statistics, no background jobs: a store asks nothing of the outside world.
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}
# A server that is gone is told within seconds, not minutes.
_IMPATIENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


def import_mlflow() -> None:
    """Import mlflow, quiet and impatient."""
    for name, value in {**QUIET, **_IMPATIENT}.items():
        os.environ.setdefault(name, value)
    try:
        import mlflow.tracking  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError(
            f"mlflow: {error.name} is not installed: pip install 'conpet[tracking]'"
        ) from None
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
