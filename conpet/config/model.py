"""What a model's YAML may say."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from conpet.config.model_source import ModelSource
from conpet.config.strict import Strict
from conpet.errors import UserError


class Model(Strict):
    """One backbone: where its weights come from and how it is read and tuned.

    ``pooling`` says which hidden state stands for a text: at the cloze's mask, at the last token,
    or the mean of all. ``lora_targets`` are module name endings, or PEFT's ``all-linear``.
    ``architecture`` repeats the sizes of its transformers config, so that `conpet params` can
    count weights that nobody has to download.
    """

    title: str
    licence: str
    source: Annotated[ModelSource, Field(discriminator="kind")]
    pooling: Literal["mask", "last", "mean"] = "mask"
    lora_targets: list[str] | Literal["all-linear"]
    architecture: dict[str, Any] = {}

    def check_layers(self, layers: int, where: str) -> None:
        """Raise a UserError if a head is to read more layers than the architecture says it has."""
        most = self.architecture.get("num_hidden_layers", layers)
        if layers > most:
            raise UserError(f"{where}: {layers}: {self.title} has {most}: take at most as many")
