"""One frozen backbone with one PEFT slot; adapters are swapped in and out of the slot."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from conpet.config.settings import Compute, Tuning
from conpet.config.strict import choose
from conpet.data.stream import Stream
from conpet.errors import UserError
from conpet.files import read_json, write_json
from conpet.models.allocation import keep_freed_memory
from conpet.models.fused import fuse
from conpet.models.unpadded import Unpadded, suits

State = dict[str, Tensor]
BACKBONE_FILE = "backbone.safetensors"


def prepare_torch(compute: Compute) -> torch.device:
    """Fix threads and algorithms, so that equal settings give equal bits, and choose a device."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(compute.threads)
    torch.use_deterministic_algorithms(True)
    # nothing reads memory that was not written: filling it first takes time and changes no bit
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    keep_freed_memory()
    if compute.device == "cuda" and not torch.cuda.is_available():
        raise UserError("compute.device: cuda is not available here: use auto or cpu")
    wanted = "cuda" if compute.device != "cpu" and torch.cuda.is_available() else "cpu"
    return torch.device(wanted)


def has_bfloat16(device: torch.device) -> bool:
    """Say whether the device multiplies bfloat16 matrices in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def _dtype(compute: Compute, device: torch.device, tuning: Tuning) -> torch.dtype:
    if tuning.type == "full" or compute.precision == "float32":
        return torch.float32  # tuned weights themselves need float32's resolution
    if compute.precision == "bfloat16" or has_bfloat16(device):
        return torch.bfloat16
    return torch.float32


def peft_config(tuning: Tuning, targets: list[str] | str) -> Any:
    """Return PEFT's own config object for a tuning.

    Raises:
        UserError: PEFT knows no such type, or the type has no such field.
    """
    from peft import PeftType
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    mapping = PEFT_TYPE_TO_CONFIG_MAPPING
    known = {t.value: mapping[t] for t in mapping if isinstance(t, PeftType)}
    choose("PEFT type", tuning.type, ["full", *known], "tuning.type")
    make = known[tuning.type]
    fields = set(make.__dataclass_fields__)
    for key in tuning.config:
        choose(f"field of {tuning.type}", key, sorted(fields), "tuning.config")
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


class Backbone:
    """A pretrained transformer without its language-model head, and one PEFT module in it.

    Args:
        snapshot: folder with config, weights (safetensors) and tokenizer.
        name: what adapters call their base model.
        pooling: ``mask`` or ``last`` (read at the position the encoding gives) or ``mean``.
        seed: seed of the PEFT module's first weights.
    """

    def __init__(
        self,
        snapshot: Path,
        name: str,
        pooling: str,
        targets: list[str] | str,
        tuning: Tuning,
        compute: Compute,
        seed: int,
    ) -> None:
        self.device = prepare_torch(compute)
        self.name = name
        self.pooling = pooling
        self.eval_batch_size = compute.eval_batch_size
        self.full = tuning.type == "full"
        model = _load(snapshot, _dtype(compute, self.device, tuning), self.device)
        self.width: int = model.config.hidden_size
        self.precision = str(model.dtype).removeprefix("torch.")
        self.total_parameters = sum(p.numel() for p in model.parameters())
        self._unpadded: Unpadded | None = None
        torch.manual_seed(seed)
        if self.full:
            self.model = model.requires_grad_(True)
        else:
            from peft import get_peft_model

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = peft_config(tuning, targets)
                try:
                    self.model = get_peft_model(model, made)
                except (TypeError, ValueError) as error:
                    reason = str(error).splitlines()[0]
                    raise UserError(
                        f"tuning.config: {tuning.type} refuses it on {name}: {reason}"
                    ) from None
            fuse(self.model)
        if suits(model.config, self.device):
            self._unpadded = Unpadded(model, narrow=pooling != "mean")
        self.model.to(self.device).eval()
        named = self.model.named_modules()
        self._dropouts = [m for n, m in named if "lora_dropout" in n and isinstance(m, nn.Dropout)]
        self._fresh = self.state()

    def parameters(self) -> list[nn.Parameter]:
        """Return the tunable parameters."""
        return [p for p in self.model.parameters() if p.requires_grad]

    def state(self) -> State:
        """Return a copy of the tunable parameters by name."""
        named = self.model.named_parameters()
        return {n: p.detach().clone() for n, p in named if p.requires_grad}

    @torch.no_grad()
    def load_state(self, state: State) -> None:
        """Put a copy made by :meth:`state` back."""
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                parameter.copy_(state[name])

    def reset(self) -> None:
        """Put the first weights back, as they were when the backbone was made."""
        self.load_state(self._fresh)

    def save(self, folder: Path) -> None:
        """Write the tunable parameters: a stock PEFT folder ``adapter``, or the whole backbone."""
        if self.full:
            state = {n: p.contiguous() for n, p in self.state().items()}
            save_file(state, folder / BACKBONE_FILE)
            return
        adapter = folder / "adapter"
        self.model.peft_config["default"].base_model_name_or_path = self.name
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.model.save_pretrained(adapter, save_embedding_layers=False)
        (adapter / "README.md").unlink(missing_ok=True)  # a model card with nothing in it
        config = read_json(adapter / "adapter_config.json")
        # PEFT keeps sets, whose order changes from process to process
        config = {
            k: sorted(v) if isinstance(v, list) and all(isinstance(i, str) for i in v) else v
            for k, v in config.items()
        }
        write_json(adapter / "adapter_config.json", dict(sorted(config.items())))

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote into the slot."""
        if self.full:
            self.load_state(load_file(folder / BACKBONE_FILE))
            return
        from peft import set_peft_model_state_dict

        weights = load_file(folder / "adapter" / "adapter_model.safetensors")
        result = set_peft_model_state_dict(self.model, weights)
        if result.unexpected_keys:
            raise UserError(f"{folder}/adapter: made for another model or tuning: train it again")

    def tokens(self, lengths: np.ndarray) -> int:
        """Return how many tokens pass when texts of these lengths do, padding included if any."""
        return int(lengths.sum() if self._unpadded else len(lengths) * lengths.max())

    def hidden(self, stream: Stream, indices: np.ndarray) -> Tensor:
        """Return the representations of samples, shape (len(indices), width), float32.

        LoRA's own dropout acts where a gradient is taken; the backbone's is off.
        """
        for dropout in self._dropouts:
            dropout.train(torch.is_grad_enabled())
        if self._unpadded is not None:
            states, layout = self._unpadded(self.model, stream, indices)
            if self.pooling == "mean":
                return torch.stack(
                    [s.float().mean(0) for s in states.split(layout.lengths.tolist())]
                )
            return states[layout.read].float()
        ids, mask, pool = collate(stream, indices)
        ids, mask, pool = ids.to(self.device), mask.to(self.device), pool.to(self.device)
        states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        if self.pooling == "mean":
            weights = mask.unsqueeze(-1).to(states.dtype)
            return ((states * weights).sum(1) / weights.sum(1)).float()
        return states[torch.arange(len(ids), device=self.device), pool].float()

    @torch.no_grad()
    def features(self, stream: Stream, indices: np.ndarray) -> Tensor:
        """Return :meth:`hidden` without gradient, in large batches of similar lengths."""
        order = np.argsort(stream.lengths[indices], kind="stable")
        result = torch.empty(len(indices), self.width)
        for start in range(0, len(order), self.eval_batch_size):
            chosen = order[start : start + self.eval_batch_size]
            result[torch.from_numpy(chosen)] = self.hidden(stream, indices[chosen]).cpu()
        return result


