"""From a quantised GGUF file to a snapshot with plain safetensors weights."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from conpet.environment import quiet
from conpet.errors import UserError, of_machine


def require() -> None:
    """Check that the reader of GGUF files is installed.

    Raises:
        UserError: it is not.
    """
    if importlib.util.find_spec("gguf") is None:
        raise UserError("gguf: not installed: pip install 'conpet[gguf]' to read GGUF models")


def dequantise(file: Path, out: Path, dtype: str) -> None:
    """Write the base model in the GGUF ``file``, without its LM head, and its tokenizer to ``out``.

    Args:
        file: the GGUF, of an architecture that transformers reads.
        out: an existing folder; it gets config, weights and tokenizer, deterministic bytes.
        dtype: "float32" or "bfloat16", the type of the saved weights.

    Raises:
        UserError: transformers cannot read the file, or weights are missing in it.
    """
    import torch
    import transformers

    if quiet():
        transformers.utils.logging.disable_progress_bar()
    try:
        model, report = transformers.AutoModel.from_pretrained(
            file.parent,
            gguf_file=file.name,
            dtype=getattr(torch, dtype),
            output_loading_info=True,
        )
        tokenizer = transformers.AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    except Exception as error:  # the reader fails in as many ways as a file can be broken
        if of_machine(error):
            raise
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".:")
        raise UserError(
            f"{file.name}: transformers cannot read it ({reason}): choose another GGUF"
        ) from None
    missing = sorted(report["missing_keys"])
    if missing:
        raise UserError(f"{file.name}: no weights for {missing[0]}: choose another GGUF")
    # The weights are plain numbers now. Left in its config, the GGUF would have every loader look
    # for one; and a model that remembers it refuses to be saved, so a fresh one takes the weights.
    config = model.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.device("meta"):
        plain = transformers.AutoModel.from_config(config, dtype=getattr(torch, dtype))
    plain.load_state_dict(model.state_dict(), assign=True)
    plain.save_pretrained(out)
    for path in out.glob("*.safetensors"):
        shutil.copymode(out / "config.json", path)  # safetensors writes them for the owner alone
    tokenizer.save_pretrained(out)
