"""What methods are called in tables and figures, and which ones are upper bounds."""

from __future__ import annotations

from collections.abc import Mapping

METHODS = {
    "finetune": "Fine-tuning",
    "ewc": "EWC",
    "lwf": "LwF",
    "emr": "EMR",
    "ea_emr": "EA-EMR",
    "crl": "CRL",
    "static_emr": "Static EMR",
    "static_ea_emr": "Static EA-EMR",
    "static_crl": "Static CRL",
    "dynamic": "Dynamic ConPET",
    "limitless": "Limitless",
    "joint": "Joint",
}

# They train on the whole history at every task, so they are not in the contest.
UPPER_BOUNDS = frozenset({"limitless", "joint"})

LONG = 24  # letters; a longer name does not fit a legend

BACKBONES = {
    "bert-large": "BERT-large",
    "bert-base": "BERT-base",
    "llama-7b": "LLaMA-7B",
    "minilm": "MiniLM",
}


def method_name(method: str, titles: Mapping[str, str] | None = None) -> str:
    """Return the name to show for a method: the given title, the usual name, or the key."""
    return (titles or {}).get(method) or METHODS.get(method, method)


def short_titles(titles: Mapping[str, str]) -> dict[str, str]:
    """Cut long titles before their brackets, where they can still be told apart."""
    short = {k: t if len(t) <= LONG else t.split(" (", 1)[0] for k, t in titles.items()}
    seen = list(short.values())
    return {key: short[key] if seen.count(short[key]) == 1 else titles[key] for key in titles}


def is_upper_bound(method: str, settings: Mapping[str, object] | None = None) -> bool:
    """Say whether a method replays the whole history, by its settings or else by its name."""
    strategy = (settings or {}).get("strategy")
    return strategy == "full" if strategy else method in UPPER_BOUNDS
