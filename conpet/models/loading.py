"""From a snapshot's folder to a frozen model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from conpet.errors import UserError
from conpet.reading import reading

_REMEDY = "fetch the model again, or choose an encoder or decoder that transformers knows"


def load_model(snapshot: Path, dtype: torch.dtype, device: torch.device) -> Any:
    """Return transformers' model without its language-model head, nothing tunable, on the CPU.

    Args:
        snapshot: folder with config, weights (safetensors) and tokenizer.
        dtype: of its weights.
        device: where it will compute.

    Raises:
        UserError: there is no model.
    """
    import transformers

    if not (snapshot / "config.json").is_file():
        raise UserError(f"{snapshot}: no model here: run `conpet fetch-model` first")
    with _quiet(), reading(snapshot, _REMEDY):
        config = transformers.AutoConfig.from_pretrained(snapshot)
    # eager attention is the faster one for short texts on a CPU; see models/unpadded.py too
    options: dict[str, Any] = {"attn_implementation": "sdpa" if device.type == "cuda" else "eager"}
    if config.model_type in ("bert", "roberta", "xlm-roberta"):
        options["add_pooling_layer"] = False
    with _quiet(), reading(snapshot, _REMEDY):
        model = transformers.AutoModel.from_pretrained(
            snapshot, dtype=dtype, use_safetensors=True, config=config, **options
        )
    if hasattr(model.config, "use_cache"):
        model.config.use_cache = False
    return model.requires_grad_(False)


@contextmanager
def _quiet() -> Iterator[None]:
    """Let transformers say errors only, and put back what the caller had."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
