"""How a backbone is tuned: by a PEFT type, or by a way of our own where PEFT has none.

A PEFT type puts a module into the backbone, whose weights stay frozen; it is saved as PEFT's own
folder ``adapter``. An own way names some of the backbone's own parameters, which are tuned where
they are, in float32, and saved alone, as ``backbone.safetensors``.

To add an own way, add a line to :data:`OWN`: what ``tuning.type`` calls it, and a function that
says of a parameter's name whether it is tuned. Config, saving, loading and counting follow.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from conpet.config.settings import Tuning
from conpet.config.strict import choose
from conpet.errors import UserError

#: tuning.type -> whether the parameter of a name is tuned
OWN: dict[str, Callable[[str], bool]] = {
    "full": lambda name: True,
    # Ben Zaken et al. 2022 (arXiv 2106.10199): all biases, those of layer norms too
    "BITFIT": lambda name: name.rpartition(".")[2] == "bias",
}


def check(tuning: Tuning, targets: list[str] | str) -> None:
    """Check that a tuning can be made.

    Raises:
        UserError: there is no such type, or the type has no such field.
    """
    if tuning.type not in OWN:
        peft_config(tuning, targets)
    elif tuning.config:
        raise UserError(f"tuning.config: {tuning.type} has no fields: leave config out")


def peft_config(tuning: Tuning, targets: list[str] | str) -> Any:
    """Return PEFT's own config object for a tuning.

    Raises:
        UserError: PEFT knows no such type, or the type has no such field.
    """
    from peft import PEFT_TYPE_TO_CONFIG_MAPPING, PeftType

    mapping = PEFT_TYPE_TO_CONFIG_MAPPING
    known = {t.value: mapping[t] for t in mapping if isinstance(t, PeftType)}
    choose("PEFT type", tuning.type, [*OWN, *known], "tuning.type")
    make = known[tuning.type]
    fields = set(make.__dataclass_fields__)
    for key in tuning.config:
        choose(f"field of {tuning.type}", key, sorted(fields), "tuning.config")
    _check_kinds(make, tuning.config)
    values = dict(tuning.config)
    if "target_modules" in fields:
        values.setdefault("target_modules", targets)
    if tuning.type == "IA3":
        # IA3 scales what a layer puts out; PEFT wants to hear which of them are feed-forward
        values.setdefault("feedforward_modules", [])
    try:
        made = make(**values)
    except (TypeError, ValueError) as error:
        raise UserError(f"tuning.config: {tuning.type} refuses it: {error}") from None
    if made.is_prompt_learning:
        raise UserError(
            f"tuning.type: {tuning.type} adds tokens to the text, which moves the place that is "
            "read: use one that tunes layers, as LORA, DORA by LORA's use_dora, or IA3"
        )
    return made


def _check_kinds(make: type, config: dict[str, Any]) -> None:
    """Refuse a value that is not of its field's type: PEFT itself takes any."""
    hints = get_type_hints(make)
    for key, value in config.items():
        try:
            TypeAdapter(hints[key]).validate_python(value, strict=True)
        except ValidationError as error:
            first = error.errors()[0]["msg"]
            reason = f"{first[0].lower()}{first[1:]}, found {value!r}"
            raise UserError(f"tuning.config: {key}: {reason}") from None
        except PydanticSchemaGenerationError:
            continue  # a type of torch's: what does not fit fails where it is used
    if isinstance(rank := config.get("r"), int) and rank < 1:
        raise UserError(f"tuning.config: r: a rank is 1 or more, found {rank}")


def tune(model: Any, name: str, tuning: Tuning, targets: list[str] | str) -> Any:
    """Return a frozen model with what the tuning trains made tunable.

    Args:
        model: a transformers model, frozen; it is changed.
        name: what messages call it.

    Raises:
        UserError: the tuning is none, or finds nothing to tune in this model.
    """
    check(tuning, targets)
    if tuning.type in OWN:
        tuned = [p for n, p in model.named_parameters() if OWN[tuning.type](n)]
        if not tuned:
            raise UserError(f"tuning.type: {tuning.type} finds nothing to tune on {name}")
        for parameter in tuned:
            parameter.requires_grad_(True)
        return model
    from peft import get_peft_model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return get_peft_model(model, peft_config(tuning, targets))
        except (TypeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(
                f"tuning.config: {tuning.type} refuses it on {name}: {reason}"
            ) from None
