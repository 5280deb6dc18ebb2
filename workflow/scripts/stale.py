"""What a job makes anew, others were made of: until they are made anew too, they are incomplete.

Snakemake removes a job's old output before it starts. Where the job then fails, or is stopped, what
was made of that output before is still there; nothing asks for the missing file, and the same
command says that there is nothing to be done. So such files are marked as Snakemake marks those of
an interrupted job (.snakemake/incomplete), which ``rerun-incomplete`` of the profiles makes again.
The mark goes when they are.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from conpet.config.model_source import FolderSource, ModelSource
from conpet.config.raw import MANIFEST, RawFile
from conpet.files import read_json, sha256
from conpet.models.snapshot import has_changed


class Stale(logging.Handler):
    """Marks what depends on each job that starts.

    Args:
        workflow: Snakemake's.
    """

    def __init__(self, workflow: Any) -> None:
        super().__init__(logging.INFO)
        self.workflow = workflow
        self.jobs: dict[int, Any] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Mark the outputs that are there of the jobs which follow those that start."""
        if str(getattr(record, "event", "")) != "job_started":
            return
        try:
            dag = self.workflow.dag
            self.jobs = self.jobs or {job.jobid: job for job in dag.jobs}
            for number in getattr(record, "jobs", ()):
                for job in dag.depending[self.jobs[number]]:
                    if dag.needrun(job) and any(os.path.lexists(file) for file in job.output):
                        self.workflow.persistence.started(job)
        except Exception:
            self.handleError(record)


def check_raw(
    workflow: Any, files: Mapping[RawFile, Path], raw: str, inputs: Collection[Path]
) -> None:
    """Mark a raw folder whose files on this machine now have other bytes, but no newer date.

    So does a file that was unpacked, synchronised or checked out; Snakemake asks newer ones itself.

    Args:
        files: where each raw file lies.
        inputs: of these, the inputs of the job that fetches them.
    """
    from snakemake.io import IOFile

    manifest = Path(raw, MANIFEST)
    if not workflow.is_main_process or not manifest.is_file():
        return
    entries = {entry["name"]: entry for entry in read_json(manifest)["files"]}
    fetched = manifest.stat().st_mtime
    for file, path in files.items():
        entry = entries.get(file.name)
        was = entry and entry.get("archive" if file.member else "sha256")
        asked = path in inputs and path.stat().st_mtime > fetched
        if was and not asked and sha256(path) != was:
            workflow.persistence.started(SimpleNamespace(output=[IOFile(raw)]))


def check_model(workflow: Any, source: ModelSource, snapshot: str) -> None:
    """Mark a snapshot whose model's own folder on this machine has other bytes now.

    The folder is no input of the job that copies it: what else lies there, or is written there
    anew with the same bytes, would have all be learnt again.
    """
    from snakemake.io import IOFile

    if not workflow.is_main_process or not isinstance(source, FolderSource):
        return
    if has_changed(source.path, Path(snapshot)):
        workflow.persistence.started(SimpleNamespace(output=[IOFile(snapshot)]))
