"""Packaged learners as models of MLflow: logged, registered, and taken out again."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from conpet.card import Card, read_card
from conpet.files import write_json
from conpet.reading import read_object
from conpet.tracking import model_entries
from conpet.tracking.store import is_server, logged_models, opened

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.tracking import MlflowClient

BEST = "best"
# sent along whole; of it MLflow runs predicting/served.py where a model is served
PROJECT = Path(__file__).resolve().parent.parent
_VALID = "valid_accuracy"
_NEEDS = ("torch", "transformers", "peft", "safetensors", "numpy", "pandas", "scikit-learn")
_NEEDS_TOO = ("scipy", "pydantic", "ruamel.yaml", "pyarrow", "tokenizers", "mlflow")
_EXAMPLES = {
    "sentence": "what is the balance of my account",
    "relation": "<e1>Marie Curie</e1> was born in <e2>Warsaw</e2> .",
    "entity": "she was born in <e>Warsaw</e> .",
}


def log_package(package: Path, tracked: Path, uri: str, out: Path) -> None:
    """Log a packaged learner to its run, and register it; an older model of the run is replaced.

    It is registered as DATASET-METHOD; the version with the highest validation accuracy carries
    the alias ``best``.

    Args:
        tracked: the mark that ``track_run`` wrote: which run it is.
        out: written at the end: ``{"model_id", "name", "version"}``.
    """
    about = read_card(package)
    run_id = read_object(tracked, "run_id")["run_id"]
    with opened(uri) as client:
        experiment = client.get_run(run_id).info.experiment_id
        _forget(client, about, experiment, uri)
        found = _log(package, about, run_id, experiment, uri)
        name = f"{about.dataset}-{about.method}"
        number = _register(client, name, found, about, run_id)
        _link(client, run_id, found.model_id, about)
    write_json(out, {"model_id": found.model_id, "name": name, "version": number})


def _log(package: Path, about: Card, run_id: str, experiment: str, uri: str) -> Any:
    import mlflow
    from mlflow.models import Model

    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    mlflow.set_experiment(experiment_id=experiment)
    signature, example = _signature(about)
    return Model.log(
        artifact_path=None,
        name=model_entries.title(about),
        flavor=mlflow.pyfunc,
        run_id=run_id,
        python_model=str(PROJECT / "predicting" / "served.py"),
        artifacts={"package": str(package)},
        code_paths=[str(PROJECT)],
        signature=signature,
        input_example=example,
        pip_requirements=[f"{p}=={version(p).partition('+')[0]}" for p in (*_NEEDS, *_NEEDS_TOO)],
        params={"method": about.method, "dataset": about.dataset, "backbone": about.model},
        tags={"conpet.run_key": str(about.run_key), "backbone": about.backbone.title},
    )


def _signature(about: Card) -> tuple[ModelSignature, Any]:
    """Return the model's signature and an input example; written out, so nothing has to run."""
    import pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, DataType, Map, ParamSchema, ParamSpec, Schema

    outputs = [
        ColSpec("string", "label"),
        ColSpec("double", "confidence"),
        ColSpec("long", "task"),
    ]
    if about.selector is not None:
        outputs.append(ColSpec("long", "expert"))
    outputs.append(ColSpec(Map(DataType.double), "probabilities", required=False))
    params = ParamSchema(
        [
            ParamSpec("threshold", "double", 0.0),
            ParamSpec("refuse", "boolean", False),
            ParamSpec("probabilities", "boolean", False),
        ]
    )
    inputs = Schema([ColSpec("string", "text")])
    example = pd.DataFrame({"text": [_EXAMPLES[about.kind]]})
    return ModelSignature(inputs=inputs, outputs=Schema(outputs), params=params), example


def _forget(client: MlflowClient, about: Card, experiment: str, uri: str) -> None:
    """Delete the models of earlier loggings of the same run, and their registered versions."""
    from mlflow.exceptions import MlflowException

    name = f"{about.dataset}-{about.method}"
    old = [
        model
        for model in logged_models(client, experiment)
        if model.tags.get("conpet.run_key") == str(about.run_key)
    ]
    try:
        versions = client.search_model_versions(f"name = '{name}'")
    except MlflowException:
        versions = []
    for found in versions:
        if found.tags.get("conpet.run_key") == str(about.run_key):
            client.delete_model_version(name, found.version)
    for model in old:
        client.delete_logged_model(model.model_id)
        folder = Path(unquote(urlparse(model.artifact_location).path)).parent
        if folder.name == model.model_id and not is_server(uri):
            shutil.rmtree(folder, ignore_errors=True)


def _register(client: MlflowClient, name: str, logged: Any, about: Card, run_id: str) -> str:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(
            name,
            description=f"{about.method} on {about.dataset}: a version a run, the best by "
            f"validation under the alias {BEST}",
        )
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    tags, note = {"conpet.run_key": str(about.run_key)}, model_entries.note(about)
    if about.calibration is not None:
        tags[_VALID] = f"{about.calibration.accuracy:.6f}"
    made = client.create_model_version(
        name,
        logged.model_uri,
        run_id,
        tags=tags,
        description=note,
        model_id=logged.model_id,
    )
    # what `mlflow.register_model` notes too: the model's page names its version
    versions = [{"name": name, "version": made.version}]
    notes = {"mlflow.modelVersions": json.dumps(versions), "mlflow.note.content": note}
    client.set_logged_model_tags(logged.model_id, notes)
    best = max(
        client.search_model_versions(f"name = '{name}'"),
        key=lambda found: (float(found.tags.get(_VALID, -1)), -int(found.version)),
    )
    client.set_registered_model_alias(name, BEST, best.version)
    return str(made.version)


def _link(client: MlflowClient, run_id: str, model_id: str, about: Card) -> None:
    """Link the run's last metrics and the calibration to the model: its page shows them."""
    run = client.get_run(run_id)
    data = run.inputs.dataset_inputs[0].dataset if run.inputs.dataset_inputs else None
    values = {
        key: (value, _last_step(client, run_id, key)) for key, value in run.data.metrics.items()
    }
    values |= {key: (value, about.task) for key, value in model_entries.calibration(about).items()}
    for key, (value, step) in sorted(values.items()):
        client.log_metric(
            run_id,
            key,
            value,
            step=step,
            timestamp=run.info.end_time,
            model_id=model_id,
            dataset_name=data.name if data else None,
            dataset_digest=data.digest if data else None,
        )


def _last_step(client: MlflowClient, run_id: str, key: str) -> int:
    return max(metric.step for metric in client.get_metric_history(run_id, key))
