"""Classify sentences with a packaged learner by transformers and peft alone.

    python examples/plain_peft.py PACKAGE BACKBONE "what is my balance" "play some jazz"

PACKAGE is a folder that `conpet package` wrote (`.../seed100/model`), BACKBONE the folder of the
model it was tuned on. The package holds stock PEFT adapters and linear heads: this is all there
is to it, for data whose samples are plain sentences, a tokenizer with a mask, and learners that
answer by their linear heads alone.
"""

import json
import sys
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

PLAIN = ("linear", "ewc", "lwf", "der", "olora", "seq", "experts")
# what experts may not do otherwise: the selector names one task, and its expert's head the class
ASKED = {"top_k": 1, "selector": "tasks", "routing": "hard", "expert_head": "trained"}


class Plain:
    """A backbone with every adapter of the package in it, by the name of its folder."""

    def __init__(self, package: Path, backbone: Path) -> None:
        if not (package / "model.json").is_file():
            sys.exit(f"{package}: no package: `conpet package` writes one (docs/use.md)")
        if not (backbone / "config.json").is_file():
            sys.exit(f"{backbone}: no model: give the folder of the backbone it was tuned on")
        self.about = json.loads((package / "model.json").read_text(encoding="utf-8"))
        if self.about["kind"] != "sentence":
            sys.exit("this example reads plain sentences; conpet.load reads marked texts too")
        if self.about["head"] not in ("grow", "fixed"):
            sys.exit("this example has a linear head alone; conpet.load has the others too")
        if self.about["backbone"]["pooling"] != "mask" or "weights" in self.about:
            sys.exit("this example reads whole weights at the mask; conpet.load reads all")
        options = self.about["options"]
        if self.about["learner"] not in PLAIN or any(
            options.get(name, usual) != usual for name, usual in ASKED.items()
        ):
            sys.exit("this example asks linear heads one by one; conpet.load asks every learner")
        self.names = list(self.about["states"])
        folders = [*self.names, *([self.about["selector"]] if self.about["selector"] else [])]
        first, *rest = folders
        base = AutoModel.from_pretrained(backbone)
        self.model = PeftModel.from_pretrained(base, package / first / "adapter", first).eval()
        for name in rest:
            self.model.load_adapter(package / name / "adapter", name)
        self.heads = {n: load_file(package / n / "learner.safetensors") for n in folders}
        kept = {name.rpartition(".")[2] for head in self.heads.values() for name in head}
        if kept & {"sizes", "log_shares"}:
            sys.exit("this example has no class shares beside the scores; conpet.load has them")
        self.tokenizer = AutoTokenizer.from_pretrained(backbone)

    @torch.no_grad()
    def scores(self, adapter: str, texts: list[str]) -> torch.Tensor:
        """Return an adapter's scores of texts, read at the cloze's mask."""
        self.model.set_adapter(adapter)
        mask = self.tokenizer.mask_token
        asked = [f"{text} {self.about['template'].format(mask=mask)}" for text in texts]
        batch = self.tokenizer(asked, padding=True, return_tensors="pt")
        if batch["input_ids"].shape[1] > self.about["max_length"]:
            sys.exit("a text has more tokens than it was trained on; conpet.load cuts it as then")
        masks = batch["input_ids"] == self.tokenizer.mask_token_id
        if not (masks.sum(1) == 1).all():
            sys.exit(f"a text holds {mask} itself; conpet.load reads that as text")
        states = self.model(**batch).last_hidden_state
        at = states[masks]
        head = self.heads[adapter]
        return at @ head["head.weight"].T + head["head.bias"]

    def classify(self, texts: list[str]) -> list[str]:
        """Return the class of each text; a selector, if there is one, says whose task it is."""
        classes = self.about["classes"]
        if not self.about["selector"]:
            # a class may come again
            seen = list(dict.fromkeys(name for names in classes for name in names))
            best = self.scores(self.names[-1], texts)[:, : len(seen)].argmax(1)
            return [seen[i] for i in best]
        tasks = self.scores(self.about["selector"], texts).argmax(1)
        found = [""] * len(texts)
        for task in tasks.unique().tolist():
            # one pass for all texts of an expert
            mine = [i for i, chosen in enumerate(tasks.tolist()) if chosen == task]
            best = self.scores(self.names[task], [texts[i] for i in mine]).argmax(1)
            for i, label in zip(mine, best.tolist(), strict=True):
                found[i] = classes[task][label]
        return found


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit("usage: plain_peft.py PACKAGE BACKBONE TEXT [TEXT ...]")
    if not all(text.strip() for text in sys.argv[3:]):
        sys.exit("a text is empty: give words to classify")
    learner = Plain(Path(sys.argv[1]), Path(sys.argv[2]))
    for text, label in zip(sys.argv[3:], learner.classify(sys.argv[3:]), strict=True):
        print(f"{label}\t{text}")
