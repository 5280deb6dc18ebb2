"""The paper_* experiments against the published settings (Song et al. 2023, their code)."""

from __future__ import annotations

import pytest

from conpet.config import load_experiment
from tests.conftest import ROOT

# B, epochs (LLaMA, BERT), memory a class, base frequency, the rate of BERT
TABLE = {
    "fewnerd": (2500, (10, 10), 100, 10, 2e-5),
    "ontonotes": (1250, (10, 20), 100, 10, 1e-4),
    "bbn": (500, (10, 20), 50, 5, 5e-5),
    "fewrel": (400, (10, 10), 50, 5, 1e-3),
    "tacred": (100, (20, 20), 20, 5, 1e-3),
    "ace": (100, (20, 20), 20, 5, 2e-3),
}
# LLaMA's rates of tasks 1 to 5: of static_emr, of dynamic, of crl
RATES = {
    "fewnerd": ([2e-5] * 5, [5e-4] * 2 + [1e-4] * 3, [1e-4] * 5),
    "ontonotes": ([5e-4] * 3 + [1e-4] * 2, [5e-4] * 3 + [1e-4] * 2, [5e-4] * 3 + [2e-4] * 2),
    "bbn": ([2e-4] * 5, [2e-4] * 5, [2e-4] * 3 + [1e-4] * 2),
    "fewrel": ([2e-4] * 5,) * 3,
    "tacred": ([2e-4] * 5,) * 3,
    "ace": ([2e-4] * 5,) * 3,
}


@pytest.mark.parametrize("name", TABLE)
def test_published_settings(name: str) -> None:
    batches, epochs, memory, frequency, bert_rate = TABLE[name]
    experiment = load_experiment(f"paper_{name}", ROOT / "config")
    for model, passes, size in (("llama-7b", epochs[0], 8), ("bert-large", epochs[1], 16)):
        for method in experiment.methods:
            settings = experiment.settings(name, model, method)
            assert settings.replay.batches == batches
            assert settings.training.epochs == passes
            assert settings.training.batch_size == size
            assert settings.memory.per_class == memory
            assert settings.memory.base_frequency == frequency
            assert settings.head.rows == "fixed"
            if model == "bert-large":
                assert settings.training.rate(1) == settings.training.rate(5) == bert_rate
    for method, rates in zip(("static_emr", "dynamic", "crl"), RATES[name], strict=True):
        training = experiment.settings(name, "llama-7b", method).training
        assert [training.rate(task) for task in range(1, 6)] == rates
    for method in ("dynamic", "limitless"):
        assert experiment.methods[method].options["selector_untrained"] is True
