"""The commands that stand in documents: found, told apart, and made fit to be parsed."""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import dataclass

from tests.conftest import ROOT

PAGES = (
    "README.md", "REPRODUCIBILITY.md", "CONTRIBUTING.md", *(f"docs/{name}" for name in sorted(
        path.name for path in (ROOT / "docs").glob("*.md")
    )), *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "config").rglob("*.md")),
)  # fmt: skip
# what a page calls by a word in capitals stands for something of the reader's
STANDS_FOR = {
    "METHOD": "emr", "seedN": "seed100", "FOLDER": "mirror", "HOST": "localhost",
    "FILE": "texts.csv", "TARGET": "tables", "NAME": "demo", "DATASET": "fewrel_lite",
    "ADDRESS": "https://localhost",
    "$RUN": "results/clinc150/clinc150/minilm/static_emr/seed100",
}  # fmt: skip
# experiments of the reader's own, which no file here is
OWN = ("mine", "focal")
# programs that a command may begin with, installed here or not
PROGRAMS = {
    "apt-get", "bash", "cd", "conda", "conpet", "curl", "docker", "export", "git", "make", "mlflow",
    "pip", "pre-commit", "pytest", "python", "python3", "rm", "sbatch", "sh", "snakemake", "squeue",
    "ssh", "uv",
}  # fmt: skip
_LINE = re.compile(r"^    (?! )(\S.*)$")
_SETS = re.compile(r"^[A-Z_]+=\S*$")


@dataclass(frozen=True)
class Command:
    """A command of a page, its comment and its leading variables taken away."""

    page: str
    line: int
    words: tuple[str, ...]

    @property
    def program(self) -> str:
        """What is run; `python -m benchmarks` is one program, `python FILE` another."""
        if self.words[:3] == ("python", "-m", "benchmarks"):
            return "benchmarks"
        return self.words[0]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {shlex.join(self.words)}"


def commands_of(page: str) -> list[Command]:
    """Return the commands that stand in a page, each in a line of its own."""
    found, lines = [], (ROOT / page).read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        match = _LINE.match(line)
        goes_on = number > 1 and lines[number - 2].rstrip().endswith("\\")
        if match is None or goes_on:
            continue
        text, after = match[1], number
        while text.endswith("\\"):
            text = text[:-1] + lines[after].strip()
            after += 1
        found += [Command(page, number, words) for words in split(text)]
    return found


def split(text: str) -> list[tuple[str, ...]]:
    """Return the commands of a line; none where it is output, YAML or Python."""
    text = re.split(r"\s(?:#|//) ?", text, maxsplit=1)[0].strip()
    found = []
    for part in text.split(" && "):
        try:
            words = shlex.split(part)
        except ValueError:  # goes on in the next line: what there is of it tells what it is
            words = part.split()
        while words and (_SETS.match(words[0]) or words[0] == "time"):
            words = words[1:]
        if words and is_program(words[0]):
            found.append(tuple(stand_in(word) for word in words))
    return found


def is_program(word: str) -> bool:
    """Say whether a line that begins with the word is a command."""
    plain = re.fullmatch(r"[a-z][a-z0-9-]*", word) is not None
    return word in PROGRAMS or (plain and shutil.which(word) is not None)


def stand_in(word: str) -> str:
    """Put something of this project in the place of what stands for something of the reader's."""
    for name, value in STANDS_FOR.items():
        word = re.sub(rf"(?<![A-Za-z]){re.escape(name)}(?![A-Za-z])", value, word)
    return word


def all_commands() -> list[Command]:
    """Return the commands of all pages."""
    return [command for page in PAGES for command in commands_of(page)]


def named(program: str) -> list[tuple[str, str]]:
    """Return each page and the first word behind a program that stands in `code` of a sentence."""
    form = re.compile(rf"`{program} ([a-z][a-z-]*)\b(?![./=])")
    pages = [(page, (ROOT / page).read_text(encoding="utf-8")) for page in PAGES]
    return sorted({(page, word) for page, text in pages for word in form.findall(text)})
