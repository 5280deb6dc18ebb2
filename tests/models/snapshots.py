"""Tiny models for the tests of where models come from."""

from __future__ import annotations

import zipfile
from pathlib import Path

VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat", "sat"]


def save_bert(folder: Path) -> Path:
    """Save a random BERT (one layer, width 16) and its tokenizer as transformers would."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(VOCAB) + "\n")
    config = BertConfig(
        vocab_size=len(VOCAB),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    BertModel(config).save_pretrained(folder)
    BertTokenizer(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def make_wheel(
    folder: Path, members: dict[str, bytes], package: str = "tiny_model", version: str = "1.0"
) -> Path:
    """Write a wheel that pip accepts, with ``members`` besides its metadata."""
    info = f"{package}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
    wheel = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{package}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", wheel)
        archive.writestr(f"{info}/LICENSE", "free")
        archive.writestr(f"{info}/RECORD", "")
    return path


def members(folder: Path, inside: str) -> dict[str, bytes]:
    """Return the files of ``folder`` as members of a wheel under ``inside``."""
    return {f"{inside}/{path.name}": path.read_bytes() for path in sorted(folder.iterdir())}
