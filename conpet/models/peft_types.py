"""PEFT's types and settings, as far as they do here what they do in a training of PEFT's own.

A learner keeps every task's module as a stock PEFT folder beside one frozen backbone, and puts it
back later. A type that changes the backbone, that must be called in training, or that moves the
place that is read, would give wrong results and say nothing: what is not in :data:`TRIED` is
refused. To try another, add it there: tests/models/test_peft_types.py then holds it to that.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from conpet.config.settings import Tuning
from conpet.config.strict import choose
from conpet.errors import UserError, reason

TRIED = (
    "BEFT", "BOFT", "C3A", "DEFT", "DELORA", "FOURIERFT", "FROD", "GLORA", "GRALORA", "HIRA",
    "HRA", "IA3", "LN_TUNING", "LOHA", "LOKR", "LORA", "MISS", "OFT", "PEANUT", "PSOFT",
    "RANDLORA", "ROAD", "SHIRA", "SUPERTUNING", "TINYLORA", "UNILORA", "VBLORA", "VERA", "WAVEFT",
)  # fmt: skip
_TOKENS = "adds tokens to the text, which moves the place that is read"
_REFUSED = {
    "ADALORA": "deals its ranks out anew in training, which is not done here",
    "ADAMSS": "masks its subspaces in training, which is not done here",
    "ADAPTION_PROMPT": _TOKENS,
    "CARTRIDGE": _TOKENS,
    "CPT": _TOKENS,
    "LILY": "is read otherwise by stock PEFT than it was trained here",
    "MULTITASK_PROMPT_TUNING": _TOKENS,
    "OSF": "must decompose the backbone anew for each task, which is not done here",
    "POLY": "must be told which task a text is of",
    "PREFIX_TUNING": _TOKENS,
    "PROMPT_TUNING": _TOKENS,
    "PVERA": "draws its module in training, which is not done here",
    "P_TUNING": _TOKENS,
    "SHADOW": "hands on more than hidden states, which nothing here reads",
    "TRAINABLE_TOKENS": "tunes embeddings alone: LORA has trainable_token_indices",
    "XLORA": "mixes adapters that were trained before",
}
#: where modules of a type go is not what a model's lora_targets say
_ELSEWHERE = ("LN_TUNING",)
#: fields of every type that say what this suite says itself
_OURS = (
    "task_type", "peft_type", "auto_mapping", "peft_version", "base_model_name_or_path",
    "revision", "inference_mode",
)  # fmt: skip
_LORA_FIELDS = (
    "r", "target_modules", "exclude_modules", "lora_alpha", "lora_dropout", "fan_in_fan_out",
    "bias", "use_rslora", "modules_to_save", "init_lora_weights", "layers_to_transform",
    "layers_pattern", "rank_pattern", "alpha_pattern", "trainable_token_indices", "use_dora",
    "lora_bias", "ensure_weight_tying",
)  # fmt: skip
MAX_RANK = 4096
_MAX_NUMBER = 1_000_000
_PATTERNS = (
    "target_modules", "exclude_modules", "modules_to_save", "layers_pattern", "rank_pattern",
    "alpha_pattern",
)  # fmt: skip


def peft_config(tuning: Tuning, targets: list[str] | str) -> Any:
    """Return PEFT's own config object for a tuning.

    Raises:
        UserError: a type or field that PEFT does not know or that was not tried, or a bad value.
    """
    from peft import PEFT_TYPE_TO_CONFIG_MAPPING, PeftType

    known = {t.value: c for t, c in PEFT_TYPE_TO_CONFIG_MAPPING.items() if isinstance(t, PeftType)}
    make = known[tuning.type]
    fields = [name for name in make.__dataclass_fields__ if name not in _OURS]
    if tuning.type == "LORA":
        fields = [name for name in fields if name in _LORA_FIELDS]
    for key in tuning.config:
        choose(f"field of {tuning.type}", key, sorted(fields), "tuning.config")
    _check_values(make, tuning)
    values = dict(tuning.config)
    if "target_modules" in fields and tuning.type not in _ELSEWHERE:
        values.setdefault("target_modules", targets)
    if tuning.type == "IA3":
        # IA3 scales what a layer puts out; PEFT wants to hear which of them are feed-forward
        values.setdefault("feedforward_modules", [])
    try:
        return make(**values)
    except Exception as error:  # each type of PEFT's raises what it likes
        raise UserError(f"tuning.config: {tuning.type} refuses it: {reason(error)}") from None


def check_type(name: str, own: list[str]) -> None:
    """Check that a type was tried, or is one of our ``own``, and that PEFT has it.

    Raises:
        UserError: why it is refused, and which there are.
    """
    from peft import PeftType

    here = [name for name in TRIED if name in PeftType.__members__]
    if name in TRIED and name not in here:
        raise UserError(f"tuning.type: {name}: this version of PEFT has none: install a newer one")
    others = set(PeftType.__members__) - set(here)
    if name in _REFUSED or name in others:
        why = _REFUSED.get(name, "was not tried with this suite")
        raise UserError(f"tuning.type: {name} {why}: use one of {', '.join([*own, *here])}")
    choose("PEFT type", name, [*own, *here], "tuning.type")


def _check_values(make: type, tuning: Tuning) -> None:
    """Refuse a value that is not of its field's type, or that no module is meant to have."""
    hints = get_type_hints(make)
    if tuning.type == "LORA":
        _check_start(tuning.config.get("init_lora_weights", True))
    for key, value in tuning.config.items():
        where = f"tuning.config: {key}"
        _check_numbers(where, value)
        _check_patterns(where, value if key in _PATTERNS else [])
        if "dropout" in key and value and tuning.type != "LORA":
            raise UserError(f"{where}: only LORA's lora_dropout acts here: leave it out")
        try:
            TypeAdapter(hints[key]).validate_python(value, strict=True)
        except ValidationError as error:
            first = error.errors()[0]["msg"]
            raise UserError(f"{where}: {first[0].lower()}{first[1:]}, found {value!r}") from None
        except PydanticSchemaGenerationError:
            continue  # a type of torch's: what does not fit fails where it is used
    for key in ("lora_alpha", "alpha"):
        if isinstance(scale := tuning.config.get(key), int | float) and scale <= 0:
            raise UserError(f"tuning.config: {key}: a scale is more than 0, found {scale}")
    rank = tuning.config.get("r")
    if isinstance(rank, int) and not 1 <= rank <= MAX_RANK:
        raise UserError(f"tuning.config: r: a rank is 1 to {MAX_RANK}, found {rank}")


def _check_start(value: Any) -> None:
    """Refuse first weights that are taken out of the backbone's, or from data."""
    if not isinstance(value, bool) and value not in ("gaussian", "orthogonal"):
        raise UserError(
            f"tuning.config: init_lora_weights: {value!r} changes the backbone, which all tasks "
            "share, or needs a pass over data: use true, false, gaussian or orthogonal"
        )


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        yield from _numbers([*value.keys(), *value.values()])
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _numbers(one)
    elif isinstance(value, int | float):
        yield value


def _check_numbers(where: str, value: Any) -> None:
    for number in _numbers(value):
        if not math.isfinite(number) or abs(number) > _MAX_NUMBER:
            raise UserError(f"{where}: a number here is at most {_MAX_NUMBER:,}, found {number}")


def _check_patterns(where: str, value: Any) -> None:
    """Refuse what is no regular expression: PEFT takes names of modules for that."""
    for pattern in [value] if isinstance(value, str) else value or []:
        try:
            re.compile(str(pattern))
        except re.error as error:
            raise UserError(
                f"{where}: {pattern!r} is no regular expression ({error}): mend it"
            ) from None
