"""A BERT encoder on rows of tokens without padding: a layer's forward and backward by hand.

Through transformers' modules a layer is dozens of calls and of autograd's nodes, which cost as much
as its matrix products where a processor multiplies bfloat16 fast. Here it is one node and some
thirty operations; queries, keys and values are one product, and so are the LoRAs on them. What is
computed is the same up to the order of additions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from conpet.models.architectures import is_causal, like_bert
from conpet.models.encoder_attention import Attention, AttentionAtRead
from conpet.models.fallback import say_once
from conpet.models.fused import fused_layers
from conpet.models.packing import Packing
from conpet.models.projection import Projection, Pulled, Tape, state_of

#: config.hidden_act -> what torch calls the approximation
GELU = {"gelu": "none", "gelu_new": "tanh", "gelu_pytorch_tanh": "tanh"}


class Layer:
    """One layer, (row, width) -> (row, width): what is frozen of it, and its LoRAs.

    Args:
        module: transformers' layer, its plain LoRA layers fused.
        narrow: give the positions that are read alone, (texts, width).
    """

    def __init__(self, module: Any, config: Any, narrow: bool) -> None:
        self.module, self.narrow = module, narrow
        self.approximate = GELU[config.hidden_act]
        kind = AttentionAtRead if narrow else Attention
        self.attention = kind(config.num_attention_heads, module.attention.self.scaling)
        self._linears = self._found()
        into, (out, up, down) = self._linears[:3], self._linears[3:]
        self.into = [Projection(part) for part in self.attention.together(into)]
        self.out, self.up, self.down = (Projection([linear]) for linear in (out, up, down))
        self.norms = [module.attention.output.LayerNorm, module.output.LayerNorm]
        self._as_built = self._rest()

    def _found(self) -> list[Any]:
        """Return the linears that transformers' layer has now."""
        module, own = self.module, self.module.attention.self
        rest = [module.attention.output.dense, module.intermediate.dense, module.output.dense]
        return [own.query, own.key, own.value, *rest]

    def _rest(self) -> list[Any]:
        """Return what tells that something beside the linears is another now."""
        module = self.module
        norms = [module.attention.output.LayerNorm, module.output.LayerNorm]
        weights = [state_of(p) for norm in norms for p in (norm.weight, norm.bias)]
        return [*map(id, norms), *weights, id(module.intermediate.intermediate_act_fn)]

    def ready(self) -> bool:
        """Say whether the layer is what it was made of, and nothing is tuned but plain LoRA."""
        same = all(a is b for a, b in zip(self._found(), self._linears, strict=True))
        return same and self._rest() == self._as_built and all(p.ready() for p in self.projections)

    @property
    def projections(self) -> list[Projection]:
        """All of them, in the order of :meth:`weights`."""
        return [*self.into, self.out, self.up, self.down]

    def weights(self) -> list[Tensor]:
        """Return what is tuned of the layer."""
        return [w for projection in self.projections for w in projection.tuned()]

    def pull(self) -> list[Pulled]:
        """Return the projections with their LoRAs as they are now."""
        return [projection.pull() for projection in self.projections]

    def forward(
        self, x: Tensor, packing: Packing, pulled: Sequence[Pulled], tape: Tape | None
    ) -> Tensor:
        """Return the layer's states; what :meth:`backward` needs goes to the tape."""
        *into, out, up, down = pulled
        read = x.index_select(0, packing.read) if self.narrow else x
        inputs = [read, x] if self.narrow else [x]
        parts = [p.forward(part, tape) for p, part in zip(into, inputs, strict=True)]
        mixed = self.attention.forward(parts, packing, tape)
        middle = self._normed(0, out.forward(mixed, tape).add_(read), tape)
        inner = up.forward(middle, tape)
        if tape is None:
            active = torch.ops.aten.gelu_(inner, approximate=self.approximate)
        else:
            tape.append(inner)
            active = F.gelu(inner, approximate=self.approximate)
        return self._normed(1, down.forward(active, tape).add_(middle), tape)

    def backward(
        self, grad: Tensor, packing: Packing, pulled: Sequence[Pulled], tape: Tape, wanted: bool
    ) -> tuple[Tensor | None, list[Tensor]]:
        """Return the gradients of the states before the layer (if wanted) and of its weights."""
        *into, out, up, down = pulled
        g = self._before_norm(1, grad.contiguous(), tape)
        g_active, of_down = down.backward(g, tape)
        g_inner = torch.ops.aten.gelu_backward(g_active, tape.pop(), approximate=self.approximate)
        _, of_up = up.backward(g_inner, tape, onto=g)
        g = self._before_norm(0, g, tape)
        g_mixed, of_out = out.backward(g, tape)
        assert g_mixed is not None
        g_parts = self.attention.backward(g_mixed, packing, tape)
        rest = [*of_out, *of_up, *of_down]
        if not self.narrow:
            g_x, of_into = into[0].backward(g_parts[0], tape, onto=g, wanted=wanted)
            return g_x, [*of_into, *rest]
        g_x, of_pair = into[1].backward(g_parts[1], tape, wanted=wanted)
        _, of_query = into[0].backward(g_parts[0], tape, onto=g)
        if g_x is not None:
            g_x.index_add_(0, packing.read, g)
        return g_x, [*of_query, *of_pair, *rest]

    def _normed(self, which: int, total: Tensor, tape: Tape | None) -> Tensor:
        norm = self.norms[which]
        shape = norm.normalized_shape
        states, mean, scale = torch.native_layer_norm(
            total, shape, norm.weight, norm.bias, norm.eps
        )
        if tape is not None:
            tape += [total, mean, scale]
        return states

    def _before_norm(self, which: int, g: Tensor, tape: Tape) -> Tensor:
        norm = self.norms[which]
        scale, mean, total = tape.pop(), tape.pop(), tape.pop()
        found: Tensor = torch.ops.aten.native_layer_norm_backward(
            g, total, norm.normalized_shape, mean, scale, norm.weight, norm.bias,
            [True, False, False],
        )[0]  # fmt: skip
        return found


