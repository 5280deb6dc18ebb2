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
from typing import Any

from conpet.config.settings import Tuning
from conpet.errors import UserError, reason
from conpet.models.peft_names import refuse, unmatched, unmatched_in
from conpet.models.peft_types import check_type, peft_config

#: tuning.type -> whether the parameter of a name is tuned
OWN: dict[str, Callable[[str], bool]] = {
    "full": lambda name: True,
    # Ben Zaken et al. 2022 (arXiv 2106.10199): all biases, those of layer norms too
    "BITFIT": lambda name: name.rpartition(".")[2] == "bias",
    "none": lambda name: False,  # the backbone as it is
}


def check(tuning: Tuning, targets: list[str] | str) -> None:
    """Check that a tuning can be made.

    Raises:
        UserError: there is no such type, it was not tried, or it has no such field or value.
    """
    if tuning.type not in OWN:
        check_type(tuning.type, list(OWN))
        peft_config(tuning, targets)
    elif tuning.config:
        raise UserError(f"tuning.config: {tuning.type} has no fields: leave config out")


def tune(model: Any, name: str, tuning: Tuning, targets: list[str] | str) -> Any:
    """Return a frozen model with what the tuning trains made tunable.

    Args:
        model: a transformers model, frozen; it is changed.
        name: what messages call it.

    Raises:
        UserError: there is no such tuning, or it finds nothing to tune in this model.
    """
    check(tuning, targets)
    if tuning.type in OWN:
        for parameter_name, parameter in model.named_parameters():
            parameter.requires_grad_(OWN[tuning.type](parameter_name))
    else:
        model = _with_module(model, name, peft_config(tuning, targets))
    tuned = any(parameter.requires_grad for parameter in model.parameters())
    if not tuned and tuning.type != "none":
        raise UserError(f"tuning.type: {tuning.type} finds nothing to tune on {name}")
    return model


def layer_norms(model: Any) -> list[str] | None:
    """Return what a model calls its layer norms, of whatever kind; None where PEFT knows it."""
    from peft.utils.constants import TRANSFORMERS_MODELS_TO_LNTUNING_TARGET_MODULES_MAPPING as KNOWN

    if model.config.model_type in KNOWN:
        return None
    found = {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if type(module).__name__.endswith("Norm")
    }
    return sorted(found) or None


def _with_module(model: Any, name: str, config: Any) -> Any:
    from peft import get_peft_model

    modules = [part for part, _ in model.named_modules()]
    if config.peft_type.value == "LN_TUNING" and not config.target_modules:
        config.target_modules = layer_norms(model)
    faults = list(unmatched(config, modules))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = get_peft_model(model, config)
        except Exception as error:  # each type of PEFT's raises what it likes
            raise UserError(
                f"tuning.config: {config.peft_type.value} refuses it on {name}: {reason(error)}"
            ) from None
    refuse(faults, name, modules)
    targeted = made.base_model.targeted_module_names
    refuse(unmatched_in(config, targeted), name, targeted)
    return made
