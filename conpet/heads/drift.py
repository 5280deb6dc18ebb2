"""How a task's training moved the space of representations: a linear map, from samples seen twice.

A head that keeps sums of earlier classes has them in the space of then. The samples at hand lie
before and after the training; ridge regression of their shift says how the rest of the space moved,
and the sums follow. So all that was seen of a class still counts, and no old sample passes again.
The idea of a drift that is learnt: Gomez-Villa et al. 2024 (arXiv 2407.08536), and before it of one
that is interpolated: Yu et al. 2020 (arXiv 2004.00440).
"""

from __future__ import annotations

import numpy as np

from conpet.heads.base import Array

#: strengths of the pull towards no shift, of the samples' mean variance; the best is left-one-out's
STRENGTHS = 10.0 ** np.arange(-4, 3.5, 0.5)


def drift(before: Array, after: Array, block: int | None = None) -> tuple[Array, Array]:
    """Return weight (width, width) and bias (width,): x is about at x @ weight + bias now.

    Args:
        before: representations of samples, (n, width).
        after: of the same samples, once trained.
        block: the width of each space, where several stand side by side: each moves by itself.
    """
    from scipy.linalg import block_diag

    width = before.shape[1]
    starts = range(0, width, block or width)
    parts = [slice(start, start + (block or width)) for start in starts]
    found = [_moved(before[:, part], after[:, part]) for part in parts]
    weight: Array = block_diag(*(weight for weight, _ in found))
    return weight, np.concatenate([bias for _, bias in found])


def _moved(before: Array, after: Array) -> tuple[Array, Array]:
    from sklearn.linear_model import RidgeCV

    width = before.shape[1]
    scale = len(before) * float(before.var(axis=0).mean()) or 1.0
    found = RidgeCV(alphas=STRENGTHS * scale).fit(before, after - before)
    return np.eye(width) + found.coef_.T, np.asarray(found.intercept_)
