"""Everything a run is set to, apart from which data, model and method it is."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from conpet.config.strict import Strict, validate
from conpet.errors import UserError
from conpet.memo import remembered

Share = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class Training(Strict):
    """The optimiser and its loop (PROTOCOL section 3: AdamW, constant rate, eps 1e-4)."""

    epochs: Count = 3
    batch_size: Count = 8
    lr: Positive | dict[int, Positive] = 1e-3  # or {1: 5e-4, 3: 1e-4}: from task 3 on, 1e-4
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    eps: Positive = 1e-4
    betas: Annotated[
        list[Annotated[float, Field(ge=0, lt=1)]], Field(min_length=2, max_length=2)
    ] = [0.9, 0.999]
    clip_norm: Positive | None = None

    @field_validator("lr")
    @classmethod
    def _starts_at_task_one(cls, value: float | dict[int, float]) -> float | dict[int, float]:
        if isinstance(value, dict) and 1 not in value:
            raise ValueError("rates by task must say one from task 1 on, like {1: 5e-4, 3: 1e-4}")
        return value

    def rate(self, task: int) -> float:
        """Return the learning rate of a task (1-based)."""
        if isinstance(self.lr, dict):
            return self.lr[max(start for start in self.lr if start <= task)]
        return self.lr


class Compute(Strict):
    """Where and how the arithmetic is done; results are bit-equal only for equal values."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "float32"
    threads: Count = 1
    eval_batch_size: Count = 64
    fast: bool = True  # no padding, LoRA in one step; False: transformers and PEFT as they are


class Replay(Strict):
    """The dynamic sampling of section 4: a fixed number of batches, however long the history."""

    batches: Count = 200  # B, training and validation together
    train_share: Share = 0.8
    new_share: Share = 0.5  # of each batch, drawn from the new task
    valid_batch_size: Annotated[int, Field(ge=2)] = 32  # half new, half old


class Memory(Strict):
    """Exemplars kept by K-means (section 4)."""

    per_class: Count = 20
    train_share: Share = 0.8
    base_frequency: Count = 5


class Tuning(Strict):
    """``type`` is a PEFT type and ``config`` its own fields, or ``full`` for every parameter."""

    type: str = "LORA"
    config: dict[str, Any] = {"r": 4, "lora_alpha": 1, "lora_dropout": 0.0}

    @model_validator(mode="before")
    @classmethod
    def _own_fields(cls, value: Any) -> Any:
        # the default config is LoRA's; any other type starts from PEFT's own defaults
        if isinstance(value, dict) and value.get("type", "LORA") != "LORA":
            return {"config": {}, **value}
        return value


class PlainLora(Strict):
    """LoRA's own fields that most configs keep to: checked without importing PEFT."""

    r: Count = 8
    lora_alpha: Count = 8
    lora_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    bias: Literal["none", "all", "lora_only"] = "none"
    target_modules: list[str] | str | None = None
    use_dora: bool = False
    use_rslora: bool = False


def check_tuning(tuning: Tuning, targets: list[str] | str) -> None:
    """Raise a UserError unless PEFT knows the type and its fields.

    Importing PEFT takes seconds, which every job would pay: only what is not plain LoRA does.
    """
    if tuning.type == "full":
        if tuning.config:
            raise UserError("tuning.config: full tunes all and has no fields: leave config out")
    elif tuning.type == "LORA" and set(tuning.config) <= set(PlainLora.model_fields):
        validate(PlainLora, tuning.config, "tuning.config")
    else:

        def fit() -> bool:
            from conpet.models.backbone import peft_config

            peft_config(tuning, targets)
            return True

        about = json.dumps([tuning.model_dump(), targets], sort_keys=True, default=repr)
        remembered(f"tuning {about}", fit)


class Encoding(Strict):
    """How texts become token ids."""

    max_length: Annotated[int, Field(ge=8)] = 128
    max_cloze_words: Count = 50


class Settings(Strict):
    """All of it.

    ``head``: ``grow`` (rows come with their task) or ``fixed`` (all from the start, as the
    authors have it).
    """

    training: Training = Training()
    replay: Replay = Replay()
    memory: Memory = Memory()
    tuning: Tuning = Tuning()
    encoding: Encoding = Encoding()
    compute: Compute = Compute()
    head: Literal["grow", "fixed"] = "grow"
