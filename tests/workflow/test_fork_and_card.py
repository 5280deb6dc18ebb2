"""What jobs are forked from must leave the card alone: a copy of a process that has touched it
cannot use it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SCRIPT = """
import sys
import torch

def touched(*_, **__):
    raise SystemExit("the card was touched before the fork")

for name in ("_lazy_init", "is_available", "device_count", "init"):
    setattr(torch.cuda, name, touched)
sys.path.insert(0, "workflow/processes")
import forkserver

forkserver._import()
if sys.argv[1] == "touching":
    torch.zeros(1) if torch.cuda.is_available() else None
assert not torch.cuda.is_initialized()
"""


@pytest.mark.parametrize(("how", "said"), [("as it is", ""), ("touching", "the card was touched")])
def test_the_process_that_jobs_are_forked_from_leaves_the_card_alone(how: str, said: str) -> None:
    words = [sys.executable, "-c", SCRIPT, how]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (not said), done.stderr
    assert said in done.stderr


ASKS = """
import sys
sys.path[:0] = ["workflow/processes", sys.argv[1]]
import forkserver

forkserver.CARDS = tuple(sys.argv[2:])
answer = forkserver.Server.verify_request(None, None, None)
print(answer, "bitsandbytes" in sys.modules, "torch" in sys.modules)
"""


@pytest.mark.parametrize(
    ("installed", "card", "said"),
    [(True, True, "False False False"), (False, True, "True False True")],
)
def test_where_an_import_would_touch_the_card_jobs_start_by_themselves(
    installed: bool, card: bool, said: str, tmp_path: Path
) -> None:
    """peft imports bitsandbytes where that is installed, and it asks the card at once."""
    if installed:
        (tmp_path / "bitsandbytes.py").write_text("import torch; torch.cuda.is_available()")
    words = [sys.executable, "-c", ASKS, str(tmp_path), *([str(tmp_path)] if card else [])]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == said
