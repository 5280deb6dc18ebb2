"""The command `conpet`: one sub-command a rule of the workflow, with explicit paths."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from typer.core import TyperGroup

from conpet import __version__
from conpet.commands import data, learning, planning, publishing, results, tracking, using
from conpet.commands.failures import in_one_line
from conpet.commands.outputs import guarded
from conpet.environment import check_copy, quiet
from conpet.errors import UserError

FIRST_SCREEN = """\
Teach a language model one task after another.

  your data  conpet init FILE...      a YAML for texts and labels of yours
             conpet describe DATASET  what a method sees, and what is amiss
  before     conpet estimate NAME     what an experiment will cost here
  run        snakemake tables --config experiment=NAME
  look       conpet targets           experiments, and what can be made of them
             conpet show NAME         the result at a glance
             conpet tables NAME       tables, figures, page of what is finished
             conpet ui                all runs in MLflow
  use        conpet predict --run RUN --text TEXT
             conpet teach --run RUN FILE --out FOLDER   a class more, untrained
             conpet extend DATASET FILE                 a task more

Every job of the workflow is a command too: conpet --help lists all."""

#: what the commands are for, in the order of a user's day; the workflow's jobs come last
PURPOSES = {
    "Before a run": planning,
    "Results": results,
    "Results kept and compared": publishing,
    "A learner in use": using,
    "MLflow": tracking,
    "Jobs of the workflow: data": data,
    "Jobs of the workflow: learning": learning,
}


class _ByPurpose(TyperGroup):
    """The help of ``conpet``: commands under what they are for, each with its whole sentence."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section per purpose."""
        width = max(map(len, self.commands))
        for purpose, module in PURPOSES.items():
            calls = [command.callback for command in module.app.registered_commands]
            names = [call.__name__.replace("_", "-") for call in calls if call]
            with formatter.section(purpose):
                formatter.write_dl(
                    [(name.ljust(width), self.commands[name].help or "") for name in names]
                )


app = typer.Typer(
    name="conpet",
    cls=_ByPurpose,
    help="Continual parameter-efficient tuning, step by step.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]},
)
for group in PURPOSES.values():
    app.registered_commands += group.app.registered_commands
for command in app.registered_commands:
    command.callback = guarded(command.callback) if command.callback else None


def _version(wanted: bool) -> None:
    if wanted:
        print(f"conpet {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="say which")
    ] = False,
) -> None:
    """Continual parameter-efficient tuning, step by step."""
    if context.invoked_subcommand is None:
        print(FIRST_SCREEN)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command; a user's mistake is one line and exit status 1, or 2 for a wrong option.

    So is what the machine does: a full disk, a broken file. Stopped by SIGTERM it removes what is
    half written, as after Ctrl-C.
    """
    sys.stdout, sys.stderr = (stream or _nobody() for stream in (sys.stdout, sys.stderr))
    # before torch is imported: OpenMP threads that spin starve a second job on the same machine
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    if quiet() or not sys.stderr.isatty():  # bars are drawn over and over: in a file, a mess
        for name in ("TQDM_DISABLE", "HF_HUB_DISABLE_PROGRESS_BARS"):
            os.environ.setdefault(name, "1")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    with contextlib.suppress(ValueError):  # not in the main thread: nobody stops it there
        signal.signal(signal.SIGTERM, _stop)
    for stream in (sys.stdout, sys.stderr):
        # a terminal of another encoding may lack letters that a class or a text has
        if (stream.encoding or "").lower() != "utf-8" and hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8")
    try:
        Path.cwd()
    except OSError:
        sys.exit("conpet: error: the folder that this runs in is gone: go to another")
    try:
        check_copy(Path.cwd())
        with _heeded():
            app(argv, prog_name="conpet", standalone_mode=False)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `conpet ... | head`
    except UserError as error:
        sys.exit(f"conpet: error: {error}")
    except typer.Abort:
        sys.exit(130)
    except Exception as error:
        _end_if_usage(error)
        line = in_one_line(error)
        if line is None:
            raise
        sys.exit(f"conpet: error: {line}")


def _nobody() -> TextIO:
    """Return what stands for a stream that is closed (`>&-`, as some daemons have it)."""
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123  for good


def _stop(number: int, _frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)


@contextlib.contextmanager
def _heeded() -> Iterator[None]:
    """Stop once more where a destructor was running when the signal came, which swallows it."""
    before = sys.unraisablehook

    def again(swallowed: sys.UnraisableHookArgs) -> None:
        if not isinstance(swallowed.exc_value, SystemExit):
            before(swallowed)
            return
        signal.signal(signal.SIGALRM, lambda *_: _stop(signal.SIGTERM, None))
        signal.setitimer(signal.ITIMER_REAL, 0.01)

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = before


def _end_if_usage(error: Any) -> None:
    """End with one line where the command line itself has a mistake.

    Typer's own exceptions for that are known by what they do: their class is not public.
    """
    if not hasattr(error, "format_message"):
        return
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "conpet"
    message = " ".join(error.format_message().split())
    print(f"{command}: error: {message} (see {command} --help)", file=sys.stderr)
    sys.exit(2)
