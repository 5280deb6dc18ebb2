"""How much passed a model: what learning and asking cost, whatever the machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Passed:
    """Counts of all passes of a backbone, whoever asked for them.

    Attributes:
        trained_samples: samples that passed while gradients were taken.
        trained_tokens: their tokens, padding included if there is any.
        forward_samples: samples that passed forward only.
        forward_tokens: their tokens.
    """

    trained_samples: int = 0
    trained_tokens: int = 0
    forward_samples: int = 0
    forward_tokens: int = 0

    def add(self, samples: int, tokens: int, trained: bool) -> None:
        """Count one batch."""
        if trained:
            self.trained_samples += samples
            self.trained_tokens += tokens
        else:
            self.forward_samples += samples
            self.forward_tokens += tokens
