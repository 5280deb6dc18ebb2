"""Methods of every kind: packaged they answer as the run did, and learn a class where they can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import conpet
from conpet.errors import UserError
from tests.chain import Chain
from tests.predicting.conftest import TASKS, Packaged
from tests.predicting.test_teaching import NEW, OLD
from tests.tiny import make_samples

FROZEN: dict[str, Any] = {"tuning": {"type": "none"}}
PRIOR: dict[str, Any] = {"prior": "plan", "target": "history"}
# learner, replay, settings; whether its head is fitted, so that it can be taught
KEPT: dict[str, Any] = {**PRIOR, "head": {"type": "lda", "samples": "kept"}}
KINDS: dict[str, tuple[str, str, dict[str, Any], bool]] = {
    "ranpac": ("linear", "none", {**FROZEN, "head": "ranpac"}, True),
    "ranpac_tuned": ("linear", "dynamic", {"head": "ranpac"}, True),
    "cosine": ("linear", "dynamic", {"head": "cosine"}, False),
    "seq": ("seq", "none", {"head": {"type": "cosine", "rows": "fixed"}}, False),
    "seq_lda": ("seq", "none", {"head": "lda"}, True),
    "olora": ("olora", "none", {}, False),
    "der": ("der", "logits", {}, False),
    "history": ("linear", "dynamic", PRIOR, False),
    "history_lda": ("linear", "none", {**FROZEN, "head": "lda", "target": "history"}, True),
    "history_kept": ("linear", "dynamic", KEPT, True),
    "dynamic_prior": ("experts", "dynamic", {"prior": "plan"}, False),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_answers_as_the_run_and_is_taught_where_its_head_is_fitted(
    kind: str, learnt: Chain, packaged: Packaged, tmp_path: Path
) -> None:
    learner, replay, settings, fitted = KINDS[kind]
    learnt.methods[kind] = {
        "title": kind, "learner": learner, "replay": replay, "settings": settings
    }  # fmt: skip
    learnt.write_methods()
    run = packaged(kind)
    found = pd.read_parquet(run / f"task{TASKS:02d}/predictions.parquet")
    texts = [make_samples()[row].text for row in found["row"]]
    known = conpet.load(run)
    assert known.predict(texts).labels == found["prediction"].tolist()
    before = known.predict(OLD).labels
    if not fitted:
        with pytest.raises(UserError, match=r"^teach: this learner's head is trained"):
            known.teach(NEW, ["seventh"] * len(NEW))
        return
    assert known.teach(NEW, ["seventh"] * len(NEW)) == ["seventh"]
    known.save(tmp_path / "more")
    more = conpet.load(tmp_path / "more", snapshot=learnt.snapshot)
    assert more.predict(NEW).labels == ["seventh"] * len(NEW)
    assert more.predict(OLD).labels == before