def _load(snapshot: Path, dtype: torch.dtype, device: torch.device) -> Any:
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    if not (snapshot / "config.json").is_file():
        raise UserError(f"{snapshot}: no model here: run `conpet fetch-model` first")
    config = transformers.AutoConfig.from_pretrained(snapshot)
    # eager attention is the faster one for short texts on a CPU; see models/unpadded.py too
    options: dict[str, Any] = {"attn_implementation": "sdpa" if device.type == "cuda" else "eager"}
    if config.model_type in ("bert", "roberta", "xlm-roberta"):
        options["add_pooling_layer"] = False
    model = transformers.AutoModel.from_pretrained(
        snapshot, dtype=dtype, use_safetensors=True, config=config, **options
    )
    if hasattr(model.config, "use_cache"):
        model.config.use_cache = False
    return model.requires_grad_(False)


def collate(stream: Stream, indices: Sequence[int] | np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
    """Return ids (n, longest), attention mask (n, longest) and reading positions (n,)."""
    starts = stream.offsets[indices]
    lengths = stream.lengths[indices]
    width = int(lengths.max())
    places = np.arange(width)
    inside = places[None, :] < lengths[:, None]
    taken = np.where(inside, starts[:, None] + places[None, :], 0)
    ids = np.where(inside, stream.ids[taken], stream.pad)
    return (
        torch.from_numpy(ids.astype(np.int64)),
        torch.from_numpy(inside.astype(np.int64)),
        torch.from_numpy(stream.pool[indices].astype(np.int64)),
    )
