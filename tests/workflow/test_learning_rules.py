"""Which rules compute with a model is said once, in runner.py: everything else agrees with it."""

from __future__ import annotations

import re

import pytest

from conpet.config.plain_yaml import parse
from tests.conftest import ROOT
from tests.workflow.test_processes import runner

FILES = [ROOT / "Snakefile", *(ROOT / "workflow" / "rules").glob("*.smk")]
RULE = re.compile(r"^rule (\w+):\n((?:[ \t].*\n|\n|#.*\n)+)", re.MULTILINE)
RULES = {name: body for path in FILES for name, body in RULE.findall(path.read_text())}
#: the rules that are given their model's number of threads: all of LEARNING that need a GPU
COMPUTING = {name for name, body in RULES.items() if re.search(r"\bthreads:\s+threads\b", body)}


def resources(profile: str) -> dict[str, dict[str, object]]:
    text = (ROOT / "profiles" / profile / "config.yaml").read_text()
    return parse(text)["set-resources"]


def test_the_list_holds_the_rules_that_learn_or_answer() -> None:
    assert set(runner.LEARNING) - {"encode"} == COMPUTING  # which asks the tokenizer only
    for name in runner.LEARNING:
        assert f" {name} " in RULES[name], "the command is not named as its rule"


def test_what_is_submitted_to_a_cluster_is_what_is_in_the_list() -> None:
    text = (ROOT / "Snakefile").read_text()
    listed = re.search(r"^localrules:((?:\s+\w+,)+)", text, re.MULTILINE)
    assert listed is not None
    local = set(re.findall(r"\w+", listed[1]))
    assert set(RULES) - local == set(runner.LEARNING)
    page = (ROOT / "docs" / "cluster.md").read_text()
    assert all(f"`{name}`" in page for name in runner.LEARNING)


@pytest.mark.parametrize("profile", ["slurm", "slurm-cpu"])
def test_a_cluster_profile_gives_each_memory_and_time(profile: str) -> None:
    found = resources(profile)
    assert set(found) == set(runner.LEARNING)
    for name, given in found.items():
        gpu = {"gpu"} if profile == "slurm" and name in COMPUTING else set()
        assert set(given) == {"mem_mb", "runtime"} | gpu, name


def test_the_two_cluster_profiles_differ_in_gpus_only() -> None:
    without = {
        name: {key: value for key, value in given.items() if key != "gpu"}
        for name, given in resources("slurm").items()
    }
    assert without == resources("slurm-cpu")


def test_jobs_share_a_gpu_by_its_memory() -> None:
    asking = {name for name, body in RULES.items() if "gpu_mb=gpu_mb" in body}
    assert asking == COMPUTING
    profile = parse((ROOT / "profiles" / "gpu" / "config.yaml").read_text())
    (there,) = profile["resources"]
    name, _, amount = there.partition("=")
    assert name == "gpu_mb" and int(amount) > 0
    assert "set-resources" not in profile  # the rules say what a job takes
