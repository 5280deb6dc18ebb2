"""The other ways: transformers' Trainer with PEFT, and the reference's loop. Neither is slowed.

``peer_hf`` is what a user would write: Trainer, PEFT's LoRA, AutoModelForSequenceClassification,
dynamic padding, float32. Its ten experts are adapters of one model, and a text passes the
selector's and one expert's.

``peer_naive`` does as the reference does: padded batches as they come, the language-model head over
all positions, replayed texts passed although they give no gradient, and at inference every expert
a pass of the whole model; in float32, as the reference trains BERT.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.library import SEED, Setup, collate, cut, make_optimizer, training_of
from benchmarks.timing import Clock, Contender, whole
from conpet.temporary import scratch


def _tuned(
    setup: Setup, auto: str, adapters: int, dtype: torch.dtype, model: Any = None, **options: Any
) -> Any:
    """Return a pretrained model of a class of transformers (or ``model``), with adapters."""
    import transformers
    from peft import LoraConfig, get_peft_model

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    if model is None:
        make = getattr(transformers, auto)
        model = make.from_pretrained(setup.snapshot, dtype=dtype, **options)
    model.config.pad_token_id = setup.stream.pad
    model.config.use_cache = False
    config = LoraConfig(
        task_type="SEQ_CLS" if "Sequence" in auto else None,
        **{**setup.settings.tuning.config, "target_modules": setup.targets},
    )
    torch.manual_seed(SEED)
    torch.set_num_threads(setup.settings.compute.threads)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = get_peft_model(model, config)
        for number in range(1, adapters):
            made.add_adapter(f"expert{number}", config)
    return made


def _eval_batches(setup: Setup, indices: np.ndarray) -> list[np.ndarray]:
    return cut(indices, setup.settings.compute.eval_batch_size)


# -- peer_hf ------------------------------------------------------------------------------------


def _classifier(setup: Setup, adapters: int = 1) -> Any:
    auto = "AutoModelForSequenceClassification"
    return _tuned(setup, auto, adapters, torch.float32, num_labels=setup.stream.seen)


def _padded(setup: Setup, indices: Sequence[int] | np.ndarray) -> dict[str, Tensor]:
    ids, mask, _ = collate(setup.stream, np.asarray(indices))
    return {"input_ids": ids, "attention_mask": mask}


def hf_training(setup: Setup) -> Contender:
    """Trainer over the plan's texts; timed from its first step's end, without its set-up."""
    import transformers

    model = _classifier(setup)
    labels = setup.stream.label
    chosen = [{"index": int(i), "labels": int(labels[i])} for i in np.concatenate(setup.batches())]
    size = setup.settings.training.batch_size

    def collated(rows: list[dict[str, int]]) -> dict[str, Tensor]:
        target = torch.tensor([row["labels"] for row in rows])
        return {**_padded(setup, [row["index"] for row in rows]), "labels": target}

    class Stamps(transformers.TrainerCallback):
        def __init__(self, clock: Clock) -> None:
            self.clock = clock
            self.times: list[float] = []

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.times.append(self.clock())

    def run(clock: Clock) -> tuple[int, float]:
        stamps = Stamps(clock)
        with scratch() as folder:
            arguments = transformers.TrainingArguments(
                output_dir=str(folder), per_device_train_batch_size=size, use_cpu=True,
                max_steps=setup.samples // size, save_strategy="no", report_to=[],
                disable_tqdm=True, logging_strategy="no", learning_rate=1e-3, seed=SEED,
                remove_unused_columns=False,
            )  # fmt: skip
            trainer = transformers.Trainer(
                model=model, args=arguments, train_dataset=chosen, callbacks=[stamps],
                data_collator=collated,
            )  # fmt: skip
            trainer.remove_callback(transformers.PrinterCallback)
            trainer.train()
        return size * (len(stamps.times) - 1), stamps.times[-1] - stamps.times[0]

    return Contender("peer_hf", run)


def hf_inference(setup: Setup, experts: bool, indices: np.ndarray) -> Contender:
    """Padded batches through one model; with experts the selector's pass and then one expert's."""
    tasks = setup.stream.tasks
    model = _classifier(setup, tasks + 1 if experts else 1).eval()

    @torch.no_grad()
    def work() -> None:
        for batch in _eval_batches(setup, indices):
            model.set_adapter("default")
            scores = model(**_padded(setup, batch)).logits
            chosen = scores[:, :tasks].argmax(1).numpy() + 1
            for task in np.unique(chosen) if experts else ():
                model.set_adapter(f"expert{task}")
                model(**_padded(setup, batch[chosen == task]))

    return whole("peer_hf", len(indices), work)


# -- peer_naive ---------------------------------------------------------------------------------


class Naive:
    """The reference's model: language-model head and all, a linear head on one hidden state."""

    def __init__(
        self,
        setup: Setup,
        adapters: int = 1,
        dtype: torch.dtype = torch.float32,
        device: str = "cpu",
        draw: Callable[[str], Any] | None = None,
    ) -> None:
        self.setup, self.device = setup, device
        auto = self.auto()
        model = draw(auto) if draw else None
        self.model = _tuned(setup, auto, adapters, dtype, model).to(device)
        self.head = nn.Linear(self.model.config.hidden_size, setup.stream.seen, device=device)
        tuned = [p for p in self.model.parameters() if p.requires_grad]
        parameters = [*tuned, *self.head.parameters()]
        self.optimizer = make_optimizer(parameters, training_of(setup))
        self.batches = setup.batches()

    def auto(self) -> str:
        """Return the class of transformers."""
        bert = self.setup.config["model_type"] in ("bert", "roberta", "xlm-roberta")
        return "AutoModelForMaskedLM" if bert else "AutoModelForCausalLM"

    def scores(self, indices: np.ndarray) -> Tensor:
        """Return the head's scores of samples, (n, classes)."""
        ids, mask, pool = (t.to(self.device) for t in collate(self.setup.stream, indices))
        output = self.model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        read = output.hidden_states[-1][torch.arange(len(ids), device=self.device), pool]
        return self.head(read.float())

    def epoch(self) -> None:
        """Take the plan's steps once, every sample passed with its gradient."""
        for batch in self.batches:
            self.optimizer.zero_grad()
            labels = torch.from_numpy(self.setup.stream.label[batch].astype(np.int64))
            F.cross_entropy(self.scores(batch), labels.to(self.device)).backward()
            self.optimizer.step()

    def epochs(self) -> None:
        """Take the steps of a training job."""
        for _ in range(self.setup.settings.training.epochs):
            self.epoch()


