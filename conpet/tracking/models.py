"""Packaged learners as models of MLflow: logged, registered, and taken out again."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conpet.card import Card, check_files, read_card
from conpet.errors import UserError
from conpet.files import write_json
from conpet.reading import read_object
from conpet.stores import is_server, local_path, plain_or_address
from conpet.tracking import model_entries
from conpet.tracking.store import logged_models, opened

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.tracking import MlflowClient

BEST = "best"
# sent along whole; of it MLflow runs predicting/served.py where a model is served
PROJECT = Path(__file__).resolve().parent.parent
_VALID = "valid_accuracy"
_KEY = "conpet.run_key"
_OF = "conpet.of"  # of a registered model: whose it is
_CONTEST = "conpet.contest"  # of a version: what it competes in
_NEEDS = ("torch", "transformers", "peft", "safetensors", "numpy", "pandas", "scikit-learn")
_NEEDS_TOO = (
    "scipy",
    "threadpoolctl",
    "pydantic",
    "ruamel.yaml",
    "pyarrow",
    "tokenizers",
    "mlflow",
)
_EXAMPLES = {
    "sentence": "what is the balance of my account",
    "relation": "<e1>Marie Curie</e1> was born in <e2>Warsaw</e2> .",
    "entity": "she was born in <e>Warsaw</e> .",
}
_FIELD = "it rained all day"


def log_package(package: Path, tracked: Path, uri: str, out: Path) -> None:
    """Log a packaged learner to its run, and register it; an older model of the run is replaced.

    It is registered as EXPERIMENT-DATASET-METHOD: an experiment's models are its own. Of the
    versions that know the same classes and were tested on the same samples as this one, the one
    with the highest validation accuracy carries the alias ``best``.

    Args:
        tracked: the mark that ``track_run`` wrote: which run it is.
        out: written at the end: ``{"model_id", "name", "version"}``.

    Raises:
        UserError: the package is none, the store does not have the run, or another experiment's
            models have the name.
    """
    about = read_card(package)
    check_files(package, about)
    mark = read_object(tracked, "run_id", "run_key")
    run_id, about = mark["run_id"], _of_run(about, package, str(mark["run_key"]), tracked)
    with opened(uri) as client:
        experiment = client.get_run(run_id).info.experiment_id
        name = _name(client, about)
        _forget(client, about, experiment, uri)
        found = _log(package, about, run_id, experiment, uri)
        number = _register(client, name, found, about, run_id)
        _link(client, run_id, found.model_id, about)
    write_json(out, {"model_id": found.model_id, "name": name, "version": number})


def _of_run(about: Card, package: Path, key: str, tracked: Path) -> Card:
    """Return the card under the experiment that its run was logged in: a folder may be renamed.

    Raises:
        UserError: it is another run's.
    """
    experiment, _, rest = key.partition("/")
    if str(about.run_key).partition("/")[2] != rest:
        raise UserError(
            f"{tracked}: of the run {key}, but {package} is of {about.run_key}: give those of one"
        )
    return about.model_copy(update={"experiment": experiment})


def _name(client: MlflowClient, about: Card) -> str:
    """Return the registered model of a learner, made where it is not there.

    Raises:
        UserError: the name is taken by models of other runs: ``a-b`` and ``c``, ``a`` and ``b-c``.
    """
    from mlflow.exceptions import MlflowException

    name, of = model_entries.registered(about), model_entries.kin(about)
    try:
        client.create_registered_model(
            name,
            tags={_OF: of},
            description=f"{about.method} on {about.dataset}, experiment {about.experiment}: a "
            f"version a run, the best by validation under the alias {BEST}",
        )
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        there = client.get_registered_model(name).tags.get(_OF, "something else")
        if there != of:
            raise UserError(
                f"{name}: is the registered model of {there}, not of {of}: rename the experiment, "
                "the dataset or the method"
            ) from None
    return name


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
        artifacts={"package": plain_or_address(package)},
        code_paths=[str(PROJECT)],
        signature=signature,
        input_example=example,
        pip_requirements=[f"{p}=={version(p).partition('+')[0]}" for p in (*_NEEDS, *_NEEDS_TOO)],
        params={"method": about.method, "dataset": about.dataset, "backbone": about.model},
        tags={_KEY: str(about.run_key), "backbone": about.backbone.title},
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
    columns = about.fields or ["text"]
    inputs = Schema([ColSpec("string", name) for name in columns])
    example = pd.DataFrame({name: [_EXAMPLES.get(about.kind, _FIELD)] for name in columns})
    return ModelSignature(inputs=inputs, outputs=Schema(outputs), params=params), example


def _forget(client: MlflowClient, about: Card, experiment: str, uri: str) -> None:
    """Delete the models of earlier loggings of the same run, and their registered versions."""
    key = str(about.run_key)
    # whatever name they are registered under
    for found in client.search_model_versions(f"tags.`{_KEY}` = '{key}'"):
        client.delete_model_version(found.name, found.version)
    for model in list(logged_models(client, experiment, f"tags.`{_KEY}` = '{key}'")):
        client.delete_logged_model(model.model_id)
        folder = local_path(model.artifact_location)
        if folder and folder.parent.name == model.model_id and not is_server(uri):
            shutil.rmtree(folder.parent, ignore_errors=True)


def _register(client: MlflowClient, name: str, logged: Any, about: Card, run_id: str) -> str:
    tags = {_KEY: str(about.run_key), _CONTEST: model_entries.contest(about)}
    note = model_entries.note(about)
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
    rivals = [
        found
        for found in client.search_model_versions(f"name = '{name}'")
        if found.tags.get(_CONTEST) == tags[_CONTEST]
    ]
    best = max(rivals, key=lambda v: (float(v.tags.get(_VALID, -1)), -int(v.version)))
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
