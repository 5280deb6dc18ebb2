"""One frozen backbone with one PEFT slot; adapters are swapped in and out of the slot."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from conpet.config.settings import Compute, Tuning
from conpet.data.stream import Stream
from conpet.errors import UserError
from conpet.models import saving
from conpet.models.batches import collate
from conpet.models.card_passes import Passes, row_limit
from conpet.models.compiled import CompiledLayers
from conpet.models.device import choose_device, choose_number_type
from conpet.models.dropouts import Dropouts
from conpet.models.four_bits import count, keep_gradients, load_four_bits
from conpet.models.fused import fuse
from conpet.models.layers import blocks, mean_of, mean_within, side_by_side, states_of
from conpet.models.loading import load_model
from conpet.models.mixed import Mixture, can_mix
from conpet.models.once import Once
from conpet.models.passed import Passed
from conpet.models.randomness import OwnRandomness
from conpet.models.static import StaticPass, Unfit
from conpet.models.tuning import OWN, tune
from conpet.models.unpadded import Unpadded, suits

State = dict[str, Tensor]
Loads = Callable[[Path, torch.dtype, torch.device], Any]


class Backbone:
    """A pretrained transformer without its language-model head, and what is tuned of it.

    Making one leaves the process as it is: its threads, its algorithms, its random numbers (see
    :mod:`conpet.models.process`). One thread at a time may use it.

    Args:
        snapshot: folder with config, weights (safetensors) and tokenizer.
        name: what adapters call their base model.
        pooling: ``mask`` or ``last`` (read at the position the encoding gives) or ``mean``.
        targets: the modules that PEFT goes into, unless the tuning says.
        seed: seed of the PEFT module's first weights, and of its dropout.
        load: (snapshot, number type, device) -> a frozen model, for one that is in no folder.

    Attributes:
        passed: how much passed the model so far.
        frozen: whether nothing of it is tuned (any more): each sample then passes it once.
        dry: whether it counts passes and computes nothing: no step is taken then.
    """

    dry = False

    def __init__(
        self,
        snapshot: Path,
        name: str,
        pooling: str,
        targets: list[str] | str,
        tuning: Tuning,
        compute: Compute,
        seed: int,
        load: Loads | None = None,
    ) -> None:
        self.device = choose_device(compute)
        self.name = name
        self.pooling = pooling
        self.eval_batch_size = compute.eval_batch_size
        self.passed = Passed()
        self._own = tuning.type in OWN
        self.frozen = tuning.type == "none"
        # tuned weights themselves need float32's resolution
        coarse = self.frozen or not self._own
        dtype = choose_number_type(compute, self.device) if coarse else torch.float32
        if load is None:
            load = load_four_bits if compute.weights == "4bit" else load_model
        model = load(snapshot, dtype, self.device)
        self.width: int = model.config.hidden_size
        self.precision = str(model.dtype).removeprefix("torch.")
        self.total_parameters = count(model)
        randomness = OwnRandomness(seed, self.device)
        with randomness.drawing():
            self.model = tune(model, name, tuning, targets)
        self._tuned = {n for n, p in self.model.named_parameters() if p.requires_grad}
        #: by the number of layers that are read
        self._once: dict[int, Once] = {}
        if any(p.dtype != torch.float32 for p in self.parameters()):
            raise UserError(
                f"compute.precision: {tuning.type} as set here trains weights of the backbone's "
                f"own, for which {self.precision} is too coarse: use float32"
            )
        self._unpadded: Unpadded | None = None
        if compute.fast:
            fuse(self.model)
            if suits(model.config, self.device):
                self._unpadded = Unpadded(model, narrow=pooling != "mean")
        self._rows: Passes | None = None
        self._compile = compute.graphs == "compiled"
        #: whether passes without gradient go in long rows, which was measured on cards alone
        self._long = compute.fast and self.device.type == "cuda"
        self.model.to(self.device).eval()
        if compute.weights == "4bit":
            keep_gradients(self.model)
        self.dropouts = Dropouts(self.model, randomness)
        self._fresh = self.state()

    def __deepcopy__(self, _: object) -> Backbone:
        raise TypeError("a backbone is not copied: make another of the same snapshot")

    def parameters(self) -> list[nn.Parameter]:
        """Return the tunable parameters."""
        return [p for p in self.model.parameters() if p.requires_grad]

    def freeze(self) -> None:
        """Tune nothing any more; what was tuned stays as it is, and is saved and loaded as ever."""
        self.model.requires_grad_(False)
        self.frozen = True

    def state(self) -> State:
        """Return a copy of what is tuned, or was before it was frozen, by name."""
        named = self.model.named_parameters()
        return {n: p.detach().clone() for n, p in named if n in self._tuned}

    @torch.no_grad()
    def load_state(self, state: State) -> None:
        """Put a copy made by :meth:`state` back."""
        if not self._tuned:
            return
        self._once.clear()
        for name, parameter in self.model.named_parameters():
            if name in self._tuned:
                parameter.copy_(state[name])

    def reset(self) -> None:
        """Put the first weights back, as they were when the backbone was made."""
        self.load_state(self._fresh)

    def save(self, folder: Path) -> None:
        """Write the tunable parameters: a stock PEFT folder, or a file of the backbone's own."""
        if not self._tuned:
            return
        if self._own:
            saving.save_parameters(self.state(), folder)
        else:
            saving.save_adapter(self.model, self.name, folder)

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote into the slot.

        Raises:
            UserError: it was made for another model or tuning.
        """
        if not self._tuned:
            return
        self._once.clear()
        if self._own:
            self.load_state(saving.load_parameters(self._fresh, folder))
        else:
            saving.load_adapter(self.model, folder)

    def tokens(self, lengths: np.ndarray) -> int:
        """Return how many tokens pass when texts of these lengths do, padding included if any."""
        return int(lengths.sum() if self._unpadded else len(lengths) * lengths.max())

    def hidden(self, stream: Stream, indices: np.ndarray) -> Tensor:
        """Return the representations of samples, shape (len(indices), width), float32.

        LoRA's own dropout acts where a gradient is taken; the backbone's is off.
        """
        if self.frozen:
            return self.features(stream, indices).to(self.device)
        return self._passed(stream, indices)

    def _passed(self, stream: Stream, indices: np.ndarray, layers: int = 1) -> Tensor:
        trained = torch.is_grad_enabled()
        with self.dropouts.acting(trained):
            found = self._hidden(stream, indices, layers)
        # not before: one that finds no room is tried again
        self.passed.add(len(indices), self.tokens(stream.lengths[indices]), trained)
        return found

    def _hidden(self, stream: Stream, indices: np.ndarray, layers: int) -> Tensor:
        if self._unpadded is not None:
            found, packing = self._unpadded(self.model, stream, indices, layers)
            mean = mean_of(packing.lengths.tolist())
            return side_by_side(found, self.pooling, lambda states: states[packing.read], mean)
        ids, mask, pool = (t.to(self.device) for t in collate(stream, indices))
        more = {"output_hidden_states": True} if layers > 1 else {}
        padded = states_of(self.model(input_ids=ids, attention_mask=mask, **more), layers)
        rows = torch.arange(len(ids), device=self.device)
        mean = mean_within(mask)
        return side_by_side(padded, self.pooling, lambda states: states[rows, pool], mean)

    def reads(self, layers: int) -> int:
        """Return the width of :meth:`features` of so many layers.

        Raises:
            UserError: the model has fewer.
        """
        has: int = self.model.config.num_hidden_layers
        if layers > has:
            raise UserError(f"layers: {layers}: {self.name} has {has}: take at most as many")
        return self.width * blocks(layers, self.pooling)

    def static(self, stream: Stream) -> StaticPass:
        """Return what computes :meth:`hidden` in few shapes, without waiting; it counts nothing.

        Raises:
            Unfit: there is no such pass here; why.
        """
        if self.frozen:
            raise Unfit("nothing of the backbone is trained")
        if self._unpadded is not None:
            raise Unfit("batches pass without padding")
        if self.dropouts.draw:
            raise Unfit("lora_dropout draws anew in every step")
        compiled = CompiledLayers(self.model) if self._compile else None
        return StaticPass(self.model, stream, self.device, self.pooling, compiled)

    def features(self, stream: Stream, indices: np.ndarray, layers: int = 1) -> Tensor:
        """Return :meth:`hidden` without gradient, in large batches of similar lengths.

        Args:
            layers: of how many of the last layers (:func:`conpet.models.layers.side_by_side`).
        """
        if not self.frozen:
            return self._features(stream, indices, layers)
        if layers not in self._once:
            compute = partial(self._features, layers=layers)
            self._once[layers] = Once(compute, self.reads(layers))
        return self._once[layers](stream, indices)

    def features_of(
        self,
        stream: Stream,
        indices: np.ndarray,
        experts: np.ndarray,
        states: dict[int, State],
        layers: int = 1,
    ) -> Tensor:
        """Return each sample's representation by its own expert, (n, reads), on the CPU.

        Texts of all experts pass together where that is known to pay, else one expert's after
        another's.

        Args:
            experts: whose each sample is (n,): keys of ``states``.

        Raises:
            ValueError: one is of none of them.
        """
        keys = sorted(states)
        if not np.isin(experts, keys).all():
            raise ValueError(f"experts: {set(experts.tolist()) - set(keys)}: there are {keys}")
        mixes = can_mix(self.model, self._tuned)
        if mixes and (passes := self._passes(stream)) is not None:
            with Mixture(self.model, [states[key] for key in keys]) as mixture:
                return passes(indices, mixture, np.searchsorted(keys, experts), layers)
        result = torch.empty(len(indices), self.reads(layers))
        for key in keys:
            rows = np.flatnonzero(experts == key)
            if len(rows):
                self.load_state(states[key])
                result[torch.from_numpy(rows)] = self.features(stream, indices[rows], layers)
        return result

    def _passes(self, stream: Stream) -> Passes | None:
        """Return what passes a stream in long rows; None where it is to be batches."""
        if not self._long:
            return None
        if self._rows is None or self._rows.stream is not stream:
            try:
                static = StaticPass(self.model, stream, self.device, self.pooling)
            except Unfit:
                self._long = False
                return None
            size = next(self.model.parameters()).element_size()
            most = row_limit(self.model.config, size, static.flash)
            self._rows = Passes(static, stream, most, partial(self.passed.add, trained=False))
        self.dropouts.off()
        return self._rows

    @torch.no_grad()
    def _features(self, stream: Stream, indices: np.ndarray, layers: int = 1) -> Tensor:
        if (passes := self._passes(stream)) is not None:
            return passes(indices, layers=layers)
        order = np.argsort(stream.lengths[indices], kind="stable")
        result = torch.empty(len(indices), self.reads(layers))
        for start in range(0, len(order), self.eval_batch_size):
            chosen = order[start : start + self.eval_batch_size]
            result[torch.from_numpy(chosen)] = self._passed(stream, indices[chosen], layers).cpu()
        return result
