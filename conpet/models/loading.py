"""From a snapshot's folder to a frozen model."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from conpet.errors import UserError, of_machine, reason
from conpet.models.architectures import like_bert
from conpet.models.randomness import OwnRandomness
from conpet.wording import some

_SHOWN = 2  # weights that a message names of each kind


def load_model(snapshot: Path, dtype: torch.dtype, device: torch.device, **more: Any) -> Any:
    """Return transformers' model without its language-model head, nothing tunable, on its device.

    Args:
        snapshot: folder with config, weights (safetensors) and tokenizer.
        dtype: of its weights.
        device: where it will compute; the weights are read straight to it.
        more: what transformers' ``from_pretrained`` is told beside.

    Raises:
        UserError: there is no model, none that reads texts, or the weights are not its own.
    """
    if not (snapshot / "config.json").is_file():
        raise UserError(f"{snapshot}: no model here: run `conpet fetch-model` first")
    # eager attention is the faster one for short texts on a CPU; see models/unpadded.py too
    attention = "sdpa" if device.type == "cuda" else "eager"
    model = _load(
        snapshot, str(snapshot), dtype=dtype, attn_implementation=attention,
        device_map={"": device}, **more,
    )  # fmt: skip
    if hasattr(model.config, "use_cache"):
        model.config.use_cache = False
    return model.requires_grad_(False)


def check_model(snapshot: Path, label: str) -> None:
    """Check that a snapshot's weights fit its config, by names and shapes: none is read.

    Raises:
        UserError: as :func:`load_model`; ``label`` says where the snapshot came from.
    """
    _load(snapshot, label, device_map="meta")


def _load(snapshot: Path, label: str, **options: Any) -> Any:
    import transformers

    config = _attempt(snapshot, label, lambda: transformers.AutoConfig.from_pretrained(snapshot))
    _check_kind(config, label)
    if like_bert(config):
        options["add_pooling_layer"] = False

    def read() -> Any:
        # a pooler that has no weights is drawn: nobody reads it, but `full` saves it
        place = options["device_map"]
        device = place[""] if isinstance(place, dict) else torch.device("cpu")
        with OwnRandomness(0, device).drawing():
            return transformers.AutoModel.from_pretrained(
                snapshot, use_safetensors=True, config=config, trust_remote_code=False,
                output_loading_info=True, ignore_mismatched_sizes=True, **options,
            )  # fmt: skip

    model, info = _attempt(snapshot, label, read)
    _check_weights(model, info, label)
    return model


def _attempt(snapshot: Path, label: str, read: Callable[[], Any]) -> Any:
    try:
        with _quiet():
            return read()
    except Exception as error:  # a broken file has each library raise something else
        if of_machine(error):
            raise
        why = reason(error).replace(str(snapshot), label)
        raise UserError(
            f"{label}: transformers cannot load it ({why}): fetch the model again"
        ) from None


def _check_kind(config: Any, label: str) -> None:
    """Refuse what is not one stack of layers that reads token ids."""
    from transformers import MODEL_MAPPING

    reads: set[str] = set()
    if type(config) in MODEL_MAPPING:
        found = MODEL_MAPPING[type(config)]
        kind = found[0] if isinstance(found, tuple) else found
        reads = set(inspect.signature(kind.forward).parameters)
    if "decoder_input_ids" in reads:
        raise UserError(
            f"{label}: {config.model_type} is an encoder-decoder, which cannot be a backbone: "
            "use an encoder (as BERT) or a decoder (as LLaMA)"
        )
    if "input_ids" not in reads or not isinstance(getattr(config, "hidden_size", None), int):
        raise UserError(
            f"{label}: {config.model_type} is no model of texts alone, which a backbone must be: "
            "use an encoder (as BERT) or a decoder (as LLaMA)"
        )


def _check_weights(model: Any, info: dict[str, Any], label: str) -> None:
    """Refuse weights that are not those of the model; a head or pooler more or less is no fault."""
    inside = {name for name, _ in model.named_children()}
    prefix = f"{model.base_model_prefix}."

    def part(name: str) -> str:
        return name.removeprefix(prefix).partition(".")[0]

    def read(names: Iterable[str]) -> list[str]:
        return sorted(name for name in names if part(name) != "pooler")

    missing = read(info["missing_keys"])
    shapes = {name: f"{tuple(a)}, not {tuple(b)}" for name, a, b in info["mismatched_keys"]}
    misshapen = [f"{name} is {shapes[name]}" for name in read(shapes)]
    # beside a whole model, what is no part of it is a head; a layer more than it has is not
    whole = not missing
    unexpected = [n for n in read(info["unexpected_keys"]) if part(n) in inside or not whole]
    faults = {"missing": missing, "unexpected": unexpected, "misshapen": misshapen}
    said = "; ".join(f"{len(f)} {kind} ({some(f, _SHOWN)})" for kind, f in faults.items() if f)
    if said:
        raise UserError(
            f"{label}: the weights do not fit config.json: {said}: "
            "save the model again with transformers' save_pretrained, or take another"
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Let transformers say nothing (what is wrong is raised), and put back what the caller had."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
