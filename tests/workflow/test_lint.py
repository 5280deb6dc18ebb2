"""What of Snakemake's suggestions is left when the accepted ones are taken away."""

from __future__ import annotations

from tests.conftest import ROOT
from tests.workflow.test_processes import load

OUTPUT = """\
Using profile profiles/default.
Lints for snakefile rules/learn.smk:
    * Absolute path "/state" in line 10:
      Do not define absolute paths.
    * Path composition with '+' in line 1:
      This becomes quickly unreadable.

Lints for rule train (line 3, rules/learn.smk):
    * Specify a conda environment or container for each rule.:
      This way, the software is documented.
    * Shell command directly uses variable RUNNER from outside of the rule:
      It is recommended to pass all files.
    * Shell command directly uses variable sys from outside of the rule:
      It is recommended to pass all files.
"""


def test_only_what_is_not_accepted_is_left() -> None:
    lint = load("lint", ROOT / "workflow" / "scripts")
    assert lint.remaining(OUTPUT) == [
        'snakefile rules/learn.smk: Absolute path "/state" in line 10',
        "snakefile rules/learn.smk: Path composition with '+' in line 1",
        "rule train (line 3, rules/learn.smk): "
        "Shell command directly uses variable sys from outside of the rule",
    ]
    assert lint.remaining("Congratulations, your workflow is in a good condition!") == []