class _Step(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: Layer, packing: Packing, *_: Tensor) -> Tensor:
        pulled, tape = layer.pull(), Tape()
        states = layer.forward(x, packing, pulled, tape)
        ctx.save_for_backward(*tape)
        ctx.layer, ctx.packing, ctx.pulled = layer, packing, pulled
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        g_x, of_weights = ctx.layer.backward(
            grad, ctx.packing, ctx.pulled, list(ctx.saved_tensors), ctx.needs_input_grad[0]
        )
        return g_x, None, None, *of_weights


class Encoder:
    """All layers of a model (:func:`by_hand`).

    Args:
        model: transformers' model, its plain LoRA layers fused.
        narrow: compute the last layer at the positions that are read alone.
    """

    def __init__(self, model: Any, narrow: bool) -> None:
        self._embeddings = model.embeddings
        modules = list(model.encoder.layer)
        self._layers = [
            Layer(module, model.config, narrow and module is modules[-1]) for module in modules
        ]

    def ready(self) -> bool:
        """Say whether the model is as it was, plain LoRA acting; else its modules compute."""
        own = self._embeddings
        tuned = own.training or any(p.requires_grad for p in own.parameters())
        return not tuned and all(layer.ready() for layer in self._layers)

    def __call__(
        self, ids: Tensor, positions: Tensor, packing: Packing, layers: int
    ) -> Sequence[Tensor]:
        """Return the states (row, width) of the last layers, last first.

        Of the last layer, where it is narrow, rows that are not read are 0.

        Args:
            ids: what lies in the row, (1, row).
            positions: where each is in its text, as the model counts, (1, row).
        """
        with torch.no_grad():
            x = self._embeddings(input_ids=ids, position_ids=positions)[0]
        found = []
        for layer in self._layers:
            if torch.is_grad_enabled():
                x = _Step.apply(x, layer, packing, *layer.weights())
            else:
                x = layer.forward(x, packing, layer.pull(), None)
            if layer.narrow:
                x = x.new_zeros(packing.row, x.shape[1]).index_copy(0, packing.read, x)
            found.append(x)
        return found[: -layers - 1 : -1]


def by_hand(model: Any, narrow: bool) -> Encoder | None:
    """Return the encoder of a model whose layers are BERT's; None where it is another.

    Nothing may be tuned of it now but plain LoRA that computes in one step. Its weights are laid
    out anew: those of several linears become views of one tensor.
    """
    config = model.config
    if not like_bert(config) or config.hidden_act not in GELU or is_causal(config):
        return None
    known = {id(p) for _, layer in fused_layers(model) for p in layer.parameters()}
    if any(p.requires_grad and id(p) not in known for p in model.parameters()):
        return None
    try:
        return Encoder(model, narrow)
    except (AttributeError, TypeError) as error:
        say_once(f"layers are left to transformers, which is slower: they are new here ({error})")
        return None
