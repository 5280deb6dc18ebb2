"""Tuned parameters on disk: PEFT's own folder, or one file of the backbone's parameters."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from conpet.errors import UserError, reason
from conpet.files import read_json, write_json
from conpet.models.fused import ADAPTER

ADAPTER_FOLDER = "adapter"
BACKBONE_FILE = "backbone.safetensors"
_AGAIN = "learn the task again"
#: fields of an adapter's config that say where it came from, not what it is
_ABOUT_FILES = {
    "auto_mapping", "base_model_name_or_path", "inference_mode", "peft_version", "revision",
    "runtime_config", "task_type",
}  # fmt: skip


def save_adapter(model: Any, name: str, folder: Path) -> None:
    """Write a PEFT model's adapter as stock PEFT reads it, the same bytes each time.

    Args:
        name: what the adapter calls its base model.
        folder: gets a folder ``adapter``.
    """
    adapter = folder / ADAPTER_FOLDER
    model.peft_config[ADAPTER].base_model_name_or_path = name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save_pretrained(adapter, save_embedding_layers=False)
    (adapter / "README.md").unlink(missing_ok=True)  # a model card with nothing in it
    config = read_json(adapter / "adapter_config.json")
    # PEFT keeps sets, whose order changes from process to process
    config = {
        k: sorted(v) if isinstance(v, list) and all(isinstance(i, str) for i in v) else v
        for k, v in config.items()
    }
    write_json(adapter / "adapter_config.json", dict(sorted(config.items())))


def load_adapter(model: Any, folder: Path) -> None:
    """Put what :func:`save_adapter` wrote into a PEFT model.

    Raises:
        UserError: the adapter is broken, or another model's or tuning's.
    """
    from peft import get_peft_model_state_dict, set_peft_model_state_dict

    place = folder / ADAPTER_FOLDER
    _check_config(model.peft_config[ADAPTER].to_dict(), place / "adapter_config.json")
    path = place / "adapter_model.safetensors"
    weights = read_tensors(path)
    _check_shapes(weights, get_peft_model_state_dict(model, save_embedding_layers=False), path)
    set_peft_model_state_dict(model, weights)


def _check_config(wanted: dict[str, Any], path: Path) -> None:
    """Refuse an adapter that was made with other fields than the model's."""
    found = read_json(path)
    if not isinstance(found, dict):
        raise UserError(f"{path}: not an adapter's config: {_AGAIN}")
    for key in sorted(wanted.keys() & found.keys() - _ABOUT_FILES):
        one, other = _plain(found[key]), _plain(wanted[key])
        if one != other:
            raise UserError(
                f"{path}: {key} is {one!r}, not {other!r}: made for another model or tuning: "
                f"{_AGAIN}"
            )


def _plain(value: Any) -> Any:
    """Return a field as JSON has it; PEFT keeps sets, tuples and enumerations."""
    if isinstance(value, set):
        return sorted(value)
    plain = json.loads(json.dumps(value, default=lambda v: sorted(v) if isinstance(v, set) else v))
    names = isinstance(plain, list) and all(isinstance(name, str) for name in plain)
    return sorted(plain) if names else plain


def _check_shapes(found: dict[str, Tensor], wanted: dict[str, Tensor], path: Path) -> None:
    """Refuse tensors unless they are those wanted, by names and shapes."""
    faults = [f"{name} is missing" for name in sorted(wanted.keys() - found.keys())]
    faults += [f"{name} is too many" for name in sorted(found.keys() - wanted.keys())]
    for name in sorted(wanted.keys() & found.keys()):
        one, other = tuple(found[name].shape), tuple(wanted[name].shape)
        faults += [f"{name} is {one}, not {other}"] if one != other else []
    if faults:
        more = f" (and {len(faults) - 1} more)" if faults[1:] else ""
        raise UserError(f"{path}: {faults[0]}{more}: made for another model or tuning: {_AGAIN}")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a file of tensors.

    Raises:
        UserError: there is none, or it is not whole.
    """
    try:
        return load_file(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file: {_AGAIN}") from None
    except (OSError, ValueError, SafetensorError) as error:
        raise UserError(
            f"{path}: not a whole file of tensors ({reason(error)}): {_AGAIN}"
        ) from None


def save_parameters(state: dict[str, Tensor], folder: Path) -> None:
    """Write the backbone's own parameters that are tuned."""
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, folder / BACKBONE_FILE)


def load_parameters(wanted: dict[str, Tensor], folder: Path) -> dict[str, Tensor]:
    """Read what :func:`save_parameters` wrote.

    Raises:
        UserError: the file is broken, or they are not the parameters that are wanted.
    """
    path = folder / BACKBONE_FILE
    state = read_tensors(path)
    _check_shapes(state, wanted, path)
    return state
