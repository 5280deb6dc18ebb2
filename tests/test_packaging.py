"""The lists of packages say the same; no file says where it was made."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from conpet.config.strict import read_yaml
from tests.conftest import ROOT
from tests.oldest import ASKED_FOR, RANGE, oldest

# conda's names for the same packages
CONDA = {
    "pytorch": "torch",
    "matplotlib-base": "matplotlib",
    "psycopg2": "psycopg2-binary",
    "snakemake-minimal": "snakemake",
}
TOOLS = {"python", "make", "pip"}
# what torch's CUDA builds bring along is the build's own affair
CUDA = ("nvidia-", "triton", "cuda-")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted() -> dict[str, Requirement]:
    """Return the direct dependencies of the core and of all extras that nobody has to ask for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"].items()
    extras = [lines for extra, lines in optional if extra not in ASKED_FOR]
    lines = [*project["dependencies"], *(line for extra in extras for line in extra)]
    return {normal(Requirement(line).name): Requirement(line) for line in lines}


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {normal(name): version for name, version in pairs}


def conda() -> dict[str, str]:
    listed = read_yaml(ROOT / "environment.yml")["dependencies"]
    lines = [line for line in listed if isinstance(line, str)]
    pairs = [(*line.split("="), "")[:2] for line in lines]
    return {normal(CONDA.get(name, name)): version for name, version in pairs}


def test_every_dependency_is_locked_within_its_range() -> None:
    lock = locked()
    for name, requirement in wanted().items():
        assert name in lock, f"{name} is not in requirements.lock"
        assert requirement.specifier.contains(lock[name]), f"{requirement}: locked at {lock[name]}"


def test_every_dependency_ends_before_a_major_version() -> None:
    assert set(map(normal, oldest())) == set(wanted())  # each says its oldest version
    for name, requirement in wanted().items():
        (upper,) = (s.version for s in requirement.specifier if s.operator == "<")
        assert upper.isdigit(), f"{requirement}: the next major version is one number"
        assert Version(locked()[name]).major < int(upper)


def test_what_must_be_asked_for_has_a_range_too() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extra in ASKED_FOR:
        for line in project["optional-dependencies"][extra]:
            assert RANGE.fullmatch(line), line
            assert normal(Requirement(line).name) not in locked(), line


def test_conda_has_the_same_packages_at_the_same_versions() -> None:
    lock, conda_versions = locked(), conda()
    assert set(conda_versions) - TOOLS == set(wanted())
    for name in wanted():
        assert conda_versions[name] == lock[name], name


def test_conda_has_a_python_that_the_project_takes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    python = Version(conda()["python"])
    assert Requirement(f"python{project['requires-python']}").specifier.contains(python)


def test_the_lock_is_exact_and_sorted() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    for pin in pins:
        # a local tag such as +cpu would tie it to one package index
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.!]*", pin), pin
    names = [normal(pin.split("==")[0]) for pin in pins]
    assert len(set(names)) == len(names)
    assert "conpet" not in names
    assert locked()["torch"] == "2.13.0"


def test_the_lock_holds_all_that_its_packages_need() -> None:
    lock = locked()
    open_names = [(name, "") for name in wanted()]
    seen = set(open_names)
    while open_names:
        name, extra = open_names.pop()
        assert name in lock, f"{name} is needed and not locked"
        try:
            here = metadata.version(name).partition("+")[0]
        except metadata.PackageNotFoundError:
            pytest.skip(f"{name} is not installed here")
        if here != lock[name]:
            pytest.skip(f"{name} is {here} here, and another version may need other packages")
        requirements = metadata.requires(name) or []
        for line in requirements:
            needed = Requirement(line)
            if needed.marker is not None and not needed.marker.evaluate({"extra": extra}):
                continue
            if name == "torch" and normal(needed.name).startswith(CUDA):
                continue
            for asked in ("", *needed.extras):
                entry = (normal(needed.name), asked)
                if entry not in seen:
                    seen.add(entry)
                    open_names.append(entry)


def tracked() -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        pytest.skip("not a git checkout")
    return found.stdout.splitlines()


def test_a_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    names = [name for name in tracked() if name.startswith("conpet/") and (ROOT / name).is_file()]
    for name in [*names, "pyproject.toml", "README.md"]:
        (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / "source" / name)
    build = "from setuptools import build_meta; build_meta.build_wheel('..')"
    command = [sys.executable, "-c", build]
    subprocess.run(command, cwd=tmp_path / "source", check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert set(names) <= set(zipfile.ZipFile(wheel).namelist())


def test_no_file_names_a_package_index_or_a_machines_folder() -> None:
    hosts = ["pypi" + ".org", "python" + "hosted.org", "download.py" + "torch.org"]
    hosts += ["ana" + "conda.org", "hugging" + "face.co"]
    tops = ["ro" + "ot", "ho" + "me", "wo" + "rk", "o" + "pt", "Us" + "ers"]
    # a folder only at a path's start: results/work/ is no machine's
    paths = [rf"(?<![\w.}}*)])/{top}/" for top in tops]
    bad = re.compile("|".join([*map(re.escape, hosts), *paths]))
    found = []
    for name in tracked():
        path = ROOT / name
        if path.is_file() and path.suffix not in (".parquet", ".safetensors", ".png"):
            text = path.read_text(encoding="utf-8", errors="replace")
            found += [f"{name}: {match.group()}" for match in bad.finditer(text)]
    assert found == []


def make(*args: str) -> subprocess.CompletedProcess[str]:
    # under `make test` these would turn this make into a part of that one
    inherited = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MAKECMDGOALS"}
    inherited |= {"VENV", "PYTHON", "CORES", "MIRROR", "PIP_ARGS", "ARGS"}
    alone = {name: value for name, value in os.environ.items() if name not in inherited}
    return subprocess.run(
        ["make", *args],
        cwd=ROOT,
        env=alone,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_python_that_is_too_old_is_one_line(tmp_path: Path) -> None:
    done = make("setup", "PYTHON=false", f"VENV={tmp_path / 'venv'}")
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert len(lines) == 1
    assert lines[0].startswith("conpet: error: no Python 3.11 or later")
    assert not (tmp_path / "venv").exists()


def test_an_environment_of_ones_own_is_left_as_it_is() -> None:
    done = make("--dry-run", "demo", "VENV=", "MIRROR=files", "CORES=2")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0].split() == [
        *("snakemake", "--cores", "2", "demo"),
        *("--config", "mirror=files"),
    ]
    assert "pip" not in done.stdout


def test_help_names_every_target() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = next(line for line in text.splitlines() if line.startswith(".PHONY:"))
    shown = make("help").stdout
    for target in phony.removeprefix(".PHONY:").split():
        assert f"make {target} " in shown
