"""What a model's YAML may say."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from conpet.config.model_source import ModelSource
from conpet.config.strict import Strict


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
