"""Models on the Hugging Face hub, or in a local mirror of it."""

from __future__ import annotations

import os
from pathlib import Path

from conpet.environment import quiet
from conpet.errors import UserError, of_machine
from conpet.models import snapshot


def find_in_mirror(repo: str, revision: str, mirror: Path) -> tuple[Path, str | None] | None:
    """Return the repo's folder in a mirror, and its commit where the mirror tells it.

    A mirror is a hub cache (``models--owner--name/snapshots/COMMIT``), or holds plain folders
    named ``owner/name``, ``owner--name`` or ``name``, which say nothing of their commit.
    """
    flat = repo.replace("/", "--")
    cached = mirror / f"models--{flat}"
    branch = cached / "refs" / revision
    commit = branch.read_text(encoding="utf-8").strip() if branch.is_file() else revision
    if (cached / "snapshots" / commit).is_dir():
        return cached / "snapshots" / commit, commit
    for name in (repo, flat, repo.rpartition("/")[2]):
        if (mirror / name).is_dir():
            return mirror / name, None
    return None


def download(repo: str, revision: str) -> tuple[Path, str]:
    """Download what a model needs into the hub's own cache; return its folder and its commit.

    The endpoint is ``HF_ENDPOINT``, the cache ``HF_HOME``, the token ``HF_TOKEN``. What the cache
    holds whole is taken from there when the hub cannot be reached.

    Raises:
        UserError: the hub did not deliver.
    """
    import huggingface_hub
    from huggingface_hub.errors import GatedRepoError, RevisionNotFoundError

    label = f"{repo}@{revision}"
    if quiet():
        huggingface_hub.utils.disable_progress_bars()
    try:
        path = huggingface_hub.snapshot_download(
            repo,
            revision=revision,
            allow_patterns=list(snapshot.PATTERNS),
            ignore_patterns=["*/*"],
            endpoint=os.environ.get("HF_ENDPOINT") or None,
        )
    except GatedRepoError:
        raise UserError(
            f"{label}: the repo is gated: accept its licence on the hub, then set HF_TOKEN"
        ) from None
    except RevisionNotFoundError:
        raise UserError(f"{label}: the repo has no such revision: mend the pin") from None
    except Exception as error:  # the HTTP client's own errors differ from version to version
        if of_machine(error):
            raise
        lines = str(error).strip().splitlines() or ["no message"]
        reason = f"{type(error).__name__}: {lines[0].rstrip('.:')}"
        raise UserError(
            f"{label}: the hub did not deliver ({reason}): "
            "check the name and the network, or give --mirror a folder that holds the repo"
        ) from None
    return Path(path), Path(path).name
