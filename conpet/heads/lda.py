"""LDA: class means, and one covariance within classes that says which differences count.

Bayes' rule for Gaussians with a shared covariance S: score_c(x) = m_c' S^-1 x - m_c' S^-1 m_c / 2.
Directions in which texts of one class differ anyway weigh little. Fisher 1936; Hastie,
Tibshirani and Friedman, The Elements of Statistical Learning, section 4.3.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from scipy.linalg import cho_factor, cho_solve
from torch import Tensor

from conpet.config.strict import Strict
from conpet.heads.base import Array, packed, unpacked
from conpet.heads.means import ByMeans


class Options(Strict):
    """``shrinkage`` g: S is taken as (1 - g) S + g (tr S / d) I; ``oas`` finds g from S itself."""

    shrinkage: Literal["oas"] | Annotated[float, Field(ge=1e-6, le=1)] = "oas"


def oas(covariance: Array, freedom: float) -> float:
    """Return the oracle approximating shrinkage of a covariance (d, d), within 0 and 1.

    Chen et al. 2010 (IEEE TSP 58), equation 23, as scikit-learn has it: it needs the covariance and
    its degrees of freedom alone, no sample, so that a state can go on with it.
    """
    width = len(covariance)
    square, scale = np.square(covariance).mean(), np.trace(covariance) / width
    rest = (freedom + 1) * (square - scale**2 / width)
    return 1.0 if rest <= 0 else float(min(1.0, (square + scale**2) / rest))


class Lda(ByMeans):
    """Linear discriminant analysis."""

    Options = Options

    def squared(self, deviations: Array) -> Array:
        """Return the scatter matrix, shape (width, width)."""
        return deviations.T @ deviations

    def spread(self, weight: Array) -> Array:
        """Return the scatter matrix there."""
        return weight.T @ self.scatter @ weight

    def covariance(self) -> Array:
        """Return the shared covariance, shrunk: it can be inverted, whatever there was to fit."""
        scale = np.trace(self.scatter) / self.width
        if not self.freedom or not scale:
            return np.eye(self.width) * self.between()
        shared, asked = self.scatter / self.freedom, self.options.shrinkage
        # 1e-6 above zero: a dimension that is constant has no variance of its own
        share = max(1e-6, oas(shared, self.freedom)) if asked == "oas" else asked
        return (1 - share) * shared + share * scale / self.freedom * np.eye(self.width)

    def solved(self) -> Array:
        """Return S^-1 m_c."""
        found: Array = cho_solve(cho_factor(self.covariance(), lower=True), self.mean.T)
        return found

    def tensors(self) -> dict[str, Tensor]:
        """Return counts, means and scatter."""
        return self.kept(packed(self.scatter))

    def take(self, tensors: dict[str, Tensor]) -> None:
        """Take up counts, means and scatter."""
        self.put_back(tensors, unpacked(tensors["scatter"], self.width))


HEAD = Lda
