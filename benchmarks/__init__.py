"""What the suite costs, measured: python -m benchmarks --help."""

import os

# before torch is imported: OpenMP threads that spin starve a second job on the same machine
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
