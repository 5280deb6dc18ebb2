"""Tuned parameters on disk: PEFT's own folder, or one file of the backbone's parameters."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from conpet.errors import UserError
from conpet.files import read_json, write_json
from conpet.reading import reading

ADAPTER_FOLDER = "adapter"
BACKBONE_FILE = "backbone.safetensors"


def save_adapter(model: Any, name: str, folder: Path) -> None:
    """Write a PEFT model's adapter as stock PEFT reads it, the same bytes each time.

    Args:
        name: what the adapter calls its base model.
        folder: gets a folder ``adapter``.
    """
    adapter = folder / ADAPTER_FOLDER
    model.peft_config["default"].base_model_name_or_path = name
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
        UserError: the adapter is another model's or tuning's.
    """
    from peft import set_peft_model_state_dict

    path = folder / ADAPTER_FOLDER / "adapter_model.safetensors"
    with reading(path):
        weights = load_file(path)
    result = set_peft_model_state_dict(model, weights)
    if result.unexpected_keys:
        raise UserError(
            f"{folder}/{ADAPTER_FOLDER}: made for another model or tuning: train it again"
        )


def save_parameters(state: dict[str, Tensor], folder: Path) -> None:
    """Write the backbone's own parameters that are tuned."""
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, folder / BACKBONE_FILE)


def load_parameters(wanted: set[str], folder: Path) -> dict[str, Tensor]:
    """Read what :func:`save_parameters` wrote.

    Raises:
        UserError: they are not the parameters that are wanted.
    """
    with reading(folder / BACKBONE_FILE):
        state = load_file(folder / BACKBONE_FILE)
    if set(state) != wanted:
        raise UserError(
            f"{folder}/{BACKBONE_FILE}: made for another model or tuning: train it again"
        )
    return state
