"""What a snapshot folder holds: flat, safetensors only, enough for transformers to load."""

from __future__ import annotations

import hashlib
import json
import shutil
from fnmatch import fnmatchcase
from pathlib import Path

from safetensors import SafetensorError, safe_open

from conpet import files
from conpet.errors import UserError

TOKENIZERS = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "sentencepiece.bpe.model",
)
INDEX = "model.safetensors.index.json"
#: beside a snapshot's files: where they came from, and the SHA-256 of each
RECORD = "source.json"
_CONFIG = "config.json"
# keys of it that say where a model came from, not what it computes
_ABOUT_FILES = ("_name_or_path", "transformers_version")
# What a transformers model needs, and the papers that must travel with it.
PATTERNS = (
    _CONFIG,
    "generation_config.json",
    "model*.safetensors",
    INDEX,
    *TOKENIZERS,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "merges.txt",
    "LICENSE*",
    "LICENCE*",
    "NOTICE*",
    "USE_POLICY*",
    "README.md",
)


def wanted(name: str) -> bool:
    """Whether a snapshot keeps a file of this name (no folders: a snapshot is flat)."""
    return any(fnmatchcase(name, pattern) for pattern in PATTERNS)


def copy(origin: Path, folder: Path) -> None:
    """Copy the wanted files that lie directly in ``origin`` to ``folder``.

    Raises:
        UserError: no such folder.
    """
    if not origin.is_dir():
        raise UserError(f"{origin}: no such folder: give a folder that holds a saved model")
    for path in sorted(origin.iterdir()):
        if path.is_file() and wanted(path.name):
            # a copy, not a hard link: an edit of the original must not reach into a run's results
            shutil.copyfile(path, folder / path.name)


def has_changed(origin: str, snapshot: Path) -> bool:
    """Say whether a model's own folder holds something else now than was copied from it.

    A file is read only where its size or a date says that it may be another; papers do not count.
    """
    source, record = files.at_home(origin), snapshot / RECORD
    if not source.is_dir() or not record.is_file():
        return False
    told = files.read_json(record).get("files", {})
    copied, when = {name for name in told if _computes(name)}, record.stat().st_mtime
    if {p.name for p in source.iterdir() if p.is_file() and _computes(p.name)} != copied:
        return True
    for name in sorted(copied):
        found, there = (source / name).stat(), snapshot / name
        # what was unpacked or put in its place keeps an old date, but not that of its inode
        newer = max(found.st_mtime, found.st_ctime) > when
        doubtful = newer or not there.is_file() or found.st_size != there.stat().st_size
        if doubtful and files.sha256(source / name) != told[name]:
            return True
    return False


def _computes(name: str) -> bool:
    """Whether a snapshot keeps a file for what it computes, not as a paper."""
    papers = ("LICEN[SC]E*", "NOTICE*", "USE_POLICY*", "README.md")
    return wanted(name) and not any(fnmatchcase(name, pattern) for pattern in papers)


def digest(folder: Path) -> str:
    """Return the SHA-256 of all that a model's hidden states depend on: its config and weights.

    The files are read, not what source.json says of them: they may have been exchanged.

    Raises:
        UserError: there is no model.
    """
    if not (folder / _CONFIG).is_file():
        raise UserError(f"{folder}: no model here: run `conpet fetch-model` first")
    config = files.read_json(folder / _CONFIG)
    if isinstance(config, dict):
        config = {k: v for k, v in config.items() if k not in _ABOUT_FILES}
    found = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for path in files.visible(folder, "*.safetensors"):
        found.update(f"{path.name} {files.sha256(path)}".encode())
    return found.hexdigest()


def check(folder: Path, label: str) -> None:
    """Check that ``folder`` holds a config, a tokenizer and whole safetensors weights that fit it.

    Raises:
        UserError: something is missing, truncated or of another model; ``label`` says where it
            came from.
    """
    names = {path.name for path in folder.iterdir()}
    if _CONFIG not in names:
        raise UserError(f"{label}: no config.json: give a folder that transformers can load")
    weights = {name for name in names if name.endswith(".safetensors")}
    if not weights:
        raise UserError(
            f"{label}: no model*.safetensors (pickled weights are never loaded): "
            "choose a revision with safetensors, or save the model as safetensors first"
        )
    if INDEX in names:
        index = files.read_json(folder / INDEX)
        shards = index.get("weight_map", {}) if isinstance(index, dict) else {}
        missing = sorted(set(shards.values()) - weights)
        if missing:
            raise UserError(f"{label}: {missing[0]} is missing: fetch the whole model again")
    for name in sorted(weights):
        try:
            # opening reads the header and checks that the tensors fill the file
            with safe_open(folder / name, framework="np"):
                pass
        except (SafetensorError, OSError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{label}: {name} is broken ({reason}): fetch it again") from None
    if not names & set(TOKENIZERS):
        raise UserError(f"{label}: no tokenizer files: put the model's tokenizer beside it")
    from conpet.models.loading import check_model

    check_model(folder, label)
