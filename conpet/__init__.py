"""Continual parameter-efficient tuning of language models (ConPET, arXiv 2309.14763).

``conpet.load(...)`` opens a trained learner; everything else is in the sub-packages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conpet.predicting.predictor import load as load

__version__ = "0.2.0.dev0"


def __getattr__(name: str) -> Any:
    # late, so that `import conpet` costs nothing
    if name == "load":
        from conpet.predicting.predictor import load

        return load
    raise AttributeError(f"module 'conpet' has no attribute {name!r}")
