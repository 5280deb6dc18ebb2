"""The other ways: transformers' Trainer with PEFT, and the reference's loop. Neither is slowed.

``peer_hf`` is what a user would write: Trainer, PEFT's LoRA, AutoModelForSequenceClassification,
dynamic padding, float32. Its ten experts are adapters of one model, and a text passes the
selector's and one expert's.

``peer_naive`` does as the reference does: padded batches as they come, the language-model head over
all positions, replayed texts passed although they give no gradient, and at inference every expert
a pass of the whole model; in float32, as the reference trains BERT.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from conpet.bench.measure import Clock, Contender, timed
from conpet.bench.setup import SEED, Setup
from conpet.bench.texts import CLASSES, TASKS
from conpet.models.batches import collate
from conpet.training import make_optimizer


def _tuned(setup: Setup, model: Any, task_type: str | None, adapters: int = 1) -> Any:
    from peft import LoraConfig, get_peft_model

    fields = {**setup.settings().tuning.config, "target_modules": setup.targets}
    config = LoraConfig(task_type=task_type, **fields)
    torch.manual_seed(SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = get_peft_model(model, config)
        for number in range(1, adapters):
            made.add_adapter(f"expert{number}", config)
    return made


# -- peer_hf ------------------------------------------------------------------------------------


def _classifier(setup: Setup, adapters: int = 1) -> Any:
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        setup.snapshot, num_labels=TASKS * CLASSES, dtype=torch.float32
    )
    model.config.pad_token_id = setup.stream.pad
    return _tuned(setup, model, "SEQ_CLS", adapters)


def _features(setup: Setup, indices: Iterable[int]) -> list[dict[str, Any]]:
    s = setup.stream
    return [
        {"input_ids": s.ids[s.offsets[i] : s.offsets[i + 1]].tolist(), "labels": int(s.label[i])}
        for i in indices
    ]


def _padded(setup: Setup, features: list[dict[str, Any]]) -> dict[str, Tensor]:
    longest = max(len(f["input_ids"]) for f in features)
    ids = torch.full((len(features), longest), setup.stream.pad)
    mask = torch.zeros_like(ids)
    for row, f in enumerate(features):
        ids[row, : len(f["input_ids"])] = torch.tensor(f["input_ids"])
        mask[row, : len(f["input_ids"])] = 1
    labels = torch.tensor([f["labels"] for f in features])
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def hf_training(setup: Setup) -> Contender:
    """Trainer over the plan's texts; timed from its first step's end, without its set-up."""
    import transformers

    model = _classifier(setup)
    chosen = _features(setup, np.concatenate(setup.batches()))
    torch.set_num_threads(setup.threads)

    class Stamps(transformers.TrainerCallback):
        def __init__(self, clock: Clock) -> None:
            self.clock, self.times = clock, []  # type: ignore[var-annotated]

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.times.append(self.clock())

    def run(clock: Clock) -> tuple[int, float]:
        stamps = Stamps(clock)
        with tempfile.TemporaryDirectory() as folder:
            arguments = transformers.TrainingArguments(
                output_dir=folder, per_device_train_batch_size=setup.batch, use_cpu=True,
                max_steps=setup.steps * setup.epochs, save_strategy="no", report_to=[],
                disable_tqdm=True, logging_strategy="no", learning_rate=1e-3, seed=SEED,
            )  # fmt: skip
            transformers.Trainer(
                model=model, args=arguments, train_dataset=chosen, callbacks=[stamps],
                data_collator=lambda features: _padded(setup, features),
            ).train()  # fmt: skip
        return setup.batch * (len(stamps.times) - 1), stamps.times[-1] - stamps.times[0]

    return Contender("peer_hf", run)


def hf_inference(setup: Setup, experts: bool) -> Contender:
    """Padded batches through one model; with experts the selector's pass and then one expert's."""
    model = _classifier(setup, TASKS + 1 if experts else 1).eval()
    torch.set_num_threads(setup.threads)

    def passed(indices: np.ndarray) -> Tensor:
        return model(**_padded(setup, _features(setup, indices))).logits

    @torch.no_grad()
    def work() -> None:
        for batch in setup.eval_batches(lambda indices: indices):
            if not experts:
                passed(batch)
                continue
            model.set_adapter("default")
            chosen = passed(batch)[:, :TASKS].argmax(1).numpy() + 1
            for task in np.unique(chosen):
                model.set_adapter(f"expert{task}")
                passed(batch[chosen == task])

    return Contender("peer_hf", timed(len(setup.tested), work))


# -- peer_naive ---------------------------------------------------------------------------------


class Naive:
    """The reference's model: language-model head and all, a linear head on one hidden state."""

    def __init__(self, setup: Setup, adapters: int = 1) -> None:
        import transformers

        transformers.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        bert = setup.config["model_type"] in ("bert", "roberta", "xlm-roberta")
        kind = transformers.AutoModelForMaskedLM if bert else transformers.AutoModelForCausalLM
        self.setup = setup
        model = kind.from_pretrained(setup.snapshot, dtype=torch.float32)
        model.config.use_cache = False
        self.model = _tuned(setup, model, None, adapters)
        self.head = nn.Linear(model.config.hidden_size, TASKS * CLASSES)
        self.tuned = [p for p in self.model.parameters() if p.requires_grad]
        torch.set_num_threads(setup.threads)

    def scores(self, indices: np.ndarray) -> Tensor:
        """Return the head's scores of samples, (n, classes)."""
        ids, mask, pool = collate(self.setup.stream, indices)
        output = self.model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        return self.head(output.hidden_states[-1][torch.arange(len(ids)), pool].float())

    def epoch(self) -> None:
        """Take the plan's steps once, every sample passed with its gradient."""
        parameters = [*self.tuned, *self.head.parameters()]
        optimizer = make_optimizer(parameters, self.setup.settings().training, 1e-3)
        stream = self.setup.stream
        for batch in self.batches:
            optimizer.zero_grad()
            targets = torch.from_numpy(stream.label[batch].astype(np.int64))
            F.cross_entropy(self.scores(batch), targets).backward()
            optimizer.step()

    @property
    def batches(self) -> list[np.ndarray]:
        """The plan's batches."""
        if not hasattr(self, "_batches"):
            self._batches = self.setup.batches()
        return self._batches


