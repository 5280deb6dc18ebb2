"""A batch that the memory does not hold passes in pieces: the same steps, and a line says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from conpet.models.card_passes import Passes
from conpet.training.given import Prepared
from conpet.training.pieces import Pieces
from conpet.training.split import Split
from tests.training.standin import Kept, trained
from tests.training.worlds import CASES, Padded, check_same, pair

pytestmark = pytest.mark.slow


def holding(monkeypatch: pytest.MonkeyPatch, most: int) -> list[int]:
    """Let a pass with gradient hold so many texts; return how many it was asked for."""
    from conpet.models.backbone import Backbone

    passes, asked = Backbone.hidden, []

    def hidden(self: Backbone, stream: Any, indices: np.ndarray) -> torch.Tensor:
        if torch.is_grad_enabled():
            asked.append(len(indices))
            if len(indices) > most:
                raise torch.OutOfMemoryError("CUDA out of memory")
        return passes(self, stream, indices)

    monkeypatch.setattr(Backbone, "hidden", hidden)
    return asked


@pytest.mark.parametrize("case", ["linear", "ewc", "experts", "der"])
def test_pieces_take_the_step_of_the_whole(
    case: str,
    padded: Padded,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, _ = pair(padded, tmp_path, case, 2, Kept())
    with monkeypatch.context() as patched:
        asked = holding(patched, 1)
        memory = padded.newest.context.memory
        keys: dict[str, Any] = {"learner": case, "replay": "dynamic"} | CASES[case]
        learner = padded.learner(keys.pop("learner"), 2, memory=memory, **keys)
        said: list[str] = []
        patched.setattr(learner.context.progress, "say", said.append)
        selector = tmp_path / "selector2"
        learner.load([tmp_path / "state1"], selector if selector.is_dir() else None)
        in_pieces = trained(learner, None)
    assert max(asked) > 1 and asked[-1] == 1
    assert [line for line in said if "out of memory" in line]
    in_pieces.backbone.passed.trained_samples = whole.backbone.passed.trained_samples
    check_same(whole, in_pieces)


def test_an_attempt_that_failed_leaves_no_trace(
    padded: Padded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss of CRL writes to its bank, and its batches are drawn anew when prepared."""
    whole, _ = pair(padded, tmp_path, "contrastive", 2, Kept())

    def failing(self: Pieces, prepared: Prepared) -> torch.Tensor:
        assert isinstance(self._loss, Split)
        self._loss.of(prepared)
        raise torch.OutOfMemoryError("CUDA out of memory")  # in the way back

    memory = padded.newest.context.memory
    keys: dict[str, Any] = CASES["contrastive"]
    learner = padded.learner("contrastive", 2, memory=memory, replay="dynamic", **keys)
    learner.load([tmp_path / "state1"], None)
    monkeypatch.setattr(Pieces, "_whole", failing)
    in_pieces = trained(learner, None)
    in_pieces.backbone.passed.trained_samples = whole.backbone.passed.trained_samples
    check_same(whole, in_pieces)


def test_where_one_text_is_too_much_it_ends(
    padded: Padded,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    holding(monkeypatch, 0)
    with pytest.raises(torch.OutOfMemoryError):
        trained(padded.learner("linear", 1, replay="dynamic"), None)


def test_rows_get_shorter(padded: Padded, monkeypatch: pytest.MonkeyPatch) -> None:
    body = padded.learner("linear", 1, replay="dynamic").backbone
    stream = padded.learner("linear", 1, replay="dynamic").stream
    asked = np.arange(12)
    plain = body.features(stream, asked)
    monkeypatch.setattr(body, "_long", True)
    lengths: list[int] = []
    static = Passes._passed

    def passed(self: Passes, *args: Any) -> torch.Tensor:
        lengths.append(self._most)
        if self._most > 512:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return static(self, *args)

    monkeypatch.setattr(Passes, "_passed", passed)
    torch.testing.assert_close(body.features(stream, asked), plain, rtol=1e-4, atol=1e-5)
    assert lengths == [2048, 1024, 512]
