"""Files of finished runs -> MLflow. The files are the truth; a store is a view of them.

Nothing here imports mlflow until a function that talks to a store is called, so the rest of the
suite runs without the ``tracking`` extra.
"""

from __future__ import annotations

from conpet.tracking.overview import Line, read_values
from conpet.tracking.runs import track_run
from conpet.tracking.store import count_active, create_store
from conpet.tracking.summaries import Summary, track_summary
from conpet.tracking.ui import ui_command, ui_pages

__all__ = [
    "Line",
    "Summary",
    "count_active",
    "create_store",
    "read_values",
    "track_run",
    "track_summary",
    "ui_command",
    "ui_pages",
]
