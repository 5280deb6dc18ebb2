"""Tokenizers of every kind, made on the spot from a few words."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import (
    AddedToken,
    BertTokenizerFast,
    GPTNeoXTokenizer,
    LlamaTokenizer,
    PreTrainedTokenizerFast,
    Qwen2Tokenizer,
    RobertaTokenizer,
)

TEXT = (
    "in this sentence , is the mask of . marie curie was born warsaw she lived paris a an intent "
    "one two three four five six seven eight nine ten city person country old new river"
)
WORDS = TEXT.split()
LETTERS = [chr(code) for code in range(33, 127)]
MADE_UP = tuple(f"madeupword{i:04d}" for i in range(3))
BOXES = tuple(
    f"<|{name}_{end}|>" for name in ("object_ref", "box", "quad") for end in ("start", "end")
)
RESERVED = tuple(f"<|reserved_special_token_{i}|>" for i in range(6))


def wordpiece(folder: Path) -> Any:
    """BERT's kind: lower-cased, spare [unusedN] entries, [CLS] and [SEP] round a text."""
    vocab = ["[PAD]", *(f"[unused{i}]" for i in range(9)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocab += [*LETTERS, *(f"##{letter}" for letter in LETTERS)]
    vocab += [word for word in WORDS if word not in vocab]
    path = folder / "vocab.txt"
    path.write_text("\n".join(vocab) + "\n")
    return BertTokenizerFast(vocab=str(path))


@cache
def _merges() -> Any:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=420, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([TEXT] * 3, trainer)
    return tokenizer.to_str()


def byte_level(*special: str, trim_offsets: bool = True, **named: str) -> Any:
    """GPT's kind: lossless, a space belongs to the word after it, nothing round a text."""
    tokenizer = Tokenizer.from_str(_merges())
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=trim_offsets)
    tokenizer.add_special_tokens(["<|endoftext|>", *special, *named.values()])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|endoftext|>",
        clean_up_tokenization_spaces=False,
        **named,
    )


def sentencepiece(*, prepend: bool = True) -> Any:
    """LLaMA's kind: byte entries, <s> before a text, a space put before every text.

    ``prepend`` does so in the normalizer (LLaMA 1, Mistral); else only a text's first word gets it.
    """
    vocab = {token: i for i, token in enumerate(["<unk>", "<s>", "</s>"])}
    merges = []
    for token in [*(f"<0x{i:02X}>" for i in range(256)), "▁", *LETTERS]:
        vocab[token] = len(vocab)
    for word in WORDS:
        whole = "▁"
        for letter in word:
            if whole + letter not in vocab:
                vocab[whole + letter] = len(vocab)
                merges.append((whole, letter))
            whole += letter
    tokenizer = Tokenizer(
        models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    if prepend:
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        )
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        clean_up_tokenization_spaces=False,
    )


def _byte_level_parts(*first: str) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Return vocabulary and merges for transformers' own byte-level tokenizers."""
    model = json.loads(_merges())["model"]
    vocab = {token: i for i, token in enumerate([*first, *model["vocab"]])}
    return vocab, [tuple(merge) for merge in model["merges"]]


def roberta(*spare: str) -> Any:
    """RoBERTa's own: a mask, but three spare entries only."""
    first = ("<s>", "<pad>", "</s>", "<unk>", "<mask>", *MADE_UP, *spare)
    vocab, merges = _byte_level_parts(*first)
    return RobertaTokenizer(vocab=vocab, merges=merges)


def gpt_neox() -> Any:
    """Pythia's: nothing spare, no mask, nothing round a text."""
    vocab, merges = _byte_level_parts("<|endoftext|>", "<|padding|>")
    return GPTNeoXTokenizer(vocab=vocab, merges=merges)


def qwen(*, boxes: bool) -> Any:
    """Qwen's; from 2.5 on (``boxes``) with entries for objects and boxes."""
    vocab, merges = _byte_level_parts()
    special = ["<|im_start|>", "<|im_end|>", *(BOXES if boxes else ())]
    tokenizer = Qwen2Tokenizer(vocab=vocab, merges=merges)
    tokenizer.add_tokens([AddedToken(token, special=True) for token in special])
    return tokenizer


def llama() -> Any:
    """LLaMA's as transformers 5 makes it: byte entries, <s> before a text."""
    model = json.loads(sentencepiece().backend_tokenizer.to_str())["model"]
    merges = [tuple(merge) for merge in model["merges"]]
    return LlamaTokenizer(vocab=model["vocab"], merges=merges, add_bos_token=True)


MAKERS: dict[str, Any] = {
    "wordpiece": wordpiece,
    "byte_level": lambda _: byte_level(),
    "byte_level_reserved": lambda _: byte_level(*RESERVED),
    "byte_level_untrimmed": lambda _: byte_level(*RESERVED, trim_offsets=False),
    "byte_level_mask": lambda _: byte_level(mask_token="<mask>", pad_token="<pad>"),
    "sentencepiece": lambda _: sentencepiece(),
    "sentencepiece_first": lambda _: sentencepiece(prepend=False),
    "roberta": lambda _: roberta(),
    "roberta_spare": lambda _: roberta("madeupword0003"),
    "llama": lambda _: llama(),
    "gpt_neox": lambda _: gpt_neox(),
    "qwen2": lambda _: qwen(boxes=False),
    "qwen3": lambda _: qwen(boxes=True),
}