class Compiled(Naive):
    """The same without the language-model's head, its model compiled by torch: a stronger peer."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.model = torch.compile(self.model, dynamic=True)

    def auto(self) -> str:
        """Return the class of transformers."""
        return "AutoModel"

    def scores(self, indices: np.ndarray) -> Tensor:
        """Return the head's scores of samples, (n, classes)."""
        ids, mask, pool = (t.to(self.device) for t in collate(self.setup.stream, indices))
        states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        return self.head(states[torch.arange(len(ids), device=self.device), pool].float())


def naive_static(setup: Setup) -> Contender:
    """The plan's epochs."""
    return whole("peer_naive", setup.samples, Naive(setup).epochs)


def naive_dynamic(setup: Setup) -> Contender:
    """The selector's epochs, the frozen experts' scores once, the expert's epochs on all."""
    naive = Naive(setup)
    trained = np.unique(np.concatenate(naive.batches))

    def work() -> None:
        naive.epochs()
        with torch.no_grad():  # one selector and one expert a text: fewer than the reference's
            for batch in cut(np.tile(trained, 2), setup.settings.training.batch_size):
                naive.scores(batch)
        naive.epochs()

    return whole("peer_naive", setup.samples, work)


def naive_inference(setup: Setup, experts: bool, indices: np.ndarray) -> Contender:
    """Every adapter a pass of the whole model, in batches as they come."""
    others = [f"expert{t}" for t in range(1, setup.stream.tasks + 1)] if experts else []
    naive = Naive(setup, 1 + len(others))

    @torch.no_grad()
    def work() -> None:
        for name in ("default", *others):
            naive.model.set_adapter(name)
            for batch in _eval_batches(setup, indices):
                naive.scores(batch)

    return whole("peer_naive", len(indices), work)
