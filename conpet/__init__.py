"""Continual parameter-efficient tuning of language models (ConPET, arXiv 2309.14763)."""

__version__ = "0.1.0"
