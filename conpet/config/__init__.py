"""What a config may say: typed, strict, and resolved for each stage of the workflow."""

from conpet.config.dataset import Dataset
from conpet.config.experiment import Experiment, load_experiment
from conpet.config.method import Method
from conpet.config.model import Model
from conpet.config.settings import Settings

__all__ = ["Dataset", "Experiment", "Method", "Model", "Settings", "load_experiment"]