def naive_static(setup: Setup) -> Contender:
    """The plan's epochs."""
    naive = Naive(setup)

    def work() -> None:
        for _ in range(setup.epochs):
            naive.epoch()

    naive.epoch()
    return Contender("peer_naive", timed(setup.batch * setup.steps * setup.epochs, work))


def naive_dynamic(setup: Setup) -> Contender:
    """The selector's epochs, the frozen experts' scores once, the expert's epochs on all."""
    naive = Naive(setup)
    trained = np.unique(np.concatenate(naive.batches))

    def work() -> None:
        for _ in range(setup.epochs):
            naive.epoch()
        with torch.no_grad():  # one selector and one expert a text: fewer than the reference's
            for start in range(0, 2 * len(trained), setup.batch):
                naive.scores(trained[np.arange(start, start + setup.batch) % len(trained)])
        for _ in range(setup.epochs):
            naive.epoch()

    return Contender("peer_naive", timed(setup.batch * setup.steps * setup.epochs, work))


def naive_inference(setup: Setup, experts: bool) -> Contender:
    """Every adapter a pass of the whole model, in batches as they come."""
    naive = Naive(setup, TASKS + 1 if experts else 1)
    names = ["default", *(f"expert{t}" for t in range(1, TASKS + 1))] if experts else ["default"]

    @torch.no_grad()
    def work() -> None:
        for name in names:
            naive.model.set_adapter(name)
            for batch in setup.eval_batches(lambda indices: indices):
                naive.scores(batch)

    return Contender("peer_naive", timed(len(setup.tested), work))
