"""The tokenizer of a model's snapshot, and how much the model reads."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from conpet.errors import UserError, reason
from conpet.files import read_json


def open_tokenizer(snapshot: Path) -> Any:
    """Open the tokenizer of a model's snapshot.

    Raises:
        UserError: there is none, or its files are broken.
    """
    import transformers

    transformers.logging.set_verbosity_error()
    if not (snapshot / "tokenizer_config.json").is_file():
        raise UserError(f"{snapshot}: no tokenizer here: run `conpet fetch-model` first")
    try:
        return transformers.AutoTokenizer.from_pretrained(
            snapshot, use_fast=True, trust_remote_code=False
        )
    except Exception as error:  # tokenizers raises plain ones where a file is broken
        raise UserError(
            f"{snapshot}: transformers cannot load the tokenizer ({reason(error)}): "
            "fetch the model again"
        ) from None


def longest(snapshot: Path) -> int:
    """Return how many tokens a model can read at once."""
    config = read_json(snapshot / "config.json")
    most: int = config.get("max_position_embeddings", sys.maxsize)
    if "roberta" in config.get("model_type", ""):
        most -= 1 + config["pad_token_id"]  # its positions are counted from there
    return most
