"""How many parameters a tuning trains, counted on a model without weights."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from conpet.config import Model
from conpet.config.settings import Tuning
from conpet.errors import UserError
from conpet.models.architectures import like_bert
from conpet.models.tuning import tune


@dataclass(frozen=True)
class Count:
    """Parameters of a model: backbone, its language-model head, and what a tuning trains."""

    backbone: int
    lm_head: int
    tunable: int

    @property
    def ratio(self) -> float:
        """Full tuning's parameters for one of the PEFT module (the paper's "3,000 times")."""
        return (self.backbone + self.lm_head) / self.tunable


def count(name: str, model: Model, tuning: Tuning) -> Count:
    """Count on torch's meta device: shapes only, no memory, nothing downloaded.

    Raises:
        UserError: the model's YAML gives no architecture, or one transformers does not know.
    """
    import torch
    from transformers import AutoConfig, AutoModel

    if not model.architecture:
        raise UserError(f"model {name}: no architecture in its YAML: add the sizes of its config")
    values: dict[str, Any] = dict(model.architecture)
    try:
        config = AutoConfig.for_model(values.pop("model_type", ""), **values)
    except ValueError as error:
        raise UserError(f"model {name}: architecture: {str(error).splitlines()[0]}") from None
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        no_pooler = {"add_pooling_layer": False} if like_bert(config) else {}  # as it is loaded
        backbone = AutoModel.from_config(config, **no_pooler)
        total = sum(p.numel() for p in backbone.parameters())
        tuned = tune(backbone.requires_grad_(False), name, tuning, model.lora_targets)
        tunable = sum(p.numel() for p in tuned.parameters() if p.requires_grad)
    head = 0 if config.tie_word_embeddings else config.vocab_size * config.hidden_size
    return Count(total, head, tunable)
