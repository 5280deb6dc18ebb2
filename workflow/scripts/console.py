"""What a person sees of the workflow: one line when a job starts, one when it ends.

Snakemake's own lines (reasons in full, shell commands, positions in Snakefiles) are for who works
on the workflow: they stay in .snakemake/log, and ``--verbose`` shows them.

This is no logger plugin of Snakemake's: one is found only where it is installed in the ordinary
way, not ``--editable``, every profile has to name it, and a name that is not found ends Snakemake
with its whole list of options before the Snakefile is read.
"""

from __future__ import annotations

import logging
import sys
import time
from datetime import timedelta
from typing import Any

from conpet.config.strict import choose
from conpet.errors import UserError

# said before every run; what is said while jobs run, their own lines say better
_CHATTER = (
    "Assuming unrestricted shared filesystem",
    "Building DAG of jobs",
    "Using shell:",
    "Exiting because a job execution failed",
)
_SHOWN_BY_JOB_ERROR = ("RuleException", "CalledProcessError", "SpawnedJobError")
_COLOURS = {"start": "36", "done": "32", "failed": "31"}
# Snakemake's reasons, the telling ones first
_REASONS = {
    "Forced": "forced",
    "Params have changed": "its settings changed",
    "Set of input files has changed": "its inputs are others",
    "Incomplete output": "was interrupted",
    "Missing output": "not made yet",
    "Updated input files": "an input is newer",
    "Input files updated by another job": "follows a job above",
}


def clock(seconds: float) -> str:
    """Return a duration as h:mm:ss."""
    return str(timedelta(seconds=int(seconds)))


def brief(reason: str) -> str:
    """Return in a few words why a job would run."""
    return next((short for long, short in _REASONS.items() if long in reason), reason)


class Console(logging.Handler):
    """Turns Snakemake's events into lines ``[done/total elapsed] what``.

    Args:
        instead: the handler in whose place it stands: what that one would not show of an event
            (because of ``--quiet``, or shell commands without ``-p``) this one does not either.
    """

    def __init__(self, instead: logging.Handler) -> None:
        super().__init__(logging.INFO)
        self.instead = instead
        self.begun = time.monotonic()
        self.done = self.total = 0
        self.started: set[int] = set()  # a dry run starts nothing
        self.jobs: dict[int, tuple[str, float]] = {}
        self.failed: dict[int, str] = {}
        self.stopped = False  # by a person: then nothing has failed

    def emit(self, record: logging.LogRecord) -> None:
        """Print what a record means, if it means anything to a person."""
        try:
            try:
                line = self.line(record)
            except (AttributeError, TypeError):  # another version's event: in its own words
                line = record.getMessage()
            if line and self.instead.filter(record):
                # in one piece: print() writes the line's end after it, and a job's own line, on
                # the same stderr, may come between
                sys.stderr.write(f"{line}\n")
                sys.stderr.flush()
        except Exception:
            self.handleError(record)

    def line(self, record: Any) -> str:
        """Return the line for a record; empty for what is not shown."""
        event = str(getattr(record, "event", None) or "text")
        shown = getattr(self, f"_{event}", None)
        return shown(record) if shown else ""

    def _say(self, what: str, text: str) -> str:
        width = len(str(self.total))
        head = f"[{self.done:{width}}/{self.total} {clock(time.monotonic() - self.begun)}]"
        what = f"{what:6}"
        if sys.stderr.isatty():
            what = f"\033[{_COLOURS[what.strip()]}m{what}\033[0m"
        return f"{head} {what} {text}"

    def _run_info(self, record: Any) -> str:
        if self.total:  # a dry run says it at its end again
            return ""
        stats = {rule: count for rule, count in record.stats.items() if rule != "total"}
        self.total = sum(stats.values())
        return f"{self.total} jobs: " + ", ".join(f"{n} {rule}" for rule, n in stats.items())

    def _job_started(self, record: Any) -> str:
        self.started.update(record.jobs)
        return ""

    def _job_info(self, record: Any) -> str:
        name = record.rule_msg or record.rule_name
        self.jobs[record.jobid] = (name, time.monotonic())
        self.failed.pop(record.jobid, None)  # tried again
        if not record.shellcmd:  # a target: it has nothing to do but to be there
            return ""
        if record.jobid in self.started:
            return self._say("start", name)
        return f"{name} ({brief(record.reason)})"

    def _shellcmd(self, record: Any) -> str:
        return record.shellcmd or ""

    def _job_finished(self, record: Any) -> str:
        self.done += 1
        name, start = self.jobs.pop(record.job_id, ("", 0.0))
        return self._say("done", f"{name} ({clock(time.monotonic() - start)})")

    def _job_error(self, record: Any) -> str:
        if self.stopped or record.jobid in self.failed:  # Snakemake says it once more at the end
            return ""
        name = self.jobs.get(record.jobid, ("", 0.0))[0] or record.rule_name or "a job"
        self.failed[record.jobid] = name
        logs = ", ".join(str(path).split(" (")[0] for path in record.log)
        return self._say("failed", f"{name}: see {logs}" if logs else name)

    def _error(self, record: Any) -> str:
        text = record.getMessage().strip()
        if record.exception in _SHOWN_BY_JOB_ERROR:
            return ""
        if record.exception == "MissingRuleException":
            return _unknown(text.splitlines()[-1].partition(" (")[0])
        if "Target rules may not contain wildcards" in text:
            return _step()
        if "At least one job did not complete" in text:
            names = "" if self.stopped else "; ".join(self.failed.values())
            ended = f"failed: {names}" if names else "stopped"
            return f"{ended}. The same command again goes on from here."
        return text

    def _text(self, record: Any) -> str:
        text = record.getMessage().strip()
        asked = "user request" in text
        self.stopped = self.stopped or asked
        aside = self.total and record.levelno < logging.WARNING and not asked
        return "" if aside or text.startswith(_CHATTER) else text


def _step() -> str:
    """Return a line on a rule that was asked for, but makes a file for each run."""
    from conpet.commands.results import TARGETS

    return (
        "snakemake: that is a step, which makes many files: name one of them (results/README.md), "
        f"or a target: {', '.join(TARGETS)}"
    )


def _unknown(text: str) -> str:
    """Return a line on what no rule makes: a target's name, or a path."""
    from conpet.commands.results import TARGETS  # after a mistake only: it takes a second

    name = text.removeprefix("No rule to produce ")
    if "/" in name:
        return f"{text}: not a file of the layout (results/README.md)"
    try:
        choose("target", name, list(TARGETS), "snakemake")
    except UserError as error:
        return str(error)
    return text


def install(logger: logging.Logger) -> None:
    """Put the console in the place of Snakemake's output to the terminal.

    Nothing changes where that is ``--verbose``, or left to a logger plugin, or not there.

    Args:
        logger: Snakemake's.
    """
    if logger.getEffectiveLevel() <= logging.DEBUG:
        return
    for handler in list(logger.handlers):
        if isinstance(handler, logging.StreamHandler) and not isinstance(
            handler, logging.FileHandler
        ):
            logger.removeHandler(handler)
            logger.addHandler(Console(handler))
