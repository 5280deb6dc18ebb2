"""Everything a run is set to, apart from which data, model and method it is."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from conpet.config.head import Head
from conpet.config.strict import Strict

# the upper ends are far above what anybody means: what is beyond is a slip, and would hang or crash
Share = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[float, Field(gt=0, le=1e6)]
Rate = Annotated[float, Field(gt=0, le=100)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Batch = Annotated[int, Field(ge=1, le=65_536)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Training(Strict):
    """The optimiser and its loop (docs/methods.md, Tuning: AdamW, constant rate, eps 1e-4)."""

    epochs: Annotated[int, Field(ge=1, le=10_000)] = 3
    batch_size: Batch = 8
    lr: Rate | dict[Count, Rate] = 1e-3  # or {1: 5e-4, 3: 1e-4}: from task 3 on, 1e-4
    weight_decay: Annotated[float, Field(ge=0, le=100)] = 0.01
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
    """Where and how the arithmetic is done; results are bit-equal only for equal values.

    ``fast``: on a CPU, texts pass without padding, and plain LoRA is computed in one step (on a GPU
    too). ``false`` leaves all to transformers and PEFT: the same up to rounding, and slower.
    ``graphs``: on a GPU, training steps are recorded and replayed (``auto``), or taken one kernel
    after another (``off``): the same up to rounding, and slower. ``compiled``: recorded, of layers
    that torch compiles first, which takes up to a minute and pays for models of billions of
    parameters. On a CPU it says nothing.
    ``weights``: the backbone's frozen weights as they are, or in four bits each (NF4, Dettmers et
    al. 2023, arXiv 2305.14314), by bitsandbytes: a quarter of the memory, and other results.
    """

    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "float32"
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    eval_batch_size: Batch = 64
    fast: bool = True
    graphs: Literal["auto", "compiled", "off"] = "auto"
    weights: Literal["whole", "4bit"] = "whole"


class Budget(Strict):
    """What a task may cost: a fixed number of batches, however long the history."""

    batches: Count = 200  # B, training and validation together
    train_share: Share = 0.8
    # of each batch, drawn from the new task; classes: the new classes' share of the classes seen
    new_share: Share | Literal["classes"] = 0.5
    valid_batch_size: Annotated[int, Field(ge=2, le=65_536)] = 32  # half new, half old


class Exemplars(Strict):
    """What is kept of every class, by the replays that keep something."""

    per_class: Count = 20
    train_share: Share = 0.8
    base_frequency: Count = 5


class Tuning(Strict):
    """``type`` is a PEFT type and ``config`` its own fields, ``full`` for every parameter, or
    ``none`` for the backbone as it is.
    """

    type: str = "LORA"
    config: dict[str, Any] = {"r": 4, "lora_alpha": 1, "lora_dropout": 0.0}

    @model_validator(mode="before")
    @classmethod
    def _own_fields(cls, value: Any) -> Any:
        # the default config is LoRA's; any other type starts from PEFT's own defaults
        if isinstance(value, dict) and value.get("type", "LORA") != "LORA":
            return {"config": {}, **value}
        return value

    @model_serializer(mode="wrap")
    def _whole(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # where defaults are left out: those of config are LoRA's, and no other type has them
        said: dict[str, Any] = handler(self)
        return said if self.type == "LORA" else {"type": self.type, "config": self.config}


class Encoding(Strict):
    """How texts become token ids."""

    max_length: Annotated[int, Field(ge=8, le=1_000_000)] = 128
    max_cloze_words: Count = 50


class Settings(Strict):
    """All of it; ``head`` is written short where it can be (see :class:`Head`).

    ``prior: plan`` takes the batch plan's class shares out of what a softmax learns; answers are
    then for classes that are equally likely, or, with ``target: history``, as frequent as in the
    training data so far (docs/methods.md, Prior).
    """

    training: Training = Training()
    replay: Budget = Budget()
    memory: Exemplars = Exemplars()
    tuning: Tuning = Tuning()
    encoding: Encoding = Encoding()
    compute: Compute = Compute()
    head: Head = Head()
    prior: Literal["none", "plan"] = "none"
    target: Literal["uniform", "history"] = "uniform"

    @model_validator(mode="after")
    def _four_bits_are_not_tuned(self) -> Settings:
        if self.compute.weights == "4bit" and self.tuning.type not in ("LORA", "none"):
            raise ValueError(
                f"compute.weights: 4bit goes with tuning.type LORA or none, not {self.tuning.type}"
            )
        return self
